"""What a failed call says: its code, and the details of the richer error model."""

from contextlib import contextmanager

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status


class Failure:
    """Filled when the block of `fails` has ended."""

    reason: str
    fields: list[str]
    message: str
    metadata: dict[str, str]


@contextmanager
def fails(code: grpc.StatusCode):
    """The block's call fails with this code and a message; gives the reason and the fields that it names."""
    failure = Failure()
    with pytest.raises(grpc.RpcError) as caught:
        yield failure
    error = caught.value
    assert error.code() == code, f"{error.code()}: {error.details()}"
    assert error.details()
    status = rpc_status.from_call(error)
    assert status is not None, "the error carries no google.rpc.Status"
    failure.message = error.details()
    infos = list(unpack(status, error_details_pb2.ErrorInfo))
    failure.reason = "".join(info.reason for info in infos)
    failure.metadata = {key: value for info in infos for key, value in info.metadata.items()}
    requests = unpack(status, error_details_pb2.BadRequest)
    failure.fields = [violation.field for request in requests for violation in request.field_violations]


def unpack(status, kind):
    for detail in status.details:
        if detail.Is(kind.DESCRIPTOR):
            message = kind()
            detail.Unpack(message)
            yield message
