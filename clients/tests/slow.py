"""A stand-in for a server whose store is slow: it takes documents, and has no result for any until it is told to."""

import queue
import threading
from concurrent import futures

import grpc
from splade.v1 import index_service_pb2 as index
from splade.v1 import index_service_pb2_grpc as index_grpc


class Slow(index_grpc.IndexServiceServicer):
    """Counts what it was sent."""

    def __init__(self) -> None:
        self._sent, self._changed = 0, threading.Condition()
        self.go = threading.Event()
        self.server = grpc.server(futures.ThreadPoolExecutor(4))
        index_grpc.add_IndexServiceServicer_to_server(self, self.server)
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def was_sent_more_than(self, documents: int, within_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._sent > documents, within_s)

    def Ingest(self, requests, context):
        arrived: queue.Queue[int | None] = queue.Queue()
        threading.Thread(target=self._read, args=(requests, arrived), daemon=True).start()
        self.go.wait()
        done = 0
        while (documents := arrived.get()) is not None:
            numbers = range(done + 1, done + documents + 1)
            results = [index.DocumentResult(sequence=n, status=index.DOCUMENT_STATUS_INDEXED) for n in numbers]
            done += documents
            yield index.IngestResponse(results=results, durable_through=done)

    def _read(self, requests, arrived) -> None:
        try:
            for request in requests:
                arrived.put(len(request.documents))
                with self._changed:
                    self._sent += len(request.documents)
                    self._changed.notify_all()
        finally:
            arrived.put(None)
