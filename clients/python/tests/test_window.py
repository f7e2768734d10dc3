"""The window and the backoff alone: laws, without a server."""

import random

import grpc
import pytest

from splade_sidecar.encode import EncodeWindow
from splade_sidecar.errors import SpladeError, Unavailable
from splade_sidecar.ingest import IngestWindow
from splade_sidecar.retry import Backoff
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import types_pb2 as types


class Store:
    """One stream of documents of a server: answers in any order, and breaks when it is told to."""

    def __init__(self):
        self.taken, self.answered, self.durable = [], set(), 0

    def take(self, request):
        self.taken += [document.text for document in request.documents]

    def answer(self, rng):
        waiting = [number for number in range(1, len(self.taken) + 1) if number not in self.answered]
        chosen = rng.sample(waiting, rng.randint(0, len(waiting)))
        self.answered |= set(chosen)
        while self.durable + 1 in self.answered:
            self.durable += 1
        return self.response(chosen)

    def response(self, chosen):
        status = index.DOCUMENT_STATUS_INDEXED
        results = [index.DocumentResult(sequence=number, status=status) for number in chosen]
        return index.IngestResponse(results=results, durable_through=self.durable)


class TextStore(Store):
    """The same of texts. A text's vector has its number as its index."""

    def take(self, request):
        self.taken += request.texts

    def response(self, chosen):
        vectors = [types.SparseVector(indices=[int(self.taken[number - 1])], values=[1.0]) for number in chosen]
        results = [
            encoder.EncodeStreamResult(sequence=number, encoded=encoder.EncodedText(vector=vector))
            for number, vector in zip(chosen, vectors, strict=True)
        ]
        return encoder.EncodeStreamResponse(results=results)


def drive(rng, window, given, new_store):
    """Runs a window to its end with a server that breaks now and then; returns the results and what the server saw."""
    store, pushed, reported, seen = new_store(), 0, [], set()
    window.restart()
    while not window.finished:
        action = rng.random()
        if action < 0.02:
            store = new_store()
            window.restart()
        elif action < 0.5 and not window.full and not window.ended:
            if pushed == len(given):
                window.ended = True
            else:
                window.push(*window.make(given[pushed]))
                pushed += 1
        elif action < 0.8 and window.has_message:
            message = window.message()
            if message is not None:
                store.take(message)
                seen |= set(store.taken)
        elif action < 0.9:
            before = window.has_refused
            results = window.settle_refused()
            assert bool(results) == before
            reported += results
        else:
            reported += window.settle(store.answer(rng))
        numbers = {result.number for result in reported}
        assert numbers >= set(range(1, window.done + 1)), "whatever is done was reported"
    assert window.done == len(given)
    return reported, seen


def mixed(rng):
    """Numbers from 1 as texts, and now and then what is none; of some, nothing else."""
    share = rng.choice([0, 0.1, 0.5, 1])
    return [None if rng.random() < share else str(number) for number in range(1, rng.randint(0, 300) + 1)]


@pytest.mark.parametrize("seed", range(50))
def test_each_document_has_one_result_whatever_breaks(seed):
    rng = random.Random(seed)
    given = mixed(rng)
    window = IngestWindow(index.IngestOptions(collection="c"), rng.randint(1, 60), 1 << 20)
    reported, seen = drive(rng, window, [{"text": text} for text in given], Store)
    assert sorted(result.number for result in reported) == list(range(1, len(given) + 1))
    good = {number for number, text in enumerate(given, 1) if text}
    assert {result.number for result in reported if result.status == "indexed"} == good
    assert {result.number for result in reported if result.status == "rejected"} == {
        number for number, text in enumerate(given, 1) if not text
    }
    assert seen == {str(number) for number in good}, "the server sees every other document and no bad one"
    assert (window.summary.durable, window.summary.indexed) == (len(given), len(good))
    assert window.summary.rejected == len(given) - len(good) == sum(window.summary.reasons.values())


@pytest.mark.parametrize("seed", range(50))
def test_each_text_has_its_own_vector_in_order_whatever_breaks(seed):
    rng = random.Random(seed)
    given = mixed(rng)
    window = EncodeWindow(encoder.EncodeOptions(), rng.randint(1, 60), 1 << 20)
    reported, seen = drive(rng, window, given, TextStore)
    assert seen == {text for text in given if text}
    assert [(one.number, one.vector and one.vector.indices) for one in reported] == [
        (n, text and [n]) for n, text in enumerate(given, 1)
    ]


def test_texts_that_were_answered_are_not_sent_again():
    window = EncodeWindow(encoder.EncodeOptions(), 600, 32 << 20)
    for number in range(1, 501):
        window.push(*window.make(f"{number} " + "x" * 2000))
    window.restart()
    sent = 0
    while sent < 500:
        message = window.message()
        sent += len(message.texts)
    vector = types.SparseVector(indices=[1], values=[1.0])
    all_but_the_first = [
        encoder.EncodeStreamResult(sequence=number, encoded=encoder.EncodedText(vector=vector))
        for number in range(2, 501)
    ]
    assert window.settle(encoder.EncodeStreamResponse(results=all_but_the_first)) == []
    window.restart()
    window.message()
    assert len(window.message().texts) == 1
    first = encoder.EncodeStreamResult(sequence=1, encoded=encoder.EncodedText(vector=vector))
    assert len(window.settle(encoder.EncodeStreamResponse(results=[first]))) == 500
    window.push(*window.make("another"))
    assert list(window.message().texts) == ["another"]


def test_a_delay_grows_and_honours_the_servers():
    now = 0.0
    backoff = Backoff(100, clock=lambda: now, jitter=lambda: 1.0)
    gone = Unavailable(grpc.StatusCode.UNAVAILABLE, "gone")
    assert [backoff.delay(gone) for _ in range(4)] == [0.1, 0.2, 0.4, 0.8]
    backoff.progressed()
    assert backoff.delay(gone) == 0.1
    later = Unavailable(grpc.StatusCode.UNAVAILABLE, "gone", "STORE_UNAVAILABLE", (), 5.0)
    assert backoff.delay(later) == 5.2
    now = 99.0
    assert backoff.delay(later) is None, "the wait would end too late"
    backoff.progressed()
    now = 500.0
    assert backoff.delay(later) is not None, "it is the first failure that counts, not the last progress"


@pytest.mark.parametrize(
    ("code", "reason", "message", "retry_after", "again"),
    [
        ("UNAVAILABLE", "", "Socket closed", None, True),
        ("RESOURCE_EXHAUSTED", "OVERLOADED", "no room", 0.5, True),
        ("RESOURCE_EXHAUSTED", "", "Sent message larger than max", None, False),
        ("DEADLINE_EXCEEDED", "STREAM_IDLE", "silent", None, True),
        ("DEADLINE_EXCEEDED", "", "Deadline Exceeded", None, False),
        ("INTERNAL", "", "Received RST_STREAM with error code 2", None, True),
        ("INTERNAL", "", "Internal error from Core", None, True),
        ("INTERNAL", "INTERNAL", "a fault", None, False),
        ("NOT_FOUND", "COLLECTION_NOT_FOUND", "no collection", None, False),
    ],
)
def test_which_errors_are_worth_another_try(code, reason, message, retry_after, again):
    assert SpladeError(grpc.StatusCode[code], message, reason, (), retry_after).retryable is again
