"""Generates the gRPC stubs when the package is built or installed, so that they always match the proto files.

`python hatch_build.py` generates them in place; it needs hatchling and grpcio-tools.
"""

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "src"
CONTRACT = Path("splade_sidecar", "v1")


class Stubs(BuildHookInterface):
    """Build hook that hatchling calls before it packs the files."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Generates the stubs of a wheel."""
        if self.target_name == "wheel":
            generate()


def find_protos() -> Path:
    """Returns the include directory of the proto files, in the repository or in a source archive."""
    for directory in (HERE / "proto", HERE.parents[1] / "proto"):
        if (directory / CONTRACT).is_dir():
            return directory
    raise FileNotFoundError(f"proto/{CONTRACT.as_posix()} not found; install from a clone of the repository")


def generate() -> None:
    """Compiles the proto files of the API into the package `splade_sidecar.v1`, and the error details."""
    import grpc_tools
    from grpc_tools import protoc

    well_known = Path(grpc_tools.__file__).parent / "_proto"

    def compile(include: Path, protos: list[Path], *kinds: str) -> None:
        outputs = [f"--{kind}_out={SOURCE}" for kind in kinds]
        status = protoc.main(["protoc", f"-I{include}", f"-I{well_known}", *outputs, *map(str, protos)])
        if status != 0:
            raise RuntimeError("protoc failed; see its output above")

    # Remove stale stubs: stubs of deleted proto files would be packed too.
    for stale in (SOURCE / CONTRACT).glob("*_pb2*"):
        stale.unlink()
    include = find_protos()
    compile(include, sorted((include / CONTRACT).glob("*.proto")), "python", "pyi", "grpc_python")
    details = HERE / "protos"
    compile(details, sorted(details.rglob("*.proto")), "python", "pyi")


if __name__ == "__main__":
    generate()
