"""Flow control: a stalled server stops the iteration of the iterable, independent of its length."""

import asyncio
import threading

import pytest

from gated import GatedServer
from splade_sidecar import AsyncClient, Client

WINDOW = 50
# The feeder holds one more item while it waits for space in the window.
AHEAD = WINDOW + 1
STEP = 10
# Seconds to wait for something that must not happen.
GRACE_S = 0.3


class Endless:
    """Endless iterable that counts how many items were requested."""

    def __init__(self, item) -> None:
        self.item, self.asked, self._changed = item, 0, threading.Condition()

    def __iter__(self):
        return self

    def __next__(self):
        with self._changed:
            self.asked += 1
            self._changed.notify_all()
            return self.item(self.asked)

    def stops_at(self, number: int) -> None:
        """Waits until this number of items was requested, then checks that no more are requested."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.asked >= number, 20), f"{self.asked} were asked for"
            assert not self._changed.wait_for(lambda: self.asked > number, GRACE_S), "the iterable was read ahead"


def document(number):
    return {"id": number, "text": f"document number {number}"}


def text(number):
    return f"text number {number}"


def ingest(client, items):
    return client.ingest(items, "any", window_documents=WINDOW)


def encode(client, items):
    return client.encode_stream(items, window_texts=WINDOW)


@pytest.mark.parametrize(("call", "item"), [(ingest, document), (encode, text)])
def test_an_iterable_is_read_no_further_than_the_window(call, item):
    items = Endless(item)
    with GatedServer() as server, Client(server.address) as client, call(client, items) as run:
        # Requests the first result, which the server withholds.
        first = threading.Thread(target=next, args=(run,))
        first.start()
        items.stops_at(AHEAD)
        server.allow(1)
        first.join(20)
        items.stops_at(AHEAD + 1)
        server.allow(STEP)
        assert [next(run).number for _ in range(STEP)] == list(range(2, STEP + 2))
        items.stops_at(AHEAD + 1 + STEP)


@pytest.mark.parametrize(("call", "item"), [(ingest, document), (encode, text)])
def test_the_same_with_asyncio(call, item):
    items = Endless(item)

    async def main(server):
        async with AsyncClient(server.address) as client, call(client, items) as run:
            first = asyncio.create_task(run.__anext__())
            await asyncio.to_thread(items.stops_at, AHEAD)
            server.allow(1)
            assert (await first).number == 1
            await asyncio.to_thread(items.stops_at, AHEAD + 1)
            server.allow(STEP)
            assert [(await run.__anext__()).number for _ in range(STEP)] == list(range(2, STEP + 2))
            await asyncio.to_thread(items.stops_at, AHEAD + 1 + STEP)

    with GatedServer() as server:
        asyncio.run(main(server))


@pytest.mark.parametrize(("call", "item"), [(ingest, document), (encode, text)])
def test_a_reader_who_stops_stops_the_iterable(call, item):
    items = Endless(item)
    with GatedServer() as server, Client(server.address) as client:
        server.allow(1_000_000)
        with call(client, items) as run:
            assert next(run).number == 1
            # The server sends results one by one, and the second one is never requested.
            items.stops_at(AHEAD + 1)
