"""An ingest: its window, and the iterators of its results."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from splade_sidecar import messages
from splade_sidecar.aio_stream import AsyncStream
from splade_sidecar.ids import python_id
from splade_sidecar.refusal import Unsendable
from splade_sidecar.stream import Stream
from splade_sidecar.types import Delete, Document, Result, Summary
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.window import MAX_ITEM_BYTES, Entry, Refused, Window, too_long

Documents = Iterable[Document | Delete | Mapping[str, Any]]
AsyncDocuments = AsyncIterable[Document | Delete | Mapping[str, Any]]


class IngestWindow(Window[Result]):
    """The operations that are not durable. Results are reported as they arrive, each once."""

    noun = "document"

    def __init__(self, options: index.IngestOptions, max_documents: int, max_bytes: int, first_number: int = 1) -> None:
        if first_number < 1:
            raise ValueError("first_number: at least 1")
        super().__init__(max_documents, max_bytes, first_number)
        self.summary: Summary = Summary(durable=first_number - 1)
        self._options = options
        self._refused_results: list[Result] = []
        # Every item up to this number that was rejected here has been reported.
        self._reported_refused = 0
        # The largest `durable_through` of all streams. Sequence numbers are the same in all of them.
        self._durable_through = first_number - 1

    def _make(self, given: Document | Delete | Mapping[str, Any]) -> tuple[index.Operation, int]:
        made = messages.operation(given)
        return made, made.ByteSize()

    def _too_large(self, item: index.Operation, size: int) -> Refused:
        if len(item.upsert.text.encode()) > MAX_ITEM_BYTES:
            error = too_long(size)
        else:
            problem = f"it has {size} bytes, and a message takes {MAX_ITEM_BYTES}; make the payload smaller"
            error = Unsendable("", problem)
        kind = item.WhichOneof("kind")
        id = item.delete_document.id if kind == "delete_document" else item.upsert.id
        # A position may be the field that is too large.
        return Refused(error.item_error(), python_id(id), item.position[:256])

    @property
    def progress(self) -> int:
        """Number of durable operations."""
        return self._durable_through

    def settle(self, response: index.IngestResponse) -> list[Result]:
        """Returns new final results, in the order in which they arrived."""
        if response.HasField("opened"):
            self._open(response.opened)
        if response.HasField("draining"):
            self.draining = True
        new = []
        for given in response.results:
            if given.status == index.OPERATION_STATUS_FAILED:
                self._failed(given.error)
                continue
            entry = self._unanswered(given.sequence)
            if entry is None:
                continue
            entry.answer = messages.result(given, entry.number)
            self.summary.add(entry.answer)
            new.append(entry.answer)
        last_sent = self._first_sequence + len(self._sent) - 1
        self._durable_through = max(self._durable_through, min(response.durable_through, last_sent))
        return new + self.settle_refused()

    def _open(self, opened: index.IngestOpened) -> None:
        """Binds later streams to the collection that the first one opened."""
        self._options.create_collection = False
        self._options.ClearField("collection_options")
        if not self._options.expected_incarnation:
            self._options.expected_incarnation = opened.collection.incarnation
        self.summary.incarnation = opened.collection.incarnation

    def settle_refused(self) -> list[Result]:
        """Returns the results of items that were rejected here, in their order."""
        new, self._refused_results = self._refused_results, []
        for result in new:
            self.summary.add(result)
            self._reported_refused = result.number
        while self._entries and self._is_done(self._entries[0]):
            entry = self._pop()
            self.summary.position = entry.item.position
            if entry.answer is None:
                self.summary.omitted += 1
        self.summary.durable = self.done
        return new

    def _is_done(self, entry: Entry) -> bool:
        if isinstance(entry.item, Refused):
            return entry.number <= self._reported_refused
        return entry.sequence <= self._durable_through

    @property
    def has_refused(self) -> bool:
        """Whether `settle_refused` has results."""
        return bool(self._refused_results)

    def _refusal(self, number: int, refused: Refused) -> Result:
        result = Result(number, refused.id, "rejected", refused.error, None, refused.position)
        self._refused_results.append(result)
        return result

    def _start(self) -> int:
        return self._durable_through + 1

    def _is_sent_again(self, entry: Entry) -> bool:
        return entry.sequence > self._durable_through

    def _opening(self) -> index.IngestRequest:
        self._options.first_sequence = self._first_sequence
        return index.IngestRequest(options=self._options)

    def _message(self, items: list[index.Operation]) -> index.IngestRequest:
        return index.IngestRequest(operations=items)


class Ingest(Stream[Result]):
    """A running ingest: an iterator of results, in no particular order."""

    summary: Summary

    def wait(self) -> Summary:
        """Ingests everything, and returns the summary."""
        for _ in self:
            pass
        return self.summary


class AsyncIngest(AsyncStream[Result]):
    """A running ingest: an asynchronous iterator of results, in no particular order."""

    summary: Summary

    async def wait(self) -> Summary:
        """Ingests everything, and returns the summary."""
        async for _ in self:
            pass
        return self.summary
