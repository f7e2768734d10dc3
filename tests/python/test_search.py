"""Search and Explain over a part of the sample corpus."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from splade.v1 import filter_pb2 as filters
from splade.v1 import index_service_pb2 as index
from splade.v1 import types_pb2 as types

from documents import corpus, document, ingest, options
from faults import fails

NAME, COUNT = "searched", 60
QUERY = "what cured the disease of sailors on long voyages"
BEST = "Scurvy and lemons"
# Shares a term with every kind of document that the filters look for.
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
    return index_stub.Search(index.SearchRequest(collection=NAME, text=text, **more)).hits


def nums(hits):
    return [hit.id.num for hit in hits]


def where(**lists):
    return filters.Filter(**lists)


def on(key, **test):
    return filters.Condition(field=filters.FieldCondition(key=key, **test))


def test_the_best_document_comes_first(index_stub):
    hits = search(index_stub, limit=5)
    assert len(hits) == 5
    assert hits[0].payload["title"] == BEST
    assert hits[0].payload["text"].startswith("Sailors on long voyages")
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_limit_offset_and_threshold(index_stub):
    whole = search(index_stub, limit=10)
    assert nums(search(index_stub, limit=4, offset=3)) == nums(whole)[3:7]
    threshold = (whole[2].score + whole[3].score) / 2
    assert nums(search(index_stub, limit=10, score_threshold=threshold)) == nums(whole)[:3]


def test_payload_and_vector_on_request(index_stub):
    bare = search(index_stub, limit=1, without_payload=True)[0]
    assert not bare.payload.fields and not bare.vector.indices
    full = search(index_stub, limit=1, with_vector=True)[0]
    request = index.SearchRequest(collection=NAME, vector=full.vector, limit=1000)
    itself = next(hit for hit in index_stub.Search(request).hits if hit.id == full.id)
    assert itself.score == pytest.approx(sum(value * value for value in full.vector.values), rel=1e-4)


FILTERS = {
    "equals": (
        where(must=[on("topic", equals=filters.MatchValue(keyword="physics"))]),
        lambda p: p.get("topic") == "physics",
    ),
    "any": (
        where(must=[on("topic", any=filters.MatchValues(keywords=["physics", "biology"]))]),
        lambda p: p.get("topic") in ("physics", "biology"),
    ),
    "except": (
        where(must=[on("topic", **{"except": filters.MatchValues(keywords=["medicine"])})]),
        lambda p: "topic" in p and p["topic"] != "medicine",
    ),
    "integer": (where(must=[on("year", equals=filters.MatchValue(integer=2016))]), lambda p: p.get("year") == 2016),
    "number": (
        where(must=[on("year", number=filters.NumberRange(gte=2014, lt=2018))]),
        lambda p: 2014 <= p.get("year", 0) < 2018,
    ),
    "should": (
        where(should=[on("topic", equals=filters.MatchValue(keyword=topic)) for topic in ("medicine", "chemistry")]),
        lambda p: p.get("topic") in ("medicine", "chemistry"),
    ),
    "must not": (
        where(must_not=[on("topic", equals=filters.MatchValue(keyword="medicine"))]),
        lambda p: p.get("topic") != "medicine",
    ),
    "nested key": (
        where(must=[on("author.name", equals=filters.MatchValue(keyword="Ada"))]),
        lambda p: "author" in p,
    ),
    "list": (where(must=[on("tags", equals=filters.MatchValue(keyword="blue"))]), lambda p: "tags" in p),
    "time": (
        where(must=[on("when", time=filters.TimeRange(gte=Timestamp(seconds=1577836800)))]),
        lambda p: "when" in p,
    ),
    "is empty": (
        where(must=[filters.Condition(is_empty=filters.IsEmptyCondition(key="topic"))]),
        lambda p: "topic" not in p,
    ),
    "a filter inside": (
        where(must=[filters.Condition(filter=where(must_not=[on("year", number=filters.NumberRange(gt=2012))]))]),
        lambda p: not p.get("year", 0) > 2012,
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(index_stub, name):
    condition, holds = FILTERS[name]
    everything = search(index_stub, BROAD, limit=1000)
    expected = {hit.id.num for hit in everything if holds(dict(hit.payload))}
    assert expected, "the test's own condition holds for nothing"
    assert set(nums(search(index_stub, BROAD, limit=1000, filter=condition))) == expected


def test_filter_by_id(index_stub):
    ids = [types.DocumentId(num=num) for num in nums(search(index_stub, limit=3))]
    only = where(must=[filters.Condition(has_id=filters.HasIdCondition(ids=ids[1:]))])
    assert nums(search(index_stub, filter=only)) == [id.num for id in ids[1:]]


def test_an_explanation_adds_up_to_the_score(index_stub):
    hit = search(index_stub, limit=1)[0]
    request = index.ExplainRequest(collection=NAME, query=QUERY, id=hit.id)
    explained = index_stub.Explain(request)
    assert explained.score == pytest.approx(hit.score, rel=1e-4)
    assert sum(term.contribution for term in explained.terms) == pytest.approx(explained.score, rel=1e-5)
    for term in explained.terms:
        assert term.contribution == pytest.approx(term.query_weight * term.document_weight, rel=1e-5)
    contributions = [term.contribution for term in explained.terms]
    assert contributions == sorted(contributions, reverse=True)
    assert len(explained.terms) <= min(explained.query_term_count, explained.document_term_count)
    origin = {term.token: (term.query_origin, term.document_origin) for term in explained.terms}
    assert origin["sailors"] == (index.TERM_ORIGIN_TEXT, index.TERM_ORIGIN_TEXT)
    by_text = index_stub.Explain(index.ExplainRequest(query=QUERY, text=hit.payload["text"]))
    assert by_text.score == pytest.approx(explained.score, rel=1e-4)


def test_what_is_not_there_is_said(index_stub):
    with fails(grpc.StatusCode.NOT_FOUND) as failure:
        index_stub.Search(index.SearchRequest(collection="nonesuch", text="x"))
    assert failure.reason == "COLLECTION_NOT_FOUND"
    with fails(grpc.StatusCode.NOT_FOUND) as failure:
        index_stub.Explain(index.ExplainRequest(collection=NAME, query=QUERY, id=types.DocumentId(num=424242)))
    assert failure.reason == "DOCUMENT_NOT_FOUND"


BAD = {
    "limit": dict(text="x", limit=1001),
    "offset": dict(text="x", offset=10_001),
    "text": dict(text=" "),
    "score_threshold": dict(text="x", score_threshold=float("nan")),
    "vector": dict(vector=types.SparseVector(indices=[1, 1], values=[0.5, 0.5])),
    "query": dict(),
    "filter": dict(text="x", filter=where(must=[on("year", number=filters.NumberRange())])),
}


@pytest.mark.parametrize("field", BAD)
def test_a_bad_request_names_its_field(index_stub, field):
    with fails(grpc.StatusCode.INVALID_ARGUMENT) as failure:
        index_stub.Search(index.SearchRequest(collection=NAME, **BAD[field]))
    assert len(failure.fields) == 1
    assert failure.fields[0].startswith(field)
