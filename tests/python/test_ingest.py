"""Ingest, Upsert, Delete and GetCollection: every document has one result, and a bad one stands alone."""

import math

import grpc
import pytest
from splade.v1 import encoder_service_pb2 as encoder
from splade.v1 import index_service_pb2 as index
from splade.v1 import types_pb2 as types

from documents import DENSE_NAME, corpus, document, ingest, invalid_utf8, nested_payload, options
from faults import fails

INDEXED, REJECTED = index.DOCUMENT_STATUS_INDEXED, index.DOCUMENT_STATUS_REJECTED


def collection(sidecar, name):
    return sidecar.index.GetCollection(index.GetCollectionRequest(collection=name))


def with_id(text, **kind):
    return types.Document(id=types.DocumentId(**kind), text=text)


def with_dense(text, name, *values):
    made = document(text)
    made.dense_vectors[name].values.extend(values)
    return made


def test_many_documents_are_indexed_once(sidecar):
    documents = corpus(240)
    results = ingest(sidecar, options("many"), documents)
    assert [result.id for result in results] == [made.id for made in documents]
    assert all(result.status == INDEXED and result.term_count > 0 and result.token_count > 2 for result in results)
    described = collection(sidecar, "many")
    model = sidecar.encoder.GetModel(encoder.GetModelRequest()).model
    assert described.point_count == 240
    assert (described.model, described.fingerprint) == (model.name, model.fingerprint)
    assert described.options.vector_name == "splade"
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
}


def test_bad_documents_stand_alone(sidecar):
    good = [document(f"good document number {number}", 100 + number) for number in range(len(BAD))]
    mixed = [item for pair in zip(good, (bad for bad, _, _ in BAD.values())) for item in pair]
    results = ingest(sidecar, options("mixed"), mixed, batch=5)
    assert all(result.status == INDEXED for result in results[::2])
    for (name, (_, reason, field)), result in zip(BAD.items(), results[1::2]):
        assert result.status == REJECTED, name
        assert result.rejection.code != 0 and result.rejection.message, name
        assert reason in (None, result.rejection.reason), (name, result.rejection)
        assert result.rejection.field.startswith(field), (name, result.rejection)
    assert collection(sidecar, "mixed").point_count == len(good)


def test_a_payload_may_be_32_deep(sidecar):
    results = ingest(sidecar, options("deep"), [nested_payload("some text", 32)])
    assert [result.status for result in results] == [INDEXED]


def test_a_second_document_of_an_id_replaces_the_first(sidecar):
    results = ingest(sidecar, options("twice"), [document("about cheese", 7), document("about rockets", 7)])
    assert [result.status for result in results] == [INDEXED, INDEXED]
    assert collection(sidecar, "twice").point_count == 1
    hits = sidecar.index.Search(index.SearchRequest(collection="twice", text="rockets")).hits
    assert hits[0].payload["text"] == "about rockets"


def test_ids_come_back_as_they_were_given(sidecar):
    uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8"
    given = [types.DocumentId(num=7), types.DocumentId(uuid=uuid), types.DocumentId(key="shelf/3 – blue")]
    documents = [types.Document(id=id, text=f"text number {n}") for n, id in enumerate(given)]
    results = ingest(sidecar, options("ids"), documents + [document("a text without an id")])
    assert [result.id for result in results[:3]] == given
    assert results[3].id.uuid
    hits = sidecar.index.Search(index.SearchRequest(collection="ids", text="text number")).hits
    assert {id.SerializeToString() for id in given} <= {hit.id.SerializeToString() for hit in hits}


def test_sending_again_is_harmless(sidecar):
    documents = [document(f"a text without an id, number {n}") for n in range(10)]
    first = ingest(sidecar, options("again"), documents)
    second = ingest(sidecar, options("again"), documents)
    assert [result.id for result in first] == [result.id for result in second]
    assert collection(sidecar, "again").point_count == 10


def test_upsert_answers_in_order_and_delete_takes_away(sidecar):
    documents = [document("first", 1), document("", 2), document("third", 3)]
    results = sidecar.index.Upsert(index.UpsertRequest(options=options("handful"), documents=documents)).results
    assert [(result.sequence, result.status) for result in results] == [(1, INDEXED), (2, REJECTED), (3, INDEXED)]
    ids = [types.DocumentId(num=1), types.DocumentId(num=99)]
    sidecar.index.Delete(index.DeleteRequest(collection="handful", ids=ids))
    assert collection(sidecar, "handful").point_count == 1


def test_a_collection_is_only_made_on_request(sidecar):
    with fails(grpc.StatusCode.NOT_FOUND) as failure:
        ingest(sidecar, index.IngestOptions(collection="absent"), [document("some text")])
    assert failure.reason == "COLLECTION_NOT_FOUND"
    with fails(grpc.StatusCode.NOT_FOUND):
        collection(sidecar, "absent")


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "x" * 129])
def test_a_bad_collection_name_is_refused(sidecar, name):
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        ingest(sidecar, options(name), [document("some text")])
    assert failure.fields == ["options.collection"]
