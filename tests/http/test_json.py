"""What JSON over HTTP has that the canonical mapping has not: short ids, and integers that JavaScript doesn't round."""

import json
import re
import urllib.error
import urllib.request

import pytest

from conftest import ROOT

TABLE = json.loads((ROOT / "tests" / "data" / "doors" / "ids.json").read_text(encoding="utf-8"))
SAFE = 2**53 - 1
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def post(door: str, path: str, body: object) -> dict:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    request = urllib.request.Request(door + path, text.encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


@pytest.fixture
def door(open_door):
    door = open_door()
    post(door, "/v1/create_collection", {"name": "docs"})
    return door


def upsert(door: str, document: "dict | str") -> dict:
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    [result] = post(door, "/v1/upsert", f'{{"options": {{"collection": "docs"}}, "documents": [{text}]}}')["results"]
    return result


def returned(becomes: dict) -> object:
    """The form in which a response has an id: short, unless that would be read as another id."""
    [(kind, value)] = becomes.items()
    if kind == "num":
        return int(value) if int(value) <= SAFE else {"num": value}
    return {"key": value} if kind == "key" and UUID.fullmatch(value) else value


def literals() -> "list[tuple[str, object]]":
    """The ids of the table as they are written in it, since a float that is read and written again may differ."""
    text = (ROOT / "tests" / "data" / "doors" / "ids.json").read_text(encoding="utf-8")
    written = re.findall(r'^    \{"id": (.*), "becomes": ', text, re.MULTILINE)[: len(TABLE["values"])]
    return [(literal, row["becomes"]) for literal, row in zip(written, TABLE["values"])]


def test_ids_are_read_and_returned_in_their_short_form(door):
    for literal, becomes in literals():
        document = f'{{"id": {literal}, "text": "some text"}}'
        answer = post(door, "/v1/upsert", f'{{"options": {{"collection": "docs"}}, "documents": [{document}]}}')
        results = answer.get("results", [])
        if becomes == "refused":
            assert not results or results[0]["status"] == "OPERATION_STATUS_REJECTED", (literal, answer)
            continue
        assert results and results[0]["status"] == "OPERATION_STATUS_INDEXED", (literal, answer)
        found = results[0]["id"]
        if becomes == "made":
            assert UUID.fullmatch(found), (literal, found)
            continue
        assert found == returned(becomes), (literal, found)
        # What is returned is accepted, and means the same document.
        [document] = post(door, "/v1/get_documents", {"collection": "docs", "ids": [found]})["documents"]
        assert document["id"] == found


def test_ids_are_short_wherever_there_is_one(door):
    upsert(door, {"id": "mail/42", "text": "a letter about a cat"})
    upsert(door, {"id": 7, "text": "a cat"})
    query = {"collection": "docs", "query": {"text": "cat"}}
    hits = post(door, "/v1/search", query)["hits"]
    assert {hit["document"]["id"] for hit in hits} == {7, "mail/42"}
    only = {"must": [{"has_id": {"ids": ["mail/42"]}}]}
    assert [hit["document"]["id"] for hit in post(door, "/v1/search", {**query, "filter": only})["hits"]] == ["mail/42"]
    assert post(door, "/v1/explain", {**query, "document_id": "mail/42"})["terms"]
    listed = post(door, "/v1/list_documents", {"collection": "docs"})["documents"]
    assert [document["id"] for document in listed] == [7, "mail/42"]
    missing = post(door, "/v1/get_documents", {"collection": "docs", "ids": [8, "none"]})["missing"]
    assert missing == [8, "none"]
    assert post(door, "/v1/delete", {"collection": "docs", "ids": [7, "mail/42"]}) == {}
    assert post(door, "/v1/get_collection", {"collection": "docs"})["collection"]["point_count"] == 0


def test_integers_that_javascript_would_round_are_strings(door):
    payload = f'{{"safe": {SAFE}, "big": {SAFE + 2}, "inside": {{"low": [{-SAFE}, {-SAFE - 2}]}}, "float": 1e300}}'
    upsert(door, f'{{"id": {SAFE}, "text": "numbers", "payload": {payload}}}')
    [document] = post(door, "/v1/get_documents", {"collection": "docs", "ids": [SAFE]})["documents"]
    del document["payload"]["text"]
    assert document["id"] == SAFE
    assert document["payload"] == {
        "safe": SAFE,
        "big": str(SAFE + 2),
        "inside": {"low": [-SAFE, str(-SAFE - 2)]},
        "float": 1e300,
    }
    assert sorted(document["inexact_fields"]) == ["big", "inside"]


def test_a_value_of_a_filter_may_be_a_string_of_digits(door):
    upsert(door, f'{{"id": 1, "text": "a cat", "payload": {{"number": {SAFE + 2}}}}}')
    conditions = [{"path": "number", "match": {"integer": str(SAFE + 2)}}]
    found = post(door, "/v1/search", {"collection": "docs", "query": {"text": "cat"}, "filter": {"must": conditions}})
    assert [hit["document"]["id"] for hit in found["hits"]] == [1]


def stream(door: str, query: str, *lines: str) -> "list[dict]":
    body = "".join(line + "\n" for line in lines).encode()
    headers = {"content-type": "application/x-ndjson"}
    request = urllib.request.Request(f"{door}/v1/ingest?{query}", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return [json.loads(line) for line in answer]


def test_lines_are_documents_or_operations(door):
    answers = stream(
        door,
        "collection=docs&first_sequence=10",
        '{"id": "one", "text": "a cat"}',
        '{"upsert": {"id": "two", "text": "a dog"}, "position": "0/16B3748"}',
        '{"delete_document": {"id": "one"}}',
    )
    assert set(answers[0]) >= {"opened"} and answers[0]["opened"]["collection"]["name"] == "docs"
    results = {result["sequence"]: result for answer in answers for result in answer["results"]}
    keys = ("sequence", "id", "status", "position")
    assert [tuple(results[number][key] for key in keys) for number in sorted(results)] == [
        (10, "one", "OPERATION_STATUS_INDEXED", ""),
        (11, "two", "OPERATION_STATUS_INDEXED", "0/16B3748"),
        (12, "one", "OPERATION_STATUS_DELETED", ""),
    ]
    assert answers[-1]["durable_through"] == 12


def test_only_problems_on_request(door):
    answers = stream(door, "collection=docs&result_filter=RESULT_FILTER_PROBLEMS", '{"text": "a cat"}', '{"text": ""}')
    results = [result for answer in answers for result in answer["results"]]
    assert [(result["sequence"], result["error"]["reason"]) for result in results] == [(2, "EMPTY_TEXT")]
    assert answers[-1]["durable_through"] == 2
