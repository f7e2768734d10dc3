"""What pytest finds for this folder's tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from fixtures import ROOT, STUBS, binary, model_folder, start  # noqa: E402

__all__ = ["ROOT", "STUBS", "binary", "model_folder", "start"]
