"""Text streams: each text has its vector or error, in order, also if the server is killed."""

import asyncio

import pytest

from servers import Server
from splade_sidecar import AsyncClient, Client, GaveUp, InvalidArgument, NotFound
from test_ingest import Killer

COUNT = 2000


def texts(count=COUNT):
    for number in range(1, count + 1):
        yield f"text number {number} about subject {number % 97}"


def assert_complete(given, client):
    assert [one.number for one in given] == list(range(1, COUNT + 1))
    for number in (1, 1234, COUNT):
        [wanted] = client.encode([f"text number {number} about subject {number % 97}"])
        assert given[number - 1].vector == wanted


def test_results_come_in_the_order_of_the_texts(client):
    # Long and short texts alternate, so that the server completes them in another order.
    given = [f"text number {n} " + "word " * (n % 3 * 100) for n in range(90)]
    results = list(client.encode_stream(given, "document", window_texts=40))
    assert [one.number for one in results] == list(range(1, 91))
    assert [one.vector for one in results] == client.encode(given)
    assert list(client.encode_stream([])) == []


def test_a_rejected_text_does_not_end_the_stream(client):
    good, bad, last = client.encode_stream(["heat transfer", " ", "supersonic flow"], "query", with_tokens=True)
    assert good.vector.tokens and good.error is None
    assert bad.vector is None and (bad.error.reason, bad.error.field) == ("EMPTY_TEXT", "text")
    assert (last.number, last.vector.indices) == (3, client.encode(["supersonic flow"], "query")[0].indices)


def test_an_invalid_text_is_rejected_alone(sidecar, client):
    given = ["heat transfer", 7, "supersonic flow", None, b"bytes", "a lone \udc80 surrogate", "x" * (32 << 20), "last"]

    async def main():
        async with AsyncClient(sidecar.address) as async_client:
            return [one async for one in async_client.encode_stream(given)]

    results = list(client.encode_stream(given))
    assert asyncio.run(main()) == results
    assert [one.number for one in results] == list(range(1, 9))
    assert [one.vector is not None for one in results] == [True, False, True, False, False, False, False, True]
    errors = [one.error for one in results if one.error]
    assert [(error.code, error.field) for error in errors] == [(3, "text")] * 5
    assert [error.reason for error in errors] == ["MALFORMED_DOCUMENT"] * 4 + ["TEXT_TOO_LONG"]
    assert "expected a str, got int" in errors[0].message and "decode" in errors[2].message
    assert "U+DC80" in errors[3].message and "at character 7" in errors[3].message
    assert results[7].vector == client.encode(["last"])[0]


def test_a_server_that_is_killed_twice(binary, model_folder, tmp_path):
    with Server(binary, model_folder, tmp_path) as server, Client(server.target) as client:
        killer, given = Killer(server, 300, 1000), []
        for one in client.encode_stream(texts()):
            given.append(one)
            killer.count(one.number)
        assert killer.kills == 2
        assert_complete(given, client)


def test_a_server_that_is_killed_twice_with_asyncio(binary, model_folder, tmp_path):
    async def main(target, killer):
        async with AsyncClient(target) as client, client.encode_stream(texts()) as run:
            given = []
            async for one in run:
                given.append(one)
                killer.count(one.number)
            return given

    with Server(binary, model_folder, tmp_path) as server, Client(server.target) as client:
        killer = Killer(server, 300, 1000)
        given = asyncio.run(main(server.target, killer))
        assert killer.kills == 2
        assert_complete(given, client)


def test_a_server_that_stays_away_is_given_up(binary, model_folder, tmp_path):
    with Server(binary, model_folder, tmp_path) as server, Client(server.target) as client:
        last = 0
        with pytest.raises(GaveUp, match="Every text up to number") as caught:
            for one in client.encode_stream(texts(), give_up_after=1.0):
                last = one.number
                if last == 100:
                    server.kill()
        assert f"up to number {last} " in caught.value.message


def test_invalid_arguments_raise(client):
    with pytest.raises(TypeError, match="not one text"):
        client.encode_stream("one text")
    with pytest.raises(ValueError, match="window_texts"):
        client.encode_stream([], window_texts=0)
    with pytest.raises(NotFound) as caught:
        list(client.encode_stream(["a"], model="nonesuch"))
    assert caught.value.reason == "UNKNOWN_MODEL"
    with pytest.raises(InvalidArgument):
        list(client.encode_stream(["a"], pruning={"weight_share": 2}))
