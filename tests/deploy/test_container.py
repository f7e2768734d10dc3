"""Runs the server container's command on this machine: with the arguments, settings, files and probes of its manifest.

Temporary directories replace the mounted volumes, and a small test model replaces the configured one. No Qdrant is
running, so the store is unavailable.
"""

import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys

import pytest

from manifests import DEPLOY, ROOT, TARGETS, find_server, get_settings, render_kustomize
from skips import find_program

TOKEN = "0123456789abcdef-deploy"
# Exit statuses of `splade-sidecar health`.
SERVING, NOT_SERVING = 0, 1


class Container:
    """A running server, and client commands with the environment of the same pod."""

    def __init__(self, binary, model, objects, directory):
        self.binary, self.directory = binary, directory
        self.pod, self.container = find_server(objects)
        self.mounts = {mount["mountPath"]: directory / mount["name"] for mount in self.container["volumeMounts"]}
        for path in self.mounts.values():
            path.mkdir()
        (directory / "splade-secrets" / "qdrant-api-key").write_text("a key\n")
        (directory / "splade-secrets" / "auth-tokens").write_text(TOKEN + "\n")
        if (directory / "splade-tls").is_dir():
            create_certificate(directory / "splade-tls")
        grpc, metrics, qdrant = find_free_ports(3)
        variables = {name: self.map_path(value) for name, value in self.read_variables(objects).items()}
        self.environment = variables | {
            "SPLADE_MODEL": model,
            # Read by clients that run in the container, such as an `exec` probe.
            "SPLADE_SERVER": variables.get("SPLADE_SERVER", "http://localhost:50051").replace("50051", str(grpc)),
            "SPLADE_QDRANT_URL": f"http://127.0.0.1:{qdrant}",
            "SPLADE_LISTEN": f"127.0.0.1:{grpc}",
            "SPLADE_METRICS_LISTEN": f"127.0.0.1:{metrics}",
        }
        self.log = (directory / "log").open("w+")
        command = [binary, *self.container["args"]]
        self.process = subprocess.Popen(command, env=self.environment, cwd=directory, stdout=self.log, stderr=self.log)

    def read_variables(self, objects):
        """Returns the variables of the image, the settings and the container; later ones take precedence."""
        (image,) = re.findall(r"^ENV (.*?)\n(?=EXPOSE)", (DEPLOY / "Dockerfile").read_text(), re.DOTALL | re.MULTILINE)
        variables = dict(pair.split("=") for pair in image.replace("\\\n", " ").split()) | get_settings(objects)
        for variable in self.container["env"]:
            source = variable.get("valueFrom")
            requested = self.container["resources"]["requests"]["cpu"]
            assert source in (None, {"resourceFieldRef": {"resource": "requests.cpu"}})
            variables[variable["name"]] = requested if source else variable["value"]
        return variables

    def map_path(self, path):
        """Replaces a mount path of the pod by the directory on this machine."""
        for mount_path, directory in self.mounts.items():
            path = re.sub(rf"^(unix:)?{mount_path}(?=/|$)", rf"\g<1>{directory}", path)
        return path

    def run_client(self, *command, **environment):
        """Runs a client command in the pod's environment and returns its exit status."""
        names = ("SPLADE_SERVER", "SPLADE_CLIENT_CA")
        environment = {name: self.environment[name] for name in names if name in self.environment} | environment
        done = subprocess.run([self.binary, *command], env=environment, capture_output=True, text=True, timeout=120)
        return done.returncode

    def probe(self, name, wait="2s"):
        """Runs a probe as the kubelet would: the command of an `exec` probe, or the health check of a gRPC probe."""
        probe = self.container[name]
        if "exec" in probe:
            _, *command = probe["exec"]["command"]
        else:
            service = probe["grpc"].get("service")
            command = ["health", *(["--service", service] if service else [])]
        return self.run_client(*command, "--wait", wait)

    def wait_until_started(self):
        if self.probe("startupProbe", "60s") != SERVING:
            self.process.kill()
            pytest.fail(f"the server did not start\n{self.read_log()}")
        return self

    def read_log(self):
        self.log.seek(0)
        return self.log.read()


@pytest.fixture(params=TARGETS)
def container(request, binary, model, tmp_path_factory):
    # A short directory name, because the path of a Unix socket is limited to 107 bytes.
    running = Container(binary, model, render_kustomize(request.param), tmp_path_factory.mktemp("pod"))
    yield running.wait_until_started()
    running.process.kill()
    running.process.wait()


@pytest.fixture(scope="module")
def model():
    fetch = [sys.executable, str(ROOT / "scripts" / "fetch_model.py")]
    return os.environ.get("SPLADE_MODEL_DIR") or subprocess.check_output(fetch, text=True).strip()


def test_container_runs_as_its_manifest_says(container):
    # The store is unavailable: the pod is alive, but not ready.
    assert container.probe("livenessProbe") == SERVING
    assert container.probe("readinessProbe") == NOT_SERVING

    tokens = container.environment.get("SPLADE_AUTH_TOKENS")
    encode = ("encode", "a text")
    assert (container.run_client(*encode) == 0) == (tokens is None)
    assert container.run_client(*encode, SPLADE_TOKEN=TOKEN) == 0

    if path := container.environment.get("SPLADE_UNIX_SOCKET"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        # The other containers of the pod connect to the same path.
        for each in container.pod["containers"]:
            (address,) = re.findall(r"unix:[^'\"\s]+", str(each.get("args", "")) + str(each.get("env", "")))
            assert container.run_client(*encode, SPLADE_SERVER=container.map_path(address)) == 0

    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(container.pod["terminationGracePeriodSeconds"]) == 0, container.read_log()


def create_certificate(directory):
    """Creates a self-signed certificate with CA:FALSE: rustls refuses a CA certificate as a server certificate."""
    openssl = find_program("openssl")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    command += ["-keyout", directory / "tls.key", "-out", directory / "tls.crt", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    shutil.copy(directory / "tls.crt", directory / "ca.crt")


def find_free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
