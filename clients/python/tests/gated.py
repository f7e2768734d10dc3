"""Fake server that waits for a permit before each result, like a server with a slow store."""

import threading
from concurrent import futures

import grpc

from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import encoder_service_pb2_grpc, index_service_pb2_grpc
from splade_sidecar.v1 import index_service_pb2 as index


class GatedServer(encoder_service_pb2_grpc.EncoderServiceServicer, index_service_pb2_grpc.IndexServiceServicer):
    """Sends the result of each item of a stream when the test grants a permit."""

    def __init__(self) -> None:
        self.permits = threading.Semaphore(0)
        self._server = grpc.server(futures.ThreadPoolExecutor(2))
        encoder_service_pb2_grpc.add_EncoderServiceServicer_to_server(self, self._server)
        index_service_pb2_grpc.add_IndexServiceServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.allow(1_000_000)
        self._server.stop(None).wait()

    def allow(self, items: int) -> None:
        self.permits.release(items)

    def Ingest(self, requests, context):
        sequence = 0
        for request in requests:
            if request.HasField("options"):
                sequence = request.options.first_sequence - 1
                yield index.IngestResponse(opened=index.IngestOpened(), durable_through=sequence)
            for _ in request.operations:
                self.permits.acquire()
                sequence += 1
                result = index.OperationResult(sequence=sequence, status=index.OPERATION_STATUS_INDEXED)
                yield index.IngestResponse(results=[result], durable_through=sequence)

    def EncodeStream(self, requests, context):
        number = 0
        for request in requests:
            for _ in request.texts:
                self.permits.acquire()
                number += 1
                result = encoder.EncodeStreamResult(sequence=number, encoded=encoder.EncodedText())
                yield encoder.EncodeStreamResponse(results=[result])
