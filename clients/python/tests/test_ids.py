"""Ids: every call accepts and rejects the forms in tests/data/id_forms/ids.json, like all clients and the server."""

import asyncio
import copy
import enum
import json
import pickle
import uuid
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from splade_sidecar import AsyncClient, Document, InvalidArgument, Key, SpladeError
from splade_sidecar.v1 import document_pb2
from splade_sidecar.v1 import index_service_pb2 as index

TABLE = json.loads((Path(__file__).resolve().parents[3] / "tests/data/id_forms/ids.json").read_text(encoding="utf-8"))
VALUES = TABLE["values"]
UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


class Shade(enum.IntEnum):
    DARK = 7


# Python types that JSON doesn't have, in the form of the table.
PYTHON = [
    {"id": uuid.UUID(UUID), "becomes": {"uuid": UUID}},
    {"id": Key(UUID), "becomes": {"key": UUID}},
    {"id": Key("7"), "becomes": {"key": "7"}},
    {"id": {"uuid": uuid.UUID(UUID)}, "becomes": {"uuid": UUID}},
    {"id": document_pb2.DocumentId(key=UUID), "becomes": {"key": UUID}},
    {"id": document_pb2.DocumentId(), "becomes": "refused"},
    {"id": np.int64(7), "becomes": {"num": "7"}},
    {"id": np.uint64(2**64 - 1), "becomes": {"num": str(2**64 - 1)}},
    {"id": np.int8(-1), "becomes": "refused"},
    {"id": np.array(7), "becomes": {"num": "7"}},
    {"id": np.array([7]), "becomes": "refused"},
    {"id": np.bool_(True), "becomes": "refused"},
    {"id": np.str_(UUID), "becomes": {"uuid": UUID}},
    {"id": np.float64(7), "becomes": {"num": "7"}},
    {"id": np.float32(2**24 - 1), "becomes": {"num": str(2**24 - 1)}},
    {"id": np.float32(2**24), "becomes": "refused"},
    {"id": np.float32(2**25), "becomes": "refused"},
    {"id": np.float64("nan"), "becomes": "refused"},
    {"id": float("inf"), "becomes": "refused"},
    {"id": Decimal("7.00"), "becomes": {"num": "7"}},
    {"id": Decimal(2**64 - 1), "becomes": {"num": str(2**64 - 1)}},
    {"id": Decimal("7.5"), "becomes": "refused"},
    {"id": Decimal("1E+1000000"), "becomes": "refused"},
    {"id": Decimal("NaN"), "becomes": "refused"},
    {"id": 10**5000, "becomes": "refused"},
    {"id": Shade.DARK, "becomes": {"num": "7"}},
    {"id": b"7", "becomes": "refused"},
    {"id": "lone \ud800", "becomes": "refused"},
    {"id": Key("lone \ud800"), "becomes": "refused"},
    {"id": {"key": "lone \ud800"}, "becomes": "refused"},
    {"id": {"num": "seven"}, "becomes": "refused"},
    {"id": {7: "key"}, "becomes": "refused"},
    {"id": object(), "becomes": "refused"},
]
ROWS = VALUES + PYTHON


def form(stored):
    """Converts a stored id to the form of the table."""
    kind = stored.WhichOneof("kind")
    return {kind: str(getattr(stored, kind))}


def expected(rows):
    forms = [row["becomes"] for row in rows if isinstance(row["becomes"], dict)]
    return {json.dumps(form, sort_keys=True) for form in forms}


def stored_ids(client, collection):
    request = index.ListDocumentsRequest(collection=collection, page_size=1000)
    return [form(document.id) for document in client._index.ListDocuments(request).documents]


def check(results, rows, stored):
    by_number = {result.number: result for result in results}
    assert len(by_number) == len(rows)
    for number, row in enumerate(rows, 1):
        result = by_number[number]
        if row["becomes"] == "refused":
            assert result.status == "rejected", row
            error = result.error
            assert error.code == 3 and error.field.split(".")[0].split("[")[0] == "id" and error.message, row
        else:
            assert result.status == "indexed", (row, result.error)
    made = sum(row["becomes"] == "made" for row in rows)
    known = {json.dumps(each, sort_keys=True) for each in stored}
    assert expected(rows) <= known
    assert len(known) == len(expected(rows)) + made


@pytest.mark.parametrize("kind", [dict, Document])
def test_every_id_of_the_table_by_the_synchronous_client(client, kind):
    collection = f"ids-{kind.__name__}"
    given = [kind(id=row["id"], text=f"document {place}") for place, row in enumerate(ROWS)]
    results = list(client.ingest(given, collection, create_collection=True))
    check(results, ROWS, stored_ids(client, collection))


def test_every_id_of_the_table_by_the_asyncio_client(sidecar, client):
    async def main():
        given = [{"id": row["id"], "text": f"document {place}"} for place, row in enumerate(ROWS)]
        async with AsyncClient(sidecar.address) as async_client:
            return [one async for one in async_client.ingest(given, "ids-aio", create_collection=True)]

    check(asyncio.run(main()), ROWS, stored_ids(client, "ids-aio"))


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_the_same_ids_are_explained_filtered_and_deleted(sidecar, client, place):
    row = ROWS[place]
    collection = f"id-{place}"
    filter = {"must": [{"has_id": [row["id"]]}]}
    if not isinstance(row["becomes"], dict):
        client.ingest([{"id": 1, "text": "a document"}], collection, create_collection=True).wait()
        for call in (
            lambda: client.delete(collection, [1, row["id"]]),
            lambda: client.explain("a document", collection=collection, document_id=row["id"]),
            lambda: client.search(collection, "a document", filter=filter),
        ):
            with pytest.raises((ValueError, InvalidArgument)) as caught:
                call()
            assert str(caught.value)
        assert len(client.search(collection, "a document")) == 1, "nothing was deleted"
        return
    # The document is stored by the explicit form of its id; all other calls use the form of the row.
    [(kind, value)] = row["becomes"].items()
    exact = {kind: value}
    client.ingest(
        [{"id": exact, "text": "a document"}, {"id": 1, "text": "document"}], collection, create_collection=True
    ).wait()
    [hit] = client.search(collection, "a document", filter=filter)
    assert client.explain("a document", collection=collection, document_id=row["id"]).score == pytest.approx(
        hit.score, rel=1e-4
    )
    # The id of a result identifies the same document in a request, also after pickling.
    for again in (hit.id, copy.deepcopy(hit.id), pickle.loads(pickle.dumps(hit.id))):
        assert client.explain("a document", collection=collection, document_id=again).score > 0

    async def main():
        async with AsyncClient(sidecar.address) as async_client:
            await async_client.explain("a document", collection=collection, document_id=row["id"])
            await async_client.delete(collection, [row["id"]])

    asyncio.run(main())
    assert [hit.id for hit in client.search(collection, "a document")] == [1]
    client.ingest([{"id": exact, "text": "a document"}], collection).wait()
    client.delete(collection, [hit.id])
    assert len(client.search(collection, "a document")) == 1


def test_a_uuid_in_a_string_is_deleted_as_it_was_stored(client):
    client.ingest([{"id": UUID, "text": "a document"}], "uuids", create_collection=True).wait()
    [hit] = client.search("uuids", "a document")
    assert hit.id == uuid.UUID(UUID)
    client.delete("uuids", [UUID.upper()])
    assert client.search("uuids", "a document") == []


def test_a_name_in_the_form_of_a_uuid_comes_back_as_a_key(client):
    client.ingest(
        [{"id": Key(UUID), "text": "a name"}, {"id": UUID, "text": "a uuid"}], "keys", create_collection=True
    ).wait()
    hits = {hit.payload["text"]: hit.id for hit in client.search("keys", "a name or a uuid")}
    assert hits == {"a name": Key(UUID), "a uuid": uuid.UUID(UUID)}
    assert type(hits["a name"]) is Key and repr(hits["a name"]) == f"Key('{UUID}')"
    client.delete("keys", [hits["a name"]])
    assert [hit.payload["text"] for hit in client.search("keys", "a name or a uuid")] == ["a uuid"]


def test_a_wrong_id_is_named(client):
    with pytest.raises(ValueError, match=r"^ids\[1\]: -1 is not in the range 0 to 2\*\*64 - 1; expected an int"):
        client.delete("keys", [1, -1])
    with pytest.raises(ValueError, match=r"filter\.must\[0\]\.has_id\.ids\[1\]: expected an int .*, got bool"):
        client.search("keys", "a", filter={"must": [{"has_id": {"ids": [1, True]}}]})
    for one in ("one", uuid.UUID(UUID), {"key": "one"}, 7):
        with pytest.raises(TypeError, match="not one id"):
            client.delete("keys", one)
    with pytest.raises(TypeError, match="Key: expected a str, got int"):
        Key(7)


def test_filters_take_python_values(client):
    import datetime

    given = [
        {
            "id": n,
            "text": f"number {n}",
            "payload": {"at": datetime.datetime(2026, 1, n, tzinfo=datetime.timezone.utc), "n": n},
        }
        for n in (1, 2, 3)
    ]
    assert client.ingest(given, "values", create_collection=True).wait().indexed == 3
    after = {
        "must": [{"path": "at", "time_range": {"gt": datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)}}]
    }
    assert [hit.id for hit in client.search("values", "number", filter=after)] == [3]
    two = {"must": [{"path": "n", "match": np.int64(2)}]}
    assert [hit.id for hit in client.search("values", "number", filter=two)] == [2]
    with pytest.raises((ValueError, SpladeError)):
        client.search("values", "number", filter={"must": [{"path": "n", "range": {"gt": float("nan")}}]})
    with pytest.raises(TypeError, match="pruning: expected a Pruning or a mapping, got int"):
        client.search("values", "number", pruning=5)
