"""The package in an environment with naver's `splade` package, and with user-generated stubs."""

import subprocess
import sys
import textwrap
from importlib.metadata import files
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parents[3] / "proto"


def run(script, *paths):
    """Runs a script in a new process, with these directories first on the Python path."""
    environment = {"PYTHONPATH": ":".join(map(str, paths)), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.strip()


def generate(directory):
    """Compiles the proto files like a user."""
    directory.mkdir()
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    outputs = [f"--python_out={directory}", f"--grpc_python_out={directory}"]
    protos = map(str, sorted(PROTO.rglob("*.proto")))
    assert protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", *outputs, *protos]) == 0


USE = """
    from splade_sidecar import Client, Document
    from splade_sidecar.v1 import index_service_pb2, index_service_pb2_grpc
    from splade_sidecar.v1.document_pb2 import DocumentId
    import splade_sidecar.v1.errors_pb2
    from splade_sidecar.messages import operation

    operation_message = operation(Document("a text", DocumentId(num=7)))
    assert isinstance(operation_message, index_service_pb2.Operation) and operation_message.upsert.id.num == 7
    assert index_service_pb2_grpc.IndexServiceStub
"""


def test_the_package_installs_one_top_level_name():
    names = {file.parts[0] for file in files("splade-sidecar") if not file.parts[0].endswith(".dist-info")}
    assert names == {"splade_sidecar"}
    stubs = {file.name for file in files("splade-sidecar") if file.name.endswith("_pb2.py") and "v1" in file.parts}
    assert stubs == {f"{proto.stem}_pb2.py" for proto in (PROTO / "splade_sidecar/v1").glob("*.proto")}


def test_beside_navers_package(tmp_path):
    package = tmp_path / "splade"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text("NAME = 'naver'")
    for first in (USE + "    import splade.models\n", "    import splade.models\n" + USE):
        assert run(first + "    print(splade.models.NAME)\n", tmp_path) == "naver"


def test_beside_stubs_that_the_user_generated(tmp_path):
    """protoc writes no `__init__.py`, so its output directory doesn't shadow the installed package of the same name."""
    generate(tmp_path / "generated")
    run(USE, tmp_path / "generated")
    # Also with stubs of the same proto files under another module name in the same process.
    generate(tmp_path / "copied")
    for stub in (tmp_path / "copied" / "splade_sidecar" / "v1").iterdir():
        text = stub.read_text().replace("from splade_sidecar.v1 import", "from mine.splade_sidecar.v1 import")
        stub.write_text(text)
    (tmp_path / "copied").rename(tmp_path / "mine")
    imports = "    from mine.splade_sidecar.v1 import index_service_pb2 as mine\n"
    check = """
    assert mine.__file__ != index_service_pb2.__file__
    assert mine.Operation.FromString(operation_message.SerializeToString()).upsert.text == "a text"
    """
    for script in (imports + USE + check, USE + imports + check):
        run(script, tmp_path)
