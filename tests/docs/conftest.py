"""Fixtures of `tests/python` for the tests of this directory."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "python"), str(TESTS.parent / "scripts" / "skips")]

from fixtures import ROOT, STUBS, binary, model_folder, start  # noqa: E402

__all__ = ["ROOT", "STUBS", "binary", "model_folder", "start"]
