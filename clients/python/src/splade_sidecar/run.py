"""What both kinds of stream share beside the window: whom they tell, and what is made of an error."""

from __future__ import annotations

from typing import Any, Generic

import grpc

from splade_sidecar.errors import GaveUp, SpladeError, Unavailable, from_grpc
from splade_sidecar.progress import Bar, Progress, Silent
from splade_sidecar.retry import Backoff
from splade_sidecar.window import Answer, Window

ENDED_EARLY = "the server ended the stream before the last result"


class Run(Generic[Answer]):
    """The state of one ingest, or of one stream of texts."""

    def __init__(self, window: Window[Answer], given: Any, give_up_after: float, progress: bool) -> None:
        self.window = window
        self.given = given
        self.progress: Progress = Bar(given, window.noun) if progress else Silent()
        self._give_up_after = give_up_after
        self._backoff = Backoff(give_up_after)

    def settle_refused(self) -> list[Answer]:
        """The results that are reported now without a response."""
        results = self.window.settle_refused()
        self.progress.tell(len(results), self.window.summary)
        return results

    def settle(self, response: Any) -> list[Answer]:
        """Takes a response of the stream; returns the results that are reported now."""
        before = self.window.done
        results = self.window.settle(response)
        if self.window.done > before:
            self._backoff.progressed()
        self.progress.tell(len(results), self.window.summary)
        return results

    def ended(self) -> None:
        """The stream has ended OK. Raises Unavailable if it should not have."""
        if not self.window.finished:
            raise Unavailable(grpc.StatusCode.UNAVAILABLE, ENDED_EARLY)

    def delay(self, error: Any) -> float:
        """Seconds until the stream is opened again after this error; raises it if that is of no use."""
        failure = error if isinstance(error, SpladeError) else from_grpc(error)
        summary = self.window.summary
        if failure.reason == "STREAM_IDLE":
            # The server is there; it is the iterable that had nothing.
            self._backoff.progressed()
        delay = self._backoff.delay(failure)
        if delay is not None:
            if summary is not None:
                summary.reconnects += 1
            return delay
        if failure.retryable:
            words = f"no progress within {self._give_up_after:g} s of retries. Every {self.window.noun} up to number "
            words += f"{self.window.done} has its result, so begin with the next one. Last error: {failure.message}"
            failure = GaveUp(failure.code, words, failure.reason, failure.violations, failure.retry_after)
        failure.summary = summary
        raise failure from None
