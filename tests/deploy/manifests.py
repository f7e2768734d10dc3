"""Renders the manifests in deploy/ with kustomize and Helm, and finds objects in them."""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from skips import find_program

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "splade-sidecar"
# Deployment targets: the kustomize directory, and the Helm values that render the same objects.
TARGETS = {
    "service": ("deploy/kubernetes/overlays/service", "mode=service"),
    "service over TLS": ("tests/deploy/tls", "mode=service,service.tlsSecretName=splade-sidecar-tls"),
    "sidecar": ("deploy/kubernetes/overlays/sidecar", "mode=sidecar"),
    "backfill": ("deploy/kubernetes/jobs/backfill", "mode=backfill"),
}

Object = dict[str, Any]


def find_tool(name: str) -> str:
    """Finds a tool that `make deploy-tools` builds. Skips the test if Go was not available to build it."""
    return find_program(name, os.environ.get("DEPLOY_TOOLS") or os.environ["PATH"])


def run(command: list[str], stdin: str | None = None) -> str:
    """Runs a command and returns its standard output; fails the test if the exit status is not 0."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@functools.cache
def run_cached(*command: str) -> str:
    return run(list(command))


def render_kustomize(target: str) -> list[Object]:
    return list(yaml.safe_load_all(run_cached(find_tool("kustomize"), "build", str(ROOT / TARGETS[target][0]))))


def render_chart(target: str, *values: str) -> list[Object]:
    values = ",".join((TARGETS[target][1], *values))
    text = run_cached(find_tool("helm"), "template", "splade-sidecar", str(CHART), "--set", values)
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def get_pod_spec(manifest: Object) -> Object | None:
    is_workload = manifest["kind"] in ("Deployment", "Job")
    return manifest.get("spec", {}).get("template", {}).get("spec") if is_workload else None


def find_containers(objects: list[Object]) -> list[Object]:
    """Returns the containers of all workloads, init containers included."""
    specs = [spec for spec in map(get_pod_spec, objects) if spec]
    return [container for spec in specs for container in [*spec.get("initContainers", []), *spec["containers"]]]


def find_object(objects: list[Object], kind: str) -> Object:
    """Returns the only object of a kind."""
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def find_server(objects: list[Object]) -> tuple[Object, Object]:
    """Returns the spec of the only pod, and the server container in it."""
    (spec,) = (spec for spec in map(get_pod_spec, objects) if spec)
    (container,) = (each for each in find_containers(objects) if each["name"] == "splade-sidecar")
    return spec, container


def get_settings(objects: list[Object]) -> dict[str, str]:
    return find_object(objects, "ConfigMap")["data"]
