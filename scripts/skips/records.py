"""Reads and writes records of skipped tests: one JSON Lines file per suite, with a line per test and unmet requirement.

needs.json defines the requirements by key, each with the reason for skipping and the command that provides it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

# Environment variable with the path of the current suite's file. tests/it/support/skips.rs reads it too.
VARIABLE = "TEST_SKIPS"
NEEDS: dict[str, dict] = json.loads(Path(__file__).with_name("needs.json").read_text(encoding="utf-8"))


class Skip(NamedTuple):
    """Test that was skipped completely or in part."""

    test: str
    need: str
    reason: str
    command: str


def skip_for(test: str, need: str) -> Skip:
    """Returns the record of a test that lacks a requirement of needs.json."""
    return Skip(test, need, NEEDS[need]["reason"], NEEDS[need]["command"])


def append(file: Path, skip: Skip) -> None:
    """Appends a record to a suite's file. A single write keeps lines of concurrent processes intact."""
    with open(file, "a", encoding="utf-8") as records:
        records.write(json.dumps(skip._asdict()) + "\n")


def read(file: Path) -> list[Skip]:
    """Returns the records of a suite without duplicates."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return list(dict.fromkeys(Skip(**json.loads(line)) for line in lines))
