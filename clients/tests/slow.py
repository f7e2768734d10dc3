"""Fake server with a stalled store: it reads operations, but sends no result until `go` is set."""

import queue
import threading

from fake import FakeServer, indexed


class Slow(FakeServer):
    def __init__(self) -> None:
        self._received, self._changed = 0, threading.Condition()
        self.go = threading.Event()
        super().__init__()

    def received_more_than(self, operations: int, within_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._received > operations, within_s)

    def Ingest(self, requests, context):
        stream = self.open(requests)
        yield stream.opened()
        arrived: queue.Queue[list[int] | None] = queue.Queue()
        threading.Thread(target=self._read, args=(stream, requests, arrived), daemon=True).start()
        self.go.wait()
        while (sequences := arrived.get()) is not None:
            yield indexed(sequences)

    def _read(self, stream, requests, arrived) -> None:
        try:
            for request in requests:
                arrived.put(stream.receive(request))
                with self._changed:
                    self._received += len(request.operations)
                    self._changed.notify_all()
        finally:
            arrived.put(None)
