"""The container that serves, run as its manifest says: its arguments, settings, files and probes, but on this machine.

Mounted folders are temporary ones here, the model is the small one, and there is no Qdrant: so the store is away.
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

from manifests import DEPLOY, FORMS, ROOT, kustomized, server, settings
from skips import find_program

TOKEN = "0123456789abcdef-deploy"
SERVES, SERVES_NOT = 0, 1


class Container:
    """A running server, and the commands of a client in the same pod."""

    def __init__(self, binary, model, objects, folder):
        self.binary, self.folder = binary, folder
        self.pod, self.container = server(objects)
        self.mounts = {mount["mountPath"]: folder / mount["name"] for mount in self.container["volumeMounts"]}
        for path in self.mounts.values():
            path.mkdir()
        (folder / "splade-secrets" / "qdrant-api-key").write_text("a key\n")
        (folder / "splade-secrets" / "auth-tokens").write_text(TOKEN + "\n")
        if (folder / "splade-tls").is_dir():
            make_certificate(folder / "splade-tls")
        grpc, metrics, qdrant = free_ports(3)
        variables = {name: self.here(value) for name, value in self.variables(objects).items()}
        self.environment = variables | {
            "SPLADE_MODEL": model,
            # What a client takes that runs in the container, as an `exec` probe does.
            "SPLADE_SERVER": variables.get("SPLADE_SERVER", "http://localhost:50051").replace("50051", str(grpc)),
            "SPLADE_QDRANT_URL": f"http://127.0.0.1:{qdrant}",
            "SPLADE_LISTEN": f"127.0.0.1:{grpc}",
            "SPLADE_METRICS_LISTEN": f"127.0.0.1:{metrics}",
        }
        self.log = (folder / "log").open("w+")
        command = [binary, *self.container["args"]]
        self.process = subprocess.Popen(command, env=self.environment, cwd=folder, stdout=self.log, stderr=self.log)

    def variables(self, objects):
        """Of the image, of the settings, of the container: the later ones win."""
        (image,) = re.findall(r"^ENV (.*?)\n(?=EXPOSE)", (DEPLOY / "Dockerfile").read_text(), re.DOTALL | re.MULTILINE)
        variables = dict(pair.split("=") for pair in image.replace("\\\n", " ").split()) | settings(objects)
        for variable in self.container["env"]:
            source = variable.get("valueFrom")
            requested = self.container["resources"]["requests"]["cpu"]
            assert source in (None, {"resourceFieldRef": {"resource": "requests.cpu"}})
            variables[variable["name"]] = requested if source else variable["value"]
        return variables

    def here(self, path):
        """A path of the pod as one of this machine."""
        for mounted, folder in self.mounts.items():
            path = re.sub(rf"^(unix:)?{mounted}(?=/|$)", rf"\g<1>{folder}", path)
        return path

    def client(self, *command, **environment):
        names = ("SPLADE_SERVER", "SPLADE_CLIENT_CA")
        environment = {name: self.environment[name] for name in names if name in self.environment} | environment
        done = subprocess.run([self.binary, *command], env=environment, capture_output=True, text=True, timeout=120)
        return done.returncode

    def probe(self, name, wait="2s"):
        """As the node probes: what an `exec` probe runs, or the question of a gRPC probe."""
        probe = self.container[name]
        if "exec" in probe:
            _, *command = probe["exec"]["command"]
        else:
            service = probe["grpc"].get("service")
            command = ["health", *(["--service", service] if service else [])]
        return self.client(*command, "--wait", wait)

    def started(self):
        if self.probe("startupProbe", "60s") != SERVES:
            self.process.kill()
            pytest.fail(f"it did not start\n{self.read_log()}")
        return self

    def read_log(self):
        self.log.seek(0)
        return self.log.read()


@pytest.fixture(params=FORMS)
def container(request, binary, model, tmp_path_factory):
    # A short path: that of a Unix socket may have 107 bytes.
    running = Container(binary, model, kustomized(request.param), tmp_path_factory.mktemp("pod"))
    yield running.started()
    running.process.kill()
    running.process.wait()


@pytest.fixture(scope="module")
def model():
    fetch = [sys.executable, str(ROOT / "scripts" / "fetch_model.py")]
    return os.environ.get("SPLADE_MODEL_DIR") or subprocess.check_output(fetch, text=True).strip()


def test_it_runs_as_the_manifest_says(container):
    # The store is away: the pod lives, and is not ready.
    assert container.probe("livenessProbe") == SERVES
    assert container.probe("readinessProbe") == SERVES_NOT

    tokens = container.environment.get("SPLADE_AUTH_TOKENS")
    encode = ("encode", "a text")
    assert (container.client(*encode) == 0) == (tokens is None)
    assert container.client(*encode, SPLADE_TOKEN=TOKEN) == 0

    if path := container.environment.get("SPLADE_UNIX_SOCKET"):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        # Where the others of the pod look for it.
        for each in container.pod["containers"]:
            (address,) = re.findall(r"unix:[^'\"\s]+", str(each.get("args", "")) + str(each.get("env", "")))
            assert container.client(*encode, SPLADE_SERVER=container.here(address)) == 0

    container.process.send_signal(signal.SIGTERM)
    assert container.process.wait(container.pod["terminationGracePeriodSeconds"]) == 0, container.read_log()


def make_certificate(folder):
    """One that vouches for itself. rustls takes none that says that it is an authority."""
    openssl = find_program("openssl")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    command += ["-keyout", folder / "tls.key", "-out", folder / "tls.crt", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    shutil.copy(folder / "tls.crt", folder / "ca.crt")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
