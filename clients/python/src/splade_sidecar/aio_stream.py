"""The asyncio stream of documents or texts. It drives the same window as `stream.py`, with tasks instead of threads."""

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
from splade_sidecar.window import StreamResult

Self = TypeVar("Self", bound="AsyncStream[Any]")


class AsyncStream(Uncopyable, Generic[StreamResult]):
    """A running stream: an asynchronous iterator of results. The stream starts when the first result is requested.

    An exception of the iterable is raised after the results of the items before it. `close`, or leaving the `async
    with` block, ends the stream early: no more items are sent, but the server may still process items that were sent
    before.
    """

    _remedy = "create a client and start the call in the process that reads the results"

    def __init__(self, run: Run[StreamResult], open_stream: Callable[[AsyncIterator[Any]], Any]):
        self.summary: Summary | None = run.window.summary
        self._run, self._open_stream = run, open_stream
        self._process = os.getpid()
        self._changed = asyncio.Condition()
        # Set when a response or an item has arrived.
        self._wakeup = asyncio.Event()
        self._stream = 0
        self._failure: BaseException | None = None
        self._results = self._run_streams()

    def __aiter__(self) -> AsyncIterator[StreamResult]:
        return self

    async def __anext__(self) -> StreamResult:
        if self._process != os.getpid():
            raise RuntimeError(f"this call was started in the parent process, before a fork; {self._remedy}")
        return await self._results.__anext__()

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the stream. Items that are not sent yet are dropped."""
        await self._results.aclose()

    async def _run_streams(self) -> AsyncGenerator[StreamResult, None]:
        feeder = asyncio.create_task(self._feed())
        try:
            while self._stream == 0 or not self._run.window.finished:
                try:
                    async with aclosing(self._run_stream()) as results:
                        async for result in results:
                            yield result
                except (grpc.RpcError, SpladeError) as error:
                    await asyncio.sleep(self._run.delay_after_error(error))
            if self._failure is not None:
                raise self._failure
        finally:
            self._stream = 0
            feeder.cancel()
            self._run.progress.close()

    async def _run_stream(self) -> AsyncGenerator[StreamResult, None]:
        """Runs one gRPC stream until it ends or breaks, and yields its results."""
        with call_in_progress():
            self._stream += 1
            self._run.window.restart()
            await self._notify()
            responses = self._open_stream(self._request_messages(self._stream))
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
                        results = self._run.collect_rejected() if ended else self._run.process(message)
                    elif self._run.window.has_rejected:
                        results = self._run.collect_rejected()
                    else:
                        self._wakeup.clear()
                        await self._wakeup.wait()
                        continue
                    await self._notify()
                    for result in results:
                        yield result
            finally:
                if response is not None:
                    response.cancel()
                responses.cancel()
        await asyncio.sleep(self._run.delay_after_end())

    def _wake(self, response: asyncio.Future[Any]) -> None:
        if not response.cancelled():
            # Retrieve the exception, so that asyncio doesn't log it as never retrieved.
            response.exception()
        self._wakeup.set()

    async def _request_messages(self, stream: int) -> AsyncIterator[Any]:
        """Yields the request messages of a stream. Stops when a later stream has replaced it and sends its items."""
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: stream != self._stream or self._run.window.has_message)
                message = None if stream != self._stream else self._run.window.next_message()
            if message is None:
                return
            yield message

    async def _feed(self) -> None:
        try:
            async for given in _each(self._run.given):
                item, size = self._run.window.prepare(given)
                async with self._changed:
                    await self._changed.wait_for(lambda: not self._run.window.full)
                    self._run.window.push(item, size)
                    self._changed.notify_all()
                self._wakeup.set()
        except Exception as error:  # Raised again to the caller that reads the results.
            self._failure = error
        self._run.window.exhausted = True
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _next(responses: AsyncIterator[Any]) -> Any:
    """Returns the next response; None after the last one."""
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
        # A synchronous iterable never yields to the event loop, so let other tasks run.
        await asyncio.sleep(0)
