"""Functions that skip the current Python test because of a requirement of needs.json."""

from __future__ import annotations

import importlib
import shutil
from types import ModuleType
from typing import NoReturn

import pytest

from records import NEEDS


class MissingNeed(pytest.skip.Exception):
    """Skips a test because of one or more unmet requirements."""

    def __init__(self, *needs: str) -> None:
        self.needs = needs
        super().__init__("; ".join(f"{NEEDS[need]['reason']}: {NEEDS[need]['command']}" for need in needs))


def skip(*needs: str) -> NoReturn:
    """Skips the current test because of these keys of needs.json."""
    __tracebackhide__ = True
    raise MissingNeed(*needs)


def find_program(name: str, path: str | None = None) -> str:
    """Returns the path of a program, or skips the current test."""
    __tracebackhide__ = True
    return shutil.which(name, path=path) or skip(find_need(name))


def missing_needs(*programs: str) -> list[str]:
    """Returns the keys of needs.json for the programs that are not in PATH."""
    missing = [name for name in programs if not shutil.which(name)]
    return sorted({find_need(name) for name in missing})


def find_need(name: str) -> str:
    """Returns the key of needs.json for a program."""
    for need, entry in NEEDS.items():
        if name in entry.get("programs", ()):
            return need
    raise LookupError(f"no requirement lists the program {name}; add it to scripts/skips/needs.json")


def import_package(name: str) -> ModuleType:
    """Imports a module of clients/python/tests/requirements.txt, or skips the current test."""
    __tracebackhide__ = True
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        skip("client-packages")
