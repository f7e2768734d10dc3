"""Generates Python stubs from `proto/`."""

import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[2] / "proto"


def generate_stubs() -> tempfile.TemporaryDirectory:
    """Compiles the contract as a client would, to modules such as `splade_sidecar.v1.document_pb2`.

    The modules can be imported until the returned directory is removed.
    """
    directory = tempfile.TemporaryDirectory(prefix="splade-stubs-")
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    protos = [str(path) for path in sorted(PROTO.rglob("*.proto"))]
    includes = [f"-I{PROTO}", f"-I{well_known}"]
    outputs = [f"--python_out={directory.name}", f"--grpc_python_out={directory.name}"]
    status = protoc.main(["protoc", *includes, *outputs, *protos])
    assert status == 0, "grpcio-tools failed to compile the contract; see its output above"
    sys.path.insert(0, directory.name)
    return directory
