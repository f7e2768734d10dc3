"""Builds each example like its README, and returns the command that runs it. Skips the test if a tool is missing."""

import subprocess
from pathlib import Path

from skips import find_program, skip

CLIENTS = Path(__file__).resolve().parents[1]


def require(*programs: str) -> None:
    for program in programs:
        find_program(program)


def build(directory: Path, *lines: str) -> None:
    for line in lines:
        done = subprocess.run(line.split(), cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"{line}: {done.stdout[-4000:]}"


def go() -> list[str]:
    require("go", "buf")
    build(CLIENTS / "go", "go generate .", "go vet .", "go build -o splade-client .")
    return [str(CLIENTS / "go" / "splade-client")]


def node() -> list[str]:
    require("node", "npm")
    build(CLIENTS / "node", "npm install --no-audit --no-fund", "npm run build")
    return ["node", str(CLIENTS / "node" / "dist" / "src" / "main.js")]


def java() -> list[str]:
    require("java", "mvn")
    build(CLIENTS / "java", "mvn -q -B -ntp package")
    target = CLIENTS / "java" / "target"
    return ["java", "-cp", f"{target}/splade-client.jar:{target}/lib/*", "example.Main"]


def cpp() -> list[str]:
    require("cmake", "c++", "pkg-config", "protoc", "grpc_cpp_plugin")
    header = "rapidjson/reader.h"
    if subprocess.run(["c++", "-E", "-x", "c++", "-include", header, "/dev/null"], capture_output=True).returncode:
        skip("cpp")
    build(CLIENTS / "cpp", "cmake -S . -B build", "cmake --build build")
    return [str(CLIENTS / "cpp" / "build" / "splade-client")]


BUILDS = {"go": go, "node": node, "java": java, "cpp": cpp}
