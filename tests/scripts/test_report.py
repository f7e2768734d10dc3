"""The list of skips at the end of `make test`, and the check of CI."""

import subprocess
import sys

import pytest

from conftest import ROOT
from records import NEEDS, Skip, append, skip_for


def report(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "skips" / "report.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def check(directory, *suites: str) -> subprocess.CompletedProcess:
    return report("check", directory, "--suites", *suites, "--exempt", "qdrant", "cranfield")


def test_nothing_was_skipped(tmp_path):
    (tmp_path / "test-rust.jsonl").touch()
    assert report("list", tmp_path).stdout == "nothing was skipped\n"
    assert check(tmp_path, "test-rust").returncode == 0


def test_skips_are_listed_by_reason_with_the_command(tmp_path):
    for number in range(7):
        append(tmp_path / "test-browser.jsonl", skip_for(f"test_page.py::test_{number}", "chromium"))
    # A test may record the same need twice.
    for _ in range(2):
        append(tmp_path / "test-rust.jsonl", skip_for("qdrant_store::laws", "qdrant"))
    listed = report("list", tmp_path).stdout
    assert listed == (
        "skipped: 8 tests\n"
        f"  7 tests: {NEEDS['chromium']['reason']}\n"
        "    to run: apt-get install chromium\n"
        + "".join(f"      test-browser  test_page.py::test_{number}\n" for number in range(5))
        + f"      and 2 more, see {tmp_path}/test-browser.jsonl\n"
        f"  1 test: {NEEDS['qdrant']['reason']}\n"
        f"    to run: {NEEDS['qdrant']['command']}\n"
        "      test-rust  qdrant_store::laws\n"
    )
    assert report("list", tmp_path / "test-rust.jsonl").stdout.startswith("skipped: 1 test\n")


def test_suites_that_did_not_run_are_listed(tmp_path):
    (tmp_path / "test-rust.jsonl").touch()
    listed = report("list", tmp_path, "--suites", "test-rust", "test-docs").stdout
    assert listed == "nothing was skipped\ndid not run: make test-docs\n"


def test_the_check_allows_only_the_exemptions(tmp_path):
    for need in ("qdrant", "cranfield"):
        append(tmp_path / "test-rust.jsonl", skip_for("a", need))
    assert check(tmp_path, "test-rust").returncode == 0


@pytest.mark.parametrize(
    "skip", [skip_for("lost", "chromium"), Skip("lost", "unnamed", "QDRANT_URL is not set", "qdrant")]
)
def test_the_check_fails_on_any_other_skip(tmp_path, skip):
    append(tmp_path / "test-rust.jsonl", skip_for("exempt", "qdrant"))
    append(tmp_path / "test-rust.jsonl", skip)
    done = check(tmp_path, "test-rust")
    assert done.returncode == 1
    assert "lost" in done.stderr and "exempt\n" not in done.stderr and skip.reason in done.stderr


def test_the_check_fails_if_a_suite_did_not_run(tmp_path):
    (tmp_path / "test-rust.jsonl").touch()
    done = check(tmp_path, "test-rust", "test-docs")
    assert done.returncode == 1 and "the suite test-docs did not run" in done.stderr


def test_an_exemption_of_an_unknown_need_is_refused(tmp_path):
    assert report("check", tmp_path, "--suites", "test-rust", "--exempt", "unnamed").returncode == 2
