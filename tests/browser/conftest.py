"""A browser for each test, and the servers of `tests/python`."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import chromium  # noqa: E402
from fixtures import binary, model_folder, sidecar, start  # noqa: E402
from stand_in import StandIn  # noqa: E402

__all__ = ["binary", "model_folder", "sidecar", "start"]


@pytest.fixture
def browser():
    program = chromium.find()
    if not program:
        pytest.skip("no Chromium here: install Debian's package `chromium`")
    running = chromium.Chromium(program)
    yield running
    running.close()


@pytest.fixture
def stand_in():
    server = StandIn()
    yield server
    server.close()
