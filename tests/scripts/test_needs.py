"""Tests are skipped only through helpers that record the skip and the command that would run the test."""

import re
import subprocess

import pytest

from conftest import ROOT
from records import NEEDS

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MADE = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
SUITES = re.search(r"^SUITES := (.+)$", MAKEFILE, re.M)[1].split()
# Skip mechanisms of pytest and unittest that the helpers of scripts/skips replace.
FORBIDDEN_SKIPS = re.compile(
    r"pytest\.(skip|xfail)|importorskip|skipif|mark\.skip|run=False|collect_ignore|SkipTest|skipTest|unittest\.skip"
)
IGNORED = ("child process of another test", "measures")


def sources(*patterns: str) -> dict[str, str]:
    """Returns the text of each test file, except for tests/scripts, which names the forbidden mechanisms."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    found = [name for name in names if not name.startswith("tests/scripts/") and (ROOT / name).exists()]
    assert found
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in found}


PYTHON = sources("tests/*.py", "clients/*.py")
RUST = sources("tests/it/*.rs", "src/*.rs")


def test_python_tests_skip_only_through_the_helpers():
    assert [name for name, text in PYTHON.items() if FORBIDDEN_SKIPS.search(text)] == []


def test_rust_tests_skip_only_through_the_helper():
    by_hand = [name for name, text in RUST.items() if re.search(r'print(ln)?!\(\s*"skip', text)]
    assert by_hand == ["tests/it/support/skips.rs"]


def test_ignored_rust_tests_name_the_target_that_runs_them():
    reasons = [reason for text in RUST.values() for reason in re.findall(r"#\[ignore(?: = \"(.*)\")?\]", text)]
    assert reasons
    for reason in set(reasons) - set(IGNORED):
        named = re.search(r"make ([a-z-]+)", reason)
        assert named and named[1] in MADE, f"#[ignore = {reason!r}] names no target of the Makefile"


def test_each_need_is_used_and_has_a_command():
    used = {need for text in RUST.values() for need in re.findall(r'\bskip\("([a-z-]+)"\)', text)}
    texts = [*PYTHON.values(), (ROOT / "scripts" / "skips" / "skips.py").read_text(encoding="utf-8")]
    used |= {need for text in texts for need in re.findall(r'\bskip\("([a-z-]+)"\)', text)}
    assert used <= NEEDS.keys()
    assert {need for need, entry in NEEDS.items() if "programs" not in entry} <= used
    for need, entry in NEEDS.items():
        assert entry["reason"] and entry["command"], need
        for target in re.findall(r"\bmake ([a-z-]+)", entry["command"]):
            assert target in MADE, f"{need}: `make {target}` is no target of the Makefile"


def test_documents_require_only_programs_of_a_need():
    programs = {program for entry in NEEDS.values() for program in entry.get("programs", ())}
    for page, text in sources("docs/*.md").items():
        named = " ".join(re.findall(r"^<!-- (?:run|output): (.*) -->$", text, re.M)).split()
        assert set(named) <= programs, page


@pytest.mark.parametrize("suite", SUITES)
def test_each_suite_records_its_skips(suite):
    recipe = re.search(rf"^{suite}:.*\n((?:\t.*\n|#.*\n)+)", MAKEFILE, re.M)[1]
    assert recipe.startswith("\t$(suite)\n")
    assert "bin/pytest" not in recipe and ("cargo test --locked\n" in recipe or "$(PYTEST)" in recipe)
    # Another line runs each ignored path.
    for left_out in re.findall(r"--ignore[ =](\S+)", recipe):
        assert f"$(PYTEST) {left_out} " in recipe
    assert not re.search(r"\s(-k|-m|--deselect)\b", recipe)


def test_each_test_target_is_a_suite():
    assert {name for name in MADE if name.startswith("test-")} == set(SUITES)


def test_each_directory_of_tests_is_in_a_suite():
    tests = {name.rpartition("/")[0] for name in PYTHON if re.match(r"test_.*\.py$", name.rpartition("/")[2])}
    run = re.findall(r"\$\(PYTEST\) (\S+)", MAKEFILE)
    assert [directory for directory in tests if not any(f"{directory}/".startswith(f"{each}/") for each in run)] == []
