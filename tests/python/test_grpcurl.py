"""Every grpcurl line of the README, run as it stands against a running server, over reflection."""

import json
import os
import shlex
import shutil
import subprocess

import pytest

from conftest import ROOT

README_ADDRESS = "localhost:50051"


def commands(markdown: str) -> list[str]:
    """The commands of the code blocks that begin with `grpcurl `, each with its continuation lines, in order."""
    found, inside, pending = [], False, None
    for line in markdown.splitlines():
        if line.lstrip().startswith("```"):
            inside, pending = not inside, None
        elif inside and (pending is not None or line.startswith("grpcurl ")):
            pending = line if pending is None else f"{pending}\n{line}"
            if is_complete(pending):
                found.append(pending)
                pending = None
    return found


def is_complete(command: str) -> bool:
    if command.endswith("\\"):
        return False
    try:
        shlex.split(command)
    except ValueError:  # A quotation goes on in the next line.
        return False
    return True


def json_values(text: str) -> list[object]:
    values, position = [], 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        value, position = json.JSONDecoder().raw_decode(text, position)
        values.append(value)
    return values


def test_commands_are_found():
    markdown = "```sh\ngrpcurl a \\\n  b\nls\ngrpcurl -d '{\n}' c\n```\ngrpcurl outside\n"
    assert commands(markdown) == ["grpcurl a \\\n  b", "grpcurl -d '{\n}' c"]
    assert json_values('{"a": 1}\n{}\n') == [{"a": 1}, {}]


def test_the_lines_of_the_readme(start, tmp_path):
    grpcurl = os.environ.get("GRPCURL") or shutil.which("grpcurl")
    if not grpcurl:
        pytest.skip("there is no grpcurl: set GRPCURL, or put it on the PATH")
    lines = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert lines, "the README has no grpcurl line"
    # A server of its own: the README begins with an empty store.
    sidecar = start(tmp_path / "store")
    for line in lines:
        assert README_ADDRESS in line, f"{line}\ndoes not name {README_ADDRESS}"
        command = shlex.quote(grpcurl) + line.removeprefix("grpcurl").replace(README_ADDRESS, sidecar.address)
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout.strip(), f"{line}\nprinted nothing"
        if not {"list", "describe"} & set(shlex.split(line)):
            assert json_values(done.stdout), line
