"""Generates stubs from `proto/`, and defines fixtures that the conftest.py of each test directory can import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stubs import generate_stubs

ROOT = Path(__file__).resolve().parents[2]

pytest.register_assert_rewrite("documents", "faults", "load")

# Generated before the test modules are imported, because they import the stubs. The directory is removed at exit.
STUBS = generate_stubs()


@pytest.fixture(scope="session")
def binary() -> str:
    """Path of the server binary."""
    path = os.environ.get("SPLADE_SIDECAR_BIN")
    if not path:
        pytest.fail("SPLADE_SIDECAR_BIN is not set; build the binary and set the variable to its path", pytrace=False)
    return str(Path(path).resolve())


@pytest.fixture(scope="session")
def model_folder() -> str:
    """Directory of the splade-tiny model, which is downloaded if SPLADE_MODEL_DIR is not set."""
    directory = os.environ.get("SPLADE_MODEL_DIR")
    if directory:
        return directory
    fetch = [sys.executable, str(ROOT / "scripts" / "fetch_model.py")]
    return subprocess.run(fetch, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture(scope="session")
def start(binary, model_folder):
    """Function that starts a server: `start(store_dir, "--flag", "value")`. Further keyword arguments go to `Sidecar`.

    All servers are killed at the end of the session.
    """
    from sidecar import Sidecar

    running = []

    def start(store_dir: Path, *options: str, **more: object) -> Sidecar:
        running.append(Sidecar(binary, model_folder, store_dir, *options, **more))
        return running[-1]

    yield start
    for server in running:
        server.kill()


@pytest.fixture(scope="session")
def sidecar(start, tmp_path_factory):
    """Server shared by most tests. Each test uses its own collections."""
    return start(tmp_path_factory.mktemp("store"))
