"""The asyncio stream, of documents or texts: the same window, with tasks where the synchronous one has threads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc

from splade_sidecar.errors import SpladeError
from splade_sidecar.run import Run
from splade_sidecar.types import Summary
from splade_sidecar.window import Answer

Self = TypeVar("Self", bound="AsyncStream[Any]")


class AsyncStream(Generic[Answer]):
    """A running stream: an asynchronous iterator of results. It begins with the first result that is asked for.

    What the iterable raises is raised here, after the results of what came before. Left early, by `close` or as a
    context manager, it sends nothing more; what was sent may be done all the same.
    """

    def __init__(self, run: Run[Answer], open_stream: Callable[[AsyncIterator[Any]], Any]):
        self.summary: Summary | None = run.window.summary
        self._run, self._open_stream = run, open_stream
        self._changed = asyncio.Condition()
        self._stream = 0
        self._failure: BaseException | None = None
        self._results = self._results_of_all()

    def __aiter__(self) -> AsyncIterator[Answer]:
        return self

    async def __anext__(self) -> Answer:
        return await self._results.__anext__()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends it where it is."""
        await self._results.aclose()

    async def _results_of_all(self) -> AsyncGenerator[Answer, None]:
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

    async def _read(self) -> AsyncGenerator[Answer, None]:
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

    async def _messages(self, stream: int) -> AsyncIterator[Any]:
        """What a stream is given. One that has broken is given nothing more: its items are another's."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: stream != self._stream or self._run.window.has_message)
                message = None if stream != self._stream else self._run.window.message()
            if message is None:
                return
            yield message

    async def _feed(self) -> None:
        try:
            async for given in _each(self._run.given):
                item, size = self._run.window.make(given)
                async with self._changed:
                    await self._changed.wait_for(lambda: not self._run.window.full)
                    self._run.window.push(item, size)
                    self._changed.notify_all()
        except Exception as error:  # Whatever it is, it belongs to whoever reads the results.
            self._failure = error
        self._run.window.ended = True
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _each(given: Any) -> AsyncIterator[Any]:
    if isinstance(given, AsyncIterable):
        async for item in given:
            yield item
        return
    for item in given:
        yield item
        # An iterable that never waits would keep everybody else waiting.
        await asyncio.sleep(0)
