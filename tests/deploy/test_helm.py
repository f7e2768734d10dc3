"""The Helm chart: lint, schema, and equality with the objects that kustomize renders."""

import re
import shutil

import pytest
import yaml

from manifests import (
    CHART,
    TARGETS,
    find_object,
    find_server,
    find_tool,
    get_pod_spec,
    render_chart,
    render_kustomize,
    run,
)

# Ignored differences: labels of the release, and how a changed setting triggers a rollout. Kustomize appends a hash to
# the name of the ConfigMap, the chart adds a checksum annotation.
KUSTOMIZE_HASH = re.compile(r"^splade-sidecar-[a-z0-9]{10}$")


def normalize(value):
    """Removes the hash of kustomize and the checksum of the chart."""
    if isinstance(value, dict):
        return {key: normalize(each) for key, each in value.items() if key != "checksum/settings"}
    if isinstance(value, list):
        return [normalize(each) for each in value]
    return "splade-sidecar" if isinstance(value, str) and KUSTOMIZE_HASH.match(value) else value


def index_by_name(objects):
    """Returns the normalized objects by kind and name, without labels and empty annotations."""
    indexed = {}
    for manifest in map(normalize, objects):
        manifest["metadata"].pop("labels", None)
        pod = manifest.get("spec", {}).get("template", {}).get("metadata", {})
        if not pod.get("annotations"):
            pod.pop("annotations", None)
        indexed[manifest["kind"], manifest["metadata"]["name"]] = manifest
    return indexed


def test_lint():
    run([find_tool("helm"), "lint", "--strict", str(CHART)])


@pytest.mark.parametrize("target", TARGETS)
def test_chart_renders_the_same_objects_as_kustomize(target):
    chart, kustomize = index_by_name(render_chart(target)), index_by_name(render_kustomize(target))
    assert chart.keys() == kustomize.keys()
    for name, manifest in kustomize.items():
        assert chart[name] == manifest, name


@pytest.mark.parametrize("target", TARGETS)
def test_two_releases_share_no_objects(target):
    values = f"{TARGETS[target][1]},sidecar.name=other-app"
    rendered = run([find_tool("helm"), "template", "other", str(CHART), "--set", values])
    other = index_by_name(manifest for manifest in yaml.safe_load_all(rendered) if manifest)
    assert not other.keys() & index_by_name(render_chart(target)).keys()


@pytest.mark.parametrize(
    "values, error",
    [
        ("mode=everything", "/mode"),
        ("serivce.minReplicas=3", "serivce"),
        ("settings.SPLADE_QDRANT_API_KEY=secret", "SPLADE_QDRANT_API_KEY"),
        ("image.digest=sha256:123", "/image/digest"),
        ("backfill.shards=0", "/backfill/shards"),
    ],
)
def test_schema_rejects_invalid_values(values, error):
    with pytest.raises(AssertionError, match=error):
        render_chart("service", values)


def test_values_are_applied():
    digest = "sha256:" + "0" * 64
    job = find_object(render_chart("backfill", "backfill.shards=64", f"image.digest={digest}"), "Job")["spec"]
    ingest = job["template"]["spec"]["containers"][0]
    assert job["completions"] == 64
    assert "--shard=$(JOB_COMPLETION_INDEX)/64" in ingest["args"]
    assert ingest["image"] == f"splade-sidecar@{digest}"
    minimal = render_chart("service", "service.models.shared=false", "service.serviceMonitor.enabled=false")
    assert not {"PersistentVolumeClaim", "ServiceMonitor"} & {manifest["kind"] for manifest in minimal}


def test_parent_chart_can_place_the_container(tmp_path):
    """Follows the comment in templates/_pod.tpl, in a pod that already has an init container."""
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
    rendered = run([find_tool("helm"), "template", "splade-sidecar", str(tmp_path)])
    objects = [manifest for manifest in yaml.safe_load_all(rendered) if manifest]
    pod = get_pod_spec(find_object(objects, "Deployment"))
    assert [container["name"] for container in pod["initContainers"]] == ["migrate", "splade-sidecar"]
    assert pod["initContainers"][1] == find_server(render_chart("sidecar"))[1]
