"""Records of skipped tests: one file of JSON lines per suite, with a line per test and missing need.

The keys of needs.json name what a test can lack, why it is skipped then, and the command that brings it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

# The environment variable with the path of the current suite's file. tests/it/support/skips.rs reads it too.
VARIABLE = "TEST_SKIPS"
NEEDS: dict[str, dict] = json.loads(Path(__file__).with_name("needs.json").read_text(encoding="utf-8"))


class Skip(NamedTuple):
    """A test that did not run, or not in full."""

    test: str
    need: str
    reason: str
    command: str


def skip_for(test: str, need: str) -> Skip:
    """Returns the record of a test that lacks a need of needs.json."""
    return Skip(test, need, NEEDS[need]["reason"], NEEDS[need]["command"])


def append(file: Path, skip: Skip) -> None:
    """Appends a record to a suite's file, in one write, since the processes of a suite share the file."""
    with open(file, "a", encoding="utf-8") as records:
        records.write(json.dumps(skip._asdict()) + "\n")


def read(file: Path) -> list[Skip]:
    """Returns the records of a suite, without repetitions."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return list(dict.fromkeys(Skip(**json.loads(line)) for line in lines))
