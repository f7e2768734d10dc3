"""Checks of failed calls: status codes, and the details of the richer error model."""

from contextlib import contextmanager

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


class Failure:
    """Error details of a failed call. `fails` sets the attributes when its block ends."""

    reason: str
    fields: list[str]
    message: str
    metadata: dict[str, str]


@contextmanager
def fails(code: grpc.StatusCode):
    """Checks that the call in the block fails with this status code and a message. Yields a `Failure`."""
    failure = Failure()
    with pytest.raises(grpc.RpcError) as caught:
        yield failure
    error = caught.value
    assert error.code() == code, f"{error.code()}: {error.details()}"
    assert error.details()
    status = rpc_status.from_call(error)
    assert status is not None, "the error has no google.rpc.Status"
    failure.message = error.details()
    infos = list(unpack(status, error_details_pb2.ErrorInfo))
    failure.reason = "".join(info.reason for info in infos)
    failure.metadata = {key: value for info in infos for key, value in info.metadata.items()}
    requests = unpack(status, error_details_pb2.BadRequest)
    failure.fields = [violation.field for request in requests for violation in request.field_violations]


def unpack(status, kind):
    """Yields the details of a status that are messages of the type `kind`."""
    for detail in status.details:
        if detail.Is(kind.DESCRIPTOR):
            message = kind()
            detail.Unpack(message)
            yield message
