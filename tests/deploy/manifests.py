"""What kustomize and helm make of the files in deploy/, as objects."""

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
# What can be applied: the folder that kustomize builds, and the values that give the same from the chart.
FORMS = {
    "service": ("deploy/kubernetes/overlays/service", "mode=service"),
    "service over TLS": ("tests/deploy/tls", "mode=service,service.tlsSecretName=splade-sidecar-tls"),
    "sidecar": ("deploy/kubernetes/overlays/sidecar", "mode=sidecar"),
    "backfill": ("deploy/kubernetes/jobs/backfill", "mode=backfill"),
}

Object = dict[str, Any]


def tool(name: str) -> str:
    """A tool that `make deploy-tools` builds. Skips the test where it could not be built, for want of Go."""
    return find_program(name, os.environ.get("DEPLOY_TOOLS") or os.environ["PATH"])


def run(command: list[str], stdin: str | None = None) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@functools.cache
def rendered(*command: str) -> str:
    return run(list(command))


def kustomized(form: str) -> list[Object]:
    return list(yaml.safe_load_all(rendered(tool("kustomize"), "build", str(ROOT / FORMS[form][0]))))


def charted(form: str, *values: str) -> list[Object]:
    values = ",".join((FORMS[form][1], *values))
    text = rendered(tool("helm"), "template", "splade-sidecar", str(CHART), "--set", values)
    return [made for made in yaml.safe_load_all(text) if made]


def pod_spec(made: Object) -> Object | None:
    return made.get("spec", {}).get("template", {}).get("spec") if made["kind"] in ("Deployment", "Job") else None


def containers(objects: list[Object]) -> list[Object]:
    specs = [spec for spec in map(pod_spec, objects) if spec]
    return [container for spec in specs for container in [*spec.get("initContainers", []), *spec["containers"]]]


def find(objects: list[Object], kind: str) -> Object:
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def server(objects: list[Object]) -> tuple[Object, Object]:
    """The spec of the one pod, and in it the container that serves."""
    (spec,) = (spec for spec in map(pod_spec, objects) if spec)
    (container,) = (each for each in containers(objects) if each["name"] == "splade-sidecar")
    return spec, container


def settings(objects: list[Object]) -> dict[str, str]:
    return find(objects, "ConfigMap")["data"]
