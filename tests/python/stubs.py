"""Stubs from `proto/`, made when they are needed."""

import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"


def generate_stubs() -> tempfile.TemporaryDirectory:
    """Compiles the contract as a client would, into modules such as `splade_sidecar.v1.document_pb2`.

    They can be imported as long as the folder exists.
    """
    folder = tempfile.TemporaryDirectory(prefix="splade-stubs-")
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    protos = [str(path) for path in sorted(PROTO.rglob("*.proto"))]
    includes = [f"-I{PROTO}", f"-I{well_known}"]
    outputs = [f"--python_out={folder.name}", f"--grpc_python_out={folder.name}"]
    status = protoc.main(["protoc", *includes, *outputs, *protos])
    assert status == 0, "the contract does not compile with grpcio-tools; its messages are above"
    sys.path.insert(0, folder.name)
    return folder
