"""Resuming of streams: no item is lost, and each has exactly one final result if the server fails or drains."""

import asyncio
import time

import grpc
import pytest

from scripted import Scripted, abort, encoded, failure, opened, result, store_all
from splade_sidecar import AsyncClient, Client, Delete, Document, GaveUp, IncarnationMismatch
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import index_service_pb2 as index


def documents(count):
    return [
        {"id": number, "text": f"document {number}", "position": f"offset {number}"} for number in range(1, count + 1)
    ]


def ingest(server, given, asyncio_api, **options):
    """Returns the results and the summary of an ingest by either client."""
    if not asyncio_api:
        with Client(server.address) as client:
            run = client.ingest(given, "notes", **options)
            return list(run), run.summary

    async def main():
        async with AsyncClient(server.address) as client:
            run = client.ingest(given, "notes", **options)
            return [one async for one in run], run.summary

    return asyncio.run(main())


def sequences(server, stream):
    return [operation.upsert.id.num or operation.delete_document.id.num for operation in server.received[stream]]


both = pytest.mark.parametrize("asyncio_api", [False, True])


@both
def test_failed_operations_are_sent_again_after_the_delay(asyncio_api):
    ended = []

    def failing(items, context, options):
        yield opened(options)
        for sequence, _ in enumerate(items, 1):
            if sequence == 3:
                yield index.IngestResponse(results=[failure(3, delay_s=0.2)], durable_through=2)
            elif sequence == 5:
                yield index.IngestResponse(results=[failure(5, delay_s=0.7), result(4)], durable_through=2)
            else:
                yield index.IngestResponse(results=[result(sequence)], durable_through=min(sequence, 2))
        ended.append(time.monotonic())

    def resumed(items, context, options):
        assert time.monotonic() - ended[0] >= 0.7
        yield from store_all(items, context, options)

    with Scripted(failing, resumed) as server:
        results, summary = ingest(server, documents(1000), asyncio_api, create_collection=True, window_documents=50)
        assert server.read_to_the_end == [True, True], "both streams were half-closed and read to the end"
        assert len(server.received[0]) <= 52
        assert sequences(server, 1) == list(range(3, 1001))
        first, second = server.options
    assert (first.first_sequence, first.create_collection, first.expected_incarnation) == (1, True, "")
    assert (second.first_sequence, second.create_collection, second.expected_incarnation) == (3, False, "first")
    assert sorted(one.number for one in results) == list(range(1, 1001))
    assert {one.status for one in results} == {"indexed"}
    assert (summary.durable, summary.position, summary.indexed, summary.reconnects) == (1000, "offset 1000", 1000, 1)
    assert summary.incarnation == "first"


@both
def test_results_that_come_again_are_reported_once(asyncio_api):
    def breaking(items, context, options):
        yield opened(options)
        next(items), next(items), next(items)
        yield index.IngestResponse(results=[result(2), result(3)])
        abort(context, grpc.StatusCode.UNAVAILABLE, "stopping", "SHUTTING_DOWN", 0.0)

    with Scripted(breaking, store_all) as server:
        results, summary = ingest(server, documents(3), asyncio_api)
        assert sequences(server, 1) == [1, 2, 3] and server.options[1].first_sequence == 1
    assert [one.number for one in results] == [2, 3, 1]
    assert (summary.indexed, summary.durable) == (3, 3)


@both
def test_giving_up_names_the_failure_of_the_item(asyncio_api):
    def failing(items, context, options):
        yield opened(options)
        for sequence, _ in enumerate(items, options.first_sequence):
            yield index.IngestResponse(results=[failure(sequence, "INTERNAL")])

    def breaking(items, context, options):
        yield from failing([next(items)], context, options)
        list(items)
        abort(context, grpc.StatusCode.UNAVAILABLE, "stopping", "SHUTTING_DOWN", 0.0)

    for stream in (failing, breaking):
        with Scripted(*[stream] * 100) as server:
            with pytest.raises(GaveUp) as caught:
                ingest(server, documents(2), asyncio_api, give_up_after=0.5)
            assert len(server.options) > 1
        assert caught.value.reason == "INTERNAL" and "Last error: the reason is INTERNAL" in caught.value.message
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE
        assert caught.value.summary.results == caught.value.summary.durable == 0


@both
def test_an_idle_stream_is_no_failure(asyncio_api):
    ended = []

    def idle(items, context, options):
        yield opened(options)
        ended.append(time.monotonic())
        abort(context, grpc.StatusCode.UNAVAILABLE, "the stream was idle", "STREAM_IDLE", 0.3)

    def resumed(items, context, options):
        assert time.monotonic() - ended[-1] >= 0.3
        yield from store_all(items, context, options)

    with Scripted(idle, idle, idle, resumed) as server:
        results, summary = ingest(server, documents(3), asyncio_api, give_up_after=0.0)
    assert len(results) == 3 and summary.reconnects == 3


@both
def test_an_item_that_fails_on_idle_streams_is_given_up(asyncio_api):
    def failing(items, context, options):
        yield opened(options)
        next(items)
        yield index.IngestResponse(results=[failure(1)])
        list(items)
        abort(context, grpc.StatusCode.UNAVAILABLE, "the stream was idle", "STREAM_IDLE", 0.0)

    with Scripted(*[failing] * 100) as server:
        with pytest.raises(GaveUp) as caught:
            ingest(server, documents(2), asyncio_api, give_up_after=0.3)
        assert len(server.options) > 1
    assert caught.value.reason == "STORE_UNAVAILABLE"


@both
def test_progress_resets_the_count_of_failures(asyncio_api):
    def one(items, context, options):
        yield opened(options)
        sequence = options.first_sequence
        next(items)
        yield index.IngestResponse(results=[result(sequence)], durable_through=sequence)
        yield index.IngestResponse(results=[failure(sequence + 1, delay_s=0.3)], durable_through=sequence)
        list(items)

    with Scripted(*[one] * 5, store_all) as server:
        # More than a second of delays in total, and never more than 0.5 s without progress.
        results, summary = ingest(server, documents(8), asyncio_api, give_up_after=0.5)
    assert sorted(one.number for one in results) == list(range(1, 9))
    assert summary.reconnects == 5


@both
def test_a_draining_server_is_left_without_delay(asyncio_api):
    def draining(items, context, options):
        yield opened(options)
        sequence = options.first_sequence
        next(items)
        yield index.IngestResponse(draining=index.IngestDraining(read_through=sequence))
        count = 1 + len(list(items))
        results = [result(sequence + place) for place in range(count)]
        yield index.IngestResponse(results=results, durable_through=sequence + count - 1)

    with Scripted(draining, draining, store_all) as server:
        began = time.monotonic()
        # No failure is allowed.
        results, summary = ingest(server, documents(2000), asyncio_api, give_up_after=0.0, window_documents=50)
        assert time.monotonic() - began < 5
        assert server.read_to_the_end == [True] * 3
        received = [number for stream in range(3) for number in sequences(server, stream)]
    assert received == list(range(1, 2001)), "nothing is sent twice"
    assert sorted(one.number for one in results) == list(range(1, 2001))
    assert (summary.durable, summary.reconnects) == (2000, 2)


@both
def test_the_stream_after_a_drained_one_may_fail(asyncio_api):
    def draining(items, context, options):
        yield opened(options)
        yield index.IngestResponse(draining=index.IngestDraining())
        for sequence, _ in enumerate(items, options.first_sequence):
            yield index.IngestResponse(results=[result(sequence)], durable_through=sequence)

    def unavailable(items, context, options):
        abort(context, grpc.StatusCode.UNAVAILABLE, "stopping", "SHUTTING_DOWN", 0.1)
        yield

    with Scripted(draining, unavailable, store_all) as server:
        results, _ = ingest(server, documents(2000), asyncio_api, window_documents=50)
    assert sorted(one.number for one in results) == list(range(1, 2001))


@both
def test_a_collection_that_was_created_again_is_an_error(asyncio_api):
    def breaking(items, context, options):
        yield opened(options)
        next(items)
        yield index.IngestResponse(results=[result(1)], durable_through=1)
        abort(context, grpc.StatusCode.UNAVAILABLE, "stopping", "SHUTTING_DOWN", 0.0)

    def another(items, context, options):
        assert options.expected_incarnation == "first"
        details = {"collection": "notes", "incarnation": "second", "expected_incarnation": "first"}
        abort(context, grpc.StatusCode.FAILED_PRECONDITION, "created again", "INCARNATION_MISMATCH", **details)
        yield

    # grpc.aio may report a stream that the server ended during a send as cancelled locally. The client then opens
    # another one then, which gets the same answer.
    with Scripted(breaking, *[another] * 3) as server, pytest.raises(IncarnationMismatch) as caught:
        ingest(server, documents(3), asyncio_api, create_collection=True)
    error = caught.value
    assert (error.collection, error.incarnation, error.expected_incarnation) == ("notes", "second", "first")
    assert (error.reason, error.summary.durable, error.retryable) == ("INCARNATION_MISMATCH", 1, False)


@both
def test_deletions_are_applied_in_their_order(asyncio_api):
    def store(items, context, options):
        yield opened(options)
        for sequence, operation in enumerate(items, 1):
            deleted = operation.WhichOneof("kind") == "delete_document"
            status = index.OPERATION_STATUS_DELETED if deleted else index.OPERATION_STATUS_INDEXED
            one = result(sequence, status, position=operation.position)
            one.id.CopyFrom(operation.delete_document.id if deleted else operation.upsert.id)
            yield index.IngestResponse(results=[one], durable_through=sequence, position=operation.position)

    given = [
        {"id": 1, "text": "a"},
        Delete(1, "second"),
        {"id": 1, "text": "b", "position": "third"},
        Delete("mail/42"),
    ]
    with Scripted(store) as server:
        results, summary = ingest(server, given, asyncio_api)
        assert [operation.WhichOneof("kind") for operation in server.received[0]] == ["upsert", "delete_document"] * 2
    assert [(one.id, one.status, one.position) for one in results] == [
        (1, "indexed", ""),
        (1, "deleted", "second"),
        (1, "indexed", "third"),
        ("mail/42", "deleted", ""),
    ]
    assert (summary.indexed, summary.deleted, summary.durable, summary.results) == (2, 2, 4, 4)


@both
def test_a_resent_item_may_be_superseded_by_itself(asyncio_api):
    """The first stream applied all three items and reported only one of them."""

    def breaking(items, context, options):
        yield opened(options)
        next(items), next(items), next(items)
        yield index.IngestResponse(results=[result(2)])
        abort(context, grpc.StatusCode.UNAVAILABLE, "stopping", "SHUTTING_DOWN", 0.0)

    def resumed(items, context, options):
        yield opened(options)
        for sequence, operation in enumerate(items, options.first_sequence):
            versioned = operation.upsert if operation.HasField("upsert") else operation.delete_document
            assert versioned.HasField("version") and versioned.version == sequence - 2
            one = result(sequence, index.OPERATION_STATUS_SUPERSEDED)
            yield index.IngestResponse(results=[one], durable_through=sequence)

    given = [{"id": 1, "text": "a", "version": -1}, Document("b", 2, version=0), Delete(3, version=1)]
    with Scripted(breaking, resumed) as server:
        results, summary = ingest(server, given, asyncio_api)
    assert [(one.number, one.status) for one in results] == [(2, "indexed"), (1, "superseded"), (3, "superseded")]
    assert (summary.indexed, summary.superseded, summary.durable, summary.results) == (1, 2, 3, 3)


@both
def test_an_ingest_of_problems_reports_only_these(asyncio_api):
    def store(items, context, options):
        assert options.result_filter == index.RESULT_FILTER_PROBLEMS
        yield opened(options)
        for sequence, _ in enumerate(items, options.first_sequence):
            results = [result(sequence, index.OPERATION_STATUS_REJECTED)] if sequence == 12 else []
            yield index.IngestResponse(results=results, durable_through=sequence)

    given = [*documents(4), {"text": 5}]
    with Scripted(store) as server:
        results, summary = ingest(server, given, asyncio_api, result_filter="problems", first_number=10)
        assert server.options[0].first_sequence == 10
    assert sorted((one.number, one.status) for one in results) == [(12, "rejected"), (14, "rejected")]
    assert (summary.durable, summary.omitted, summary.rejected) == (14, 3, 2)


@both
def test_texts_that_fail_are_sent_again(asyncio_api):
    def failing(items, context, options):
        for sequence, _ in enumerate(items, 1):
            if sequence == 2:
                one = encoder.EncodeStreamResult(sequence=2)
                one.error.code, one.error.reason, one.error.message = 8, "OVERLOADED", "at capacity"
                one.error.retry_delay.FromMilliseconds(50)
                yield encoder.EncodeStreamResponse(results=[one])
            else:
                yield encoded(sequence)

    def rest(items, context, options):
        for sequence, _ in enumerate(items, 1):
            yield encoded(sequence)

    def encode(client):
        return client.encode_stream([f"text {number}" for number in range(1, 1001)], window_texts=50)

    async def main(address):
        async with AsyncClient(address) as client:
            return [one async for one in encode(client)]

    with Scripted(failing, rest) as server:
        if asyncio_api:
            results = asyncio.run(main(server.address))
        else:
            with Client(server.address) as client:
                results = list(encode(client))
        assert server.read_to_the_end == [True, True]
        assert server.received[1][0] == "text 2" and len(server.received[0]) + len(server.received[1]) == 1001
        assert len(server.received[0]) <= 51
    assert [one.number for one in results] == list(range(1, 1001))
    assert all(one.vector and one.error is None for one in results)


def test_the_server_may_end_a_stream_only_after_the_last_result():
    def early(items, context, options):
        yield opened(options)

    with Scripted(early, early, early) as server, pytest.raises(GaveUp, match="before the last result"):
        ingest(server, documents(1), False, give_up_after=0.0)
