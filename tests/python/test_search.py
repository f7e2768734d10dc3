"""Tests of Search and Explain with a part of the sample corpus."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from documents import corpus, document, ingest, options
from faults import fails
from splade_sidecar.v1 import document_pb2 as docs
from splade_sidecar.v1 import encoding_pb2 as encoding
from splade_sidecar.v1 import filter_pb2 as filters
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import query_pb2 as queries

NAME, COUNT = "searched", 60
QUERY = "what cured the disease of sailors on long voyages"
BEST = "Scurvy and lemons"
# Shares terms with documents that match each of the filters.
BROAD = "a note with a time and a list, or about an author; the sun, water, light, energy, cells, blood and acid"


@pytest.fixture(scope="module")
def index_stub(sidecar):
    extra = [
        document("a note with a time and a list", 1001, when="2020-06-01T12:00:00Z", tags=["red", "blue"], year=2012),
        document("a note about an author", 1002, author={"name": "Ada", "born": 1815}),
    ]
    ingest(sidecar, options(NAME), corpus(COUNT) + extra)
    return sidecar.index


def search(index_stub, text=QUERY, **more):
    return index_stub.Search(index.SearchRequest(collection=NAME, query=queries.Query(text=text), **more)).hits


def get_nums(hits):
    return [hit.document.id.num for hit in hits]


def condition(path, **test):
    return filters.Condition(path=path, **test)


def test_the_best_document_comes_first(index_stub):
    hits = search(index_stub, limit=5)
    assert len(hits) == 5
    assert hits[0].document.payload["title"] == BEST
    assert hits[0].document.payload["text"].startswith("Sailors on long voyages")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_limit_offset_and_threshold(index_stub):
    whole = search(index_stub, limit=10)
    assert get_nums(search(index_stub, limit=4, offset=3)) == get_nums(whole)[3:7]
    threshold = (whole[2].score + whole[3].score) / 2
    assert get_nums(search(index_stub, limit=10, score_threshold=threshold)) == get_nums(whole)[:3]


def test_payload_and_vector_on_request(index_stub):
    bare = search(index_stub, limit=1, return_options=docs.ReturnOptions(without_payload=True))[0].document
    assert not bare.payload.fields and not bare.sparse_vectors
    some = search(index_stub, limit=1, return_options=docs.ReturnOptions(payload_fields=["title", "nonesuch"]))[0]
    assert dict(some.document.payload) == {"title": BEST}
    full = search(index_stub, limit=1, return_options=docs.ReturnOptions(with_sparse_vectors=True))[0].document
    vector = full.sparse_vectors["splade"]
    request = index.SearchRequest(collection=NAME, query=queries.Query(sparse_vector=vector), limit=1000)
    itself = next(hit for hit in index_stub.Search(request).hits if hit.document.id == full.id)
    assert itself.score == pytest.approx(sum(value * value for value in vector.values), rel=1e-4)


def test_query_stats_describe_the_encoding(index_stub):
    request = index.SearchRequest(collection=NAME, query=queries.Query(text="word " * 2000))
    stats = index_stub.Search(request).query_stats
    assert stats.truncated and stats.token_count == 512
    request.query.encoding.long_text = encoding.LONG_TEXT_WINDOW
    stats = index_stub.Search(request).query_stats
    assert not stats.truncated and stats.window_count > 1


FILTERS = {
    "match": (
        filters.Filter(must=[condition("topic", match=filters.MatchValue(keyword="physics"))]),
        lambda p: p.get("topic") == "physics",
    ),
    "match any": (
        filters.Filter(must=[condition("topic", match_any=filters.MatchValues(keywords=["physics", "biology"]))]),
        lambda p: p.get("topic") in ("physics", "biology"),
    ),
    "match none": (
        filters.Filter(must=[condition("topic", match_none=filters.MatchValues(keywords=["medicine"]))]),
        lambda p: "topic" in p and p["topic"] != "medicine",
    ),
    "integer": (
        filters.Filter(must=[condition("year", match=filters.MatchValue(integer=2016))]),
        lambda p: p.get("year") == 2016,
    ),
    "range": (
        filters.Filter(must=[condition("year", range=filters.NumberRange(gte=2014, lt=2018))]),
        lambda p: 2014 <= p.get("year", 0) < 2018,
    ),
    "should": (
        filters.Filter(
            should=[condition("topic", match=filters.MatchValue(keyword=topic)) for topic in ("medicine", "chemistry")]
        ),
        lambda p: p.get("topic") in ("medicine", "chemistry"),
    ),
    "must not": (
        filters.Filter(must_not=[condition("topic", match=filters.MatchValue(keyword="medicine"))]),
        lambda p: p.get("topic") != "medicine",
    ),
    "nested path": (
        filters.Filter(must=[condition("author.name", match=filters.MatchValue(keyword="Ada"))]),
        lambda p: "author" in p,
    ),
    "list": (filters.Filter(must=[condition("tags", match=filters.MatchValue(keyword="blue"))]), lambda p: "tags" in p),
    "time range": (
        filters.Filter(must=[condition("when", time_range=filters.TimeRange(gte=Timestamp(seconds=1577836800)))]),
        lambda p: "when" in p,
    ),
    "is empty": (
        filters.Filter(must=[condition("topic", is_empty=True)]),
        lambda p: "topic" not in p,
    ),
    "is not empty": (filters.Filter(must=[condition("author.name", is_empty=False)]), lambda p: "author" in p),
    "nested filter": (
        filters.Filter(
            must=[
                filters.Condition(
                    filter=filters.Filter(must_not=[condition("year", range=filters.NumberRange(gt=2012))])
                )
            ]
        ),
        lambda p: not p.get("year", 0) > 2012,
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(index_stub, name):
    filter, is_match = FILTERS[name]
    everything = search(index_stub, BROAD, limit=1000)
    expected = {hit.document.id.num for hit in everything if is_match(dict(hit.document.payload))}
    assert expected, "no document matches the expected condition; fix the test data"
    assert set(get_nums(search(index_stub, BROAD, limit=1000, filter=filter))) == expected


def test_filter_by_id(index_stub):
    ids = [docs.DocumentId(num=num) for num in get_nums(search(index_stub, limit=3))]
    only = filters.Filter(must=[filters.Condition(has_id=filters.DocumentIds(ids=ids[1:]))])
    assert get_nums(search(index_stub, filter=only)) == [id.num for id in ids[1:]]


def test_contributions_sum_to_the_score(index_stub):
    hit = search(index_stub, limit=1)[0]
    query = queries.Query(text=QUERY)
    request = index.ExplainRequest(collection=NAME, query=query, document_id=hit.document.id)
    explained = index_stub.Explain(request)
    assert explained.score == pytest.approx(hit.score, rel=1e-4)
    assert sum(term.contribution for term in explained.terms) == pytest.approx(explained.score, rel=1e-5)
    for term in explained.terms:
        assert term.contribution == pytest.approx(term.query_weight * term.document_weight, rel=1e-5)
    contributions = [term.contribution for term in explained.terms]
    assert contributions == sorted(contributions, reverse=True)
    assert len(explained.terms) <= min(explained.query_stats.term_count, explained.document_stats.term_count)
    origin = {term.token: (term.query_origin, term.document_origin) for term in explained.terms}
    assert origin["sailors"] == (queries.TERM_ORIGIN_TEXT, queries.TERM_ORIGIN_TEXT)
    by_text = index_stub.Explain(index.ExplainRequest(query=query, document_text=hit.document.payload["text"]))
    assert by_text.score == pytest.approx(explained.score, rel=1e-4)
    assert by_text.document_stats.token_count > 2 and not by_text.document_stats.truncated


def test_a_sparse_vector_can_be_explained(index_stub):
    [found] = search(index_stub, limit=1, return_options=docs.ReturnOptions(with_sparse_vectors=True))
    query = queries.Query(sparse_vector=found.document.sparse_vectors["splade"])
    request = index.ExplainRequest(collection=NAME, query=query, document_id=found.document.id)
    explained = index_stub.Explain(request)
    assert explained.score == pytest.approx(sum(value * value for value in query.sparse_vector.values), rel=1e-4)
    assert explained.query_stats.term_count == len(query.sparse_vector.indices)


def test_missing_collections_and_documents_are_reported(index_stub):
    with fails(grpc.StatusCode.NOT_FOUND) as failure:
        index_stub.Search(index.SearchRequest(collection="nonesuch", query=queries.Query(text="x")))
    assert failure.reason == "COLLECTION_NOT_FOUND"
    with fails(grpc.StatusCode.NOT_FOUND) as failure:
        query, id = queries.Query(text=QUERY), docs.DocumentId(num=424242)
        index_stub.Explain(index.ExplainRequest(collection=NAME, query=query, document_id=id))
    assert failure.reason == "DOCUMENT_NOT_FOUND"


X = queries.Query(text="x")
TWICE = encoding.SparseVector(indices=[1, 1], values=[0.5, 0.5])
BAD = {
    "limit": dict(query=X, limit=1001),
    "offset": dict(query=X, offset=10_001),
    "query.text": dict(query=queries.Query(text=" ")),
    "score_threshold": dict(query=X, score_threshold=float("nan")),
    "query.sparse_vector": dict(query=queries.Query(sparse_vector=TWICE)),
    "query": dict(),
    "filter.must[0].range": dict(query=X, filter=filters.Filter(must=[condition("year", range=filters.NumberRange())])),
    "filter.must[0].path": dict(query=X, filter=filters.Filter(must=[filters.Condition(is_empty=True)])),
    "return_options": dict(query=X, return_options=docs.ReturnOptions(without_payload=True, payload_fields=["a"])),
}


@pytest.mark.parametrize("field", BAD)
def test_an_invalid_request_names_its_field(index_stub, field):
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        index_stub.Search(index.SearchRequest(collection=NAME, **BAD[field]))
    assert len(failure.fields) == 1
    assert failure.fields[0].startswith(field)


UNIMPLEMENTED = {
    "query.dense_vector": dict(query=queries.Query(dense_vector=docs.DenseVector(values=[1.0]), vector_name="image")),
    "query.fusion": dict(query=queries.Query(fusion=queries.Fusion())),
    "group_by": dict(query=X, group_by=queries.GroupBy(path="topic")),
    "with_partial_scores": dict(query=X, with_partial_scores=True),
    "tenant": dict(query=X, tenant="acme"),
}


@pytest.mark.parametrize("field", UNIMPLEMENTED)
def test_unimplemented_fields_are_rejected(index_stub, field):
    with fails(grpc.StatusCode.UNIMPLEMENTED) as failure:
        index_stub.Search(index.SearchRequest(collection=NAME, **UNIMPLEMENTED[field]))
    assert failure.reason == "UNIMPLEMENTED"
    assert field in failure.message
