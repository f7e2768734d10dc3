"""An invalid document never ends an ingest: it is rejected with its own number, and the other documents are stored."""

import asyncio
import math
import queue
import threading
from decimal import Decimal

import numpy as np
import pytest

from gated import GatedServer
from servers import Server
from splade_sidecar import AsyncClient, Client, Delete, Document, NotFound
from test_ingest import Killer


class Broken:
    """A mapping whose code raises."""

    def __getitem__(self, name):
        raise KeyError(name)


class BrokenMapping(dict):
    def __iter__(self):
        raise RuntimeError("the database went away")


CYCLE: dict = {}
CYCLE["self"] = CYCLE

# Item, id of its result, field of its error, and part of the message.
BAD = [
    ({"id": 1, "text": 5}, 1, "text", "expected a str, got int"),
    ({"id": 1, "text": None}, 1, "text", "None"),
    ({"id": 1}, 1, "text", "required"),
    ({"id": 1, "text": b"bytes"}, 1, "text", "decode"),
    ({"id": 1, "text": "lone \ud800"}, 1, "text", "U+D800"),
    ({"id": 1, "text": math.nan}, 1, "text", "got float"),
    ({"id": -1, "text": "a"}, None, "id", "-1 is not in the range 0 to"),
    ({"id": True, "text": "a"}, None, "id", "got bool"),
    ({"id": math.nan, "text": "a"}, None, "id", "nan is not an integer"),
    ({"id": 2**64, "text": "a"}, None, "id", "18446744073709551616 is not in the range 0 to"),
    ({"id": {"key": 7}, "text": "a"}, None, "id.key", "got int"),
    ({"id": 1, "text": "a", "title": "b"}, 1, "title", "move it into payload"),
    ({"id": 1, "text": "a", 7: "b"}, 1, "7", "unknown field"),
    ({"id": 1, "text": "a", "payload": {"when": object()}}, 1, "payload.when", "type object can't be stored as JSON"),
    ({"id": 1, "text": "a", "payload": {"n": [0, math.nan]}}, 1, "payload.n[1]", "finite"),
    ({"id": 1, "text": "a", "payload": CYCLE}, 1, "payload.self", "contains itself"),
    ({"id": 1, "text": "a", "payload": [1]}, 1, "payload", "expected a mapping"),
    (
        {"id": "mail/42", "text": "a", "dense_vectors": {"d": "text"}},
        "mail/42",
        "dense_vectors.d",
        "sequence of floats",
    ),
    ({"id": 1, "text": "a", "dense_vectors": [1.0]}, 1, "dense_vectors", "expected a mapping"),
    ({"id": 1, "text": "a", "dense_vectors": {"d": [1.0, "2"]}}, 1, "dense_vectors.d[1]", "expected a float, got str"),
    ({"id": 1, "text": "a", "dense_vectors": {"d": [1.0, None]}}, 1, "dense_vectors.d[1]", "None"),
    ({"id": 1, "text": "a", "dense_vectors": {"d": [True]}}, 1, "dense_vectors.d[0]", "bool"),
    ({"id": 1, "text": "a", "dense_vectors": {"d": {0: 1.0}}}, 1, "dense_vectors.d", "dict"),
    ({"id": 1, "text": "a", "dense_vectors": {"d": 7.0}}, 1, "dense_vectors.d", "float"),
    ({"id": 1, "text": "a", "dense_vectors": {"d": [10**400]}}, 1, "dense_vectors.d[0]", "finite"),
    ({"id": 1, "text": "a", "dense_vectors": {"d": np.zeros((2, 2))}}, 1, "dense_vectors.d[0]", "list"),
    ({"id": 1, "text": "a", "dense_vectors": {7: [1.0]}}, 1, "dense_vectors", "expected str names, got int"),
    (Document(5, 1), 1, "text", "got int"),
    (Document("a", 1, {"s": {1}}), 1, "payload.s", "sorted"),
    (Delete(-1), None, "id", "-1 is not in the range 0 to"),
    (Delete(None), None, "id", "required; pass the id of the document to delete"),
    (Delete(1, 7), 1, "position", "expected a str, got int"),
    ({"id": 1, "text": "a", "position": 7}, 1, "position", "got int"),
    (
        {"id": 1, "text": "a", "version": 2**63},
        1,
        "version",
        "9223372036854775808 is not in the range -2**63 to 2**63 - 1",
    ),
    ({"id": 1, "text": "a", "version": "7"}, 1, "version", "expected a 64-bit int, such as time.time_ns(), got str"),
    ({"id": 1, "text": "a", "version": 7.5}, 1, "version", "7.5 is not an integer"),
    ({"id": 1, "text": "a", "version": math.nan}, 1, "version", "nan is not an integer"),
    (Document("a", 1, version=True), 1, "version", "got bool"),
    (Document("a", 1, version=np.uint64(2**63)), 1, "version", "is not in the range"),
    (Delete(1, version=-(2**63) - 1), 1, "version", "-9223372036854775809 is not in the range"),
    (Delete(1, version=Decimal("1E+30")), 1, "version", "not a 64-bit integer"),
    (
        "a text alone",
        None,
        "",
        "expected a Document, a Delete, or a mapping with text, id, payload, dense_vectors, position, version, got str",
    ),
    (("a", 1), None, "", "position, version, got tuple"),
    (None, None, "", "None"),
    (Broken(), None, "", "got Broken"),
    (BrokenMapping(text="a"), None, "", "RuntimeError: the database went away"),
]


def interleave(bad):
    """Yields a valid document before each invalid one and after the last."""
    for number, one in enumerate(bad):
        yield {"id": f"good/{number}", "text": f"good document {number}"}
        yield one
    yield {"id": "good/last", "text": "the last document"}


def check(results, summary, collection, client):
    by_number = {result.number: result for result in results}
    assert len(results) == len(by_number) == 2 * len(BAD) + 1
    for position, (given, id, field, message) in enumerate(BAD):
        good, bad = by_number[2 * position + 1], by_number[2 * position + 2]
        assert (good.status, good.id) == ("indexed", f"good/{position}")
        assert (bad.status, bad.id, bad.stats) == ("rejected", id, None), given
        error = bad.error
        assert (error.code, error.reason, error.field) == (3, "MALFORMED_DOCUMENT", field)
        assert message in error.message
    assert (summary.durable, summary.indexed, summary.rejected) == (2 * len(BAD) + 1, len(BAD) + 1, len(BAD))
    assert summary.reasons == {"MALFORMED_DOCUMENT": len(BAD)} and summary.reconnects == 0
    assert sorted(result.number for result in summary.rejections) == list(range(2, 2 * len(BAD) + 1, 2))
    assert len(client.search(collection, "good last document", limit=1000)) == len(BAD) + 1, "nothing else is stored"


def test_each_is_rejected_alone(client):
    run = client.ingest(interleave([given for given, *_ in BAD]), "bad", create_collection=True)
    check(list(run), run.summary, "bad", client)


def test_each_is_rejected_alone_with_asyncio(sidecar, client):
    async def main():
        async with AsyncClient(sidecar.address) as async_client:
            run = async_client.ingest(interleave([given for given, *_ in BAD]), "bad-aio", create_collection=True)
            return [result async for result in run], run.summary

    results, summary = asyncio.run(main())
    check(results, summary, "bad-aio", client)


def test_rejections_of_client_and_server_have_numbers_and_reasons(client):
    given = [
        {"id": 1, "text": 5},
        {"id": 2, "text": "\u200b"},
        {"id": 3, "text": "fine"},
        {"id": "", "text": "fine"},
        {"id": 5, "text": object()},
        {"id": 6, "text": "fine", "payload": {"_splade_x": 1}},
        {"id": 7, "text": "fine", "dense_vectors": {"d": [math.nan]}},
    ]
    results = sorted(client.ingest(given, "both", create_collection=True), key=lambda result: result.number)
    reasons = [result.error and result.error.reason for result in results]
    malformed = "MALFORMED_DOCUMENT"
    assert reasons == [
        malformed,
        "EMPTY_TEXT",
        None,
        "INVALID_ARGUMENT",
        malformed,
        "INVALID_ARGUMENT",
        "INVALID_VECTOR",
    ]


@pytest.mark.parametrize(
    ("large", "reason", "field"),
    [
        ({"id": 2, "text": "x" * (32 << 20)}, "TEXT_TOO_LONG", "text"),
        ({"id": 2, "text": "x", "payload": {"y": "x" * (32 << 20)}}, "MALFORMED_DOCUMENT", ""),
    ],
)
def test_a_document_larger_than_a_message_is_rejected(client, large, reason, field):
    given = [{"text": "fine", "id": 1}, large, {"text": "fine", "id": 3}]
    run = client.ingest(given, f"large-{reason.lower()}", create_collection=True)
    results = {result.number: result for result in run}
    assert [results[number].status for number in (1, 2, 3)] == ["indexed", "rejected", "indexed"]
    assert (results[2].id, results[2].error.reason, results[2].error.field) == (2, reason, field)
    assert "bytes; the maximum is " in results[2].error.message
    assert run.summary.durable == 3


def test_more_bad_documents_than_a_window_holds(sidecar, client):
    """No response of the server advances the window, since invalid documents are not sent."""
    given = [{"id": number, "text": number} for number in range(1, 501)] + [{"id": 501, "text": "fine"}]
    run = client.ingest(given, "many", create_collection=True, window_documents=10)
    assert sorted(result.number for result in run) == list(range(1, 502))
    assert (run.summary.rejected, run.summary.indexed, run.summary.durable) == (500, 1, 501)
    assert len(run.summary.rejections) == 100
    assert client.ingest(given[:500], "many", window_documents=10).wait().rejected == 500

    async def main():
        async with AsyncClient(sidecar.address) as async_client:
            summary = await async_client.ingest(given, "many", window_documents=10).wait()
            texts = [one async for one in async_client.encode_stream([5] * 500 + ["fine"], window_texts=10)]
            return summary, texts

    summary, texts = asyncio.run(main())
    assert (summary.rejected, summary.indexed, summary.durable) == (500, 1, 501)
    assert [one.number for one in texts] == list(range(1, 502)) and texts[500].vector
    assert list(client.encode_stream([5] * 500 + ["fine"], window_texts=10)) == texts


def test_a_rejection_does_not_wait_for_the_server():
    """It is reported although the server is stalled and the next document has not arrived."""
    waiting: queue.Queue = queue.Queue()

    def given():
        yield {"id": 1, "text": "good"}
        yield {"id": 2, "text": 5}
        waiting.get(timeout=20)
        yield {"id": 3, "text": 5}
        waiting.get(timeout=20)

    with GatedServer() as server, Client(server.address) as client, client.ingest(given(), "any") as run:
        assert next(run).number == 2
        waiting.put(None)
        assert next(run).number == 3
        assert run.summary.durable == 0, "the first document has no result yet"
        server.allow(1)
        assert next(run).number == 1
        waiting.put(None)
        assert next(run, None) is None
        assert run.summary.durable == 3


def test_a_rejection_does_not_wait_for_the_server_with_asyncio():
    async def main(server):
        more = asyncio.Event()

        async def given():
            yield {"id": 1, "text": "good"}
            yield {"id": 2, "text": 5}
            await more.wait()
            yield {"id": 3, "text": 5}

        async with AsyncClient(server.address) as client, client.ingest(given(), "any") as run:
            assert (await asyncio.wait_for(run.__anext__(), 20)).number == 2
            more.set()
            assert (await asyncio.wait_for(run.__anext__(), 20)).number == 3
            server.allow(1)
            assert [result.number async for result in run] == [1]
            assert run.summary.durable == 3

    with GatedServer() as server:
        asyncio.run(main(server))


def test_texts_wait_for_those_before_them():
    with GatedServer() as server, Client(server.address) as client, client.encode_stream(["good", 5, "good", 5]) as run:
        server.allow(1)
        assert [next(run).number, next(run).number] == [1, 2]
        server.allow(1)
        assert [(one.number, one.error is None) for one in run] == [(3, True), (4, False)]


def test_an_error_of_the_call_is_still_raised(client):
    with pytest.raises(NotFound):
        client.ingest([{"text": 5}], "absent").wait()


def mixed(count):
    for number in range(1, count + 1):
        text = f"document number {number}" if number % 3 else number
        yield {"id": number, "text": text, "payload": {"number": number}}


def test_numbers_hold_when_the_server_is_killed(binary, model_folder, tmp_path):
    count = 3000
    with Server(binary, model_folder, tmp_path) as server, Client(server.target) as client:
        killer = Killer(server, 400, 1500)
        options = {"create_collection": True, "batch_points": 50, "window_documents": 500}
        run = client.ingest(mixed(count), "killed", **options)
        ids = {}
        for result in run:
            assert (result.status == "rejected") == (result.number % 3 == 0)
            ids[result.number] = result.id
            killer.count(result.number)
        assert killer.kills == 2 and sorted(killer.numbers) == list(range(1, count + 1))
        assert ids == {number: number for number in range(1, count + 1)}
        assert (run.summary.durable, run.summary.rejected, run.summary.indexed) == (count, 1000, 2000)


def test_threads_end_when_a_stream_is_closed_early(client):
    before = threading.active_count()
    for _ in range(20):
        with client.ingest(mixed(10_000), "left", create_collection=True) as run:
            for _ in range(5):
                next(run)
    for thread in threading.enumerate():
        if thread.name.startswith("splade-"):
            thread.join(20)
            assert not thread.is_alive()
    assert threading.active_count() <= before + 4
