"""What both ingests share beside the window: what it is set to, and what is made of an error."""

from __future__ import annotations

from typing import Any

import grpc

from splade_sidecar.errors import IngestGaveUp, SpladeError, Unavailable, from_grpc
from splade_sidecar.progress import Bar, Progress, Silent
from splade_sidecar.retry import Backoff
from splade_sidecar.types import Result
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.window import Window

ENDED_EARLY = "the server ended the stream before the last result"


class Run:
    """The state of one ingest."""

    def __init__(
        self,
        options: index.IngestOptions,
        documents: object,
        window_documents: int,
        window_bytes: int,
        give_up_after: float,
        progress: bool,
    ) -> None:
        self.window = Window(options, window_documents, window_bytes)
        self.summary = self.window.summary
        self.progress: Progress = Bar(documents) if progress else Silent()
        self._give_up_after = give_up_after
        self._backoff = Backoff(give_up_after)

    def settle(self, response: index.IngestResponse) -> list[Result]:
        """Takes a response of the stream; gives the results that are new."""
        before = self.summary.durable
        results = self.window.settle(response)
        if self.summary.durable > before:
            self._backoff.progressed()
        self.progress.tell(len(results), self.summary)
        return results

    def ended(self) -> None:
        """The stream has ended OK. Raises Unavailable if it should not have."""
        if not self.window.finished:
            raise Unavailable(grpc.StatusCode.UNAVAILABLE, ENDED_EARLY)

    def delay(self, error: Any) -> float:
        """Seconds until the stream is opened again after this error; raises it if that is of no use."""
        failure = error if isinstance(error, SpladeError) else from_grpc(error)
        if failure.reason == "STREAM_IDLE":
            # The server is there; it is the iterable that had nothing.
            self._backoff.progressed()
        delay = self._backoff.delay(failure)
        if delay is not None:
            self.summary.reconnects += 1
            return delay
        if failure.retryable:
            words = f"no progress within {self._give_up_after:g} s of trying again. Every document up to number "
            words += f"{self.summary.durable} has its result, so begin with the next one. Last error: {failure.message}"
            failure = IngestGaveUp(failure.code, words, failure.reason, failure.violations, failure.retry_after)
        failure.summary = self.summary
        raise failure from None
