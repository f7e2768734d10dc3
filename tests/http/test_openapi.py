"""Checks the HTTP gateway against its OpenAPI document with schemathesis, which generates requests."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
]
# Number of valid and invalid requests per operation. The seed makes them reproducible.
EXAMPLES = 40
SEED = 20
TIME_LIMIT_S = 300
TOKEN = "token-0123456789abcdef"
HOOKS = Path(__file__).with_name("hooks.py")
CONFIG = Path(__file__).with_name("schemathesis.toml")


def call(url: str, path: str, body: object) -> None:
    headers = {"content-type": "application/json", "authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.status == 200


def test_responses_conform_to_the_openapi_document(start_gateway, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    url = start_gateway("--auth-tokens", str(tokens))
    # The examples of the document refer to this collection, document and alias.
    document = {"id": 1, "text": "a cat sat on the mat", "payload": {"year": 1999}}
    call(url, "/v1/upsert", {"options": {"collection": "docs", "create_collection": True}, "documents": [document]})
    call(url, "/v1/set_alias", {"alias": "current", "collection": "docs"})
    program = str(Path(sys.executable).with_name("schemathesis"))
    command = [program, "--config-file", str(CONFIG), "run", f"{url}/openapi.json"]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--mode", "all"]
    command += ["--max-examples", str(EXAMPLES), "--seed", str(SEED), "--generation-deterministic"]
    command += ["--header", f"Authorization: Bearer {TOKEN}", "--request-timeout", "20", "--no-color"]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": str(HOOKS)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT_S)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "No issues found" in done.stdout, done.stdout
