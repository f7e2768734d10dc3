"""Fixtures: a server process, from the repository's own fixtures, and clients."""

import os
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(REPOSITORY / "tests" / "python"), str(REPOSITORY / "scripts" / "skips")]

from fixtures import ROOT, STUBS, binary, model_folder, sidecar, start  # noqa: E402
from skips import skip  # noqa: E402
from splade_sidecar import Client  # noqa: E402

__all__ = ["ROOT", "STUBS", "binary", "client", "model_folder", "sidecar", "start"]


@pytest.fixture(scope="session")
def client(sidecar):
    """Client of the server that most tests share."""
    with Client(sidecar.address) as client:
        yield client


@pytest.fixture
def fork():
    """Skips the test on platforms without fork."""
    if not hasattr(os, "fork"):
        skip("fork")
