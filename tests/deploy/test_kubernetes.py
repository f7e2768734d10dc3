"""The manifests, judged by the schemas of Kubernetes and its pod security library, and for what must go together."""

import re
import shutil

import kubernetes_validate
import pytest
import yaml
from kubernetes_validate.utils import all_versions

from manifests import FORMS, charted, containers, find, kustomized, run, server, settings, tool

# From the oldest that the README names to the newest that there are schemas of.
VERSIONS = sorted({version for version in all_versions() if int(version.split(".")[1]) >= 30})


@pytest.fixture(params=FORMS)
def form(request):
    return request.param


@pytest.fixture(params=[kustomized, charted])
def objects(request, form):
    return request.param(form)


def test_schemas(objects):
    assert len(VERSIONS) >= 8
    for made in objects:
        if made["kind"] == "ServiceMonitor":
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(made, version, strict=True)


def test_the_schemas_find_a_mistake():
    deployment = find(kustomized("service"), "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, "1.30", strict=True)


def test_service_monitors_are_what_the_operator_reads(objects):
    monitors = sum(made["kind"] == "ServiceMonitor" for made in objects)
    assert int(run([tool("deploycheck"), "monitors"], yaml.safe_dump_all(objects))) == monitors


def test_restricted_pod_security(objects):
    assert int(run([tool("deploycheck"), "restricted"], yaml.safe_dump_all(objects))) == 1


def test_restricted_pod_security_finds_a_mistake():
    objects = kustomized("sidecar")
    del server(objects)[1]["securityContext"]["capabilities"]
    with pytest.raises(AssertionError, match="unrestricted capabilities"):
        run([tool("deploycheck"), "restricted"], yaml.safe_dump_all(objects))


def test_every_root_is_read_only(objects):
    for container in containers(objects):
        assert container["securityContext"]["readOnlyRootFilesystem"], container["name"]


def test_a_pod_has_longer_to_end_than_the_server_to_drain(objects):
    pod, container = server(objects)
    drain = int(settings(objects)["SPLADE_DRAIN_DEADLINE"].removesuffix("s"))
    pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["terminationGracePeriodSeconds"] >= pause + drain + 5
    # A server that drains says NOT_SERVING: it must not be restarted for that.
    liveness = container["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > drain


def test_a_pause_before_the_stop_only_where_clients_have_to_learn_of_it():
    assert "lifecycle" in server(kustomized("service"))[1]
    assert "lifecycle" not in server(kustomized("sidecar"))[1]


@pytest.mark.parametrize("form", ["sidecar", "backfill"])
def test_a_native_sidecar_and_its_socket(form):
    objects = kustomized(form)
    pod, container = server(objects)
    assert container in pod["initContainers"] and container["restartPolicy"] == "Always"
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    folder = environment["SPLADE_UNIX_SOCKET"].rpartition("/")[0]
    assert environment["SPLADE_UNIX_SOCKET_MODE"] == "0660" and pod["securityContext"]["fsGroup"]
    for each in (container, *pod["containers"]):
        assert {"name": "splade-socket", "mountPath": folder} in each["volumeMounts"], each["name"]


def test_the_probes_are_for_ports_that_are_open(objects):
    _, container = server(objects)
    ports = {port["containerPort"] for port in container["ports"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        # Kubernetes' own gRPC probes can't speak TLS.
        tls = any(variable["name"] == "SPLADE_TLS_CERT" for variable in container["env"])
        assert "exec" in container[probe] if tls else container[probe]["grpc"]["port"] in ports


def test_every_mount_has_its_volume(objects):
    pod, _ = server(objects)
    volumes = {volume["name"] for volume in pod["volumes"]}
    mounts = {mount["name"] for container in containers(objects) for mount in container["volumeMounts"]}
    assert mounts == volumes


def test_secrets_come_as_files_of_the_mounted_secret():
    objects = kustomized("service")
    _, container = server(objects)
    (folder,) = (mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "splade-secrets")
    for name in ("SPLADE_QDRANT_API_KEY_FILE", "SPLADE_AUTH_TOKENS"):
        assert settings(objects)[name].startswith(f"{folder}/")


def test_the_service_selects_its_pods():
    objects = kustomized("service")
    labels = find(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    for kind, path in {
        "Service": ["selector"],
        "PodDisruptionBudget": ["selector", "matchLabels"],
        "NetworkPolicy": ["podSelector", "matchLabels"],
    }.items():
        selector = find(objects, kind)["spec"]
        for key in path:
            selector = selector[key]
        assert selector and selector.items() <= labels.items(), kind
    monitor = find(objects, "ServiceMonitor")["spec"]
    service = find(objects, "Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert "replicas" not in find(objects, "Deployment")["spec"], "that number is the autoscaler's"


def test_the_sidecar_policy_shuts_the_server_alone():
    policy = find(kustomized("sidecar"), "NetworkPolicy")["spec"]
    open_ports = [range(rule["port"], rule["endPort"] + 1) for rule in policy["ingress"][0]["ports"]]
    tcp = set().union(*open_ports[:2])
    assert set(range(1, 65536)) - tcp == {50051}


def test_the_adapter_gives_the_metric_that_the_autoscaler_reads(deploy):
    metric = find(kustomized("service"), "HorizontalPodAutoscaler")["spec"]["metrics"][0]["pods"]["metric"]
    rule = yaml.safe_load((deploy / "kubernetes/overlays/service/prometheus-adapter.yaml").read_text())
    assert rule["rules"]["custom"][0]["name"]["as"] == metric["name"] == "splade_queue_age_seconds"
    assert metric["selector"]["matchLabels"] == {"lane": "bulk"}


def test_a_backfill_has_as_many_shards_as_its_pods_are_told():
    job = find(kustomized("backfill"), "Job")["spec"]
    (ingest,) = job["template"]["spec"]["containers"]
    assert f"--shard=$(JOB_COMPLETION_INDEX)/{job['completions']}" in ingest["args"]
    for flag in ("--checkpoint=", "--rejects="):
        (own,) = (argument for argument in ingest["args"] if argument.startswith(flag))
        assert own.startswith(f"{flag}/checkpoints/$(JOB_COMPLETION_INDEX)")
    # A run that ended with rejected documents is not tried again.
    assert job["podFailurePolicy"]["rules"][1]["onExitCodes"]["containerName"] == ingest["name"]


def test_a_kustomization_of_somebody_else(deploy, tmp_path):
    """The one that deploy/README.md tells to write."""
    (example,) = re.findall(
        r"^```yaml\n(# kustomization.yaml\n.*?)^```", (deploy / "README.md").read_text(), re.M | re.S
    )
    (tmp_path / "kustomization.yaml").write_text(example)
    shutil.copytree(deploy, tmp_path / "splade-sidecar" / "deploy")
    objects = list(yaml.safe_load_all(run([tool("kustomize"), "build", str(tmp_path)])))
    assert {made["metadata"]["namespace"] for made in objects} == {"search"}
    assert server(objects)[1]["image"] == "registry.example/splade-sidecar:0.1.0"
    assert settings(objects)["SPLADE_MODEL"] == "naver/splade-v3"
    assert settings(objects)["SPLADE_AUTH_TOKENS"], "what the overlay sets is kept"
    name = find(objects, "ConfigMap")["metadata"]["name"]
    assert server(objects)[1]["envFrom"] == [{"configMapRef": {"name": name}}]
