#!/usr/bin/env python3
"""Prints the licences of all crates that the binary of a target triple links, with each text once.

python3 scripts/third_party.py x86_64-unknown-linux-gnu
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

PATTERNS = ["LICEN[CS]E*", "COPYING*", "NOTICE*", "UNLICENSE*"]


def find_linked_packages(metadata: dict) -> list[dict]:
    """Returns the transitive normal dependencies of the root package, without the root package."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, pending = {root}, [root]
    while pending:
        for dependency in nodes[pending.pop()]["deps"]:
            is_normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            if is_normal and dependency["pkg"] not in seen:
                seen.add(dependency["pkg"])
                pending.append(dependency["pkg"])
    packages = [package for package in metadata["packages"] if package["id"] in seen - {root}]
    return sorted(packages, key=lambda package: (package["name"], package["version"]))


def read_licences(package: dict) -> list[str]:
    """Returns the texts of the licence files of a package."""
    directory = Path(package["manifest_path"]).parent
    files = {path for pattern in PATTERNS for path in directory.glob(pattern) if path.is_file()}
    return [path.read_text(errors="replace").strip() for path in sorted(files)]


def main() -> None:
    """Prints the packages with their licences, then each licence text with the packages that it applies to."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--filter-platform={sys.argv[1]}"]
    metadata = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    owners: dict[str, list[str]] = {}
    contents: dict[str, str] = {}
    print("splade-sidecar contains these packages:\n")
    for package in find_linked_packages(metadata):
        title = f"{package['name']} {package['version']}"
        print(f"{title}: {package['license'] or package['license_file']}")
        for text in read_licences(package):
            digest = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
            contents.setdefault(digest, text)
            owners.setdefault(digest, []).append(title)
    for digest, text in contents.items():
        print(f"\n{'=' * 80}\n{', '.join(owners[digest])}\n{'=' * 80}\n\n{text}")


if __name__ == "__main__":
    main()
