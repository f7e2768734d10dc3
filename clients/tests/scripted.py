"""Fake server that fails operations, drains and breaks streams according to a script."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import grpc
from google.protobuf.any_pb2 import Any
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from fake import FakeServer, Stream
from splade_sidecar.v1 import errors_pb2 as errors
from splade_sidecar.v1 import index_service_pb2 as index

FAILURE = "the store could not be reached"
REJECTION = "the text is blank; send a text with words"
UNKNOWN_STATUS = 1_000


@dataclass(frozen=True)
class Script:
    """Behavior of the server on one stream. A document with a blank text is always REJECTED."""

    failing: Mapping[int, float] = field(default_factory=dict)
    """`retry_delay` in seconds of the operations that FAIL, by sequence number."""
    drain_after: int | None = None
    """Sequence number after which the server announces that it is draining."""
    end_after: int | None = None
    """Sequence number after which the server ends the stream, without reading more."""
    status: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    """Status of a stream that ends early."""
    reason: str = "SHUTTING_DOWN"
    """Reason of a stream that ends early."""
    lag: int = 0
    """Number of operations that have a result but become durable only when the client half-closes the stream."""
    unknown_statuses: bool = False
    """Whether results have a status that the API does not define yet."""


class Scripted(FakeServer):
    """Runs one script per stream. Further streams repeat the last script."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = scripts
        super().__init__()

    def Ingest(self, requests, context):
        script = self._scripts[min(len(self.streams), len(self._scripts) - 1)]
        stream = self.open(requests)
        try:
            yield from self._run(script, stream, requests, context)
        finally:
            stream.ended = time.monotonic()

    def _run(self, script: Script, stream: Stream, requests, context):
        yield stream.opened()
        drained = False
        last = stream.durable_through
        while script.end_after is None or last < script.end_after:
            request = next(requests, None)
            if request is None:
                stream.half_closed = True
                yield advance(script, stream, last)
                return
            sequences = stream.receive(request)
            last = max(sequences, default=last)
            response = advance(script, stream, last - script.lag)
            # Reversed, since clients must accept results in any order.
            response.results.extend(result(script, stream, sequence) for sequence in reversed(sequences))
            yield response
            if script.drain_after is not None and last >= script.drain_after and not drained:
                drained = True
                response = index.IngestResponse(durable_through=stream.durable_through)
                response.draining.read_through = last
                response.draining.grace_period.seconds = 10
                yield response
        if script.status != grpc.StatusCode.OK:
            detail = Any()
            detail.Pack(ErrorInfo(reason=script.reason, domain="splade-sidecar"))
            status = Status(code=script.status.value[0], message="the stream ends here", details=[detail])
            context.abort_with_status(rpc_status.to_status(status))


def advance(script: Script, stream: Stream, through: int) -> index.IngestResponse:
    """Advances `durable_through`, at most to the operation before the first one that FAILED."""
    through = min([through, *(failed - 1 for failed in script.failing)])
    stream.durable_through = max(stream.durable_through, through)
    return index.IngestResponse(durable_through=stream.durable_through)


def result(script: Script, stream: Stream, sequence: int) -> index.OperationResult:
    response = known_result(script, stream, sequence)
    if script.unknown_statuses:
        response.status = UNKNOWN_STATUS
    return response


def known_result(script: Script, stream: Stream, sequence: int) -> index.OperationResult:
    if sequence in script.failing:
        failure = errors.ItemError(code=code_pb2.UNAVAILABLE, reason="STORE_UNAVAILABLE", message=FAILURE)
        failure.retry_delay.FromMilliseconds(int(script.failing[sequence] * 1000))
        return index.OperationResult(sequence=sequence, status=index.OPERATION_STATUS_FAILED, error=failure)
    if not stream.operations[sequence].text.strip():
        rejection = errors.ItemError(
            code=code_pb2.INVALID_ARGUMENT, reason="EMPTY_TEXT", field="text", message=REJECTION
        )
        return index.OperationResult(sequence=sequence, status=index.OPERATION_STATUS_REJECTED, error=rejection)
    return index.OperationResult(sequence=sequence, status=index.OPERATION_STATUS_INDEXED)
