"""Encode, search, explain, delete, errors, and connections by TLS and Unix socket."""

import asyncio
import time
import uuid

import grpc
import pytest

from splade_sidecar import (
    TLS,
    AsyncClient,
    Client,
    Document,
    ErrorReason,
    InvalidArgument,
    NotFound,
    Overloaded,
    SparseVector,
    Unauthenticated,
    Unavailable,
)

TEXTS = ["Ash from Vesuvius buried Pompeii.", "A bounded queue slows its sender down.", "Citrus fruit prevents scurvy."]


@pytest.fixture(scope="module")
def notes(client):
    documents = [
        Document(TEXTS[0], 1, {"topic": "history", "year": 79, "score": 0.5, "places": ["Pompeii", None, True]}),
        Document(TEXTS[1], "mail/42", {"topic": "computing", "year": 2026}),
        Document(TEXTS[2], uuid.UUID(int=7), {"topic": "medicine", "year": 1747}),
    ]
    summary = client.ingest(documents, "notes", create_collection=True).wait()
    assert (summary.indexed, summary.durable, summary.results) == (3, 3, 3)
    return "notes"


def test_vectors_of_several_batches_are_in_order(client):
    texts = [f"text number {number}" for number in range(10)]
    alone = [client.encode([text])[0] for text in texts]
    together = client.encode(texts, batch_size=4)
    assert [one.indices for one in together] == [one.indices for one in alone]
    assert all(one.indices == sorted(one.indices) and len(one.indices) == len(one.values) for one in together)
    assert client.encode([]) == []


def test_encode_options(client):
    [one] = client.encode(["a wing in a slipstream"], "query", pruning={"max_terms": 3}, with_tokens=True)
    assert len(one.indices) == len(one.tokens) == 3
    assert one.stats.pruned_term_count > 0 and one.stats.term_count == 3 and not one.stats.truncated
    [window] = client.encode(["word " * 2000], long_text="window")
    assert window.stats.window_count > 1
    [cut] = client.encode(["word " * 2000])
    assert cut.stats.truncated and cut.stats.window_count == 1
    with pytest.raises(InvalidArgument) as caught:
        client.encode(["word " * 2000], long_text="reject")
    assert caught.value.reason == ErrorReason.TEXT_TOO_LONG


def test_search_returns_ids_and_payloads_unchanged(client, notes):
    [best, *_] = client.search(notes, "city destroyed by a volcano", with_sparse_vectors=True)
    assert best.id == 1 and best.score > 0
    assert best.payload == {
        "text": TEXTS[0],
        "topic": "history",
        "year": 79,
        "score": 0.5,
        "places": ["Pompeii", None, True],
    }
    assert isinstance(best.payload["year"], int)
    [vector] = best.document.sparse_vectors.values()
    assert vector.indices == client.encode(TEXTS[:1])[0].indices and len(vector.values) == len(vector.indices)
    assert (best.document.text_field, best.document.text) == ("text", TEXTS[0])
    filter = {"must": [{"path": "year", "range": {"gte": 1700, "lt": 1800}}]}
    assert [hit.id for hit in client.search(notes, "what stops scurvy", filter=filter)] == [uuid.UUID(int=7)]


def test_search_by_vector(client, notes):
    [encoded] = client.encode(["a queue that slows senders"], "query")
    by_text = client.search(notes, "a queue that slows senders", limit=2)
    assert by_text[0].id == "mail/42" and by_text.query_stats.token_count > 3
    assert client.search(notes, encoded, limit=2) == by_text
    by_vector = client.search(notes, (encoded.indices, encoded.values), limit=2)
    assert by_vector == by_text and by_vector.query_stats is None
    assert client.search(notes, SparseVector(encoded.indices, encoded.values), limit=2) == by_text


def test_explanations_sum_to_the_score(client, notes):
    [hit] = client.search(notes, "city destroyed by a volcano", limit=1)
    explained = client.explain("city destroyed by a volcano", collection=notes, document_id=hit.id)
    assert explained.score == pytest.approx(hit.score, rel=1e-4)
    assert sum(term.contribution for term in explained.terms) == pytest.approx(explained.score, rel=1e-4)
    assert {term.query_origin for term in explained.terms} <= {"text", "expansion"}
    assert explained.query_stats.term_count > 0 and explained.document_stats.term_count > 0
    of_text = client.explain(
        "ash of a volcano",
        document_text=TEXTS[0],
        document_encoding={"long_text": "window", "pruning": {"max_terms": 5}},
    )
    assert of_text.terms and of_text.document_stats.term_count == 5 and of_text.document_stats.token_count > 5
    [query] = client.encode(["city destroyed by a volcano"], "query")
    assert client.explain(query, collection=notes, document_id=1).score == pytest.approx(hit.score, rel=1e-4)


def test_deleted_documents_are_not_found(client):
    client.ingest([{"id": 1, "text": "first"}, {"id": 2, "text": "second"}], "gone", create_collection=True).wait()
    client.delete("gone", [1, 99])
    assert [hit.id for hit in client.search("gone", "first second")] == [2]


def test_an_error_has_its_details(client):
    with pytest.raises(NotFound) as caught:
        client.search("absent", "some text")
    assert caught.value.reason == "COLLECTION_NOT_FOUND"
    with pytest.raises(InvalidArgument) as caught:
        client.encode(["fine", " "])
    assert caught.value.reason == "EMPTY_TEXT"
    [violation] = caught.value.violations
    assert violation.field == "texts[1]" and violation.description
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT and caught.value.retry_after is None


@pytest.mark.parametrize("number", [1, 64, 65, 70, 130])
def test_errors_name_the_index_of_the_rejected_text(sidecar, client, number):
    texts = [f"text {place}" for place in range(1, 140)]
    texts[number - 1] = " "
    field = f"texts[{number - 1}]"

    async def with_asyncio():
        async with AsyncClient(sidecar.address) as async_client:
            await async_client.encode(iter(texts))

    calls = [
        lambda: client.encode(texts),
        lambda: client.encode(texts, batch_size=7),
        lambda: list(client.encode_each(text for text in texts)),
        lambda: asyncio.run(with_asyncio()),
    ]
    for call in calls:
        with pytest.raises(InvalidArgument) as caught:
            call()
        error = caught.value
        assert [violation.field for violation in error.violations] == [field]
        assert error.message.startswith(f"{field}: ") and str(error).startswith(f"{field}: ")
        assert (error.reason, error.code) == ("EMPTY_TEXT", grpc.StatusCode.INVALID_ARGUMENT)
    for wrong, kind in ((5, TypeError), (None, TypeError), ("lone \ud800", ValueError)):
        texts[number - 1] = wrong
        for call in calls:
            with pytest.raises(kind) as caught:
                call()
            assert str(caught.value).startswith(f"{field}: ")


def test_invalid_arguments_are_rejected_by_the_client(client):
    with pytest.raises(TypeError, match="not one text"):
        client.encode("one text")
    with pytest.raises(ValueError, match="role: expected one of .*, got 'both'"):
        client.encode(["text"], role="both")
    with pytest.raises(ValueError, match="filter: .*nonesuch"):
        client.search("notes", "text", filter={"nonesuch": 1})
    with pytest.raises(ValueError, match="either document_id or document_text"):
        client.explain("text")
    with pytest.raises(ValueError, match="nonesuch"):
        client.search("notes", "text", nonesuch=1)
    with pytest.raises(ValueError, match="document_encoding: unknown field 'max_terms'"):
        client.explain("text", document_text="text", document_encoding={"max_terms": 1})
    with pytest.raises(
        TypeError, match="query: expected a str, a SparseVector, or a tuple of indices and values, got list"
    ):
        client.search("notes", [1, 2])
    with pytest.raises(TypeError, match="not one id"):
        client.get_documents("notes", "mail/42")
    for call in (
        lambda: client.search("notes", "lone \ud800"),
        lambda: client.explain("lone \ud800", document_text="text"),
        lambda: client.explain("text", document_text="lone \ud800"),
    ):
        with pytest.raises(ValueError, match=r"^(query|document_text): lone surrogate \(U\+D800\)"):
            call()


def test_calls_are_retried_until_the_timeout(start, tmp_path):
    server = start(tmp_path / "store", "--max-unary-texts", "2", "--max-unary-documents", "2")
    with Client(server.address) as client:

        async def many():
            async with AsyncClient(server.address) as async_client:
                return await asyncio.gather(*(async_client.encode([f"text {n}", "b"]) for n in range(20)))

        assert all(len(vectors) == 2 for vectors in asyncio.run(many()))
        with pytest.raises((InvalidArgument, Overloaded)):
            client.encode(["a", "b", "c"])
        server.kill()
        began = time.monotonic()
        with pytest.raises(Unavailable):
            client.encode(["a"], timeout=1.0)
        assert time.monotonic() - began < 2


def test_a_unix_socket(start, tmp_path):
    path = tmp_path / "s"
    start(tmp_path / "store", "--unix-socket", str(path))
    with Client(f"unix:{path}") as client:
        assert client.encode(["some text"])[0].indices

    async def main():
        async with AsyncClient(f"unix:{path}") as client:
            return await client.encode(["some text"])

    assert asyncio.run(main())[0].indices


def test_the_asyncio_client_has_the_same_calls(sidecar, client, notes):
    async def main():
        async with AsyncClient(sidecar.address) as async_client:
            assert await async_client.encode(TEXTS, batch_size=2) == client.encode(TEXTS)
            assert await async_client.search(notes, "scurvy fruit") == client.search(notes, "scurvy fruit")
            assert await async_client.explain("ash of a volcano", document_text=TEXTS[0]) == client.explain(
                "ash of a volcano", document_text=TEXTS[0]
            )
            await async_client.delete(notes, [99])
            with pytest.raises(NotFound) as caught:
                await async_client.search("absent", "some text")
            return caught.value.reason

    assert asyncio.run(main()) == "COLLECTION_NOT_FOUND"


def test_tls_and_a_token(binary, model_folder, tmp_path):
    from servers import TlsServer

    with TlsServer(binary, model_folder, tmp_path) as server:
        with Client(server.target, tls=TLS(ca=server.ca), token=server.token) as client:
            assert client.encode(["some text"])[0].indices
        with Client(server.target, tls=TLS(ca=server.ca), token="wrong " * 4) as client:
            with pytest.raises(Unauthenticated):
                client.encode(["some text"])
        with Client(server.target, tls=True, token=server.token) as client, pytest.raises(Unavailable):
            client.encode(["some text"], timeout=1)


def test_mutual_tls(binary, model_folder, tmp_path):
    from servers import Certificate, TlsServer

    authority = Certificate("authority", is_authority=True)
    authority.write(tmp_path / "clients.crt", tmp_path / "clients.key")
    for name, issuer in (("known", authority), ("stranger", Certificate("another", is_authority=True))):
        Certificate(name, issuer).write(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")

    def tls(name):
        return TLS(ca=server.ca, cert=tmp_path / f"{name}.crt", key=tmp_path / f"{name}.key")

    async def with_asyncio():
        async with AsyncClient(server.target, tls=tls("known"), token=server.token) as client:
            return await client.encode(["some text"])

    with TlsServer(binary, model_folder, tmp_path, client_ca=tmp_path / "clients.crt") as server:
        with Client(server.target, tls=tls("known"), token=server.token) as client:
            wanted = client.encode(["some text"])
            assert client.ingest([{"text": "some text"}], "notes", create_collection=True).wait().indexed == 1
        assert asyncio.run(with_asyncio()) == wanted
        for rejected in (tls("stranger"), TLS(ca=server.ca)):
            with Client(server.target, tls=rejected, token=server.token) as client, pytest.raises(Unavailable):
                client.encode(["some text"], timeout=2)
