"""A server process, from its start until it has ended."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from splade_sidecar.v1 import encoder_service_pb2_grpc, index_service_pb2_grpc

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 40
MAX_MESSAGE_BYTES = 32 << 20
NOT_YET = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Sidecar:
    """A running server that is SERVING, and the stubs to call it with."""

    def __init__(
        self,
        binary: str,
        model_folder: str,
        store_dir: Path,
        *options: str,
        address: str = "",
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Starts one at a free port, or at `address`. Credentials are for a server that speaks TLS."""
        port, metrics_port = free_ports(2)
        self.address, self.metrics_address = address or f"127.0.0.1:{port}", f"127.0.0.1:{metrics_port}"
        self.binary = binary
        self.log = store_dir.with_name(f"{store_dir.name}-{self.address.rpartition(':')[2]}.log")
        command = [binary, "serve", "--model", model_folder, "--listen", self.address]
        command += ["--metrics-listen", self.metrics_address, "--store-dir", str(store_dir), *options]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=clean_environment())
        settings = [
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_reconnect_backoff_ms", 200),
        ]
        if credentials:
            self.channel = grpc.secure_channel(self.address, credentials, options=settings)
        else:
            self.channel = grpc.insecure_channel(self.address, options=settings)
        self.encoder = encoder_service_pb2_grpc.EncoderServiceStub(self.channel)
        self.index = index_service_pb2_grpc.IndexServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)
        try:
            self._wait_until_serving()
        except BaseException:
            self.kill()
            raise

    def _wait_until_serving(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        # A channel that found nobody would wait a while before it tries again.
        while not self._listens() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self.process.returncode}\n{self.read_log()}")
            # Not for longer than a second at a time, so that a server that has died is noticed.
            watch = self.health.Watch(health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True)
            try:
                if any(answer.status == health_pb2.HealthCheckResponse.SERVING for answer in watch):
                    watch.cancel()
                    return
            except grpc.RpcError as error:
                if error.code() not in NOT_YET:
                    raise
        raise TimeoutError(f"the server was not SERVING within {START_TIMEOUT_S} s\n{self.read_log()}")

    def _listens(self) -> bool:
        host, _, port = self.address.rpartition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def stop(self) -> int:
        """Asks the server to end, as an orchestrator does, and gives its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_TIMEOUT_S)
        self.channel.close()
        return status

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.channel.close()

    def read_log(self) -> str:
        return self.log.read_text(errors="replace")[-8000:]


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def clean_environment() -> dict[str, str]:
    """The environment without what would configure the binary."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SPLADE_")}
