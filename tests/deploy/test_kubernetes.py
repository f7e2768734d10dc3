"""Validates the manifests with the schemas and the pod security library of Kubernetes, and checks their consistency."""

import re
import shutil

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions

from manifests import (
    TARGETS,
    find_containers,
    find_object,
    find_server,
    find_tool,
    get_settings,
    render_chart,
    render_kustomize,
    run,
)

# From the oldest version that the README supports to the newest with a schema.
VERSIONS = sorted({version for version in all_versions() if int(version.split(".")[1]) >= 30})


@pytest.fixture(params=TARGETS)
def target(request):
    return request.param


@pytest.fixture(params=[render_kustomize, render_chart])
def objects(request, target):
    return request.param(target)


def test_schemas(objects):
    assert len(VERSIONS) >= 8
    for manifest in objects:
        if manifest["kind"] == "ServiceMonitor":
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_schemas_reject_an_unknown_field():
    deployment = find_object(render_kustomize("service"), "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.30", strict=True)


def test_service_monitors_match_the_types_of_the_operator(objects):
    monitors = sum(manifest["kind"] == "ServiceMonitor" for manifest in objects)
    assert int(run([find_tool("deploycheck"), "monitors"], yaml.safe_dump_all(objects))) == monitors


def test_restricted_pod_security(objects):
    assert int(run([find_tool("deploycheck"), "restricted"], yaml.safe_dump_all(objects))) == 1


def test_restricted_pod_security_rejects_a_violation():
    objects = render_kustomize("sidecar")
    del find_server(objects)[1]["securityContext"]["capabilities"]
    with pytest.raises(AssertionError, match="unrestricted capabilities"):
        run([find_tool("deploycheck"), "restricted"], yaml.safe_dump_all(objects))


def test_every_root_filesystem_is_read_only(objects):
    for container in find_containers(objects):
        assert container["securityContext"]["readOnlyRootFilesystem"], container["name"]


def test_grace_period_is_longer_than_the_drain_deadline(objects):
    pod, container = find_server(objects)
    drain = int(get_settings(objects)["SPLADE_DRAIN_DEADLINE"].removesuffix("s"))
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["terminationGracePeriodSeconds"] >= pause + drain + 5
    # A draining server reports NOT_SERVING, and must not be restarted for it.
    liveness = container["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > drain


def test_only_the_service_has_a_pre_stop_hook():
    """Clients of a sidecar are in the same pod, so they need no time to discover the shutdown."""
    assert "lifecycle" in find_server(render_kustomize("service"))[1]
    assert "lifecycle" not in find_server(render_kustomize("sidecar"))[1]


@pytest.mark.parametrize("target", ["sidecar", "backfill"])
def test_native_sidecar_shares_its_socket(target):
    objects = render_kustomize(target)
    pod, container = find_server(objects)
    assert container in pod["initContainers"] and container["restartPolicy"] == "Always"
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    directory = environment["SPLADE_UNIX_SOCKET"].rpartition("/")[0]
    assert environment["SPLADE_UNIX_SOCKET_MODE"] == "0660" and pod["securityContext"]["fsGroup"]
    for each in (container, *pod["containers"]):
        assert {"name": "splade-socket", "mountPath": directory} in each["volumeMounts"], each["name"]


def test_probes_use_container_ports(objects):
    _, container = find_server(objects)
    ports = {port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        # Kubernetes' gRPC probes do not support TLS.
        tls = any(variable["name"] == "SPLADE_TLS_CERT" for variable in container["env"])
        assert "exec" in container[probe] if tls else container[probe]["grpc"]["port"] in ports


def test_every_mount_has_a_volume(objects):
    pod, _ = find_server(objects)
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounts = {mount["name"] for container in find_containers(objects) for mount in container["volumeMounts"]}
    assert mounts == volumes


def test_secrets_are_read_from_the_mounted_secret():
    objects = render_kustomize("service")
    _, container = find_server(objects)
    (directory,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "splade-secrets")
    for name in ("SPLADE_QDRANT_API_KEY_FILE", "SPLADE_AUTH_TOKENS"):
        assert get_settings(objects)[name].startswith(f"{directory}/")


def test_selectors_match_the_pods():
    objects = render_kustomize("service")
    labels = find_object(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    for kind, path in {
        "Service": ["selector"],
        "PodDisruptionBudget": ["selector", "matchLabels"],
        "NetworkPolicy": ["podSelector", "matchLabels"],
    }.items():
        selector = find_object(objects, kind)["spec"]
        for key in path:
            selector = selector[key]
        assert selector and selector.items() <= labels.items(), kind
    monitor = find_object(objects, "ServiceMonitor")["spec"]
    service = find_object(objects, "Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert "replicas" not in find_object(objects, "Deployment")["spec"], "the autoscaler controls the replicas"


def test_sidecar_policy_blocks_only_the_grpc_port():
    policy = find_object(render_kustomize("sidecar"), "NetworkPolicy")["spec"]
    open_ports = [range(rule["port"], rule["endPort"] + 1) for rule in policy["ingress"][0]["ports"]]
    tcp = set().union(*open_ports[:2])
    assert set(range(1, 65536)) - tcp == {50051}


def test_adapter_rule_provides_the_metric_of_the_autoscaler(deploy):
    metric = find_object(render_kustomize("service"), "HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"]["metric"]
    rule = yaml.safe_load((deploy / "kubernetes/overlays/service/prometheus-adapter.yaml").read_text())
    assert rule["rules"]["custom"][0]["name"]["as"] == metric["name"] == "splade_queue_age_seconds"
    assert metric["selector"]["matchLabels"] == {"lane": "bulk"}


def test_backfill_shards_match_completions():
    job = find_object(render_kustomize("backfill"), "Job")["spec"]
    (ingest,) = job["template"]["spec"]["containers"]
    assert f"--shard=$(JOB_COMPLETION_INDEX)/{job['completions']}" in ingest["args"]
    for flag in ("--checkpoint=", "--rejects="):
        (argument_of_flag,) = (argument for argument in ingest["args"] if argument.startswith(flag))
        assert argument_of_flag.startswith(f"{flag}/checkpoints/$(JOB_COMPLETION_INDEX)")
    # A shard with rejected documents is not retried.
    assert job["podFailurePolicy"]["rules"][1]["onExitCodes"]["containerName"] == ingest["name"]


def test_kustomization_of_the_readme(deploy, tmp_path):
    """Renders the example kustomization of deploy/README.md."""
    (example,) = re.findall(
        r"^```yaml\n(# kustomization.yaml\n.*?)^```", (deploy / "README.md").read_text(), re.M | re.S
    )
    (tmp_path / "kustomization.yaml").write_text(example)
    shutil.copytree(deploy, tmp_path / "splade-sidecar" / "deploy")
    objects = list(yaml.safe_load_all(run([find_tool("kustomize"), "build", str(tmp_path)])))
    assert {manifest["metadata"]["namespace"] for manifest in objects} == {"search"}
    assert find_server(objects)[1]["image"] == "registry.example/splade-sidecar:0.1.0"
    assert get_settings(objects)["SPLADE_MODEL"] == "naver/splade-v3"
    assert get_settings(objects)["SPLADE_AUTH_TOKENS"], "settings of the overlay are kept"
    name = find_object(objects, "ConfigMap")["metadata"]["name"]
    assert find_server(objects)[1]["envFrom"] == [{"configMapRef": {"name": name}}]
