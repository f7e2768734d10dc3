"""The image and the compose file: what can be said of them without a container runtime."""

import re

import yaml

from manifests import ROOT, kustomized, run, server, tool


def instructions(deploy):
    text = re.sub(r"^#.*\n", "", (deploy / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line]


def values(deploy, instruction):
    return [value for name, value in instructions(deploy) if name == instruction]


def test_both_bases_are_arguments_that_a_digest_may_replace(deploy):
    bases = values(deploy, "FROM")
    assert bases == ["${RUST_IMAGE} AS build", "${RUNTIME_IMAGE}"]
    releases = [argument for argument in values(deploy, "ARG") if "_IMAGE=" in argument]
    assert len(releases) == 2
    # One Debian release: the binary asks for the C library that it was linked against.
    assert "trixie" in releases[0] and "debian13" in releases[1]


def test_the_image_has_the_compiler_that_the_package_asks_for(deploy):
    (wanted,) = re.findall(r'^rust-version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    assert f"rust:{wanted}-slim" in (deploy / "Dockerfile").read_text()


def test_the_user_is_the_one_of_the_pods(deploy):
    _, container = server(kustomized("service"))
    context = container["securityContext"]
    assert values(deploy, "USER") == [f"{context['runAsUser']}:{context['runAsGroup']}"]


def test_the_pods_rely_on_what_the_image_sets(deploy):
    environment = dict(pair.split("=") for pair in values(deploy, "ENV")[0].split())
    _, container = server(kustomized("service"))
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert environment["SPLADE_LISTEN"] == f"0.0.0.0:{ports['grpc']}"
    assert environment["SPLADE_METRICS_LISTEN"] == f"0.0.0.0:{ports['metrics']}"
    assert environment["HF_HOME"] in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert values(deploy, "EXPOSE") == [f"{ports['grpc']} {ports['metrics']}"]


def test_the_build_is_given_what_it_reads(deploy):
    """Cargo's files, the contract, the sources, and what these include."""
    allowed = {line[1:] for line in (deploy / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    assert {"Cargo.toml", "Cargo.lock", "build.rs", "proto", "src", "xtask"} <= allowed
    assert all((ROOT / name).exists() for name in allowed)
    sources = [ROOT / "build.rs", *(ROOT / "src").rglob("*.rs")]
    for source in sources:
        for included in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', source.read_text()):
            path = (source.parent / included).resolve().relative_to(ROOT)
            assert path.parts[0] in allowed or str(path) in allowed, f"{source.name} includes {included}"


def test_compose_loads(deploy):
    assert int(run([tool("deploycheck"), "compose", str(deploy / "compose.yaml")])) == 2


def test_compose_opens_ports_on_the_loopback_address_alone(deploy):
    services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    for name, service in services.items():
        for port in service["ports"]:
            assert port.startswith("127.0.0.1:"), name
        assert not service["image"].endswith(":latest") and ":" in service["image"], name
