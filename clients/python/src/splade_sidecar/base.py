"""Base of the synchronous and the asyncio client: connection, metadata, retries of unary calls, and stream windows."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from splade_sidecar import channel, messages
from splade_sidecar.channel import TLS
from splade_sidecar.encode import EncodeWindow
from splade_sidecar.errors import from_grpc
from splade_sidecar.ingest import IngestWindow
from splade_sidecar.process import Uncopyable, check_process
from splade_sidecar.retry import Backoff
from splade_sidecar.types import Role
from splade_sidecar.v1.encoder_service_pb2 import EncodeStreamOptions
from splade_sidecar.v1.encoder_service_pb2_grpc import EncoderServiceStub
from splade_sidecar.v1.index_service_pb2 import IngestOptions
from splade_sidecar.v1.index_service_pb2_grpc import IndexServiceStub

DEFAULT_TARGET = "localhost:50051"
TIMEOUT_S = 60.0
GIVE_UP_AFTER_S = 300.0
# Small enough that a call does not delay the queries of other callers for long.
BATCH_TEXTS = 64
WINDOW_DOCUMENTS = 4096
# Lower than WINDOW_DOCUMENTS, since a vector takes about 10 KB of memory in Python.
WINDOW_TEXTS = 512
WINDOW_BYTES = 32 << 20


class Connection:
    """A channel of `grpc` or `grpc.aio` with the stubs of both services. Usable only in the process that opened it."""

    def __init__(self, api: Any, target: str, tls: channel.Files | None) -> None:
        check_process()
        self.process = os.getpid()
        self.channel: Any = channel.open_channel(api, target, tls)
        self.encoder: Any = EncoderServiceStub(self.channel)
        self.index: Any = IndexServiceStub(self.channel)


class Base(Uncopyable):
    """Address, credentials and timeout of a client. The first call opens the connection."""

    def __init__(self, target: str, tls: TLS | bool, token: str | None, timeout: float) -> None:
        self._target = target
        # Read here, so that the constructor raises OSError for an unreadable file.
        self._tls = channel.read_files(tls)
        self._metadata = channel.metadata(token)
        self._timeout = timeout
        self._closed = False

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the client is closed; create a new one")


class Attempts:
    """Retry state of one unary call. All attempts share the call's timeout."""

    def __init__(self, timeout: float) -> None:
        self._backoff = Backoff(timeout)
        self._deadline = time.monotonic() + timeout

    def remaining(self) -> float:
        """Returns the timeout of the next attempt in seconds."""
        return max(0.0, self._deadline - time.monotonic())

    def delay(self, error: Any) -> float:
        """Returns the delay before the next attempt in seconds. Raises the error if no attempt remains."""
        failure = from_grpc(error)
        delay = self._backoff.delay(failure)
        if delay is None or delay >= self.remaining():
            raise failure from None
        return delay


def ingest_window(
    collection: str, options: Mapping[str, Any], given: object, documents: int, size: int, first_number: int
) -> IngestWindow:
    """Returns the window of an ingest. Raises ValueError for invalid options, TypeError for a single document."""
    messages.reject_single_document(given)
    if "first_sequence" in options:
        raise ValueError("first_sequence: set by the client; pass first_number instead")
    message = messages.fill_with_encoding(IngestOptions, {"collection": collection, **options})
    return IngestWindow(message, documents, size, first_number)


def encode_window(role: Role, options: Mapping[str, Any], given: object, texts: int, size: int) -> EncodeWindow:
    """Returns the window of a text stream. Raises ValueError for invalid options, TypeError for a single text."""
    messages.reject_single_text(given)
    message = messages.fill_with_encoding(EncodeStreamOptions, {"role": role, **options})
    return EncodeWindow(message, texts, size)
