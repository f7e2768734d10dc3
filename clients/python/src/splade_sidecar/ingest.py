"""An ingest: what its window holds, and its two faces."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from splade_sidecar import messages
from splade_sidecar.aio_stream import AsyncStream
from splade_sidecar.stream import Stream
from splade_sidecar.types import Document, Result, Summary
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import types_pb2 as types
from splade_sidecar.window import Window

Documents = Iterable[Document | Mapping[str, Any]]
AsyncDocuments = AsyncIterable[Document | Mapping[str, Any]]


class IngestWindow(Window[Result]):
    """The documents that are not durable. Results are told as they come; `durable_through` says what is done."""

    noun = "document"

    def __init__(self, options: index.IngestOptions, max_documents: int, max_bytes: int) -> None:
        super().__init__(max_documents, max_bytes)
        self.summary: Summary = Summary()
        self._options = options

    def make(self, given: Document | Mapping[str, Any]) -> tuple[types.Document, int]:
        """The message for a document."""
        made = messages.document(given)
        return made, made.ByteSize()

    def settle(self, response: index.IngestResponse) -> list[Result]:
        """Results in the order in which they came."""
        new = []
        for given in response.results:
            found = self._unanswered(given.sequence)
            if found is None:
                continue
            number, entry = found
            entry.answer = messages.result(given, number)
            self.summary.add(entry.answer)
            new.append(entry.answer)
        while self._entries and self.done < self._base + response.durable_through:
            self._pop()
        self.summary.durable = self.done
        return new

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
