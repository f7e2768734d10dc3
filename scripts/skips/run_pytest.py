"""Runs pytest as the `pytest` program does, and records each skipped test in the file that TEST_SKIPS names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from records import VARIABLE, Skip, append, skip_for


class Recorder:
    """A pytest plugin that records what did not run: skipped, not run for an expected failure, or deselected."""

    def __init__(self, file: Path) -> None:
        self.file = file

    # First, so that it sees what pytest's own wrapper makes of an expected failure.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        # A test that ran and failed as expected counts as skipped for pytest, but it ran.
        ran = hasattr(report, "wasxfail") and not isinstance(call.excinfo.value, pytest.xfail.Exception)
        if report.skipped and not ran:
            self.record(item.nodeid, call.excinfo.value)
        return report

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector):
        report = yield
        if report.skipped:
            self.record(collector.nodeid, report.call.excinfo.value)
        return report

    def pytest_deselected(self, items):
        for item in items:
            append(self.file, Skip(item.nodeid, "deselected", "deselected", "run the suite without -k, -m, --deselect"))

    def record(self, test: str, error: BaseException) -> None:
        for need in getattr(error, "needs", ()):
            append(self.file, skip_for(test, need))
        if not hasattr(error, "needs"):
            command = "none is known: skip by scripts/skips/skips.py, which names one"
            append(self.file, Skip(test, "unnamed", str(error), command))


def main() -> int:
    file = os.environ.get(VARIABLE)
    return pytest.main(sys.argv[1:], plugins=[Recorder(Path(file))] if file else [])


if __name__ == "__main__":
    sys.exit(main())
