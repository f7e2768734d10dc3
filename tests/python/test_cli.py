"""Runs the client commands of the binary against a server."""

import json
import subprocess

from conftest import ROOT
from sidecar import clean_environment


def run(sidecar, *arguments):
    """Runs a command of the binary against the server."""
    command = [sidecar.binary, *map(str, arguments), "--server", f"http://{sidecar.address}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=clean_environment())


def ingest(sidecar, file, collection, rejects):
    fields = ["--id-field", "id", "--text-field", "text", "--rejects", rejects]
    return run(sidecar, "ingest", file, "--collection", collection, "--create-collection", *fields)


def test_ingest_then_search(sidecar, tmp_path):
    done = ingest(sidecar, ROOT / "demo" / "corpus.jsonl", "cli", tmp_path / "rejects.jsonl")
    assert done.returncode == 0, done.stderr
    assert "240" in done.stdout + done.stderr
    found = run(sidecar, "search", "ancient city buried by a volcano", "--collection", "cli")
    assert found.returncode == 0, found.stderr
    assert "Vesuvius" in found.stdout


def test_ingest_fails_if_a_document_is_rejected_and_records_it(sidecar, tmp_path):
    lines = [{"id": 1, "text": "a good one"}, {"id": 2, "text": ""}, {"id": 3, "text": "another good one"}]
    file, rejects = tmp_path / "documents.jsonl", tmp_path / "rejects.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = ingest(sidecar, file, "cli-rejects", rejects)
    assert done.returncode != 0
    rejected = rejects.read_text().splitlines()
    assert len(rejected) == 1
    json.loads(rejected[0])
    assert "EMPTY_TEXT" in rejected[0]


def test_errors_are_explained(sidecar):
    failed = run(sidecar, "search", "anything", "--collection", "nonesuch")
    assert failed.returncode != 0
    assert "nonesuch" in failed.stderr
