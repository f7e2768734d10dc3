"""A stand-in for a server that has no room at first, which a real one would have to be driven to."""

import time
from concurrent import futures

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status
from splade.v1 import index_service_pb2 as index
from splade.v1 import index_service_pb2_grpc as index_grpc

RETRY_DELAY_S = 1


class Busy(index_grpc.IndexServiceServicer):
    """Refuses every search, and the first stream. Both times it says when to try again."""

    def __init__(self) -> None:
        self.searches = 0
        self.streams: list[float] = []  # when each began
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        index_grpc.add_IndexServiceServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def Search(self, request, context):
        self.searches += 1
        context.abort_with_status(refusal())

    def Ingest(self, requests, context):
        self.streams.append(time.monotonic())
        if len(self.streams) == 1:
            context.abort_with_status(refusal())
        count = 0
        for request in requests:
            results = [
                index.DocumentResult(sequence=count + n, status=index.DOCUMENT_STATUS_INDEXED)
                for n in range(1, len(request.documents) + 1)
            ]
            count += len(results)
            yield index.IngestResponse(results=results, durable_through=count)


def refusal():
    detail = Any()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_DELAY_S)))
    code = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    return rpc_status.to_status(Status(code=code, message="there is no room", details=[detail]))
