"""Stubs from `proto/`, and a running server for the tests that need one. A folder's conftest.py takes what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stubs import generate_stubs

ROOT = Path(__file__).resolve().parents[2]

pytest.register_assert_rewrite("documents", "faults", "load")

# Before the test modules are imported, since they import the stubs. The folder goes when the process does.
STUBS = generate_stubs()


@pytest.fixture(scope="session")
def binary() -> str:
    path = os.environ.get("SPLADE_SIDECAR_BIN")
    if not path:
        pytest.fail("SPLADE_SIDECAR_BIN is not set; build the binary and give its path", pytrace=False)
    return str(Path(path).resolve())


@pytest.fixture(scope="session")
def model_folder() -> str:
    folder = os.environ.get("SPLADE_MODEL_DIR")
    if folder:
        return folder
    fetch = [sys.executable, str(ROOT / "scripts" / "fetch_model.py")]
    return subprocess.run(fetch, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture(scope="session")
def start(binary, model_folder):
    """Starts servers: `start(store_dir, "--flag", "value")`, with what else a Sidecar takes. The end ends them."""
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
    """The server that most tests share; each test has collections of its own."""
    return start(tmp_path_factory.mktemp("store"))
