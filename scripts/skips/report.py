"""Lists the tests that a run of `make test` skipped, or fails on them.

report.py list FILE|DIRECTORY [--suites SUITE...]
    Prints what was skipped, grouped by reason, and which of the suites did not run.
report.py check DIRECTORY --suites SUITE... --exempt NEED...
    Fails if one of the suites did not run, or if a test was skipped for another need than these.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from records import NEEDS, Skip, read

# Tests named per reason; the file of the suite has the others.
MAX_NAMES = 5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("list", "check"):
        command = commands.add_parser(name)
        command.add_argument("path", type=Path)
        command.add_argument("--suites", nargs="+", default=[], required=name == "check")
    command.add_argument("--exempt", nargs="*", default=[], choices=NEEDS)
    arguments = parser.parse_args()
    if arguments.command == "check":
        return check_run(arguments.path, arguments.suites, arguments.exempt)
    print(listing(collect(arguments.path, lambda _: True)))
    for suite in not_run(arguments.path, arguments.suites):
        print(f"did not run: make {suite}")
    return 0


def collect(path: Path, wanted: Callable[[Skip], bool]) -> list[tuple[Path, Skip]]:
    """Returns the wanted records of a suite's file, or of all suites of a directory."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [(file, skip) for file in files for skip in read(file) if wanted(skip)]


def not_run(directory: Path, suites: list[str]) -> list[str]:
    """Returns the suites that have no record, so were never started."""
    return [suite for suite in suites if not (directory / f"{suite}.jsonl").exists()]


def check_run(directory: Path, suites: list[str], exempt: list[str]) -> int:
    """Reports suites that did not run and skips that are not exempt. Returns the exit status."""
    absent = not_run(directory, suites)
    for suite in absent:
        print(f"error: the suite {suite} did not run; run `make {suite}`", file=sys.stderr)
    refused = collect(directory, lambda skip: skip.need not in exempt)
    if refused:
        print(f"error: tests were skipped; exempt are only {exempt}\n{listing(refused)}", file=sys.stderr)
    return 1 if absent or refused else 0


def listing(found: list[tuple[Path, Skip]]) -> str:
    """Describes skips, grouped by reason, each with the command that brings what was missing."""
    if not found:
        return "nothing was skipped"
    groups: dict[tuple[str, str], list[tuple[Path, str]]] = {}
    for file, skip in found:
        groups.setdefault((skip.reason, skip.command), []).append((file, skip.test))
    count = len({(file, skip.test) for file, skip in found})
    lines = [f"skipped: {tests(count)}"]
    for (reason, command), of_group in groups.items():
        lines += [f"  {tests(len(of_group))}: {reason}", f"    to run: {command}"]
        lines += [f"      {file.stem}  {test}" for file, test in of_group[:MAX_NAMES]]
        if len(of_group) > MAX_NAMES:
            lines.append(f"      and {len(of_group) - MAX_NAMES} more, see {of_group[-1][0]}")
    return "\n".join(lines)


def tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"


if __name__ == "__main__":
    sys.exit(main())
