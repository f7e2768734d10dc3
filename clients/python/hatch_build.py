"""Generates the stubs when the package is built or installed, so that they are never older than the contract.

`python hatch_build.py` generates them by hand, for which hatchling and grpcio-tools have to be there.
"""

import re
import tempfile
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent
PACKAGE = HERE / "src" / "splade_sidecar"


class Stubs(BuildHookInterface):
    """What hatchling calls before it packs the files."""

    def initialize(self, version: str, build_data: dict) -> None:
        """Generates them."""
        if self.target_name == "wheel":
            generate()


def contract() -> Path:
    """The folder of the contract: in the repository, or in a source archive."""
    for folder in (HERE / "proto", HERE.parents[1] / "proto"):
        if (folder / "splade" / "v1").is_dir():
            return folder
    raise FileNotFoundError("the contract, proto/splade/v1, is not there; install from a clone of the repository")


def generate() -> None:
    """Compiles the contract into the package, and so under its name, which collides with nobody's `splade`."""
    import grpc_tools
    from grpc_tools import protoc

    well_known = Path(grpc_tools.__file__).parent / "_proto"

    def compile(folder: Path, protos: list[Path], *outputs: str) -> None:
        status = protoc.main(["protoc", f"-I{folder}", f"-I{well_known}", *outputs, *map(str, protos)])
        if status != 0:
            raise RuntimeError("protoc failed; its messages are above")

    with tempfile.TemporaryDirectory() as out:
        outputs = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
        compile(contract(), sorted(contract().glob("splade/v1/*.proto")), *outputs)
        for made in Path(out, "splade", "v1").iterdir():
            text = re.sub(r"^from splade\.v1 import", "from splade_sidecar.v1 import", made.read_text(), flags=re.M)
            (PACKAGE / "v1" / made.name).write_text(text)
    details = HERE / "protos"
    compile(details, sorted(details.rglob("*.proto")), f"--python_out={PACKAGE.parent}", f"--pyi_out={PACKAGE.parent}")


if __name__ == "__main__":
    generate()
