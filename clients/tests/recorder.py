"""A stand-in for a server, which keeps the documents that it was sent and confirms each."""

from concurrent import futures

import grpc
from splade.v1 import index_service_pb2 as index
from splade.v1 import index_service_pb2_grpc as index_grpc
from splade.v1 import types_pb2 as types

from lines import MAX_MESSAGE_BYTES


class Recorder(index_grpc.IndexServiceServicer):
    """Refuses a message that is larger than the real server takes."""

    def __init__(self) -> None:
        self.documents: list[types.Document] = []
        settings = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
        self.server = grpc.server(futures.ThreadPoolExecutor(4), options=settings)
        index_grpc.add_IndexServiceServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def Ingest(self, requests, context):
        count = 0
        for request in requests:
            self.documents += request.documents
            results = [
                index.DocumentResult(sequence=count + n, status=index.DOCUMENT_STATUS_INDEXED)
                for n in range(1, len(request.documents) + 1)
            ]
            count += len(results)
            yield index.IngestResponse(results=results, durable_through=count)
