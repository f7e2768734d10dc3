"""The asyncio stream, of documents or texts: the same window, with tasks where the synchronous one has threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc

from splade_sidecar.errors import SpladeError
from splade_sidecar.process import Uncopyable, call_in_progress
from splade_sidecar.run import Run
from splade_sidecar.types import Summary
from splade_sidecar.window import Answer

Self = TypeVar("Self", bound="AsyncStream[Any]")


class AsyncStream(Uncopyable, Generic[Answer]):
    """A running stream: an asynchronous iterator of results. It begins with the first result that is asked for.

    What the iterable raises is raised here, after the results of what came before. Left early, by `close` or as a
    context manager, it sends nothing more; what was sent may be done all the same.
    """

    _remedy = "begin the call, with a client of its own, in the process that reads the results"

    def __init__(self, run: Run[Answer], open_stream: Callable[[AsyncIterator[Any]], Any]):
        self.summary: Summary | None = run.window.summary
        self._run, self._open_stream = run, open_stream
        self._process = os.getpid()
        self._changed = asyncio.Condition()
        # A response has come, or an item.
        self._news = asyncio.Event()
        self._stream = 0
        self._failure: BaseException | None = None
        self._results = self._results_of_all()

    def __aiter__(self) -> AsyncIterator[Answer]:
        return self

    async def __anext__(self) -> Answer:
        if self._process != os.getpid():
            raise RuntimeError(f"this call was begun in another process, before a fork; {self._remedy}")
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
        with call_in_progress():
            self._stream += 1
            self._run.window.restart()
            await self._notify()
            responses = self._open_stream(self._messages(self._stream))
            each = responses.__aiter__()
            response: asyncio.Future[Any] | None = None
            ended = False
            try:
                while not ended:
                    if response is None:
                        response = asyncio.ensure_future(_next(each))
                        response.add_done_callback(self._wake)
                    if response.done():
                        message, response = response.result(), None
                        ended = message is None
                        results = self._run.settle_refused() if ended else self._run.settle(message)
                    elif self._run.window.has_refused:
                        results = self._run.settle_refused()
                    else:
                        self._news.clear()
                        await self._news.wait()
                        continue
                    await self._notify()
                    for result in results:
                        yield result
            finally:
                if response is not None:
                    response.cancel()
                responses.cancel()
        await asyncio.sleep(self._run.ended())

    def _wake(self, response: asyncio.Future[Any]) -> None:
        if not response.cancelled():
            # Looked at, so that asyncio doesn't report an error that nobody waits for any more.
            response.exception()
        self._news.set()

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
                self._news.set()
        except Exception as error:  # Whatever it is, it belongs to whoever reads the results.
            self._failure = error
        self._run.window.ended = True
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _next(responses: AsyncIterator[Any]) -> Any:
    """The next response; None after the last one."""
    async for response in responses:
        return response
    return None


async def _each(given: Any) -> AsyncIterator[Any]:
    if isinstance(given, AsyncIterable):
        async for item in given:
            yield item
        return
    for item in given:
        yield item
        # An iterable that never waits would keep everybody else waiting.
        await asyncio.sleep(0)
