"""JSON over HTTP where it differs from the canonical mapping: short ids, and integers that JavaScript would round."""

import json
import re
import urllib.error
import urllib.request

import pytest

from conftest import ROOT

ID_TABLE = ROOT / "tests" / "data" / "id_forms" / "ids.json"
IDS = json.loads(ID_TABLE.read_text(encoding="utf-8"))["values"]
SAFE = 2**53 - 1
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def post(url: str, path: str, body: object) -> dict:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    request = urllib.request.Request(url + path, text.encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return json.load(error)


@pytest.fixture
def url(start_gateway):
    """Returns the URL of an HTTP gateway with an empty collection `docs`."""
    address = start_gateway()
    post(address, "/v1/create_collection", {"name": "docs"})
    return address


def upsert(url: str, document: "dict | str") -> dict:
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    [result] = post(url, "/v1/upsert", f'{{"options": {{"collection": "docs"}}, "documents": [{text}]}}')["results"]
    return result


def id_in_response(becomes: dict) -> object:
    """Returns the form of an id in responses: short, unless the short form would be read as another id."""
    [(kind, value)] = becomes.items()
    if kind == "num":
        return int(value) if int(value) <= SAFE else {"num": value}
    return {"key": value} if kind == "key" and UUID.fullmatch(value) else value


def id_literals() -> "list[tuple[str, object]]":
    """Returns the ids of the table as JSON text. A float that is parsed and printed again could have other digits."""
    text = ID_TABLE.read_text(encoding="utf-8")
    literals = re.findall(r'^    \{"id": (.*), "becomes": ', text, re.MULTILINE)[: len(IDS)]
    return [(literal, row["becomes"]) for literal, row in zip(literals, IDS)]


def test_ids_are_read_and_returned_in_their_short_form(url):
    for literal, becomes in id_literals():
        document = f'{{"id": {literal}, "text": "some text"}}'
        response = post(url, "/v1/upsert", f'{{"options": {{"collection": "docs"}}, "documents": [{document}]}}')
        results = response.get("results", [])
        if becomes == "refused":
            assert not results or results[0]["status"] == "OPERATION_STATUS_REJECTED", (literal, response)
            continue
        assert results and results[0]["status"] == "OPERATION_STATUS_INDEXED", (literal, response)
        found = results[0]["id"]
        if becomes == "made":
            assert UUID.fullmatch(found), (literal, found)
            continue
        assert found == id_in_response(becomes), (literal, found)
        # The returned form is accepted and refers to the same document.
        [document] = post(url, "/v1/get_documents", {"collection": "docs", "ids": [found]})["documents"]
        assert document["id"] == found


def test_ids_are_short_in_all_responses(url):
    upsert(url, {"id": "mail/42", "text": "a letter about a cat"})
    upsert(url, {"id": 7, "text": "a cat"})
    query = {"collection": "docs", "query": {"text": "cat"}}
    hits = post(url, "/v1/search", query)["hits"]
    assert {hit["document"]["id"] for hit in hits} == {7, "mail/42"}
    only = {"must": [{"has_id": {"ids": ["mail/42"]}}]}
    assert [hit["document"]["id"] for hit in post(url, "/v1/search", {**query, "filter": only})["hits"]] == ["mail/42"]
    assert post(url, "/v1/explain", {**query, "document_id": "mail/42"})["terms"]
    listed = post(url, "/v1/list_documents", {"collection": "docs"})["documents"]
    assert [document["id"] for document in listed] == [7, "mail/42"]
    missing = post(url, "/v1/get_documents", {"collection": "docs", "ids": [8, "none"]})["missing"]
    assert missing == [8, "none"]
    assert post(url, "/v1/delete", {"collection": "docs", "ids": [7, "mail/42"]}) == {}
    assert post(url, "/v1/get_collection", {"collection": "docs"})["collection"]["point_count"] == 0


def test_integers_that_javascript_would_round_are_strings(url):
    payload = f'{{"safe": {SAFE}, "big": {SAFE + 2}, "inside": {{"low": [{-SAFE}, {-SAFE - 2}]}}, "float": 1e300}}'
    upsert(url, f'{{"id": {SAFE}, "text": "numbers", "payload": {payload}}}')
    [document] = post(url, "/v1/get_documents", {"collection": "docs", "ids": [SAFE]})["documents"]
    del document["payload"]["text"]
    assert document["id"] == SAFE
    assert document["payload"] == {
        "safe": SAFE,
        "big": str(SAFE + 2),
        "inside": {"low": [-SAFE, str(-SAFE - 2)]},
        "float": 1e300,
    }
    assert sorted(document["inexact_fields"]) == ["big", "inside"]


def test_filter_values_may_be_strings_of_digits(url):
    upsert(url, f'{{"id": 1, "text": "a cat", "payload": {{"number": {SAFE + 2}}}}}')
    conditions = [{"path": "number", "match": {"integer": str(SAFE + 2)}}]
    found = post(url, "/v1/search", {"collection": "docs", "query": {"text": "cat"}, "filter": {"must": conditions}})
    assert [hit["document"]["id"] for hit in found["hits"]] == [1]


def stream(url: str, query: str, *lines: str) -> "list[dict]":
    body = "".join(line + "\n" for line in lines).encode()
    headers = {"content-type": "application/x-ndjson"}
    request = urllib.request.Request(f"{url}/v1/ingest?{query}", body, headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return [json.loads(line) for line in response]


def test_ingest_lines_are_documents_or_operations(url):
    responses = stream(
        url,
        "collection=docs&first_sequence=10",
        '{"id": "one", "text": "a cat"}',
        '{"upsert": {"id": "two", "text": "a dog"}, "position": "0/16B3748"}',
        '{"delete_document": {"id": "one"}}',
    )
    assert set(responses[0]) >= {"opened"} and responses[0]["opened"]["collection"]["name"] == "docs"
    results = {result["sequence"]: result for response in responses for result in response["results"]}
    keys = ("sequence", "id", "status", "position")
    assert [tuple(results[number][key] for key in keys) for number in sorted(results)] == [
        (10, "one", "OPERATION_STATUS_INDEXED", ""),
        (11, "two", "OPERATION_STATUS_INDEXED", "0/16B3748"),
        (12, "one", "OPERATION_STATUS_DELETED", ""),
    ]
    assert responses[-1]["durable_through"] == 12


def test_result_filter_omits_successful_results(url):
    responses = stream(url, "collection=docs&result_filter=RESULT_FILTER_PROBLEMS", '{"text": "a cat"}', '{"text": ""}')
    results = [result for response in responses for result in response["results"]]
    assert [(result["sequence"], result["error"]["reason"]) for result in results] == [(2, "EMPTY_TEXT")]
    assert responses[-1]["durable_through"] == 2
