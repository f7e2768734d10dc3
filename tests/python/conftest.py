"""Fixtures of the tests in this directory."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "skips"))

from fixtures import ROOT, STUBS, binary, model_folder, sidecar, start  # noqa: E402

__all__ = ["ROOT", "STUBS", "binary", "model_folder", "sidecar", "start"]
