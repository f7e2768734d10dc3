"""Checks that buf detects breaking changes of the contract since the last release, and that generated stubs work."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT, STUBS
from skips import find_program

PROTO = ROOT / "proto"
PACKAGE_DIR = "splade_sidecar/v1"
FILES = sorted(path.stem for path in (PROTO / PACKAGE_DIR).glob("*.proto"))
INDEX, ENCODING, ERRORS = (f"{PACKAGE_DIR}/{name}.proto" for name in ("index_service", "encoding", "errors"))
DOCUMENT, FILTER, TEI = f"{PACKAGE_DIR}/document.proto", f"{PACKAGE_DIR}/filter.proto", "tei/v1/tei.proto"


def run_buf_breaking(proto: Path) -> subprocess.CompletedProcess:
    """Compares a contract with that of the last release, as `make lint` does."""
    buf = os.environ.get("BUF") or find_program("buf")
    releases = sorted(
        PROTO.glob("released/*.binpb"), key=lambda path: [int(part) for part in path.stem.lstrip("v").split(".")]
    )
    command = [buf, "breaking", str(proto), "--against", str(releases[-1])]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_contract_is_backward_compatible():
    done = run_buf_breaking(PROTO)
    assert done.returncode == 0, done.stdout + done.stderr


CHANGES = {
    "a field's type": (INDEX, "  uint32 limit = 4 ", "  uint64 limit = 4 "),
    "a field's name": (ENCODING, "  optional uint32 max_terms = 1;", "  optional uint32 most_terms = 1;"),
    "a field's number": (ERRORS, "  string message = 4;", "  string message = 6;"),
    "a field's presence": (ENCODING, "  optional float min_weight = 2 ", "  float min_weight = 2 "),
    "a field's oneof": (FILTER, "    bool is_empty = 7;\n", ""),
    "a call": (INDEX, "  rpc ListAliases(ListAliasesRequest) returns (ListAliasesResponse);", ""),
    "a call's stream": (INDEX, "returns (stream IngestResponse)", "returns (IngestResponse)"),
    "a value": (ENCODING, "  LONG_TEXT_REJECT = 2;", ""),
    "a reason of an error": (ERRORS, "  ERROR_REASON_STREAM_IDLE = 15;", ""),
    "a status": (INDEX, "  OPERATION_STATUS_FAILED = 4;", ""),
    "an unimplemented field": (DOCUMENT, "  optional int64 version = 6;", ""),
    "the Go package": (DOCUMENT, "option go_package = ", 'option go_package = "example.com/other"; // '),
    "the Java package": (DOCUMENT, "option java_package = ", 'option java_package = "com.example"; // '),
    "a name of text-embeddings-inference": (TEI, "  string inputs = 1;", "  string input = 1;"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_breaking_changes_are_detected(change, tmp_path):
    name, before, after = CHANGES[change]
    file = copy_contract(tmp_path) / name
    text = file.read_text(encoding="utf-8")
    assert before in text, f"{name} no longer contains {before!r}; update CHANGES"
    file.write_text(text.replace(before, after), encoding="utf-8")
    done = run_buf_breaking(tmp_path / "proto")
    assert done.returncode != 0, f"buf did not detect the change of {change}"
    assert name in done.stdout, done.stdout + done.stderr


def test_additions_are_backward_compatible(tmp_path):
    file = copy_contract(tmp_path) / DOCUMENT
    file.write_text(file.read_text(encoding="utf-8") + "\nmessage Another {\n  string text = 1;\n}\n", encoding="utf-8")
    done = run_buf_breaking(tmp_path / "proto")
    assert done.returncode == 0, done.stdout + done.stderr


def copy_contract(directory: Path) -> Path:
    return Path(shutil.copytree(PROTO, directory / "proto"))


OPTIONS = {
    "csharp_namespace": "SpladeSidecar.V1",
    "go_package": "splade-sidecar/gen/splade_sidecar/v1;spladesidecarv1",
    "java_multiple_files": True,
    "java_package": "io.spladesidecar.v1",
    "objc_class_prefix": "SSC",
    "php_metadata_namespace": "SpladeSidecar\\V1\\GPBMetadata",
    "php_namespace": "SpladeSidecar\\V1",
    "ruby_package": "SpladeSidecar::V1",
    "swift_prefix": "SpladeSidecar",
}


@pytest.mark.parametrize("name", FILES)
def test_every_file_has_the_language_options(name):
    options = importlib.import_module(f"splade_sidecar.v1.{name}_pb2").DESCRIPTOR.GetOptions()
    assert {option: getattr(options, option) for option in OPTIONS} == OPTIONS
    # Java generates an outer class per file, whose name must differ from the names of the messages.
    assert options.java_outer_classname == "".join(word.title() for word in name.split("_")) + "Proto"


def test_no_field_name_is_a_reserved_word():
    from google.protobuf import descriptor_pool
    from google.protobuf.descriptor import FieldDescriptor

    reserved = {"except", "equals", "delete", "any", "from", "in", "is", "class", "default", "import", "package"}
    pool = descriptor_pool.Default()
    found = []
    for name in FILES:
        for message in pool.FindFileByName(f"{PACKAGE_DIR}/{name}.proto").message_types_by_name.values():
            fields: list[FieldDescriptor] = message.fields
            found += [f"{message.name}.{field.name}" for field in fields if field.name in reserved]
    assert found == []


IMPORT = """
import splade, splade.models, sys
from splade_sidecar.v1 import encoder_service_pb2_grpc, index_service_pb2_grpc
from splade_sidecar.v1 import document_pb2, index_service_pb2
assert splade.OWNER == splade.models.OWNER == "naver"
operation = index_service_pb2.Operation(upsert=document_pb2.Document(text="a cat"))
request = index_service_pb2.IngestRequest(operations=[operation])
assert index_service_pb2.IngestRequest.FromString(request.SerializeToString()) == request
"""


@pytest.mark.parametrize("stubs_first", [False, True])
def test_stubs_work_beside_a_package_named_splade(tmp_path, stubs_first):
    package = tmp_path / "splade"
    (package / "models").mkdir(parents=True)
    for directory in (package, package / "models"):
        (directory / "__init__.py").write_text('OWNER = "naver"\n')
    paths = [str(tmp_path), STUBS.name]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(reversed(paths) if stubs_first else paths)}
    done = subprocess.run([sys.executable, "-c", IMPORT], env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in Path(STUBS.name).iterdir()} == {"splade_sidecar", "tei"}
