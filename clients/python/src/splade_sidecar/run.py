"""State that synchronous and asyncio streams share besides the window: progress reports and reconnects."""

from __future__ import annotations

from typing import Any, Generic

import grpc

from splade_sidecar.errors import ErrorReason, GaveUp, SpladeError, Unavailable, from_grpc
from splade_sidecar.progress import Bar, Progress, Silent
from splade_sidecar.retry import Backoff, Pause
from splade_sidecar.window import StreamResult, Window

ENDED_EARLY = "the server ended the stream before the last result"


class Run(Generic[StreamResult]):
    """State of one ingest or one text stream, over all its connections."""

    def __init__(self, window: Window[StreamResult], given: Any, give_up_after: float, progress: bool) -> None:
        self.window = window
        self.given = given
        self.progress: Progress = Bar(given, window.noun) if progress else Silent()
        self._give_up_after = give_up_after
        self._backoff = Backoff(give_up_after)
        self._drained = Pause()

    def collect_rejected(self) -> list[StreamResult]:
        """Returns the results that can be reported without a response of the server."""
        results = self.window.collect_rejected()
        self.progress.update(len(results), self.window.summary)
        return results

    def process(self, response: Any) -> list[StreamResult]:
        """Processes a response of the stream and returns the results to report."""
        summary = self.window.summary
        before, omitted = self.window.progress, summary.omitted if summary else 0
        results = self.window.process(response)
        if self.window.progress > before:
            self._backoff.progressed()
            self._drained.reset()
        self.progress.update(len(results) + (summary.omitted - omitted if summary else 0), summary)
        return results

    def delay_after_end(self) -> float:
        """Returns the delay in seconds after a stream that ended with OK. Raises if it ended too early."""
        if self.window.finished:
            return 0.0
        if self.window.failure is not None:
            raise self.window.failure
        if not self.window.draining:
            raise Unavailable(grpc.StatusCode.UNAVAILABLE, ENDED_EARLY)
        self._count_reconnect()
        return self._drained.delay()

    def delay_after_error(self, error: Any) -> float:
        """Returns the delay in seconds before the next stream. Raises the error if a retry can't succeed."""
        failure = error if isinstance(error, SpladeError) else from_grpc(error)
        failed = self.window.failure
        if failure.reason == ErrorReason.STREAM_IDLE and failed is None:
            # Not a failure: the server is healthy, and the iterable was slow.
            self._backoff.progressed()
            self._count_reconnect()
            return failure.retry_after or 0.0
        if failed is not None and failed is not failure and failure.retryable:
            # The stream broke after an item FAILED. Report the item's error, which is the more specific one.
            failed.retry_after = max(failed.retry_after or 0.0, failure.retry_after or 0.0)
            failure = failed
        delay = self._backoff.delay(failure)
        if delay is not None:
            self._count_reconnect()
            return delay
        if failure.retryable:
            message = f"no progress within {self._give_up_after:g} s of retries. Every {self.window.noun} up to number "
            message += f"{self.window.done} has a result; resume with the next one. Last error: {failure.message}"
            failure = GaveUp(
                failure.code, message, failure.reason, failure.violations, failure.retry_after, failure.metadata
            )
        failure.summary = self.window.summary
        raise failure from None

    def _count_reconnect(self) -> None:
        if self.window.summary is not None:
            self.window.summary.reconnects += 1
