"""The pages that a newcomer follows, followed to the letter, with the real binary and model.

`UPDATE_DOCS=1` puts what was printed into the pages instead.
"""

import os
from pathlib import Path

import pytest

from conftest import ROOT
from page import Block, blocks, moved, same, write_outputs
from shell import run
from sidecar import clean_environment, free_ports
from skips import missing_needs, skip

DOCS = ROOT / "docs"
ADDRESS = "localhost:50051"
UPDATE = bool(os.environ.get("UPDATE_DOCS"))


@pytest.fixture(scope="module")
def environment(binary, tmp_path_factory):
    """That of a reader who has built the binary and set nothing, but for the ports, for others may be in use here."""
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
    for name in ("demo", "scripts"):
        (made / name).symlink_to(ROOT / name)
    return made


def follow(name: str, folder: Path, environment: dict[str, str], **places: Path) -> None:
    """Runs a page from top to bottom, and skips the test at its end if programs are missing for some of it.

    `places` are files and folders that the page makes, and where they are made instead.
    """
    page = DOCS / name
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


def test_the_quick_start(folder, environment):
    follow("quickstart.md", folder, environment)
    left = {path.name for path in folder.iterdir() if not path.is_symlink()}
    assert not left, f"the page says that nothing is left behind, and it leaves {left}"


def test_the_concepts(folder, environment, start, tmp_path):
    start(tmp_path / "store", address=environment["SPLADE_LISTEN"])
    follow("concepts.md", folder, environment)


def test_the_clients(environment, start, tmp_path):
    start(tmp_path / "store", address=environment["SPLADE_LISTEN"])
    # In the clone itself, whose builds are incremental; what the page adds to it is put elsewhere.
    follow("clients.md", ROOT, environment, **{name: tmp_path / name for name in ("client-env", "first.py")})


@pytest.mark.parametrize("name", ["quickstart.md", "concepts.md", "clients.md"])
def test_every_command_is_run_or_says_why_not(name):
    for block in blocks(DOCS / name):
        if block.language in ("sh", "python"):
            assert block.action in ("run", "not run", "file"), f"{name}:{block.line} is not run"
        assert block.action != "not run" or block.argument, f"{name}:{block.line} does not say why it is not run"


def test_numbers_may_differ_in_their_last_digit():
    assert same("sum  2.3080\nterms 4\n", "sum 2.3081\nterms 4\n")
    assert not same("sum 2.3080", "sum 2.3090")
    assert not same("sum 2.3080", "total 2.3080")
    assert not same("4 terms", "5 terms")
