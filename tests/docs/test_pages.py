"""The commands of the README and of pages of docs/, run in order with the real binary and model.

`UPDATE_DOCS=1` puts what was printed into the pages instead.
"""

import os
import re
from pathlib import Path

import pytest

from conftest import ROOT
from page import Block, blocks, moved, same, write_outputs
from recipes import path_of
from shell import run
from sidecar import clean_environment, free_ports
from skips import missing_needs, skip
from splade_sidecar.v1 import errors_pb2

DOCS = ROOT / "docs"
README = ROOT / "README.md"
ADDRESS = "localhost:50051"
UPDATE = bool(os.environ.get("UPDATE_DOCS"))


@pytest.fixture
def environment(binary, tmp_path_factory):
    """The environment of a reader who has built the binary and set nothing, except for ports, which are free ones."""
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
def folder(tmp_path):
    """A folder with what a clone has that the pages name, in which they may leave what they like."""
    made = tmp_path / "clone"
    made.mkdir()
    for name in ("clients", "demo", "proto", "scripts"):
        (made / name).symlink_to(ROOT / name)
    return made


def follow(page: Path, folder: Path, environment: dict[str, str], **places: Path) -> None:
    """Runs a page from top to bottom, and skips the test at its end if programs are missing for some of it.

    `places` are files and folders that the page makes, and where they are made instead.
    """
    texts, outputs, missing = [], [], set()
    others = {ADDRESS: environment["SPLADE_LISTEN"], **{name: str(place) for name, place in places.items()}}
    for block in (moved(block, others) for block in blocks(page)):
        absent = missing_needs(*block.argument.split()) if block.action in ("run", "output") else []
        if block.action == "file":
            texts.append(f"cat >'{block.argument}' <<'END-OF-FILE'\n{block.text}END-OF-FILE")
        elif absent:
            missing.update(absent)
        elif block.action == "run":
            texts.append(block.text)
        elif block.action == "output":
            outputs.append((len(texts) - 1, block))
    printed = run(texts, folder, environment)
    compare(page, [(printed[number], block) for number, block in outputs])
    if missing:
        skip(*sorted(missing))


def compare(page: Path, outputs: list[tuple[str, Block]]) -> None:
    if UPDATE:
        write_outputs(page, {block.line: printed for printed, block in outputs})
        return
    for printed, block in outputs:
        assert same(block.text, printed), f"{page.name}:{block.line} shows\n{block.text}and it was\n{printed}"


def test_the_readme(folder, environment):
    follow(README, folder, environment)


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").split()) <= 1000


def test_figures_of_the_readme_are_among_those_of_the_performance_page():
    figures = re.findall(r"\b\d{1,3},\d{3}\b", README.read_text(encoding="utf-8"))
    performance = (DOCS / "performance.md").read_text(encoding="utf-8")
    assert figures and [figure for figure in figures if f" {figure} " not in performance] == []


def test_the_page_of_errors_has_each_reason_once():
    table = re.findall(r"^\| [A-Z_]+ \| (.*?) \|", (DOCS / "errors.md").read_text(encoding="utf-8"), re.M)
    reasons = {name.replace("ERROR_REASON_", "", 1) for name in errors_pb2.ErrorReason.keys()} - {"UNSPECIFIED"}
    assert sorted(re.findall(r"`([A-Z_]+)`", " ".join(table))) == sorted(reasons)


def test_the_quick_start(folder, environment):
    follow(DOCS / "quickstart.md", folder, environment)
    left = {path.name for path in folder.iterdir() if not path.is_symlink()}
    assert not left, f"the page says that nothing is left behind, and it leaves {left}"


def test_the_concepts(folder, environment, start, tmp_path):
    start(tmp_path / "store", address=environment["SPLADE_LISTEN"])
    follow(DOCS / "concepts.md", folder, environment)


def test_the_model_change(folder, environment, model_folder, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "grpcurl").symlink_to(path_of("grpcurl"))
    environment = {**environment, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{environment['PATH']}"}
    models = {"./splade-v2": Path(model_folder), "./splade-v3": ROOT / "tests" / "data" / "models" / "bert-random-tied"}
    follow(DOCS / "model-change.md", folder, environment, **models)


def test_the_clients(environment, start, tmp_path):
    start(tmp_path / "store", address=environment["SPLADE_LISTEN"])
    # In the clone itself, whose builds are incremental; what the page adds to it is put elsewhere.
    follow(DOCS / "clients.md", ROOT, environment, **{name: tmp_path / name for name in ("client-env", "first.py")})


@pytest.mark.parametrize(
    "name", ["README.md", *(f"docs/{name}.md" for name in ("quickstart", "concepts", "model-change", "clients"))]
)
def test_every_command_is_run_or_says_why_not(name):
    for block in blocks(ROOT / name):
        if block.language in ("sh", "python"):
            assert block.action in ("run", "not run", "file"), f"{name}:{block.line} is not run"
        assert block.action != "not run" or block.argument, f"{name}:{block.line} does not say why it is not run"


def test_numbers_may_differ_in_their_last_digit():
    assert same("sum  2.3080\nterms 4\n", "sum 2.3081\nterms 4\n")
    assert not same("sum 2.3080", "sum 2.3090")
    assert not same("sum 2.3080", "total 2.3080")
    assert not same("4 terms", "5 terms")
