"""Every curl line of docs/http.md, run as it stands against a running server."""

import json
import re
import subprocess

from google.protobuf import descriptor_pool

from conftest import ROOT
from skips import find_program
from splade_sidecar.v1 import encoder_service_pb2, index_service_pb2  # noqa: F401

ADDRESS = "http://localhost:8080"


def commands(markdown: str) -> list[str]:
    """The shell code that calls the server, block by block, in order."""
    blocks, lines, inside = [], [], False
    for line in markdown.splitlines():
        if line.strip() == "```sh":
            inside, lines = True, []
        elif inside and line.strip() == "```":
            blocks.append("\n".join(lines))
            inside = False
        elif inside:
            lines.append(line)
    return [block for block in blocks if "curl" in block]


def test_blocks_are_found():
    assert commands("```sh\nls\n```\n```sh\ncurl a \\\n  b\n```\n```json\ncurl\n```\n") == ["curl a \\\n  b"]


def test_every_call_of_the_contract_is_there():
    pool = descriptor_pool.Default()
    names = [
        method.name
        for service in ("EncoderService", "IndexService")
        for method in pool.FindServiceByName(f"splade_sidecar.v1.{service}").methods
    ]
    page = "\n".join(commands((ROOT / "docs" / "http.md").read_text(encoding="utf-8")))
    paths = ["/v1/" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names]
    assert [path for path in paths if not re.search(rf"{path}\b", page)] == []


def test_the_lines_of_the_page(open_door, tmp_path):
    find_program("curl")
    door = open_door()
    blocks = commands((ROOT / "docs" / "http.md").read_text(encoding="utf-8"))
    calls = 0
    for block in blocks:
        assert ADDRESS in block, f"{block}\ndoes not name {ADDRESS}"
        # Each answer on a line of its own; a refusal is a failure.
        curl = "curl() { command curl --silent --show-error --fail-with-body -w '\\n' \"$@\"; }; set -euo pipefail\n"
        script = curl + block.replace(ADDRESS, door)
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        assert len(answers) >= block.count("curl "), f"{block}\n{done.stdout}"
        assert not any("error" in answer for answer in answers), done.stdout
        calls += len(answers)
    assert calls > 15
