"""What both clients are made of: the stubs, what each call carries, and how an ingest is set up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from splade_sidecar import channel, messages
from splade_sidecar.channel import TLS
from splade_sidecar.errors import from_grpc
from splade_sidecar.retry import Backoff
from splade_sidecar.run import Run
from splade_sidecar.v1.encoder_service_pb2_grpc import EncoderServiceStub
from splade_sidecar.v1.index_service_pb2 import IngestOptions
from splade_sidecar.v1.index_service_pb2_grpc import IndexServiceStub

DEFAULT_TARGET = "localhost:50051"
TIMEOUT_S = 60.0
GIVE_UP_AFTER_S = 300.0
# So few that a call of them does not hold up other callers' queries for long.
BATCH_TEXTS = 64
WINDOW_DOCUMENTS = 4096
WINDOW_BYTES = 32 << 20


class Base:
    """A channel of either API, with the stubs of both services."""

    def __init__(self, api: Any, target: str, tls: TLS | bool, token: str | None, timeout: float) -> None:
        self._channel: Any = channel.open_channel(api, target, tls)
        self._metadata = channel.metadata(token)
        self._timeout = timeout
        self._encoder: Any = EncoderServiceStub(self._channel)
        self._index: Any = IndexServiceStub(self._channel)


class Attempts:
    """The attempts of one unary call, all of them within its timeout."""

    def __init__(self, timeout: float) -> None:
        self._backoff = Backoff(timeout)
        self._deadline = time.monotonic() + timeout

    def left(self) -> float:
        """Seconds that the next one may take."""
        return max(0.0, self._deadline - time.monotonic())

    def delay(self, error: Any) -> float:
        """Seconds until the next one; raises the error if there is none."""
        failure = from_grpc(error)
        delay = self._backoff.delay(failure)
        if delay is None or delay >= self.left():
            raise failure from None
        return delay


def set_up(
    collection: str,
    documents: object,
    options: Mapping[str, Any],
    window_documents: int,
    window_bytes: int,
    give_up_after: float,
    progress: bool,
) -> Run:
    """The state of an ingest. Raises ValueError for options that can't be."""
    made = messages.fill(IngestOptions, {"collection": collection, **options})
    return Run(made, documents, window_documents, window_bytes, give_up_after, progress)
