"""Operational behaviour: health, reflection, metrics, graceful shutdown and durability."""

import signal
import threading
import urllib.request

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from documents import document, ingest, options
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import query_pb2 as queries

SERVICES = ["splade_sidecar.v1.EncoderService", "splade_sidecar.v1.IndexService"]


@pytest.mark.parametrize("service", ["", *SERVICES])
def test_health_is_serving(sidecar, service):
    answer = sidecar.health.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service_is_not_found(sidecar):
    with pytest.raises(grpc.RpcError) as error:
        sidecar.health.Check(health_pb2.HealthCheckRequest(service="nonesuch"))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_v1alpha_shows_the_contract(sidecar):
    database = ProtoReflectionDescriptorDatabase(sidecar.channel)
    assert set(SERVICES) <= set(database.get_services())
    file = database.FindFileContainingSymbol("splade_sidecar.v1.IndexService")
    request = next(message for message in file.message_type if message.name == "IngestRequest")
    operations = next(field for field in request.field if field.name == "operations")
    assert operations.type_name == ".splade_sidecar.v1.Operation", "reflection must serve the unmodified contract"


def test_metrics_count_documents(sidecar):
    ingest(sidecar, options("counted"), [document("a good one"), document("")])
    with urllib.request.urlopen(f"http://{sidecar.metrics_address}/metrics", timeout=10) as page:
        assert page.headers.get_content_type() == "text/plain"
        lines = page.read().decode().splitlines()
    samples = [line for line in lines if line and not line.startswith("#")]
    for parts in [("documents", "indexed"), ("documents", "EMPTY_TEXT"), ("tokens",), ("queue",)]:
        matching = [sample for sample in samples if all(part in sample for part in parts)]
        assert matching, f"no sample contains {parts}"
    assert any(float(sample.rsplit(" ", 1)[1]) > 0 for sample in samples if "EMPTY_TEXT" in sample)


def test_a_stream_is_drained_before_the_server_stops(start, tmp_path):
    sidecar = start(tmp_path / "store")
    sent = threading.Event()

    def requests():
        upsert = index.Operation(upsert=document("one", 1))
        yield index.IngestRequest(options=options("drained"), operations=[upsert])
        # Keeps the stream open until `draining` is received; then the client half-closes.
        assert sent.wait(30)

    call = sidecar.index.Ingest(requests(), timeout=60)
    received = [next(call)]
    while received[-1].durable_through < 1:
        received.append(next(call))
    sidecar.process.send_signal(signal.SIGTERM)
    for response in call:
        received.append(response)
        if response.HasField("draining"):
            assert response.draining.read_through == 1
            assert response.draining.grace_period.ToSeconds() > 0
            sent.set()
    assert sum(response.HasField("draining") for response in received) == 1
    assert call.code() == grpc.StatusCode.OK
    assert sidecar.stop() == 0, sidecar.read_log()


def test_sigterm_shuts_down_cleanly_and_loses_nothing(start, tmp_path):
    first = start(tmp_path / "store")
    ingest(first, options("kept"), [document(f"text number {n}", n) for n in range(50)])
    assert first.stop() == 0, first.read_log()
    second = start(tmp_path / "store")
    described = second.index.GetCollection(index.GetCollectionRequest(collection="kept"))
    assert described.collection.point_count == 50
    request = index.SearchRequest(collection="kept", query=queries.Query(text="text number"), limit=50)
    assert len(second.index.Search(request).hits) == 50
    assert second.stop() == 0, second.read_log()
