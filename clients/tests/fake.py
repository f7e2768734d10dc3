"""Base of the fake servers: an IndexService on a local port."""

import time
from concurrent import futures
from dataclasses import dataclass, field

import grpc

from lines import MAX_MESSAGE_BYTES
from splade_sidecar.v1 import document_pb2 as docs
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import index_service_pb2_grpc as index_grpc

INCARNATION = "the-first-incarnation"


@dataclass
class Stream:
    """Recording of one stream on the server side."""

    options: index.IngestOptions
    began: float = field(default_factory=time.monotonic)
    ended: float = 0
    operations: dict[int, docs.Document] = field(default_factory=dict)
    """Documents by sequence number."""
    durable_through: int = 0
    """Last value that the server sent."""
    half_closed: bool = False

    @property
    def first_sequence(self) -> int:
        return self.options.first_sequence or 1

    def opened(self) -> index.IngestResponse:
        self.durable_through = self.first_sequence - 1
        response = index.IngestResponse(durable_through=self.durable_through)
        response.opened.collection.name = self.options.collection
        response.opened.collection.incarnation = INCARNATION
        return response

    def receive(self, request: index.IngestRequest) -> list[int]:
        """Records the operations of a request and returns their sequence numbers."""
        first = self.first_sequence + len(self.operations)
        for sequence, operation in enumerate(request.operations, first):
            assert operation.WhichOneof("kind") == "upsert", operation
            self.operations[sequence] = operation.upsert
        return list(range(first, first + len(request.operations)))


class FakeServer(index_grpc.IndexServiceServicer):
    """Indexes every operation as soon as it arrives. Subclasses simulate failures."""

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        # The real server also rejects larger messages.
        settings = [("grpc.max_receive_message_length", MAX_MESSAGE_BYTES)]
        self._server = grpc.server(futures.ThreadPoolExecutor(4), options=settings)
        index_grpc.add_IndexServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None)

    def open(self, requests) -> Stream:
        self.streams.append(Stream(next(requests).options))
        return self.streams[-1]

    def Ingest(self, requests, context):
        stream = self.open(requests)
        yield stream.opened()
        for request in requests:
            yield indexed(stream.receive(request))


def indexed(sequences: list[int]) -> index.IngestResponse:
    results = [index.OperationResult(sequence=n, status=index.OPERATION_STATUS_INDEXED) for n in sequences]
    return index.IngestResponse(results=results, durable_through=sequences[-1])
