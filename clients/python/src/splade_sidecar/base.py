"""What both clients are made of: the stubs, what each call carries, and how a stream is set up."""

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
# So few that a call of them does not hold up other callers' queries for long.
BATCH_TEXTS = 64
WINDOW_DOCUMENTS = 4096
# A vector takes some ten KB in Python.
WINDOW_TEXTS = 512
WINDOW_BYTES = 32 << 20


class Connection:
    """A channel of either API, with the stubs of both services, in the process that opened it."""

    def __init__(self, api: Any, target: str, tls: channel.Files | None) -> None:
        check_process()
        self.process = os.getpid()
        self.channel: Any = channel.open_channel(api, target, tls)
        self.encoder: Any = EncoderServiceStub(self.channel)
        self.index: Any = IndexServiceStub(self.channel)


class Base(Uncopyable):
    """What both clients have: how the server is reached. The connection is opened by the first call."""

    def __init__(self, target: str, tls: TLS | bool, token: str | None, timeout: float) -> None:
        self._target = target
        # Read now, so that a file that can't be read is an error of the constructor.
        self._tls = channel.read_files(tls)
        self._metadata = channel.metadata(token)
        self._timeout = timeout
        self._closed = False

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the client is closed; make another one")


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


def ingest_window(
    collection: str, options: Mapping[str, Any], given: object, documents: int, size: int, first_number: int
) -> IngestWindow:
    """Returns the window of an ingest. Raises ValueError for invalid options, TypeError for one document."""
    messages.refuse_one_document(given)
    if "first_sequence" in options:
        raise ValueError("first_sequence: the client sets it; give first_number")
    made = messages.fill_with_encoding(IngestOptions, {"collection": collection, **options})
    return IngestWindow(made, documents, size, first_number)


def encode_window(role: Role, options: Mapping[str, Any], given: object, texts: int, size: int) -> EncodeWindow:
    """Returns the window of a stream of texts. Raises ValueError for invalid options, TypeError for one text."""
    messages.refuse_one_text(given)
    made = messages.fill_with_encoding(EncodeStreamOptions, {"role": role, **options})
    return EncodeWindow(made, texts, size)
