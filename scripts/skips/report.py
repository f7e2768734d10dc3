"""Lists the tests that `make test` skipped, or fails if there are any.

report.py list FILE|DIRECTORY [--suites SUITE...]
    Prints the skipped tests, grouped by reason, and the suites that did not run.
report.py check DIRECTORY --suites SUITE... --exempt NEED...
    Fails if a suite did not run, or if a test was skipped because of a requirement that is not exempt.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from records import NEEDS, Skip, read

# Maximum number of tests to list per reason; the suite's file has all of them.
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
    print(format_skips(collect(arguments.path, lambda _: True)))
    for suite in find_missing_suites(arguments.path, arguments.suites):
        print(f"did not run: make {suite}")
    return 0


def collect(path: Path, predicate: Callable[[Skip], bool]) -> list[tuple[Path, Skip]]:
    """Returns the records that satisfy a predicate, from a suite's file or from all suites of a directory."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return [(file, skip) for file in files for skip in read(file) if predicate(skip)]


def find_missing_suites(directory: Path, suites: list[str]) -> list[str]:
    """Returns the suites without a file, which were never started."""
    return [suite for suite in suites if not (directory / f"{suite}.jsonl").exists()]


def check_run(directory: Path, suites: list[str], exempt: list[str]) -> int:
    """Prints the suites that did not run and the skips that are not exempt. Returns the exit status."""
    missing = find_missing_suites(directory, suites)
    for suite in missing:
        print(f"error: the suite {suite} did not run; run `make {suite}`", file=sys.stderr)
    unexpected = collect(directory, lambda skip: skip.need not in exempt)
    if unexpected:
        print(f"error: skipped tests are not exempt (exempt: {exempt})\n{format_skips(unexpected)}", file=sys.stderr)
    return 1 if missing or unexpected else 0


def format_skips(found: list[tuple[Path, Skip]]) -> str:
    """Returns a list of skips, grouped by reason, each with the command that provides the requirement."""
    if not found:
        return "nothing was skipped"
    groups: dict[tuple[str, str], list[tuple[Path, str]]] = {}
    for file, skip in found:
        groups.setdefault((skip.reason, skip.command), []).append((file, skip.test))
    count = len({(file, skip.test) for file, skip in found})
    lines = [f"skipped: {format_count(count)}"]
    for (reason, command), group in groups.items():
        lines += [f"  {format_count(len(group))}: {reason}", f"    to run: {command}"]
        lines += [f"      {file.stem}  {test}" for file, test in group[:MAX_NAMES]]
        if len(group) > MAX_NAMES:
            lines.append(f"      and {len(group) - MAX_NAMES} more, see {group[-1][0]}")
    return "\n".join(lines)


def format_count(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"


if __name__ == "__main__":
    sys.exit(main())
