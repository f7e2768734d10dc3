"""One asyncio client for many event loops. It can be created before any of them."""

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import warnings

import pytest

from splade_sidecar import AsyncClient, Client


def test_a_client_is_made_without_a_loop(sidecar, client):
    """The client is created like at the top of a module that uvicorn imports before it runs its event loop."""
    async_client = AsyncClient(sidecar.address)
    wanted = client.encode(["a text"])

    async def main():
        assert await async_client.encode(["a text"]) == wanted
        summary = await async_client.ingest([{"text": "a text"}], "loops", create_collection=True).wait()
        return summary.indexed, [one.vector async for one in async_client.encode_stream(["a text"])]

    for _ in range(3):
        assert asyncio.run(main()) == (1, wanted)
    assert len(async_client._connections) == 1, "those of loops that have ended are dropped"
    asyncio.run(async_client.close())


def test_loops_of_several_threads_share_a_client(sidecar, client):
    async_client = AsyncClient(sidecar.address)
    wanted = client.encode(["a text"])
    failed = []

    async def main():
        for _ in range(20):
            assert (await asyncio.gather(*(async_client.encode(["a text"]) for _ in range(4)))) == [wanted] * 4

    def run():
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed and not any(thread.is_alive() for thread in threads)


def test_closing_closes_the_connections_of_other_loops(sidecar):
    async_client = AsyncClient(sidecar.address)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(async_client.encode(["a text"]), loop).result(20)

    async def main():
        await async_client.encode(["a text"])
        assert len(async_client._connections) == 2
        await async_client.close()

    asyncio.run(main())
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()
    with pytest.raises(RuntimeError, match="the client is closed"):
        asyncio.run(async_client.encode(["a text"]))


def test_calls_of_a_closed_client_raise(sidecar):
    with Client(sidecar.address) as client:
        client.encode(["a text"])
    for call in (lambda: client.encode(["a text"]), lambda: client.ingest([{"text": "a"}], "closed").wait()):
        with pytest.raises(RuntimeError, match="the client is closed; create a new one"):
            call()
    client.close()


def test_no_warnings_when_a_loop_ends_with_an_open_client(sidecar):
    """asyncio logs no warning and no error."""
    script = """
        import asyncio, gc, sys
        from splade_sidecar import AsyncClient

        async_client = AsyncClient(sys.argv[1])

        async def main():
            await async_client.encode(["a text"])
            run = async_client.ingest([{"text": "a text"}, {"text": 5}] * 50, "quiet", create_collection=True)
            assert (await run.wait()).indexed == 50
            async with async_client.ingest([{"text": "a text"}] * 5000, "quiet") as left:
                await left.__anext__()
            try:
                await async_client.ingest([{"text": "a text"}], "absent").wait()
            except Exception as error:
                assert error.reason == "COLLECTION_NOT_FOUND"

        for _ in range(2):
            asyncio.run(main())
            gc.collect()
    """
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(script), sidecar.address]
    done = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_no_coroutine_is_left_behind(sidecar):
    async def main():
        async with AsyncClient(sidecar.address) as async_client:
            run = async_client.ingest([{"text": f"text {n}"} for n in range(1000)], "behind", create_collection=True)
            await run.__anext__()
            await run.close()
            await asyncio.sleep(0.1)
            return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        left = asyncio.run(main())
        gc.collect()
    assert [task for task in left if "splade_sidecar" in repr(task)] == []
