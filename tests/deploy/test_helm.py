"""The chart: its lint, its schema, and that it gives what kustomize gives."""

import re
import shutil

import pytest
import yaml

from manifests import CHART, FORMS, charted, find, kustomized, pod_spec, run, server, tool

# What only one of the two has: labels of the release, and how a changed setting is noticed (a hash in the name there, a
# checksum here).
KUSTOMIZE_HASH = re.compile(r"^splade-sidecar-[a-z0-9]{10}$")


def comparable(value):
    if isinstance(value, dict):
        return {key: comparable(each) for key, each in value.items() if key != "checksum/settings"}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    return "splade-sidecar" if isinstance(value, str) and KUSTOMIZE_HASH.match(value) else value


def by_name(objects):
    named = {}
    for made in map(comparable, objects):
        made["metadata"].pop("labels", None)
        pod = made.get("spec", {}).get("template", {}).get("metadata", {})
        if not pod.get("annotations"):
            pod.pop("annotations", None)
        named[made["kind"], made["metadata"]["name"]] = made
    return named


def test_lint():
    run([tool("helm"), "lint", "--strict", str(CHART)])


@pytest.mark.parametrize("form", FORMS)
def test_the_chart_gives_what_kustomize_gives(form):
    chart, kustomize = by_name(charted(form)), by_name(kustomized(form))
    assert chart.keys() == kustomize.keys()
    for name, made in kustomize.items():
        assert chart[name] == made, name


@pytest.mark.parametrize("form", FORMS)
def test_two_releases_share_nothing(form):
    helm = [tool("helm"), "template", "other", str(CHART), "--set", f"{FORMS[form][1]},sidecar.name=other-app"]
    other = by_name(made for made in yaml.safe_load_all(run(helm)) if made)
    assert not other.keys() & by_name(charted(form)).keys()


@pytest.mark.parametrize(
    "values, complaint",
    [
        ("mode=everything", "/mode"),
        ("serivce.minReplicas=3", "serivce"),
        ("settings.SPLADE_QDRANT_API_KEY=secret", "SPLADE_QDRANT_API_KEY"),
        ("image.digest=sha256:123", "/image/digest"),
        ("backfill.shards=0", "/backfill/shards"),
    ],
)
def test_the_schema_refuses(values, complaint):
    with pytest.raises(AssertionError, match=complaint):
        charted("service", values)


def test_values_reach_the_manifests():
    digest = "sha256:" + "0" * 64
    job = find(charted("backfill", "backfill.shards=64", f"image.digest={digest}"), "Job")["spec"]
    ingest = job["template"]["spec"]["containers"][0]
    assert job["completions"] == 64
    assert "--shard=$(JOB_COMPLETION_INDEX)/64" in ingest["args"]
    assert ingest["image"] == f"splade-sidecar@{digest}"
    alone = charted("service", "service.models.shared=false", "service.serviceMonitor.enabled=false")
    assert not {"PersistentVolumeClaim", "ServiceMonitor"} & {made["kind"] for made in alone}


def test_another_chart_places_the_container_itself(tmp_path):
    """As the comment in templates/_pod.tpl tells, with the application's own init container beside it."""
    (tmp_path / "templates").mkdir()
    shutil.copytree(CHART, tmp_path / "charts" / "splade-sidecar")
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: parent, version: 0.1.0}")
    (tmp_path / "values.yaml").write_text("splade-sidecar: {mode: sidecar, sidecar: {containers: []}}")
    (tmp_path / "templates" / "app.yaml").write_text("""
{{- $splade := index .Subcharts "splade-sidecar" }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: mine}
spec:
  template:
    spec:
      {{- include "splade-sidecar.pod" $splade | nindent 6 }}
      initContainers:
        - {name: migrate, image: mine}
        - restartPolicy: Always
          {{- include "splade-sidecar.container" $splade | nindent 10 }}
      containers: [{name: mine, image: mine}]
      volumes:
        {{- include "splade-sidecar.volumes" $splade | nindent 8 }}
""")
    helm = [tool("helm"), "template", "splade-sidecar", str(tmp_path)]
    objects = [made for made in yaml.safe_load_all(run(helm)) if made]
    pod = pod_spec(find(objects, "Deployment"))
    assert [container["name"] for container in pod["initContainers"]] == ["migrate", "splade-sidecar"]
    assert pod["initContainers"][1] == server(charted("sidecar"))[1]
