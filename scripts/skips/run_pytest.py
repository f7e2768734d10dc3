"""Runs pytest with a plugin that records each skipped test in the file that TEST_SKIPS names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from records import VARIABLE, Skip, append, skip_for


class Recorder:
    """pytest plugin that records tests that did not run: skipped, marked as xfail without running, or deselected."""

    def __init__(self, file: Path) -> None:
        self.file = file

    # Outermost wrapper, to see the report after pytest's own wrapper has handled expected failures.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item, call):
        report = yield
        # pytest reports a test that ran and failed as expected as skipped.
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
            command = "unknown; skip with a function of scripts/skips/skips.py, which names a command"
            append(self.file, Skip(test, "unnamed", str(error), command))


def main() -> int:
    file = os.environ.get(VARIABLE)
    return pytest.main(sys.argv[1:], plugins=[Recorder(Path(file))] if file else [])


if __name__ == "__main__":
    sys.exit(main())
