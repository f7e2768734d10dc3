"""An ingest: what its window holds, and its two faces."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from splade_sidecar import messages
from splade_sidecar.aio_stream import AsyncStream
from splade_sidecar.ids import python_id
from splade_sidecar.refusal import Unsendable
from splade_sidecar.stream import Stream
from splade_sidecar.types import Document, Result, Summary
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import types_pb2 as types
from splade_sidecar.window import LARGEST_ITEM, Entry, Refused, Window, too_long

Documents = Iterable[Document | Mapping[str, Any]]
AsyncDocuments = AsyncIterable[Document | Mapping[str, Any]]


class IngestWindow(Window[Result]):
    """The documents that are not durable. Results are reported as they come; `durable_through` says what is done."""

    noun = "document"

    def __init__(self, options: index.IngestOptions, max_documents: int, max_bytes: int) -> None:
        super().__init__(max_documents, max_bytes)
        self.summary: Summary = Summary()
        self._options = options
        self._refused_results: list[Result] = []
        # The number up to which every refused document's result was reported.
        self._reported_refused = 0
        # Of the stream that is open: the sequence up to which everything is durable.
        self._durable_through = 0

    def _make(self, given: Document | Mapping[str, Any]) -> tuple[types.Document, int]:
        made = messages.document(given)
        return made, made.ByteSize()

    def _too_large(self, item: types.Document, size: int) -> Refused:
        id = python_id(item.id)
        if len(item.text.encode()) > LARGEST_ITEM:
            return Refused(too_long(size).rejection(), id)
        problem = f"the document has {size} bytes, and a message takes {LARGEST_ITEM}; make its payload smaller"
        return Refused(Unsendable("", problem).rejection(), id)

    def settle(self, response: index.IngestResponse) -> list[Result]:
        """Results in the order in which they came."""
        new = []
        for given in response.results:
            entry = self._unanswered(given.sequence)
            if entry is None:
                continue
            entry.answer = messages.result(given, entry.number)
            self.summary.add(entry.answer)
            new.append(entry.answer)
        self._durable_through = max(self._durable_through, response.durable_through)
        return new + self.settle_refused()

    def settle_refused(self) -> list[Result]:
        """Results of documents that were refused here, in their order."""
        new, self._refused_results = self._refused_results, []
        for result in new:
            self.summary.add(result)
            self._reported_refused = result.number
        while self._entries and self._is_done(self._entries[0]):
            self._pop()
        self.summary.durable = self.done
        return new

    def _is_done(self, entry: Entry) -> bool:
        if isinstance(entry.item, Refused):
            return entry.number <= self._reported_refused
        is_sent = bool(self._sent) and self._sent[0] is entry
        return is_sent and self._first_sequence <= self._durable_through

    @property
    def has_refused(self) -> bool:
        """Whether there are such results."""
        return bool(self._refused_results)

    def _refusal(self, number: int, refused: Refused) -> Result:
        result = Result(number, refused.id, "rejected", refused.rejection, 0, False, 0)
        self._refused_results.append(result)
        return result

    def restart(self) -> None:
        """Another stream begins."""
        super().restart()
        self._durable_through = 0

    def _opening(self) -> index.IngestRequest:
        return index.IngestRequest(options=self._options)

    def _message(self, items: list[types.Document]) -> index.IngestRequest:
        return index.IngestRequest(documents=items)


class Ingest(Stream[Result]):
    """A running ingest: an iterator of results, in no particular order."""

    summary: Summary

    def wait(self) -> Summary:
        """Ingests all documents, and gives the summary."""
        for _ in self:
            pass
        return self.summary


class AsyncIngest(AsyncStream[Result]):
    """A running ingest: an asynchronous iterator of results, in no particular order."""

    summary: Summary

    async def wait(self) -> Summary:
        """Ingests all documents, and gives the summary."""
        async for _ in self:
            pass
        return self.summary
