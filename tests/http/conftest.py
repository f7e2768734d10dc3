"""The servers of `tests/python`, with a door for JSON."""

import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "python"), str(TESTS.parent / "scripts" / "skips")]

from fixtures import ROOT, STUBS, binary, model_folder, start  # noqa: E402
from sidecar import free_ports  # noqa: E402

__all__ = ["ROOT", "STUBS", "binary", "model_folder", "start"]


@pytest.fixture
def open_door(start, tmp_path):
    """Starts a server on an empty store, with these flags beside, and gives the URL of its door."""

    def open_door(*flags: str) -> str:
        address = f"127.0.0.1:{free_ports(1)[0]}"
        start(tmp_path / "store", "--http-listen", address, *flags)
        return f"http://{address}"

    return open_door
