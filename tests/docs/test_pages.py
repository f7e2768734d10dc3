"""Runs the commands of the README and of pages of docs/ in order, with the real binary and model, and compares outputs.

With `UPDATE_DOCS=1`, the printed outputs are written to the pages instead.
"""

import os
import re
from pathlib import Path

import pytest

from conftest import ROOT
from page import Block, outputs_match, parse_blocks, substitute, write_outputs
from recipes import require_program
from shell import run_blocks
from sidecar import clean_environment, free_ports
from skips import missing_needs, skip
from splade_sidecar.v1 import errors_pb2

DOCS = ROOT / "docs"
README = ROOT / "README.md"
ADDRESS = "localhost:50051"
UPDATE = bool(os.environ.get("UPDATE_DOCS"))


@pytest.fixture
def environment(binary, tmp_path_factory):
    """Returns the environment of a reader who has built the binary and set nothing, except that ports are free ones."""
    port, metrics_port = free_ports(2)
    path = tmp_path_factory.mktemp("bin")
    (path / "splade-sidecar").symlink_to(binary)
    return {
        **clean_environment(),
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}",
        "SPLADE_LISTEN": f"127.0.0.1:{port}",
        "SPLADE_METRICS_LISTEN": f"127.0.0.1:{metrics_port}",
        "SPLADE_SERVER": f"http://127.0.0.1:{port}",
    }


@pytest.fixture
def clone(tmp_path):
    """Returns a writable directory with those files of a clone that the pages use."""
    directory = tmp_path / "clone"
    directory.mkdir()
    for name in ("clients", "demo", "proto", "scripts"):
        (directory / name).symlink_to(ROOT / name)
    return directory


def run_page(page: Path, directory: Path, environment: dict[str, str], **paths: Path) -> None:
    """Runs the blocks of a page in order. If programs for some blocks are missing, skips the test after the others.

    `paths` maps files and directories of the page to the paths that the test uses instead.
    """
    texts, outputs, missing = [], [], set()
    substitutes = {ADDRESS: environment["SPLADE_LISTEN"], **{name: str(path) for name, path in paths.items()}}
    for block in (substitute(block, substitutes) for block in parse_blocks(page)):
        absent = missing_needs(*block.argument.split()) if block.action in ("run", "output") else []
        if block.action == "file":
            texts.append(f"cat >'{block.argument}' <<'END-OF-FILE'\n{block.text}END-OF-FILE")
        elif absent:
            missing.update(absent)
        elif block.action == "run":
            texts.append(block.text)
        elif block.action == "output":
            outputs.append((len(texts) - 1, block))
    printed = run_blocks(texts, directory, environment)
    check_outputs(page, [(printed[number], block) for number, block in outputs])
    if missing:
        skip(*sorted(missing))


def check_outputs(page: Path, outputs: list[tuple[str, Block]]) -> None:
    if UPDATE:
        write_outputs(page, {block.line: printed for printed, block in outputs})
        return
    for printed, block in outputs:
        assert outputs_match(block.text, printed), f"{page.name}:{block.line} shows\n{block.text}but printed\n{printed}"


def test_the_readme(clone, environment):
    run_page(README, clone, environment)


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").split()) <= 1000


def test_figures_of_the_readme_are_among_those_of_the_performance_page():
    figures = re.findall(r"\b\d{1,3},\d{3}\b", README.read_text(encoding="utf-8"))
    performance = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert figures and [figure for figure in figures if f" {figure} " not in performance] == []


def test_the_errors_page_lists_each_reason_once():
    table = re.findall(r"^\| [A-Z_]+ \| (.*?) \|", (DOCS / "errors.md").read_text(encoding="utf-8"), re.M)
    reasons = {name.replace("ERROR_REASON_", "", 1) for name in errors_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}
    assert sorted(re.findall(r"`([A-Z_]+)`", " ".join(table))) == sorted(reasons)


def test_the_quick_start(clone, environment):
    run_page(DOCS / "quickstart.md", clone, environment)
    leftovers = {path.name for path in clone.iterdir() if not path.is_symlink()}
    assert not leftovers, f"the page should remove everything that it creates, but leaves {leftovers}"


def test_the_concepts(clone, environment, start, tmp_path):
    start(tmp_path / "store", address=environment["SPLADE_LISTEN"])
    run_page(DOCS / "concepts.md", clone, environment)


def test_the_model_change(clone, environment, model_folder, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "grpcurl").symlink_to(require_program("grpcurl"))
    environment = {**environment, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{environment['PATH']}"}
    models = {"./splade-v2": Path(model_folder), "./splade-v3": ROOT / "tests" / "data" / "models" / "bert-random-tied"}
    run_page(DOCS / "model-change.md", clone, environment, **models)


def test_the_clients(environment, start, tmp_path):
    start(tmp_path / "store", address=environment["SPLADE_LISTEN"])
    # Runs in the repository, whose builds are incremental. Files that the page creates go to a temporary directory.
    run_page(DOCS / "clients.md", ROOT, environment, **{name: tmp_path / name for name in ("client-env", "first.py")})


@pytest.mark.parametrize(
    "name", ["README.md", *(f"docs/{name}.md" for name in ("quickstart", "concepts", "model-change", "clients"))]
)
def test_every_command_is_run_or_has_a_reason(name):
    for block in parse_blocks(ROOT / name):
        if block.language in ("sh", "python"):
            assert block.action in ("run", "not run", "file"), f"{name}:{block.line} has no action"
        assert block.action != "not run" or block.argument, f"{name}:{block.line} has no reason for not being run"


def test_numbers_may_differ_in_their_last_digit():
    assert outputs_match("sum  2.3080\nterms 4\n", "sum 2.3081\nterms 4\n")
    assert not outputs_match("sum 2.3080", "sum 2.3090")
    assert not outputs_match("sum 2.3080", "total 2.3080")
    assert not outputs_match("4 terms", "5 terms")
