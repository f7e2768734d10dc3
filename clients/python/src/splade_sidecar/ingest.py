"""Ingests: the window of operations in flight and the iterators of results."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from splade_sidecar import messages
from splade_sidecar.aio_stream import AsyncStream
from splade_sidecar.ids import python_id
from splade_sidecar.stream import Stream
from splade_sidecar.types import Delete, Document, Result, Summary
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.validation import InvalidValueError
from splade_sidecar.window import MAX_ITEM_BYTES, Entry, RejectedItem, Window, too_long

Documents = Iterable[Document | Delete | Mapping[str, Any]]
AsyncDocuments = AsyncIterable[Document | Delete | Mapping[str, Any]]


class IngestWindow(Window[Result]):
    """Operations that are not durable. Each result is reported once, as soon as it arrives."""

    noun = "document"

    def __init__(self, options: index.IngestOptions, max_documents: int, max_bytes: int, first_number: int = 1) -> None:
        if first_number < 1:
            raise ValueError("first_number: must be at least 1")
        super().__init__(max_documents, max_bytes, first_number)
        self.summary: Summary = Summary(durable=first_number - 1)
        self._options = options
        self._rejected_results: list[Result] = []
        # Rejections by the client are reported up to this item number.
        self._reported_rejections = 0
        # Highest `durable_through` of all streams. An operation has the same sequence number on each stream.
        self._durable_through = first_number - 1

    def _prepare(self, given: Document | Delete | Mapping[str, Any]) -> tuple[index.Operation, int]:
        operation = messages.operation(given)
        return operation, operation.ByteSize()

    def _too_large(self, item: index.Operation, size: int) -> RejectedItem:
        if len(item.upsert.text.encode()) > MAX_ITEM_BYTES:
            error = too_long(size)
        else:
            problem = f"the document has {size} bytes; the maximum is {MAX_ITEM_BYTES}; reduce the payload"
            error = InvalidValueError("", problem)
        kind = item.WhichOneof("kind")
        id = item.delete_document.id if kind == "delete_document" else item.upsert.id
        # Truncated to its maximum length, because the position may be the field that is too large.
        return RejectedItem(error.item_error(), python_id(id), item.position[:256])

    @property
    def progress(self) -> int:
        """Number of durable operations."""
        return self._durable_through

    def process(self, response: index.IngestResponse) -> list[Result]:
        """Returns new final results, in order of arrival."""
        if response.HasField("opened"):
            self._open(response.opened)
        if response.HasField("draining"):
            self.draining = True
        new = []
        for given in response.results:
            if given.status == index.OPERATION_STATUS_FAILED:
                self._failed(given.error)
                continue
            entry = self._find_pending(given.sequence)
            if entry is None:
                continue
            entry.result = messages.result(given, entry.number)
            self.summary.add(entry.result)
            new.append(entry.result)
        last_sent = self._first_sequence + len(self._sent) - 1
        self._durable_through = max(self._durable_through, min(response.durable_through, last_sent))
        return new + self.collect_rejected()

    def _open(self, opened: index.IngestOpened) -> None:
        """Restricts later streams to the incarnation of the collection that the first stream opened."""
        self._options.create_collection = False
        self._options.ClearField("collection_options")
        if not self._options.expected_incarnation:
            self._options.expected_incarnation = opened.collection.incarnation
        self.summary.incarnation = opened.collection.incarnation

    def collect_rejected(self) -> list[Result]:
        """Returns the results of items that the client rejected, in order, and removes completed items."""
        new, self._rejected_results = self._rejected_results, []
        for result in new:
            self.summary.add(result)
            self._reported_rejections = result.number
        while self._entries and self._is_done(self._entries[0]):
            entry = self._pop()
            self.summary.position = entry.item.position
            if entry.result is None:
                self.summary.omitted += 1
        self.summary.durable = self.done
        return new

    def _is_done(self, entry: Entry) -> bool:
        if isinstance(entry.item, RejectedItem):
            return entry.number <= self._reported_rejections
        return entry.sequence <= self._durable_through

    @property
    def has_rejected(self) -> bool:
        """Returns whether `collect_rejected` has results."""
        return bool(self._rejected_results)

    def _rejection_result(self, number: int, rejected: RejectedItem) -> Result:
        result = Result(number, rejected.id, "rejected", rejected.error, None, rejected.position)
        self._rejected_results.append(result)
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
        """Runs the ingest to the end and returns the summary."""
        for _ in self:
            pass
        return self.summary


class AsyncIngest(AsyncStream[Result]):
    """A running ingest: an asynchronous iterator of results, in no particular order."""

    summary: Summary

    async def wait(self) -> Summary:
        """Runs the ingest to the end and returns the summary."""
        async for _ in self:
            pass
        return self.summary
