"""Properties of the window and the backoff, without a server."""

import random
from decimal import Decimal

import grpc
import numpy as np
import pytest

from splade_sidecar import Client, Delete, Document
from splade_sidecar.encode import EncodeWindow
from splade_sidecar.errors import SpladeError, Unavailable
from splade_sidecar.ingest import IngestWindow
from splade_sidecar.retry import Backoff, Pause
from splade_sidecar.run import Run
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1.encoding_pb2 import SparseVector
from splade_sidecar.v1.errors_pb2 import ItemError


class Store:
    """One stream of operations of a fake server: answers in any order, and some operations fail."""

    def __init__(self, fail_share=0.0):
        self.fail_share, self.first = fail_share, 1
        self.taken, self.answered, self.final, self.closed, self.durable = [], set(), set(), False, 0

    def take(self, request):
        if request.HasField("options"):
            self.first = request.options.first_sequence
            self.durable = self.first - 1
        self.taken += [operation.upsert.text for operation in request.operations]

    @property
    def done(self):
        return self.closed and len(self.answered) == len(self.taken)

    def answer(self, rng):
        waiting = [place for place in range(len(self.taken)) if place not in self.answered]
        chosen = rng.sample(waiting, rng.randint(0, len(waiting)))
        self.answered |= set(chosen)
        failed = {place for place in chosen if rng.random() < self.fail_share}
        self.final |= set(chosen) - failed
        while self.durable - self.first + 1 in self.final:
            self.durable += 1
        return self.response(chosen, failed)

    def response(self, chosen, failed):
        results = []
        for place in chosen:
            result = index.OperationResult(sequence=self.first + place, status=index.OPERATION_STATUS_INDEXED)
            if place in failed:
                result.status = index.OPERATION_STATUS_FAILED
                result.error.CopyFrom(ItemError(code=14, reason="STORE_UNAVAILABLE", message="no store"))
            results.append(result)
        return index.IngestResponse(results=results, durable_through=self.durable)


class TextStore(Store):
    """One stream of texts of a fake server. The vector of a text has its number as its index."""

    def take(self, request):
        self.taken += request.texts

    def response(self, chosen, failed):
        results = []
        for place in chosen:
            vector = SparseVector(indices=[int(self.taken[place])], values=[1.0])
            result = encoder.EncodeStreamResult(sequence=1 + place, encoded=encoder.EncodedText(vector=vector))
            if place in failed:
                result.error.retry_delay.FromSeconds(1)
            results.append(result)
        return encoder.EncodeStreamResponse(results=results)


def drive(rng, window, given, new_store):
    """Runs a window to its end with a server that breaks now and then; returns the results and the texts sent."""
    store, pushed, reported, seen = new_store(), 0, [], set()
    window.restart()
    while not window.finished:
        action = rng.random()
        if action < 0.02 or store.done:
            assert not store.done or window.half_closed or window.exhausted
            store = new_store()
            window.restart()
        elif action < 0.5 and not window.full and not window.exhausted:
            if pushed == len(given):
                window.exhausted = True
            else:
                window.push(*window.prepare(given[pushed]))
                pushed += 1
        elif action < 0.8 and window.has_message and not store.closed:
            message = window.next_message()
            if message is None:
                store.closed = True
            else:
                assert not window.half_closed or not store.taken, "nothing is sent after a failure"
                store.take(message)
                seen |= set(store.taken)
        elif action < 0.9:
            before = window.has_rejected
            results = window.collect_rejected()
            assert bool(results) == before
            reported += results
        else:
            reported += window.process(store.answer(rng))
        numbers = {result.number for result in reported}
        assert numbers >= set(range(1, window.done + 1)), "everything that is done was reported"
    assert window.done == len(given)
    return reported, seen


def mixed(rng):
    """Returns texts with the numbers from 1, mixed with invalid texts. Some sequences contain only invalid texts."""
    share = rng.choice([0, 0.1, 0.5, 1])
    return [None if rng.random() < share else str(number) for number in range(1, rng.randint(0, 300) + 1)]


@pytest.mark.parametrize("seed", range(50))
def test_each_document_has_one_result_after_failures(seed):
    rng = random.Random(seed)
    given = mixed(rng)
    window = IngestWindow(index.IngestOptions(collection="c"), rng.randint(1, 60), 1 << 20)
    texts = {}

    class Checked(Store):
        def take(self, request):
            super().take(request)
            if request.HasField("options"):
                assert self.first == window.progress + 1, "a stream begins after the last durable operation"
            for place, text in enumerate(self.taken):
                assert texts.setdefault(self.first + place, text) == text, "sequence numbers never change"

    share = rng.choice([0, 0.01, 0.1])
    documents = [{"text": text, "position": f"offset {n}"} for n, text in enumerate(given, 1)]
    reported, seen = drive(rng, window, documents, lambda: Checked(share))
    assert window.summary.position == (f"offset {len(given)}" if given else "")
    assert window.summary.omitted == 0
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
def test_each_text_has_its_own_vector_in_order_after_failures(seed):
    rng = random.Random(seed)
    given = mixed(rng)
    window = EncodeWindow(encoder.EncodeStreamOptions(), rng.randint(1, 60), 1 << 20)
    reported, seen = drive(rng, window, given, lambda: TextStore(rng.choice([0, 0.01, 0.1])))
    assert seen == {text for text in given if text}
    assert [(one.number, one.vector and one.vector.indices) for one in reported] == [
        (n, text and [n]) for n, text in enumerate(given, 1)
    ]


def test_texts_that_were_answered_are_not_sent_again():
    window = EncodeWindow(encoder.EncodeStreamOptions(), 600, 32 << 20)
    for number in range(1, 501):
        window.push(*window.prepare(f"{number} " + "x" * 2000))
    window.restart()
    sent = 0
    while sent < 500:
        message = window.next_message()
        sent += len(message.texts)
    vector = SparseVector(indices=[1], values=[1.0])
    all_but_the_first = [
        encoder.EncodeStreamResult(sequence=number, encoded=encoder.EncodedText(vector=vector))
        for number in range(2, 501)
    ]
    assert window.process(encoder.EncodeStreamResponse(results=all_but_the_first)) == []
    window.restart()
    window.next_message()
    assert len(window.next_message().texts) == 1
    first = encoder.EncodeStreamResult(sequence=1, encoded=encoder.EncodedText(vector=vector))
    assert len(window.process(encoder.EncodeStreamResponse(results=[first]))) == 500
    window.push(*window.prepare("another"))
    assert list(window.next_message().texts) == ["another"]


def durable(number, *results, **fields):
    return index.IngestResponse(results=results, durable_through=number, **fields)


def final(sequence, status=index.OPERATION_STATUS_INDEXED, **fields):
    return index.OperationResult(sequence=sequence, status=status, **fields)


def failed(sequence, reason="STORE_UNAVAILABLE", delay_s=None):
    result = final(sequence, index.OPERATION_STATUS_FAILED)
    result.error.CopyFrom(ItemError(code=14, reason=reason, message=f"the reason is {reason}"))
    if delay_s is not None:
        result.error.retry_delay.FromMilliseconds(int(delay_s * 1000))
    return result


def ingest_window(*items, max_documents=100, **options):
    window = IngestWindow(index.IngestOptions(collection="c", **options), max_documents, 1 << 20)
    for item in items:
        window.push(*window.prepare(item))
    window.restart()
    return window


def texts_of(message):
    return [operation.upsert.text for operation in message.operations]


def test_a_failed_operation_is_not_reported_and_is_sent_again():
    window = ingest_window({"text": "1"}, {"text": "2"}, {"text": "3"})
    assert window.next_message().options.first_sequence == 1
    assert texts_of(window.next_message()) == ["1", "2", "3"]
    window.push(*window.prepare({"text": "4"}))
    assert [result.number for result in window.process(durable(1, final(1), failed(2, "STORE_UNAVAILABLE", 1.5)))] == [
        1
    ]
    assert window.has_message and window.next_message() is None, "the stream is half-closed and sent nothing more"
    # Outstanding results are still processed.
    assert [result.number for result in window.process(durable(1, final(3), failed(2, "INTERNAL", 7.0)))] == [3]
    assert (window.failure.reason, window.failure.message) == ("STORE_UNAVAILABLE", "the reason is STORE_UNAVAILABLE")
    assert window.failure.retry_after == 7.0 and window.failure.retryable
    window.restart()
    assert window.failure is None
    assert window.next_message().options.first_sequence == 2
    assert texts_of(window.next_message()) == ["2", "3", "4"]
    # Operation 3 fails after its result was reported. It is resent until it is durable, and not reported again.
    assert [result.number for result in window.process(durable(2, final(2), failed(3)))] == [2]
    window.restart()
    assert window.next_message().options.first_sequence == 3
    assert texts_of(window.next_message()) == ["3", "4"]
    window.exhausted = True
    assert [result.number for result in window.process(durable(4, final(3), final(4)))] == [4]
    assert window.finished and (window.summary.indexed, window.summary.durable) == (4, 4)


def test_later_streams_are_bound_to_the_collection_of_the_first_one():
    window = ingest_window(create_collection=True)
    window._options.collection_options.shard_count = 2
    assert window.next_message().options.create_collection
    opened = index.IngestOpened()
    opened.collection.name, opened.collection.incarnation = "c", "first"
    window.process(durable(0, opened=opened))
    window.restart()
    options = window.next_message().options
    assert (options.expected_incarnation, options.create_collection) == ("first", False)
    assert not options.HasField("collection_options") and window.summary.incarnation == "first"
    # A collection without an incarnation is not created again either.
    window = ingest_window(create_collection=True)
    window.next_message()
    window.process(durable(0, opened=index.IngestOpened()))
    window.restart()
    options = window.next_message().options
    assert (options.expected_incarnation, options.create_collection) == ("", False)


def test_a_draining_server_is_sent_nothing_more():
    window = ingest_window({"text": "1"})
    window.next_message(), window.next_message()
    window.push(*window.prepare({"text": "2"}))
    window.process(durable(0, draining=index.IngestDraining(read_through=1)))
    assert window.has_message and window.next_message() is None
    window.process(durable(1, final(1)))
    assert window.failure is None
    window.restart()
    assert window.next_message().options.first_sequence == 2
    assert texts_of(window.next_message()) == ["2"]


def test_items_are_documents_and_deletions_with_positions():
    items = [{"text": "1", "position": "a"}, Delete("mail/42", "b"), {"text": 5, "position": "c"}, Delete(7)]
    window = ingest_window(*items)
    window.next_message()
    [first, second, third] = window.next_message().operations
    assert (first.upsert.text, first.position) == ("1", "a")
    assert (second.delete_document.id.key, second.position) == ("mail/42", "b")
    assert third.delete_document.id.num == 7
    [rejected] = window.collect_rejected()
    assert (rejected.number, rejected.status, rejected.position) == (3, "rejected", "c")
    deleted = final(2, index.OPERATION_STATUS_DELETED, position="b")
    results = window.process(durable(2, final(1, position="a"), deleted))
    assert [(result.number, result.status, result.position) for result in results] == [
        (1, "indexed", "a"),
        (2, "deleted", "b"),
    ]
    # An item that the client rejected is complete when the items before it are.
    assert (window.summary.durable, window.summary.position, window.summary.deleted) == (3, "c", 1)
    window.process(durable(3, final(3, index.OPERATION_STATUS_DELETED)))
    assert (window.summary.durable, window.summary.position) == (4, "")


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (0, 0),
        (7, 7),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (7.0, 7),
        (Decimal("7.00"), 7),
        (np.int64(-7), -7),
        (np.uint64(2**63 - 1), 2**63 - 1),
        (None, None),
    ],
)
def test_items_may_have_versions(given, sent):
    items = [{"text": "1", "version": given}, Document("2", version=given), Delete(7, version=given)]
    window = ingest_window(*items)
    window.next_message()
    [first, second, third] = window.next_message().operations
    for one in (first.upsert, second.upsert, third.delete_document):
        assert (one.version if one.HasField("version") else None) == sent
    superseded = [final(sequence, index.OPERATION_STATUS_SUPERSEDED) for sequence in (1, 2, 3)]
    results = window.process(durable(3, *superseded))
    assert [(one.number, one.status, one.error, one.stats) for one in results] == [
        (number, "superseded", None, None) for number in (1, 2, 3)
    ]
    assert (window.summary.superseded, window.summary.results, window.summary.durable) == (3, 3, 3)


def test_only_problems_are_reported_if_that_is_requested():
    window = ingest_window(*({"text": str(n)} for n in range(1, 5)), result_filter=index.RESULT_FILTER_PROBLEMS)
    window.next_message(), window.next_message()
    assert [one.number for one in window.process(durable(2, final(3, index.OPERATION_STATUS_REJECTED)))] == [3]
    assert window.process(durable(4)) == []
    assert (window.summary.durable, window.summary.omitted, window.summary.rejected) == (4, 3, 1)


def test_an_ingest_resumes_with_its_numbers():
    window = IngestWindow(index.IngestOptions(collection="c"), 100, 1 << 20, first_number=8)
    window.push(*window.prepare({"text": "8"}))
    window.restart()
    assert window.summary.durable == 7
    assert window.next_message().options.first_sequence == 8
    window.next_message()
    assert [result.number for result in window.process(durable(8, final(8)))] == [8]
    assert window.summary.durable == 8


def test_numbers_are_set_by_first_number():
    with Client("localhost:1") as client:
        with pytest.raises(ValueError, match="first_sequence: .* pass first_number"):
            client.ingest([], "notes", first_sequence=2)
        with pytest.raises(ValueError, match="first_number: must be at least 1"):
            client.ingest([], "notes", first_number=0)


def test_a_server_cannot_confirm_what_it_was_not_sent():
    window = ingest_window({"text": "1"}, {"text": "2"})
    window.process(durable(2))
    assert window.summary.durable == 0
    window.next_message(), window.next_message()
    window.process(durable(7, final(1), final(2)))
    assert window.summary.durable == 2 and window.progress == 2


def test_one_drained_stream_after_another_is_delayed():
    pause = Pause(jitter=lambda: 1.0)
    assert [pause.delay() for _ in range(4)] == [0.0, 0.1, 0.2, 0.4]
    pause.reset()
    assert pause.delay() == 0.0


def test_progress_ends_the_delay_of_drained_streams():
    window = ingest_window({"text": "1"}, {"text": "2"})
    run = Run(window, [], 300.0, False)
    window.next_message(), window.next_message()
    draining = durable(0, draining=index.IngestDraining())
    for _ in range(2):
        run.process(draining)
        delay = run.delay_after_end()
    assert delay > 0.0
    run.process(durable(1, final(1)))
    assert run.delay_after_end() == 0.0 and window.summary.reconnects == 3


def test_delays_grow_and_respect_the_delay_of_the_server():
    now = 0.0
    backoff = Backoff(100, clock=lambda: now, jitter=lambda: 1.0)
    gone = Unavailable(grpc.StatusCode.UNAVAILABLE, "gone")
    assert [backoff.delay(gone) for _ in range(4)] == [0.1, 0.2, 0.4, 0.8]
    backoff.progressed()
    assert backoff.delay(gone) == 0.1
    later = Unavailable(grpc.StatusCode.UNAVAILABLE, "gone", "STORE_UNAVAILABLE", (), 5.0)
    assert backoff.delay(later) == 5.2
    now = 99.0
    assert backoff.delay(later) is None, "the retry would start too late"
    backoff.progressed()
    now = 500.0
    assert backoff.delay(later) is not None, "it is the first failure that counts, not the last progress"


@pytest.mark.parametrize(
    ("code", "reason", "message", "retry_after", "again"),
    [
        ("UNAVAILABLE", "", "Socket closed", None, True),
        ("RESOURCE_EXHAUSTED", "OVERLOADED", "server at capacity", 0.5, True),
        ("RESOURCE_EXHAUSTED", "", "Sent message larger than max", None, False),
        ("UNAVAILABLE", "STREAM_IDLE", "idle", 0.0, True),
        ("DEADLINE_EXCEEDED", "", "Deadline Exceeded", None, False),
        ("INTERNAL", "", "Received RST_STREAM with error code 2", None, True),
        ("INTERNAL", "", "Internal error from Core", None, True),
        ("INTERNAL", "INTERNAL", "a fault", None, False),
        ("NOT_FOUND", "COLLECTION_NOT_FOUND", "no collection", None, False),
    ],
)
def test_retryable_errors(code, reason, message, retry_after, again):
    assert SpladeError(grpc.StatusCode[code], message, reason, (), retry_after).retryable is again
