"""What a platform engineer relies on: health, reflection, metrics, a clean end, and data that is still there."""

import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from splade.v1 import index_service_pb2 as index

from documents import document, ingest, options

SERVICES = ["splade.v1.EncoderService", "splade.v1.IndexService"]


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_health_is_serving(sidecar, service):
    answer = sidecar.health.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_knows_no_other_service(sidecar):
    with pytest.raises(grpc.RpcError) as error:
        sidecar.health.Check(health_pb2.HealthCheckRequest(service="nonesuch"))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_v1alpha_shows_the_contract(sidecar):
    database = ProtoReflectionDescriptorDatabase(sidecar.channel)
    assert set(SERVICES) <= set(database.get_services())
    file = database.FindFileContainingSymbol("splade.v1.IndexService")
    request = next(message for message in file.message_type if message.name == "IngestRequest")
    documents = next(field for field in request.field if field.name == "documents")
    assert documents.type_name == ".splade.v1.Document", "reflection shows the contract as it is written"


def test_metrics_count_documents(sidecar):
    ingest(sidecar, options("counted"), [document("a good one"), document("")])
    with urllib.request.urlopen(f"http://{sidecar.metrics_address}/metrics", timeout=10) as page:
        assert page.headers.get_content_type() == "text/plain"
        lines = page.read().decode().splitlines()
    samples = [line for line in lines if line and not line.startswith("#")]
    for words in [("documents", "indexed"), ("documents", "EMPTY_TEXT"), ("tokens",), ("queue",)]:
        matching = [sample for sample in samples if all(word in sample for word in words)]
        assert matching, f"no sample has {words}"
    assert any(float(sample.rsplit(" ", 1)[1]) > 0 for sample in samples if "EMPTY_TEXT" in sample)


def test_sigterm_ends_cleanly_and_loses_nothing(start, tmp_path):
    first = start(tmp_path / "store")
    ingest(first, options("kept"), [document(f"text number {n}", n) for n in range(50)])
    assert first.stop() == 0, first.read_log()
    second = start(tmp_path / "store")
    described = second.index.GetCollection(index.GetCollectionRequest(collection="kept"))
    assert described.point_count == 50
    assert len(second.index.Search(index.SearchRequest(collection="kept", text="text number", limit=50)).hits) == 50
    assert second.stop() == 0, second.read_log()
