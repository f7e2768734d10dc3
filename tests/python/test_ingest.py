"""Tests of Ingest, Upsert, Delete, GetDocuments and collections: one result per operation, and isolated errors."""

import math
import uuid

import grpc
import pytest

from documents import DENSE_NAME, corpus, document, field, ingest, invalid_utf8, nested_payload, options, responses
from faults import fails
from splade_sidecar.v1 import document_pb2 as docs
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import encoding_pb2 as encoding
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import query_pb2 as queries

INDEXED, REJECTED = index.OPERATION_STATUS_INDEXED, index.OPERATION_STATUS_REJECTED
DELETED = index.OPERATION_STATUS_DELETED


def get_collection(sidecar, name):
    return sidecar.index.GetCollection(index.GetCollectionRequest(collection=name)).collection


def search(sidecar, name, text):
    request = index.SearchRequest(collection=name, query=queries.Query(text=text))
    return [hit.document for hit in sidecar.index.Search(request).hits]


def with_id(text, **kind):
    return docs.Document(id=docs.DocumentId(**kind), text=text)


def with_dense(text, name, *values):
    result = document(text)
    result.dense_vectors[name].values.extend(values)
    return result


def test_every_document_is_indexed_once(sidecar):
    documents = corpus(240)
    results = ingest(sidecar, options("many"), documents)
    assert [result.id for result in results] == [sent.id for sent in documents]
    assert all(result.status == INDEXED for result in results)
    assert all(result.stats.term_count > 0 and result.stats.token_count > 2 for result in results)
    described = get_collection(sidecar, "many")
    model = sidecar.encoder.GetModel(encoder.GetModelRequest()).model
    assert described.point_count == 240
    sparse = described.options.sparse_vectors["splade"]
    assert (sparse.model, sparse.fingerprint, sparse.dtype) == (model.name, model.fingerprint, model.dtype)
    assert described.incarnation
    assert described.options.dense_vectors[DENSE_NAME].size == 3


BAD = {
    "empty text": (document("", 1), "EMPTY_TEXT", "text"),
    "blank text": (document(" \n\t ", 2), "EMPTY_TEXT", "text"),
    "text of 10 MB": (document("word " * 2_000_000, 3), "TEXT_TOO_LONG", "text"),
    "malformed UUID": (with_id("some text", uuid="not-a-uuid"), "INVALID_ARGUMENT", "id"),
    "empty key": (with_id("some text", key=""), "INVALID_ARGUMENT", "id"),
    "NaN": (with_dense("some text", DENSE_NAME, 0.5, math.nan, 0.5), "INVALID_VECTOR", "dense_vectors"),
    "two of three dimensions": (with_dense("some text", DENSE_NAME, 0.5, 0.5), "INVALID_VECTOR", "dense_vectors"),
    "unknown dense vector": (with_dense("some text", "nonesuch", 0.5), "INVALID_VECTOR", "dense_vectors"),
    "reserved payload field": (document("some text", 4, _splade_key="x"), "INVALID_ARGUMENT", "payload"),
    "payload 33 deep": (nested_payload("some text", 33), None, ""),
    "payload 200 deep": (nested_payload("some text", 200), None, ""),
    "invalid UTF-8": (invalid_utf8(), "MALFORMED_DOCUMENT", ""),
    "a field of a later release": (field(2, b"some text") + field(4095, b"x"), "UNIMPLEMENTED", ""),
    "a change of a payload": (index.Operation(set_payload=docs.SetPayload()), "UNIMPLEMENTED", "set_payload"),
    "an operation without a kind": (index.Operation(position="x"), "INVALID_ARGUMENT", ""),
    "a long position": (index.Operation(upsert=document("x"), position="x" * 257), "INVALID_ARGUMENT", "position"),
}


def test_invalid_documents_are_rejected_alone(sidecar):
    good = [document(f"good document number {number}", 100 + number) for number in range(len(BAD))]
    mixed = [item for pair in zip(good, (bad for bad, _, _ in BAD.values())) for item in pair]
    results = ingest(sidecar, options("mixed"), mixed, batch=5)
    assert all(result.status == INDEXED for result in results[::2])
    for (name, (_, reason, path)), result in zip(BAD.items(), results[1::2]):
        assert result.status == REJECTED, name
        assert result.error.code != 0 and result.error.message, name
        assert reason in (None, result.error.reason), (name, result.error)
        assert result.error.field.startswith(path), (name, result.error)
    assert get_collection(sidecar, "mixed").point_count == len(good)


def test_a_payload_of_32_levels_is_accepted(sidecar):
    results = ingest(sidecar, options("deep"), [nested_payload("some text", 32)])
    assert [result.status for result in results] == [INDEXED]


def test_a_second_document_with_an_id_replaces_the_first(sidecar):
    results = ingest(sidecar, options("twice"), [document("about cheese", 7), document("about rockets", 7)])
    assert [result.status for result in results] == [INDEXED, INDEXED]
    assert get_collection(sidecar, "twice").point_count == 1
    assert search(sidecar, "twice", "rockets")[0].payload["text"] == "about rockets"


def test_ids_are_returned_as_sent(sidecar):
    written = "67e55044-10b1-426f-9247-bb680e5fe0c8"
    given = [docs.DocumentId(num=7), docs.DocumentId(uuid=written), docs.DocumentId(key="shelf/3 – blue")]
    documents = [docs.Document(id=id, text=f"text number {n}") for n, id in enumerate(given)]
    results = ingest(sidecar, options("ids"), documents + [document("a text without an id")])
    assert [result.id for result in results[:3]] == given
    assert results[3].id.uuid
    found = search(sidecar, "ids", "text number")
    assert {id.SerializeToString() for id in given} <= {hit.id.SerializeToString() for hit in found}


def test_resending_is_idempotent(sidecar):
    documents = [document(f"a text without an id, number {n}") for n in range(10)]
    first = ingest(sidecar, options("again"), documents)
    second = ingest(sidecar, options("again"), documents)
    assert [result.id for result in first] == [result.id for result in second]
    assert get_collection(sidecar, "again").point_count == 10


def test_the_default_id_is_derived_from_the_text(sidecar):
    text = "a text without an id, in two collections"
    expected = uuid.uuid5(uuid.UUID("d5300121-159a-59fa-bccf-5c9ba0a540d7"), text)
    for name in ("made-one", "made-two"):
        [result] = ingest(sidecar, options(name), [document(text)])
        assert result.id.uuid == str(expected)


def test_operations_on_one_document_are_applied_in_order(sidecar):
    gone, kept = docs.DocumentId(key="gone"), docs.DocumentId(key="kept")
    operations = [
        index.Operation(upsert=docs.Document(id=gone, text="first"), position="0/1"),
        index.Operation(delete_document=docs.DeleteDocument(id=gone), position="0/2"),
        index.Operation(delete_document=docs.DeleteDocument(id=kept)),
        index.Operation(upsert=docs.Document(id=kept, text="second"), position="0/4"),
    ]
    results = ingest(sidecar, options("ordered"), operations)
    assert [result.status for result in results] == [INDEXED, DELETED, DELETED, INDEXED]
    assert [result.id for result in results] == [gone, gone, kept, kept]
    assert [result.position for result in results] == ["0/1", "0/2", "", "0/4"]
    assert [result.HasField("stats") for result in results] == [True, False, False, True]
    assert [found.id for found in search(sidecar, "ordered", "first second")] == [kept]


def test_the_newest_version_wins_in_any_order(sidecar):
    id = docs.DocumentId(key="versioned")
    superseded = index.OPERATION_STATUS_SUPERSEDED

    def upsert(text, version=None):
        return docs.Document(id=id, text=text, version=version)

    def delete(version):
        return docs.DeleteDocument(id=id, version=version)

    items = [upsert("first", -5), upsert("third", 3), upsert("second", 2), upsert("third again", 3), delete(3)]
    results = ingest(sidecar, options("versions"), items)
    assert [result.status for result in results] == [INDEXED, INDEXED, superseded, superseded, superseded]
    [found] = search(sidecar, "versions", "first second third")
    assert (found.payload["text"], found.version) == ("third", 3)
    results = ingest(sidecar, options("versions"), [delete(4), upsert("older than the deletion", 1), upsert("none")])
    assert [result.status for result in results] == [DELETED, INDEXED, INDEXED]
    [found] = search(sidecar, "versions", "none")
    assert found.payload["text"] == "none" and not found.HasField("version")


def test_a_resumed_stream_continues_the_sequence_numbers(sidecar):
    documents = [index.Operation(upsert=document(f"number {n}", n), position=f"offset {n}") for n in range(1, 8)]
    first = ingest(sidecar, options("resumed"), documents[:3])
    assert [result.sequence for result in first] == [1, 2, 3]
    settings = options("resumed", first_sequence=4)
    last = None
    for last in responses(sidecar, settings, documents[3:]):
        assert all(result.position == f"offset {result.sequence}" for result in last.results)
    assert (last.durable_through, last.position) == (7, "offset 7")


def test_result_filter_omits_successful_results(sidecar):
    settings = options("problems", result_filter=index.RESULT_FILTER_PROBLEMS)
    received = list(responses(sidecar, settings, [document("good", 1), document("", 2), document("good", 3)]))
    results = [result for response in received for result in response.results]
    assert [(result.sequence, result.status) for result in results] == [(2, REJECTED)]
    assert received[-1].durable_through == 3


def test_an_empty_message_is_a_heartbeat_and_flush_writes_immediately(sidecar):
    settings = options("heartbeat")
    messages = [
        index.IngestRequest(options=settings),
        index.IngestRequest(),
        index.IngestRequest(operations=[index.Operation(upsert=document("one", 1))], flush=True),
        index.IngestRequest(),
    ]
    received = list(sidecar.index.Ingest(iter(messages), timeout=60))
    assert [result.sequence for response in received for result in response.results] == [1]
    assert received[-1].durable_through == 1


def test_opened_describes_the_stream(sidecar):
    received = list(sidecar.index.Ingest(iter([index.IngestRequest(options=options("opened"))]), timeout=60))
    opened = received[0].opened
    model = sidecar.encoder.GetModel(encoder.GetModelRequest())
    assert opened.collection == get_collection(sidecar, "opened")
    assert (opened.model, opened.fingerprint) == (model.model.name, model.model.fingerprint)
    assert opened.server == model.server


def test_an_unexpected_incarnation_is_rejected(sidecar):
    ingest(sidecar, options("incarnated"), [document("one", 1)])
    settings = index.IngestOptions(collection="incarnated", expected_incarnation="another")
    with fails(grpc.StatusCode.FAILED_PRECONDITION) as failure:
        ingest(sidecar, settings, [document("two", 2)])
    assert failure.reason == "INCARNATION_MISMATCH"
    actual = get_collection(sidecar, "incarnated").incarnation
    assert failure.metadata == {
        "collection": "incarnated",
        "incarnation": actual,
        "expected_incarnation": "another",
    }
    settings.expected_incarnation = actual
    assert [result.status for result in ingest(sidecar, settings, [document("two", 2)])] == [INDEXED]
    ids = [docs.DocumentId(num=1)]
    with fails(grpc.StatusCode.FAILED_PRECONDITION) as failure:
        sidecar.index.Delete(index.DeleteRequest(collection="incarnated", ids=ids, expected_incarnation="another"))
    assert failure.reason == "INCARNATION_MISMATCH"


UNIMPLEMENTED = {
    "tenant": dict(tenant="acme"),
    "required_features": dict(required_features=["telepathy"]),
}


@pytest.mark.parametrize("name", UNIMPLEMENTED)
def test_unimplemented_fields_are_rejected(sidecar, name):
    with fails(grpc.StatusCode.UNIMPLEMENTED) as failure:
        ingest(sidecar, options("unimplemented", **UNIMPLEMENTED[name]), [document("some text")])
    assert failure.reason == "UNIMPLEMENTED"
    assert name in failure.message


def test_unknown_fields_are_rejected(sidecar):
    call = sidecar.channel.unary_unary("/splade_sidecar.v1.IndexService/GetCollection")
    with fails(grpc.StatusCode.UNIMPLEMENTED) as failure:
        call(field(1, b"many") + field(4095, b"x"))
    assert failure.reason == "UNIMPLEMENTED"
    assert "4095" in failure.message and "GetCollectionRequest" in failure.message


def test_deletion_by_filter_is_rejected(sidecar):
    ingest(sidecar, options("filtered"), [document("one", 1)])
    request = index.DeleteRequest(collection="filtered")
    request.filter.SetInParent()
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        sidecar.index.Delete(request)
    assert failure.fields == ["filter"]
    request.filter.must.add(path="year", is_empty=True)
    with fails(grpc.StatusCode.UNIMPLEMENTED):
        sidecar.index.Delete(request)
    assert get_collection(sidecar, "filtered").point_count == 1


def test_documents_are_returned_by_id(sidecar):
    ingest(sidecar, options("by-id"), [document("one", 1, year=2001), document("two", 2)])
    ids = [docs.DocumentId(num=2), docs.DocumentId(key="nonesuch"), docs.DocumentId(num=1)]
    request = index.GetDocumentsRequest(collection="by-id", ids=ids)
    request.return_options.payload_fields.append("year")
    request.return_options.with_sparse_vectors = True
    response = sidecar.index.GetDocuments(request)
    assert [found.id.num for found in response.documents] == [2, 1]
    assert [dict(found.payload) for found in response.documents] == [{}, {"year": 2001}]
    assert all(found.sparse_vectors["splade"].indices for found in response.documents)
    assert list(response.missing) == [ids[1]] and not response.remaining


def test_collections_are_created_and_listed(start, tmp_path):
    sidecar = start(tmp_path / "store")
    request = index.CreateCollectionRequest(name="made")
    request.options.sparse_vectors["splade"].on_disk_index = True
    created = sidecar.index.CreateCollection(request).collection
    assert created == get_collection(sidecar, "made")
    assert created.options.sparse_vectors["splade"].on_disk_index and created.point_count == 0
    with fails(grpc.StatusCode.ALREADY_EXISTS) as failure:
        sidecar.index.CreateCollection(request)
    assert failure.reason == "COLLECTION_EXISTS"
    other = sidecar.index.CreateCollection(index.CreateCollectionRequest(name="another")).collection
    assert other.incarnation != created.incarnation
    pages, token = [], ""
    while not pages or token:
        pages.append(sidecar.index.ListCollections(index.ListCollectionsRequest(page_size=1, page_token=token)))
        token = pages[-1].next_page_token
    assert [[listed.name for listed in page.collections] for page in pages] == [["another"], ["made"]]


def test_encoding_options_of_a_stream_are_applied(sidecar):
    settings = options("pruned", encoding=encoding.EncodingOptions(pruning=encoding.Pruning(max_terms=3)))
    [result] = ingest(sidecar, settings, [document("volcanoes on the moon of a distant planet", 1)])
    assert result.stats.term_count == 3 and result.stats.pruned_term_count > 0


def test_upsert_returns_results_in_order_and_delete_removes(sidecar):
    documents = [document("first", 1), document("", 2), document("third", 3)]
    results = sidecar.index.Upsert(index.UpsertRequest(options=options("handful"), documents=documents)).results
    assert [(result.sequence, result.status) for result in results] == [(1, INDEXED), (2, REJECTED), (3, INDEXED)]
    ids = [docs.DocumentId(num=1), docs.DocumentId(num=99)]
    sidecar.index.Delete(index.DeleteRequest(collection="handful", ids=ids))
    assert get_collection(sidecar, "handful").point_count == 1


def test_a_collection_is_created_only_on_request(sidecar):
    with fails(grpc.StatusCode.NOT_FOUND) as failure:
        ingest(sidecar, index.IngestOptions(collection="absent"), [document("some text")])
    assert failure.reason == "COLLECTION_NOT_FOUND"
    with fails(grpc.StatusCode.NOT_FOUND):
        get_collection(sidecar, "absent")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "x" * 129])
def test_an_invalid_collection_name_is_rejected(sidecar, name):
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        ingest(sidecar, options(name), [document("some text")])
    assert failure.fields == ["options.collection"]
