"""Conversion of requests and responses, with a fake server."""

import asyncio
import datetime
import enum
import uuid
from decimal import Decimal

import grpc
import numpy as np
import pytest

from scripted import Scripted, abort
from splade_sidecar import (
    Alias,
    AlreadyExists,
    AsyncClient,
    Client,
    Collection,
    CollectionOptions,
    DenseVectorOptions,
    ErrorReason,
    FailedPrecondition,
    FingerprintMismatch,
    Internal,
    Key,
    SparseVector,
    SparseVectorOptions,
    Unimplemented,
)
from splade_sidecar.messages import (
    collection,
    collection_options,
    explain_request,
    fill_with_encoding,
    filter_message,
    search_request,
)
from splade_sidecar.v1 import collection_pb2, document_pb2, encoding_pb2, filter_pb2
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1.errors_pb2 import ErrorReason as Contract

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


class Topic(enum.Enum):
    HISTORY = "history"


def condition(**fields):
    return filter_message({"must": [fields]}).must[0]


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("history", {"keyword": "history"}),
        (Topic.HISTORY, {"keyword": "history"}),
        (uuid.UUID(UUID), {"keyword": UUID}),
        (7, {"integer": 7}),
        (2**53 + 1, {"integer": 2**53 + 1}),
        (-(2**63), {"integer": -(2**63)}),
        (7.0, {"integer": 7}),
        (np.int64(7), {"integer": 7}),
        (Decimal("7.0"), {"integer": 7}),
        (True, {"boolean": True}),
        (np.bool_(False), {"boolean": False}),
        ({"keyword": "history"}, {"keyword": "history"}),
        ({"integer": "7"}, {"integer": 7}),
    ],
)
def test_match_takes_a_python_value(given, becomes):
    assert condition(path="topic", match=given) == filter_pb2.Condition(path="topic", match=becomes)


def test_lists_of_values_and_ids_are_python_values():
    assert list(condition(path="t", match_any=["a", Topic.HISTORY]).match_any.keywords) == ["a", "history"]
    assert list(condition(path="t", match_none=(1, np.int64(2))).match_none.integers) == [1, 2]
    assert list(condition(path="t", match_any=np.array([1, 2])).match_any.integers) == [1, 2]
    assert list(condition(path="t", match_any={"keywords": ["a"]}).match_any.keywords) == ["a"]
    ids = [7, "mail/42", UUID, Key(UUID), {"num": 8}]
    forms = [{"num": 7}, {"key": "mail/42"}, {"uuid": UUID}, {"key": UUID}, {"num": 8}]
    wanted = filter_pb2.Condition(has_id={"ids": forms})
    assert condition(has_id=ids) == condition(has_id={"ids": ids}) == wanted


def test_filters_are_nested_and_have_ranges():
    when = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
    converted = filter_message(
        {
            "must": [{"path": "year", "range": {"gte": 1990, "lt": np.float32(2000)}}, {"path": "x", "is_empty": True}],
            "should": [{"filter": {"must_not": [{"path": "author.name", "match": "a"}]}}],
            "must_not": [{"path": "at", "time_range": {"gt": when}}],
        }
    )
    assert converted.must[0].range == filter_pb2.NumberRange(gte=1990, lt=2000) and converted.must[1].is_empty
    assert converted.should[0].filter.must_not[0].match.keyword == "a"
    assert converted.must_not[0].time_range.gt.ToDatetime(datetime.timezone.utc) == when
    assert filter_message(converted) is converted
    assert filter_message({"must": [converted.must[0], {"filter": converted}]}).must[1].filter == converted


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": "x", "match": 7.5}, "filter.must[0].match: fractional numbers can't be matched; use `range`"),
        ({"path": "x", "match": None}, "filter.must[0].match: expected a str, an int or a bool, got None"),
        ({"path": "x", "match": [1]}, "filter.must[0].match: expected a str, an int or a bool, got list"),
        ({"path": "x", "match": 2**63}, "filter.must[0].match: integer exceeds 64 bits"),
        ({"path": "x", "match_any": "abc"}, "filter.must[0].match_any: expected a list, got str"),
        ({"path": "x", "match_any": ["a", 1]}, "filter.must[0].match_any: mixes strings and integers"),
        ({"path": "x", "match_any": [True]}, "filter.must[0].match_any: lists of booleans are not supported"),
        ({"path": "x", "match_none": ["a", b"b"]}, "filter.must[0].match_none[1]: bytes can't be stored as JSON"),
        ({"has_id": 7}, "filter.must[0].has_id: expected a list, got int"),
        ({"has_id": [7, -1]}, "filter.must[0].has_id[1]: -1 is not in the range 0 to"),
        ({"has_id": {"ids": [True]}}, "filter.must[0].has_id.ids[0]: expected an int from 0 to 2**64 - 1"),
        ({"path": "x", "range": {"above": 1}}, "above"),
        ({"path": "x", "range": {"gt": "a"}}, "gt"),
        ({"path": "at", "time_range": {"gt": datetime.datetime(2026, 1, 2)}}, "time_range"),
        ({"field": {"key": "x"}}, "field"),
    ],
)
def test_errors_name_the_invalid_condition(given, message):
    with pytest.raises(ValueError) as caught:
        filter_message({"must": [given]})
    assert message in str(caught.value) and str(caught.value).startswith("filter")


def test_absent_pruning_differs_from_no_limit():
    given = {"collection": "notes", "pruning": {"max_terms": 0}, "long_text": "window", "window_overlap": 0}
    converted = fill_with_encoding(index.IngestOptions, {**given, "text_field": "", "model": None})
    assert converted.HasField("text_field") and converted.encoding.HasField("window_overlap")
    assert converted.encoding.pruning.HasField("max_terms") and not converted.encoding.pruning.HasField("min_weight")
    assert converted.encoding.long_text == encoding_pb2.LONG_TEXT_WINDOW
    converted = fill_with_encoding(index.IngestOptions, {"collection": "notes"})
    assert not converted.HasField("encoding") and not converted.HasField("text_field")


def test_a_search_has_a_query_and_return_options():
    pruning = encoding_pb2.Pruning(max_terms=8)
    converted = search_request(
        "notes", "grey cat", {"pruning": pruning, "vector_name": "splade", "limit": 3, "payload_fields": ["title"]}
    )
    assert (converted.query.text, converted.query.vector_name, converted.limit) == ("grey cat", "splade", 3)
    assert converted.query.encoding.pruning == pruning
    assert list(converted.return_options.payload_fields) == ["title"]
    assert converted.return_options.payload_format == document_pb2.PAYLOAD_FORMAT_JSON
    for query in (SparseVector([1], [0.5]), ([1], [0.5]), (np.array([1]), np.array([0.5]))):
        converted = search_request("notes", query, {"required_features": ["groups"]})
        assert converted.query.sparse_vector == encoding_pb2.SparseVector(indices=[1], values=[0.5])
        assert list(converted.required_features) == ["groups"]
    with pytest.raises(TypeError, match="payload_fields: expected a list"):
        search_request("notes", "grey cat", {"payload_fields": "title"})
    with pytest.raises(TypeError, match="required_features: expected a list"):
        search_request("notes", "grey cat", {"required_features": "groups"})
    converted = explain_request("cat", None, None, "a cat", {"query_encoding": {"pruning": {"max_terms": 8}}})
    assert converted.query.encoding.pruning == pruning and not converted.HasField("document_encoding")
    with pytest.raises(TypeError, match="document_encoding: expected a mapping with .*, got str"):
        explain_request("cat", None, None, "a cat", {"document_encoding": "window"})


OPTIONS = CollectionOptions(
    {"splade": SparseVectorOptions("m", "f", "float32", True, "float16")},
    {"d": DenseVectorOptions(384, "dot")},
    2,
    3,
    1,
    ["a", "b"],
)


def test_collection_options_there_and_back():
    converted = collection_options(OPTIONS, "options")
    assert converted.sparse_vectors["splade"].datatype == collection_pb2.VECTOR_DATATYPE_FLOAT16
    assert converted.dense_vectors["d"].distance == collection_pb2.DISTANCE_DOT
    described = collection_pb2.Collection(name="notes", incarnation="i", point_count=2**40, options=converted)
    assert collection(described) == Collection("notes", "i", 2**40, OPTIONS)
    for given in (
        {"dense_vectors": {"d": {"size": 384, "distance": "dot"}}},
        {"dense_vectors": {"d": {"size": 384, "distance": "DISTANCE_DOT"}}},
        {"dense_vectors": {"d": DenseVectorOptions(384, "dot")}},
        collection_pb2.CollectionOptions(dense_vectors={"d": {"size": 384, "distance": 2}}),
    ):
        assert collection_options(given, "options").dense_vectors["d"] == converted.dense_vectors["d"]
    for given in ({"dense": {}}, {"dense_vectors": {"d": {"size": 4, "distance": "manhattan"}}}):
        with pytest.raises(ValueError, match="^options: "):
            collection_options(given, "options")
    with pytest.raises(TypeError, match="options: expected CollectionOptions or a mapping, got int"):
        collection_options(7, "options")


def call(address, function):
    """Runs a call with each client, and returns both results."""
    with Client(address) as client:
        converted = function(client)
        first = list(converted) if hasattr(converted, "__next__") else converted

    async def main():
        async with AsyncClient(address) as client:
            converted = function(client)
            return [one async for one in converted] if hasattr(converted, "__anext__") else await converted

    return first, asyncio.run(main())


def stored(id, **payload):
    converted = document_pb2.StoredDocument(id=id, text_field="text")
    converted.payload_json = str(payload).replace("'", '"')
    return converted


def test_documents_are_fetched_until_each_id_has_its_result():
    requests = []

    def get(request, context):
        requests.append(request)
        response = index.GetDocumentsResponse()
        for place, id in enumerate(request.ids):
            if place >= 400:
                response.remaining.append(id)
            elif id.num % 3:
                response.documents.append(stored(id, text=f"text {id.num}"))
            else:
                # In upper case, since a server may normalize ids.
                response.missing.append(document_pb2.DocumentId(uuid=id.uuid.upper()) if id.uuid else id)
        return response

    ids = [*range(1, 1500), UUID, 1, {"uuid": UUID.replace("-", "")}]
    with Scripted(GetDocuments=get) as server:
        for documents in call(
            server.address, lambda client: client.get_documents("notes", ids, payload_fields=["text"])
        ):
            assert len(documents) == len(ids)
            for id, document in zip(ids[:1499], documents, strict=False):
                assert (document and document.text) == (f"text {id}" if id % 3 else None)
            assert documents[-1] is documents[-3] is None and documents[-2] == documents[0]
    assert all(len(request.ids) <= 1000 for request in requests)
    assert all(list(request.return_options.payload_fields) == ["text"] for request in requests)
    with Scripted(GetDocuments=lambda request, context: index.GetDocumentsResponse()) as server:
        with Client(server.address) as client, pytest.raises(Internal, match="exactly one result"):
            client.get_documents("notes", [1])
    with Client("localhost:1") as client:
        assert client.get_documents("notes", []) == []


def test_lists_have_pages():
    def page(request, items):
        first = int(request.page_token or 0)
        return items[first : first + 2], str(first + 2) if first + 2 < len(items) else ""

    def documents(request, context):
        assert request.page_size == 2 and request.return_options.with_dense_vectors
        converted, token = page(request, [stored({"num": number}, n=number) for number in range(1, 6)])
        converted[0].version = 0
        for document in converted:
            document.sparse_vectors["splade"].indices.append(1)
            document.sparse_vectors["splade"].values.append(0.5)
            document.dense_vectors["d"].values.extend([0.5, 1.0])
        return index.ListDocumentsResponse(documents=converted, next_page_token=token)

    def collections(request, context):
        converted, token = page(request, [collection_pb2.Collection(name=name) for name in "abc"])
        return index.ListCollectionsResponse(collections=converted, next_page_token=token)

    def aliases(request, context):
        converted, token = page(request, [collection_pb2.Alias(name=name, collection="notes") for name in "abcd"])
        return index.ListAliasesResponse(aliases=converted, next_page_token=token)

    with Scripted(ListDocuments=documents, ListCollections=collections, ListAliases=aliases) as server:
        for found in call(
            server.address, lambda client: client.list_documents("notes", page_size=2, with_dense_vectors=True)
        ):
            assert [(one.id, one.payload) for one in found] == [(n, {"n": n}) for n in range(1, 6)]
            assert [one.version for one in found] == [0, None, 0, None, 0]
            assert found[0].sparse_vectors == {"splade": SparseVector([1], [0.5])}
            assert found[0].dense_vectors == {"d": [0.5, 1.0]} and found[0].text is None
        for found in call(server.address, lambda client: client.list_collections()):
            assert [one.name for one in found] == ["a", "b", "c"]
        for found in call(server.address, lambda client: client.list_aliases()):
            assert found == [Alias(name, "notes") for name in "abcd"]


def test_errors_have_their_reason_and_metadata():
    details = {
        "collection": "notes",
        "collection_model": "old",
        "collection_fingerprint": "aa",
        "model": "new",
        "model_fingerprint": "bb",
    }

    def search(request, context):
        abort(context, grpc.StatusCode.FAILED_PRECONDITION, "written by old", "FINGERPRINT_MISMATCH", **details)

    def create(request, context):
        abort(context, grpc.StatusCode.ALREADY_EXISTS, "it exists", "COLLECTION_EXISTS")

    def delete(request, context):
        assert request.expected_incarnation == "i"
        abort(context, grpc.StatusCode.UNIMPLEMENTED, "no such feature", "UNIMPLEMENTED")

    def future(request, context):
        abort(context, grpc.StatusCode.FAILED_PRECONDITION, "in the future", "A_NEW_REASON", quota="7")

    with Scripted(Search=search, CreateCollection=create, Delete=delete, GetCollection=future) as server:
        with Client(server.address) as client:
            with pytest.raises(FingerprintMismatch) as caught:
                client.search("notes", "text")
            error = caught.value
            assert isinstance(error, FailedPrecondition) and error.reason == ErrorReason.FINGERPRINT_MISMATCH
            assert {name: getattr(error, name) for name in details} == details == error.metadata
            with pytest.raises(AlreadyExists) as caught:
                client.create_collection("notes", options={"shard_count": 2})
            assert caught.value.reason == ErrorReason.COLLECTION_EXISTS
            with pytest.raises(Unimplemented):
                client.delete("notes", [1], expected_incarnation="i")
            with pytest.raises(FailedPrecondition) as caught:
                client.get_collection("notes")
            assert type(caught.value) is FailedPrecondition
            assert (caught.value.reason, caught.value.metadata) == ("A_NEW_REASON", {"quota": "7"})


def test_reasons_match_the_proto_enum():
    names = [name.removeprefix("ERROR_REASON_") for name in Contract.keys() if not name.endswith("UNSPECIFIED")]
    assert [reason.value for reason in ErrorReason] == names == [reason.name for reason in ErrorReason]
    assert ErrorReason.EMPTY_TEXT == "EMPTY_TEXT" and f"{ErrorReason.EMPTY_TEXT}" == str(ErrorReason.EMPTY_TEXT)
