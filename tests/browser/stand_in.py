"""A fake server of the page whose metrics and status the test sets, for states that are brief on a real server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from policy import PAGE

STATUS = {
    "version": "1.2.3",
    "revision": "0123abc",
    "ready": True,
    "stopping": False,
    "uptime_seconds": 93_784.5,
    "store": {"kind": "qdrant", "up": True},
    "models": [
        {"name": "a-model", "architecture": "BertForMaskedLM", "dtype": "float32", "device": "cpu", "default": True}
    ],
    "encoder_threads": 2,
    "errors": [],
}


class StandIn:
    """Serves `metrics` (a text, or a function returning the next one) as `/metrics` and `status` as `/status.json`."""

    def __init__(self) -> None:
        self.metrics, self.status = "", dict(STATUS)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _answer(self, path: str) -> "tuple[str, bytes] | None":
        if path == "/":
            return "text/html; charset=utf-8", PAGE.read_bytes()
        if path == "/metrics":
            return "text/plain; version=0.0.4", (self.metrics() if callable(self.metrics) else self.metrics).encode()
        if path == "/status.json":
            return "application/json", json.dumps(self.status).encode()
        return None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = stand_in._answer(self.path)
                self.send_response(200 if answer else 404)
                self.send_header("content-type", answer[0] if answer else "text/plain")
                self.end_headers()
                self.wfile.write(answer[1] if answer else b"")

            def log_message(self, *_) -> None:
                pass

        return Handler
