"""Fixtures: the deploy/ directory, and the binary whose flags the manifests use."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "skips"))

from manifests import DEPLOY  # noqa: E402


@pytest.fixture(scope="session")
def deploy() -> Path:
    return DEPLOY


@pytest.fixture(scope="session")
def binary() -> str:
    path = os.environ.get("SPLADE_SIDECAR_BIN")
    if not path:
        pytest.fail("SPLADE_SIDECAR_BIN is not set; build the binary and set it to the path", pytrace=False)
    return str(Path(path).resolve())
