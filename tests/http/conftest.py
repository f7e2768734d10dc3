"""Fixtures of `tests/python`, and servers with the HTTP gateway enabled."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "python"), str(TESTS.parent / "scripts" / "skips")]

from fixtures import ROOT, STUBS, binary, model_folder, start  # noqa: E402
from sidecar import free_ports  # noqa: E402

__all__ = ["ROOT", "STUBS", "binary", "model_folder", "start"]


@pytest.fixture
def start_gateway(start, tmp_path):
    """Starts a server on an empty store with the given extra flags, and returns the URL of its HTTP gateway."""

    def start_gateway(*flags: str) -> str:
        address = f"127.0.0.1:{free_ports(1)[0]}"
        start(tmp_path / "store", "--http-listen", address, *flags)
        return f"http://{address}"

    return start_gateway
