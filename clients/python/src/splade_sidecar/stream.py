"""The synchronous stream of documents or texts.

The caller's thread pulls results, and a feeder thread reads items from the iterable into the window. The feeder blocks
while the window is full, and the window empties only as results are read, so a slow reader applies backpressure up to
the iterable. gRPC's own thread pulls the next request message when the previous one is sent. A receiver thread reads
one response at a time, so that the caller can wait for responses and client-side rejections with one condition
variable.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc

from splade_sidecar.errors import SpladeError
from splade_sidecar.process import Uncopyable, call_in_progress
from splade_sidecar.run import Run
from splade_sidecar.types import Summary
from splade_sidecar.window import StreamResult

Self = TypeVar("Self", bound="Stream[Any]")
_Arrived = tuple[Any, BaseException | None]
"""A response, an error, or neither at the end of the stream."""


class Stream(Uncopyable, Generic[StreamResult]):
    """A running stream: an iterator of results. The stream starts when the first result is requested.

    The iterable is advanced in another thread. Its exceptions are raised after the results of the items before.
    `close`, or leaving the `with` block, ends the stream early: no more items are sent, but the server may still
    process items that were sent before.
    """

    _remedy = "create a client and start the call in the process that reads the results"

    def __init__(self, run: Run[StreamResult], open_stream: Callable[[Iterator[Any]], Any]):
        self.summary: Summary | None = run.window.summary
        self._run, self._open_stream = run, open_stream
        self._process = os.getpid()
        self._changed = threading.Condition()
        self._stream = 0
        self._closed = False
        self._failure: BaseException | None = None
        self._results = self._run_streams()

    def __iter__(self) -> Iterator[StreamResult]:
        return self

    def __next__(self) -> StreamResult:
        if self._process != os.getpid():
            raise RuntimeError(f"this call was started in the parent process, before a fork; {self._remedy}")
        return next(self._results)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the stream. Items that are not sent yet are dropped."""
        if self._process == os.getpid():
            self._results.close()

    def _run_streams(self) -> Generator[StreamResult, None, None]:
        threading.Thread(target=self._feed, name="splade-stream", daemon=True).start()
        try:
            while self._stream == 0 or not self._run.window.finished:
                try:
                    yield from self._run_stream()
                except (grpc.RpcError, SpladeError) as error:
                    time.sleep(self._run.delay_after_error(error))
            if self._failure is not None:
                raise self._failure
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            self._run.progress.close()

    def _run_stream(self) -> Iterator[StreamResult]:
        """Runs one gRPC stream until it ends or breaks, and yields its results."""
        with call_in_progress():
            with self._changed:
                self._stream += 1
                self._run.window.restart()
                self._changed.notify_all()
            stream = self._stream
            responses = self._open_stream(self._request_messages(stream))
            arrived: deque[_Arrived] = deque()
            threading.Thread(
                target=self._receive, args=(stream, responses, arrived), name="splade-responses", daemon=True
            ).start()
            try:
                ended = False
                while not ended:
                    results, ended = self._wait_for_results(arrived)
                    yield from results
            finally:
                responses.cancel()
        time.sleep(self._run.delay_after_end())

    def _wait_for_results(self, arrived: deque[_Arrived]) -> tuple[list[StreamResult], bool]:
        """Waits for a response or rejected items. Returns their results, and whether the stream has ended with OK."""
        with self._changed:
            self._changed.wait_for(lambda: arrived or self._run.window.has_rejected)
            if not arrived:
                results = self._run.collect_rejected()
                self._changed.notify_all()
                return results, False
            response, error = arrived.popleft()
            if error is not None:
                raise error
            results = self._run.collect_rejected() if response is None else self._run.process(response)
            self._changed.notify_all()
            return results, response is None

    def _receive(self, stream: int, responses: Iterator[Any], arrived: deque[_Arrived]) -> None:
        """Hands over responses, one at a time, then the end or the error of the stream."""
        end: _Arrived = None, None
        try:
            for response in responses:
                if not self._hand_over(stream, (response, None), arrived):
                    return
        except BaseException as error:  # Raised again in the thread that reads the results.
            end = None, error
        self._hand_over(stream, end, arrived)

    def _hand_over(self, stream: int, one: _Arrived, arrived: deque[_Arrived]) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_stale(stream) or not arrived)
            if self._is_stale(stream):
                return False
            arrived.append(one)
            self._changed.notify_all()
            return True

    def _request_messages(self, stream: int) -> Iterator[Any]:
        """Yields the request messages of a stream. Stops when a later stream has replaced it and sends its items."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_stale(stream) or self._run.window.has_message)
                message = None if self._is_stale(stream) else self._run.window.next_message()
            if message is None:
                return
            yield message

    def _is_stale(self, stream: int) -> bool:
        return self._closed or stream != self._stream

    def _feed(self) -> None:
        try:
            for given in self._run.given:
                item, size = self._run.window.prepare(given)
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or not self._run.window.full)
                    if self._closed:
                        return
                    self._run.window.push(item, size)
                    self._changed.notify_all()
        except BaseException as error:  # Raised again in the thread that reads the results.
            self._failure = error
        finally:
            with self._changed:
                self._run.window.exhausted = True
                self._changed.notify_all()
