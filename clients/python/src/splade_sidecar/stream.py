"""The synchronous stream of documents or texts: results are pulled by whoever iterates, items by a thread of their own.

The thread stops when the window is full, and the window empties only as results are read: who reads slowly makes the
whole chain slow, from the store to the iterable. gRPC's own thread asks for the next message when the last one is gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Any, Generic, TypeVar

import grpc

from splade_sidecar.errors import SpladeError
from splade_sidecar.run import Run
from splade_sidecar.types import Summary
from splade_sidecar.window import Answer

Self = TypeVar("Self", bound="Stream[Any]")


class Stream(Generic[Answer]):
    """A running stream: an iterator of results. It begins with the first result that is asked for.

    The iterable is advanced in a thread. What it raises is raised here, after the results of what came before. Left
    early, by `close` or as a context manager, it sends nothing more; what was sent may be done all the same.
    """

    def __init__(self, run: Run[Answer], open_stream: Callable[[Iterator[Any]], Any]):
        self.summary: Summary | None = run.window.summary
        self._run, self._open_stream = run, open_stream
        self._changed = threading.Condition()
        self._stream = 0
        self._closed = False
        self._failure: BaseException | None = None
        self._results = self._results_of_all()

    def __iter__(self) -> Iterator[Answer]:
        return self

    def __next__(self) -> Answer:
        return next(self._results)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends it where it is."""
        self._results.close()

    def _results_of_all(self) -> Generator[Answer, None, None]:
        threading.Thread(target=self._feed, name="splade-stream", daemon=True).start()
        try:
            while self._stream == 0 or not self._run.window.finished:
                try:
                    yield from self._read()
                except (grpc.RpcError, SpladeError) as error:
                    time.sleep(self._run.delay(error))
            if self._failure is not None:
                raise self._failure
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            self._run.progress.close()

    def _read(self) -> Iterator[Answer]:
        """One stream, from its beginning until it ends or breaks."""
        with self._changed:
            self._stream += 1
            self._run.window.restart()
            self._changed.notify_all()
        responses = self._open_stream(self._messages(self._stream))
        try:
            for response in responses:
                with self._changed:
                    results = self._run.settle(response)
                    self._changed.notify_all()
                yield from results
            self._run.ended()
        finally:
            responses.cancel()

    def _messages(self, stream: int) -> Iterator[Any]:
        """What a stream is given. One that has broken is given nothing more: its items are another's."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._left(stream) or self._run.window.has_message)
                message = None if self._left(stream) else self._run.window.message()
            if message is None:
                return
            yield message

    def _left(self, stream: int) -> bool:
        return self._closed or stream != self._stream

    def _feed(self) -> None:
        try:
            for given in self._run.given:
                item, size = self._run.window.make(given)
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or not self._run.window.full)
                    if self._closed:
                        return
                    self._run.window.push(item, size)
                    self._changed.notify_all()
        except BaseException as error:  # Whatever it is, it belongs to whoever reads the results.
            self._failure = error
        finally:
            with self._changed:
                self._run.window.ended = True
                self._changed.notify_all()
