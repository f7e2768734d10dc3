"""Fake server that is at capacity for all searches and for the first stream."""

import time

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from fake import FakeServer

RETRY_DELAY_S = 1


class Busy(FakeServer):
    """Rejects every search, and the first stream, with RESOURCE_EXHAUSTED and a RetryInfo."""

    def __init__(self) -> None:
        self.searches = 0
        self.rejected: list[float] = []  # time of each rejected stream
        super().__init__()

    def Search(self, request, context):
        self.searches += 1
        context.abort_with_status(overloaded())

    def Ingest(self, requests, context):
        if not self.rejected:
            self.rejected.append(time.monotonic())
            context.abort_with_status(overloaded())
        yield from super().Ingest(requests, context)


def overloaded():
    detail = Any()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_DELAY_S)))
    code = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    return rpc_status.to_status(Status(code=code, message="server at capacity", details=[detail]))
