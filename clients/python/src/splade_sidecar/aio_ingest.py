"""The asyncio ingest: the same window, with tasks where the synchronous one has threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from types import TracebackType
from typing import Any

import grpc

from splade_sidecar.errors import SpladeError
from splade_sidecar.ingest import Documents
from splade_sidecar.messages import document
from splade_sidecar.run import Run
from splade_sidecar.types import Document, Result, Summary
from splade_sidecar.v1 import index_service_pb2 as index

AsyncDocuments = AsyncIterable[Document | Mapping[str, Any]]


class AsyncIngest:
    """A running ingest: an asynchronous iterator of results. It begins with the first result that is asked for.

    What the documents' iterable raises is raised here, after the results of the documents before. Left early, by
    `close` or as a context manager, it sends nothing more; what was sent may be indexed.
    """

    def __init__(
        self,
        run: Run,
        documents: Documents | AsyncDocuments,
        open_stream: Callable[[AsyncIterator[index.IngestRequest]], Any],
    ):
        self.summary: Summary = run.summary
        self._run, self._documents, self._open_stream = run, documents, open_stream
        self._changed = asyncio.Condition()
        self._stream = 0
        self._failure: BaseException | None = None
        self._results = self._ingest()

    def __aiter__(self) -> AsyncIterator[Result]:
        return self

    async def __anext__(self) -> Result:
        return await self._results.__anext__()

    async def __aenter__(self) -> AsyncIngest:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def wait(self) -> Summary:
        """Ingests all documents, and gives the summary."""
        async for _ in self:
            pass
        return self.summary

    async def close(self) -> None:
        """Ends it where it is."""
        await self._results.aclose()

    async def _ingest(self) -> AsyncGenerator[Result, None]:
        feeder = asyncio.create_task(self._feed())
        try:
            while self._stream == 0 or not self._run.window.finished:
                try:
                    async with aclosing(self._read()) as results:
                        async for result in results:
                            yield result
                except (grpc.RpcError, SpladeError) as error:
                    await asyncio.sleep(self._run.delay(error))
            if self._failure is not None:
                raise self._failure
        finally:
            self._stream = 0
            feeder.cancel()
            self._run.progress.close()

    async def _read(self) -> AsyncGenerator[Result, None]:
        """One stream, from its beginning until it ends or breaks."""
        self._stream += 1
        self._run.window.restart()
        await self._notify()
        responses = self._open_stream(self._messages(self._stream))
        try:
            async for response in responses:
                results = self._run.settle(response)
                await self._notify()
                for result in results:
                    yield result
            self._run.ended()
        finally:
            responses.cancel()

    async def _messages(self, stream: int) -> AsyncIterator[index.IngestRequest]:
        """What a stream is given. One that has broken is given nothing more: its documents are another's."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: stream != self._stream or self._run.window.has_message)
                message = None if stream != self._stream else self._run.window.message()
            if message is None:
                return
            yield message

    async def _feed(self) -> None:
        try:
            async for given in _each(self._documents):
                made = document(given)
                async with self._changed:
                    await self._changed.wait_for(lambda: not self._run.window.full)
                    self._run.window.push(made)
                    self._changed.notify_all()
        except Exception as error:  # Whatever it is, it belongs to whoever reads the results.
            self._failure = error
        self._run.window.ended = True
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _each(documents: Documents | AsyncDocuments) -> AsyncIterator[Document | Mapping[str, Any]]:
    if isinstance(documents, AsyncIterable):
        async for document in documents:
            yield document
        return
    for document in documents:
        yield document
        # An iterable that never waits would keep everybody else waiting.
        await asyncio.sleep(0)
