"""The window and the backoff alone: laws, without a server."""

import random

import grpc
import pytest

from splade_sidecar.errors import SpladeError, Unavailable
from splade_sidecar.retry import Backoff
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import types_pb2 as types
from splade_sidecar.window import Window


class Store:
    """One stream of a server: answers in any order, and breaks when it is told to."""

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
        status = index.DOCUMENT_STATUS_INDEXED
        results = [index.DocumentResult(sequence=number, status=status) for number in chosen]
        return index.IngestResponse(results=results, durable_through=self.durable)


@pytest.mark.parametrize("seed", range(50))
def test_each_document_has_one_result_whatever_breaks(seed):
    rng = random.Random(seed)
    count = rng.randint(0, 300)
    window = Window(index.IngestOptions(collection="c"), rng.randint(1, 60), 1 << 20)
    store, pushed, numbers, stored = Store(), 0, [], set()
    window.restart()
    while not window.finished:
        action = rng.random()
        if action < 0.02:
            store = Store()
            window.restart()
        elif action < 0.5 and not window.full and not window.ended:
            if pushed == count:
                window.ended = True
            else:
                pushed += 1
                window.push(types.Document(text=str(pushed)))
        elif action < 0.8 and window.has_message:
            message = window.message()
            if message is not None:
                store.take(message)
                stored |= set(store.taken)
        else:
            numbers += [result.number for result in window.settle(store.answer(rng))]
    assert sorted(numbers) == list(range(1, count + 1))
    assert stored == {str(number) for number in range(1, count + 1)}
    assert window.summary.durable == window.summary.indexed == count


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
        ("INTERNAL", "INTERNAL", "a fault", None, False),
        ("NOT_FOUND", "COLLECTION_NOT_FOUND", "no collection", None, False),
    ],
)
def test_which_errors_are_worth_another_try(code, reason, message, retry_after, again):
    assert SpladeError(grpc.StatusCode[code], message, reason, (), retry_after).retryable is again
