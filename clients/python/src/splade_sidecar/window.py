"""What an ingest keeps in memory, and how it goes on after a break.

A stream numbers its documents from 1, and says with `durable_through` up to which number each has its result. The
window holds the documents beyond that, bounded in number and bytes. After a break they are sent again, in order, at the
beginning of another stream; ids are deterministic, so that is harmless. A document's second result is passed over.

Nothing here waits, locks or speaks to anybody: the synchronous and the asyncio ingest both drive it.
"""

from __future__ import annotations

import itertools
from collections import deque

from splade_sidecar.channel import MAX_MESSAGE_BYTES
from splade_sidecar.messages import result
from splade_sidecar.types import Result, Summary
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import types_pb2 as types

MESSAGE_BYTES = 256 << 10
# A message has room for it, and for the few bytes around it.
LARGEST_DOCUMENT = MAX_MESSAGE_BYTES - 64
MESSAGE_DOCUMENTS = 256


class _Entry:
    __slots__ = ("answered", "document", "size")

    def __init__(self, document: types.Document, size: int) -> None:
        self.document, self.size, self.answered = document, size, False


class Window:
    """The documents that were taken from the iterable and are not durable."""

    def __init__(self, options: index.IngestOptions, max_documents: int, max_bytes: int) -> None:
        if max_documents < 1 or max_bytes < 1:
            raise ValueError("window_documents, window_bytes: at least 1")
        self.summary = Summary()
        self.ended = False
        """The iterable has no more documents."""
        self._options = options
        self._max_documents, self._max_bytes = max_documents, max_bytes
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        # Of the stream that is open: how many documents were durable when it began, how many it was given.
        self._base = 0
        self._sent = 0
        self._opened = False

    @property
    def full(self) -> bool:
        """Whether the next document has to wait. One document always has room, however large it is."""
        return len(self._entries) >= self._max_documents or self._bytes >= self._max_bytes

    @property
    def finished(self) -> bool:
        """Whether every document has its result."""
        return self.ended and not self._entries

    @property
    def has_message(self) -> bool:
        """Whether the stream can be given something, or its end."""
        return not self._opened or self._unsent > 0 or self.ended

    @property
    def _unsent(self) -> int:
        return len(self._entries) - (self._sent - (self.summary.durable - self._base))

    def push(self, document: types.Document) -> None:
        """Takes a document from the iterable. Raises ValueError for one that no message has room for."""
        size = document.ByteSize()
        if size > LARGEST_DOCUMENT:
            number = self.summary.durable + len(self._entries) + 1
            raise ValueError(f"document number {number} has {size} bytes; {LARGEST_DOCUMENT} is the most; split it")
        self._entries.append(_Entry(document, size))
        self._bytes += size

    def restart(self) -> None:
        """Another stream begins."""
        self._base, self._sent, self._opened = self.summary.durable, 0, False

    def message(self) -> index.IngestRequest | None:
        """What goes out next: the options, then documents, then None for the end. Only where `has_message`."""
        if not self._opened:
            self._opened = True
            return index.IngestRequest(options=self._options)
        unsent = self._unsent
        if unsent == 0:
            return None
        request, size = index.IngestRequest(), 0
        first = len(self._entries) - unsent
        for entry in itertools.islice(self._entries, first, first + MESSAGE_DOCUMENTS):
            if size > 0 and size + entry.size > MESSAGE_BYTES:
                break
            request.documents.append(entry.document)
            size += entry.size
        self._sent += len(request.documents)
        return request

    def settle(self, response: index.IngestResponse) -> list[Result]:
        """Takes the results of a response of the open stream; gives those that are new."""
        new = []
        for given in response.results:
            number = self._base + given.sequence
            place = number - self.summary.durable - 1
            if not 0 <= place < len(self._entries) or self._entries[place].answered:
                continue
            self._entries[place].answered = True
            new.append(result(given, number))
            self.summary.add(new[-1])
        while self._entries and self.summary.durable < self._base + response.durable_through:
            self._bytes -= self._entries.popleft().size
            self.summary.durable += 1
        return new
