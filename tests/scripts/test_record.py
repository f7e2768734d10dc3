"""A suite with each kind of skip: each skip is recorded, and tests that ran are not."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT
from records import VARIABLE, read

CONFTEST = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts" / "skips")!r})
"""
SUITE = """
import pytest, unittest
from skips import find_program, import_package, missing_needs, skip

def test_that_runs(): pass

@pytest.mark.xfail
def test_that_runs_and_fails_as_expected(): assert False

def test_need(): skip("chromium")
def test_needs(): skip("go", "java")
def test_program(): find_program("ghz", "")
def test_package(): import_package("no_such_package")

@pytest.fixture
def browser(): skip("chromium")
def test_fixture(browser): pass

def test_skip(): pytest.skip("why")
def test_importorskip(): pytest.importorskip("no_such_package")
@pytest.mark.skip(reason="why")
def test_mark(): pass
@pytest.mark.skipif(True, reason="why")
def test_skipif(): pass
@pytest.mark.xfail(run=False)
def test_not_run(): pass
def test_xfail(): pytest.xfail("why")
@pytest.mark.parametrize("value", [])
def test_of_nothing(value): pass

class TestUnit(unittest.TestCase):
    @unittest.skip("why")
    def test_unit(self): pass

def test_deselected(): pass
"""
MODULE = "import pytest\npytest.importorskip('no_such_package')\ndef test_inside(): pass\n"
BY_NEED = {
    ("test_need", "chromium"),
    ("test_needs", "go"),
    ("test_needs", "java"),
    ("test_program", "ghz"),
    ("test_package", "client-packages"),
    ("test_fixture", "chromium"),
    ("test_deselected", "deselected"),
}
UNNAMED = {"skip", "importorskip", "mark", "skipif", "not_run", "xfail", "of_nothing[NOTSET]", "unit"}


def run(directory, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "scripts" / "skips" / "run_pytest.py"), str(directory), *arguments]
    environment = {**os.environ, VARIABLE: str(directory / "suite.jsonl")}
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)


def test_each_kind_of_skip_is_recorded(tmp_path):
    for name, text in {"conftest": CONFTEST, "test_suite": SUITE, "test_module": MODULE}.items():
        (tmp_path / f"{name}.py").write_text(text)
    done = run(tmp_path, "--deselect", "test_suite.py::test_deselected")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {(skip.test.rpartition("::")[2], skip.need) for skip in read(tmp_path / "suite.jsonl")}
    assert found == BY_NEED | {(f"test_{name}", "unnamed") for name in UNNAMED} | {("test_module.py", "unnamed")}


@pytest.mark.parametrize(("text", "status"), [("", 5), ("def test_that_fails(): assert False\n", 1)])
def test_empty_and_failing_suites_fail(tmp_path, text, status):
    (tmp_path / "test_suite.py").write_text(text)
    assert run(tmp_path).returncode == status
