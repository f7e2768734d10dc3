"""Starts and stops a server process."""

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
NOT_READY_CODES = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


class Sidecar:
    """Server process that reports SERVING, and stubs to call it."""

    def __init__(
        self,
        binary: str,
        model_folder: str,
        store_dir: Path,
        *options: str,
        address: str = "",
        credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        """Starts a server on a free port or at `address`, and waits until it is ready. `credentials` are for TLS."""
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
        # A channel that fails to connect backs off before it retries, so wait until the port accepts connections.
        while not self._is_listening() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server exited with status {self.process.returncode}\n{self.read_log()}")
            # A timeout of one second, to detect a server that exits in the meantime.
            watch = self.health.Watch(health_pb2.HealthCheckRequest(), timeout=1, wait_for_ready=True)
            try:
                if any(answer.status == health_pb2.HealthCheckResponse.SERVING for answer in watch):
                    watch.cancel()
                    return
            except grpc.RpcError as error:
                if error.code() not in NOT_READY_CODES:
                    raise
        raise TimeoutError(f"the server was not SERVING within {START_TIMEOUT_S} s\n{self.read_log()}")

    def _is_listening(self) -> bool:
        host, _, port = self.address.rpartition(":")
        with socket.socket() as probe:
            return probe.connect_ex((host, int(port))) == 0

    def stop(self) -> int:
        """Terminates the server with SIGTERM, as an orchestrator does, and returns its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(STOP_TIMEOUT_S)
        self.channel.close()
        return status

    def kill(self) -> None:
        """Kills the server if it is running."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.channel.close()

    def read_log(self) -> str:
        """Returns the end of the server's log."""
        return self.log.read_text(errors="replace")[-8000:]


def free_ports(count: int) -> list[int]:
    """Returns distinct ports that were free at the time of the call."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def clean_environment() -> dict[str, str]:
    """Returns the environment without the variables that configure the binary."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SPLADE_")}
