"""The contract against that of the last release: what would break its clients is found, by buf, with our settings."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT

PROTO = ROOT / "proto"
INDEX, TYPES, TEI = "splade/v1/index_service.proto", "splade/v1/types.proto", "tei/v1/tei.proto"


def breaking(proto: Path) -> subprocess.CompletedProcess:
    """What `make lint` runs."""
    buf = os.environ.get("BUF") or shutil.which("buf")
    if not buf:
        pytest.skip("there is no buf: set BUF, or put it on the PATH")
    releases = sorted(
        PROTO.glob("released/*.binpb"), key=lambda path: [int(part) for part in path.stem.lstrip("v").split(".")]
    )
    command = [buf, "breaking", str(proto), "--against", str(releases[-1])]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_contract_breaks_nobody():
    done = breaking(PROTO)
    assert done.returncode == 0, done.stdout + done.stderr


CHANGES = {
    "a field's type": (INDEX, "  uint32 limit = 6;", "  uint64 limit = 6;"),
    "a field's name": (TYPES, "  uint32 max_terms = 1;", "  uint32 most_terms = 1;"),
    "a field's number": (TYPES, "  string message = 4;", "  string message = 5;"),
    "a call": (INDEX, "  rpc ListAliases(ListAliasesRequest) returns (ListAliasesResponse);", ""),
    "a value": (TYPES, "  LONG_TEXT_REJECT = 2;", ""),
    "a name of text-embeddings-inference": (TEI, "  string inputs = 1;", "  string input = 1;"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_breaks_clients_is_found(change, tmp_path):
    name, before, after = CHANGES[change]
    file = copy(tmp_path) / name
    text = file.read_text(encoding="utf-8")
    assert before in text, f"{name} has no longer {before!r}: change something else here"
    file.write_text(text.replace(before, after), encoding="utf-8")
    done = breaking(tmp_path / "proto")
    assert done.returncode != 0, f"{change} was changed, and nothing was found"
    assert name in done.stdout, done.stdout + done.stderr


def test_what_is_added_breaks_nobody(tmp_path):
    file = copy(tmp_path) / TYPES
    file.write_text(file.read_text(encoding="utf-8") + "\nmessage Another {\n  string text = 1;\n}\n", encoding="utf-8")
    done = breaking(tmp_path / "proto")
    assert done.returncode == 0, done.stdout + done.stderr


def copy(folder: Path) -> Path:
    return Path(shutil.copytree(PROTO, folder / "proto"))
