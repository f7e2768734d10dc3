"""Ingest: every document has exactly one result, also if the server is killed, and memory stays bounded."""

import asyncio
import threading

import pytest

from servers import Server
from skips import import_package
from splade_sidecar import AsyncClient, Client, Delete, Document, GaveUp, NotFound

COUNT = 4000


def documents(count=COUNT):
    for number in range(1, count + 1):
        yield Document(f"document number {number} about subject {number % 97}", number, {"number": number})


class Killer:
    """Kills the server after certain numbers of results, and restarts it in another thread."""

    def __init__(self, server, *after):
        self.server, self.after, self.kills = server, list(after), 0
        self.numbers = []

    def count(self, number):
        self.numbers.append(number)
        if self.after and len(self.numbers) >= self.after[0]:
            self.after.pop(0)
            self.server.kill()
            self.kills += 1
            threading.Timer(1.0, self.server.start).start()


def check(killer, summary, client, reconnects):
    assert killer.kills == 2
    assert sorted(killer.numbers) == list(range(1, COUNT + 1)), "every document has exactly one result"
    assert (summary.indexed, summary.durable, summary.rejected) == (COUNT, COUNT, 0)
    assert summary.reconnects >= reconnects
    assert client.get_collection("killed").point_count == COUNT
    last = client.search("killed", f"document number {COUNT}", filter=numbered(COUNT))
    assert [hit.id for hit in last] == [COUNT]


def numbered(number):
    return {"must": [{"path": "number", "match": number}]}


def test_a_server_that_is_killed_twice(binary, model_folder, tmp_path):
    with Server(binary, model_folder, tmp_path) as server, Client(server.target) as client:
        killer = Killer(server, 500, 2000)
        run = client.ingest(documents(), "killed", create_collection=True, batch_points=100)
        for result in run:
            assert result.status == "indexed"
            killer.count(result.number)
        check(killer, run.summary, client, 2)


def test_a_server_that_is_killed_twice_with_asyncio(binary, model_folder, tmp_path):
    async def main(target, killer):
        async with AsyncClient(target) as client:
            async with client.ingest(documents(), "killed", create_collection=True, batch_points=100) as run:
                async for result in run:
                    assert result.status == "indexed"
                    killer.count(result.number)
            return run.summary

    with Server(binary, model_folder, tmp_path) as server, Client(server.target) as client:
        killer = Killer(server, 500, 2000)
        summary = asyncio.run(main(server.target, killer))
        check(killer, summary, client, 2)


def test_a_server_that_stays_away_is_given_up(binary, model_folder, tmp_path):
    with Server(binary, model_folder, tmp_path) as server, Client(server.target) as client:
        numbers = []
        with pytest.raises(GaveUp) as caught:
            options = {"create_collection": True, "batch_points": 10, "give_up_after": 1.5}
            for result in client.ingest(documents(), "left", **options):
                numbers.append(result.number)
                if len(numbers) == 100:
                    server.kill()
        error = caught.value
        assert "no progress within 1.5 s" in error.message
        assert f"up to number {error.summary.durable}" in error.message
        assert set(range(1, error.summary.durable + 1)) <= set(numbers), "results of durable documents were reported"
        assert error.summary.results == len(numbers)


def test_a_slow_reader_holds_back_the_iterable(client):
    pulled, most, seen = 0, 0, 0

    def endless():
        nonlocal pulled
        while True:
            pulled += 1
            yield {"text": f"an endless document, number {pulled}", "id": pulled}

    with client.ingest(endless(), "slow", create_collection=True, window_documents=50) as run:
        for _ in run:
            seen += 1
            most = max(most, pulled - run.summary.durable)
            if seen == 2000:
                break
    # The feeder thread holds one more item while it waits for space in the window.
    assert most <= 51
    assert pulled <= run.summary.durable + 51


def test_a_window_is_bounded_in_bytes(client):
    pulled = 0

    def long():
        nonlocal pulled
        for _ in range(60):
            pulled += 1
            yield {"text": f"number {pulled} " + "word " * 2000}

    most = 0
    run = client.ingest(long(), "bytes", create_collection=True, window_bytes=50_000)
    for _ in run:
        most = max(most, pulled - run.summary.durable)
    assert run.summary.indexed == 60 and run.summary.truncated == 60
    assert most <= 7


def test_a_slow_iterable_is_sent_as_it_comes(client):
    arrived = threading.Event()

    def two():
        yield {"text": "first"}
        assert arrived.wait(20), "the first document's result came only after the second document"
        yield {"text": "second"}

    with client.ingest(two(), "live", create_collection=True) as run:
        assert next(run).number == 1
        arrived.set()
        assert next(run).number == 2


def test_rejections_have_a_reason_and_field(client):
    given = [{"text": "fine", "id": 1}, {"text": " ", "id": 2}, {"text": "fine", "id": "", "payload": {}}]
    run = client.ingest(given, "mixed", create_collection=True)
    by_number = {result.number: result for result in run}
    assert [by_number[number].status for number in (1, 2, 3)] == ["indexed", "rejected", "rejected"]
    error = by_number[2].error
    assert (error.reason, error.field, error.code) == ("EMPTY_TEXT", "text", 3) and error.message
    assert run.summary.reasons == {"EMPTY_TEXT": 1, "INVALID_ARGUMENT": 1}
    assert {result.number for result in run.summary.rejections} == {2, 3}


def test_an_iterable_may_be_silent_for_longer_than_the_server_waits(start, tmp_path):
    server = start(tmp_path / "store", "--stream-idle-timeout", "1s")
    ended_idle = threading.Event()

    def two():
        yield {"text": "first"}
        assert ended_idle.wait(60), "the server never ended an idle stream"
        yield {"text": "second"}

    with Client(server.address) as client:
        run = client.ingest(two(), "silent", create_collection=True, give_up_after=1.0)
        original = run._run.delay_after_error

        def count(error):
            delay = original(error)
            if run.summary.reconnects == 3:
                ended_idle.set()
            return delay

        run._run.delay_after_error = count
        assert sorted(result.number for result in run) == [1, 2]
    assert run.summary.reconnects == 3


def test_unchanged_documents_are_skipped(client):
    given = [{"text": f"number {number}", "id": number} for number in range(1, 11)]
    assert client.ingest(given, "same", create_collection=True).wait().indexed == 10
    assert client.ingest(given, "same", skip_unchanged=True).wait().unchanged == 10


def by_number(run):
    return [result.status for result in sorted(run, key=lambda result: result.number)]


def test_a_document_is_replaced_only_by_a_newer_version(client):
    given = [
        {"id": 1, "text": "version seven", "version": 7},
        {"id": 1, "text": "version six", "version": 6},
        {"id": 1, "text": "version seven again", "version": 7},
        {"id": 1, "text": "version eight", "version": 8},
        Delete(1, version=7),
        Delete(1, version=8),
        Document("the lowest version", 2, version=-(2**63)),
        Document("the highest version", 2, version=2**63 - 1),
        Document("the one before", 2, version=2**63 - 2),
        Document("no version", 3),
        Document("version zero", 3, version=0),
        Document("version one", "mail/42", version=1),
    ]
    statuses = ["indexed", "superseded", "superseded", "indexed", "superseded", "superseded"]
    statuses += ["indexed", "indexed", "superseded", "indexed", "indexed", "indexed"]
    with client.ingest(given, "versions", create_collection=True, required_features=["document_version"]) as run:
        assert by_number(run) == statuses
    assert (run.summary.indexed, run.summary.superseded, run.summary.durable) == (7, 5, 12)
    found = client.get_documents("versions", [1, 2, 3, "mail/42"])
    assert [(one.text, one.version) for one in found] == [
        ("version eight", 8),
        ("the highest version", 2**63 - 1),
        ("version zero", 0),
        ("version one", 1),
    ]
    assert all(one.payload == {"text": one.text} for one in found), "versions are no part of payloads"
    # Deletions, also of documents without version and of missing ones. A change without version is always applied.
    again = [
        Delete(1, version=9),
        Document("an older one", 1, version=3),
        Delete("absent", version=1),
        Document("no version", 2),
        Delete(3),
    ]
    with client.ingest(again, "versions", skip_unchanged=True) as run:
        assert by_number(run) == ["deleted", "indexed", "deleted", "indexed", "deleted"]
    found = client.get_documents("versions", [1, 2, 3])
    assert [one and (one.text, one.version) for one in found] == [("an older one", 3), ("no version", None), None]
    with client.ingest(given[3:4] * 2, "versions", skip_unchanged=True) as run:
        assert by_number(run) == ["indexed", "superseded"]
    stored = {one.id: one.version for one in client.list_documents("versions")}
    assert stored == {1: 8, 2: None, "mail/42": 1}
    assert {hit.id: hit.document.version for hit in client.search("versions", "version eight")} == stored


def test_versions_of_asyncio(sidecar, client):
    async def main():
        given = [{"id": 1, "text": "new", "version": 2}, {"id": 1, "text": "old", "version": 1}, Delete(1, version=1)]
        async with AsyncClient(sidecar.address) as async_client:
            run = async_client.ingest(given, "versions-aio", create_collection=True)
            statuses = by_number([result async for result in run])
            [found] = await async_client.get_documents("versions-aio", [1])
            return statuses, run.summary.superseded, found.text, found.version

    assert asyncio.run(main()) == (["indexed", "superseded", "superseded"], 2, "new", 2)


def test_an_error_of_the_call_ends_it_with_its_summary(client):
    with pytest.raises(NotFound) as caught:
        client.ingest(documents(10), "absent").wait()
    assert caught.value.reason == "COLLECTION_NOT_FOUND"
    assert (caught.value.summary.durable, caught.value.summary.reconnects) == (0, 0)
    with pytest.raises(NotFound):
        client.ingest([], "absent").wait()


def test_an_error_of_the_iterable_comes_after_the_results_before_it(sidecar, client):
    def broken():
        yield {"text": "first"}
        yield {"text": "second"}
        raise KeyError("no third")

    results = []
    with pytest.raises(KeyError, match="no third"):
        for result in client.ingest(broken(), "broken", create_collection=True):
            results.append(result.number)
    assert sorted(results) == [1, 2]
    for one in ({"text": "a"}, Document("a"), "a"):
        with pytest.raises(TypeError, match="not one document"):
            client.ingest(one, "broken")

    async def main(target):
        async def broken():
            yield {"text": "first"}
            raise KeyError("no second")

        async with AsyncClient(target) as async_client:
            run = async_client.ingest(broken(), "broken")
            with pytest.raises(KeyError):
                await run.wait()
            return run.summary.indexed

    assert asyncio.run(main(sidecar.address)) == 1


def test_a_bar_of_progress(client, capsys):
    import_package("tqdm")
    given = [{"text": f"number {number}"} for number in range(20)]
    client.ingest(given, "bar", create_collection=True, progress=True).wait()
    assert "20/20" in capsys.readouterr().err
