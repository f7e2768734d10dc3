"""Static checks of the Dockerfile and the Compose file, without a container runtime."""

import re

import yaml

from manifests import ROOT, find_server, find_tool, render_kustomize, run


def read_instructions(deploy):
    """Returns the instructions of the Dockerfile as (name, arguments)."""
    text = re.sub(r"^#.*\n", "", (deploy / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line]


def find_values(deploy, instruction):
    return [value for name, value in read_instructions(deploy) if name == instruction]


def test_base_images_are_build_arguments(deploy):
    bases = find_values(deploy, "FROM")
    assert bases == ["${RUST_IMAGE} AS build", "${RUNTIME_IMAGE}"]
    releases = [argument for argument in find_values(deploy, "ARG") if "_IMAGE=" in argument]
    assert len(releases) == 2
    # The same Debian release, because the binary needs the C library that it was linked against.
    assert "trixie" in releases[0] and "debian13" in releases[1]


def test_compiler_version_matches_cargo_toml(deploy):
    (version,) = re.findall(r'^rust-version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert f"rust:{version}-slim" in (deploy / "Dockerfile").read_text()


def test_user_matches_the_security_context(deploy):
    _, container = find_server(render_kustomize("service"))
    context = container["securityContext"]
    assert find_values(deploy, "USER") == [f"{context['runAsUser']}:{context['runAsGroup']}"]


def test_environment_matches_ports_and_mounts_of_the_pods(deploy):
    environment = dict(pair.split("=") for pair in find_values(deploy, "ENV")[0].split())
    _, container = find_server(render_kustomize("service"))
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert environment["SPLADE_LISTEN"] == f"0.0.0.0:{ports['grpc']}"
    assert environment["SPLADE_METRICS_LISTEN"] == f"0.0.0.0:{ports['metrics']}"
    assert environment["HF_HOME"] in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert find_values(deploy, "EXPOSE") == [f"{ports['grpc']} {ports['metrics']}"]


def test_build_context_contains_all_inputs(deploy):
    """The inputs are Cargo's files, the contract, the sources, and the files that the sources include."""
    allowed = {line[1:] for line in (deploy / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert {"Cargo.toml", "Cargo.lock", "build.rs", "proto", "src", "xtask"} <= allowed
    assert all((ROOT / name).exists() for name in allowed)
    sources = [ROOT / "build.rs", *(ROOT / "src").rglob("*.rs")]
    for source in sources:
        for included in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', source.read_text()):
            path = (source.parent / included).resolve().relative_to(ROOT)
            assert path.parts[0] in allowed or str(path) in allowed, f"{source.name} includes {included}"


def test_compose_file_loads(deploy):
    assert int(run([find_tool("deploycheck"), "compose", str(deploy / "compose.yaml")])) == 2


def test_compose_publishes_ports_on_loopback_only(deploy):
    services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), name
        assert not service["image"].endswith(":latest") and ":" in service["image"], name
