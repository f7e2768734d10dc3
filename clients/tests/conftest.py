"""Fixtures: the example clients, each built with the standard tool of its language, and a server."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "python"), str(ROOT / "scripts" / "skips")]

from fixtures import STUBS, binary, model_folder, sidecar, start  # noqa: E402
from toolchains import BUILDS  # noqa: E402

__all__ = ["STUBS", "binary", "model_folder", "sidecar", "start"]

CLIENT_TIMEOUT_S = 120


class Client:
    """The example client of one language."""

    def __init__(self, command: list[str]) -> None:
        self.command = command

    def start(self, *arguments: str, stderr: int, token: str = "") -> subprocess.Popen:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SPLADE_")}
        if token:
            environment["SPLADE_TOKEN"] = token
        return subprocess.Popen(
            [*self.command, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
        )

    def run(self, *arguments: str, token: str = "") -> subprocess.CompletedProcess:
        process = self.start(*arguments, stderr=subprocess.PIPE, token=token)
        try:
            out, log = process.communicate(timeout=CLIENT_TIMEOUT_S)
        finally:
            process.kill()
        return subprocess.CompletedProcess(process.args, process.returncode, out, log)


@pytest.fixture(scope="session", params=BUILDS)
def client(request) -> Client:
    return Client(BUILDS[request.param]())


@pytest.fixture(scope="session")
def certificates(tmp_path_factory) -> Path:
    """A directory with ca.pem, and cert.pem and key.pem of `localhost`."""
    directory = tmp_path_factory.mktemp("certificates")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    authority = ["-subj", "/CN=authority", "-addext", "basicConstraints=critical,CA:TRUE"]
    server = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    leaf = ["-addext", "basicConstraints=CA:FALSE", "-CA", "ca.pem", "-CAkey", "ca.key"]
    for line in (
        ["-x509", *key, *authority, "-keyout", "ca.key", "-out", "ca.pem"],
        ["-x509", *key, *server, *leaf, "-keyout", "key.pem", "-out", "cert.pem"],
    ):
        subprocess.run(["openssl", "req", *line], cwd=directory, check=True, capture_output=True)
    return directory
