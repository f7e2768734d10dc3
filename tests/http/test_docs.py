"""Runs every curl command of docs/http.md, unchanged except for the address, against a real server."""

import json
import re
import subprocess

from google.protobuf import descriptor_pool

from conftest import ROOT
from skips import find_program
from splade_sidecar.v1 import encoder_service_pb2, index_service_pb2  # noqa: F401

ADDRESS = "http://localhost:8080"


def curl_blocks(markdown: str) -> list[str]:
    """Returns the shell blocks that call the server, in order."""
    blocks, lines, in_block = [], [], False
    for line in markdown.splitlines():
        if line.strip() == "```sh":
            in_block, lines = True, []
        elif in_block and line.strip() == "```":
            blocks.append("\n".join(lines))
            in_block = False
        elif in_block:
            lines.append(line)
    return [block for block in blocks if "curl" in block]


def test_shell_blocks_with_curl_are_found():
    assert curl_blocks("```sh\nls\n```\n```sh\ncurl a \\\n  b\n```\n```json\ncurl\n```\n") == ["curl a \\\n  b"]


def test_the_page_calls_every_method_of_the_api():
    pool = descriptor_pool.Default()
    names = [
        method.name
        for service in ("EncoderService", "IndexService")
        for method in pool.FindServiceByName(f"splade_sidecar.v1.{service}").methods
    ]
    page = "\n".join(curl_blocks((ROOT / "docs" / "http.md").read_text(encoding="utf-8")))
    paths = ["/v1/" + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names]
    assert [path for path in paths if not re.search(rf"{path}\b", page)] == []


def test_the_commands_of_the_page_succeed(start_gateway, tmp_path):
    find_program("curl")
    url = start_gateway()
    blocks = curl_blocks((ROOT / "docs" / "http.md").read_text(encoding="utf-8"))
    calls = 0
    for block in blocks:
        assert ADDRESS in block, f"{block}\ndoes not contain {ADDRESS}"
        # Prints each response on its own line, and fails on HTTP errors.
        curl = "curl() { command curl --silent --show-error --fail-with-body -w '\\n' \"$@\"; }; set -euo pipefail\n"
        script = curl + block.replace(ADDRESS, url)
        done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        responses = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        assert len(responses) >= block.count("curl "), f"{block}\n{done.stdout}"
        assert not any("error" in response for response in responses), done.stdout
        calls += len(responses)
    assert calls > 15
