"""A browser for each test, and the servers of `tests/python`."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "python"), str(ROOT / "scripts" / "skips")]

import chromium  # noqa: E402
from fixtures import binary, model_folder, sidecar, start  # noqa: E402
from skips import skip  # noqa: E402
from stand_in import StandIn  # noqa: E402

__all__ = ["binary", "model_folder", "sidecar", "start"]


@pytest.fixture
def browser():
    running = chromium.Chromium(chromium.find() or skip("chromium"))
    yield running
    running.close()


@pytest.fixture
def stand_in():
    server = StandIn()
    yield server
    server.close()
