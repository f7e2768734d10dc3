"""Checks the package with mypy in strict mode."""

import subprocess
import sys
from pathlib import Path

from skips import import_package


def test_mypy_finds_nothing(tmp_path):
    import_package("mypy")
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path)]
    checked = subprocess.run(command, cwd=Path(__file__).resolve().parents[1], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
