"""Multiprocessing: public objects can be pickled or raise an error with the remedy, and forks don't hang."""

import asyncio
import copy
import gc
import importlib
import inspect
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import uuid

import grpc
import pytest

import splade_sidecar
from skips import import_package
from splade_sidecar import (
    TLS,
    Alias,
    AsyncClient,
    AsyncEncodeStream,
    AsyncIngest,
    Client,
    Collection,
    CollectionOptions,
    Delete,
    DenseVectorOptions,
    Document,
    DocumentId,
    Encoded,
    EncodedText,
    EncodeStream,
    EncodingStats,
    ErrorReason,
    Explanation,
    FieldViolation,
    GaveUp,
    GivenId,
    Hit,
    Hits,
    Ingest,
    InvalidArgument,
    ItemError,
    Key,
    NotFound,
    Result,
    SparseVector,
    SparseVectorOptions,
    SpladeError,
    StoredDocument,
    Summary,
    Term,
)

UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
# Seconds after which a hanging process is killed.
TIMEOUT_S = 60

STATS = EncodingStats(4, True, 1, 2, 3, 0.125)
ERROR = ItemError(3, "EMPTY_TEXT", "text", "the text is blank")
REJECTED = Result(2, Key(UUID), "rejected", ERROR, None, "offset 2")
VECTOR = EncodedText([1, 2], [0.5, 0.25], ["a", "b"], STATS)
STORED = StoredDocument(1, {"n": 2**53 + 1}, "text", {"splade": SparseVector([1], [0.5])}, {"dense": [0.5]}, True, -7)
OPTIONS = CollectionOptions(
    {"splade": SparseVectorOptions("m", "f", "float32", True, "uint8")}, {"d": DenseVectorOptions(4)}
)
HITS = Hits([Hit(STORED, 0.5)])
HITS.query_stats = STATS


def summary():
    made = Summary(durable=2, position="offset 2", incarnation="i", reconnects=1)
    made.add(Result(1, 1, "indexed", None, STATS))
    made.add(REJECTED)
    made.add(Result(3, 7, "superseded"))
    return made


def errors():
    kinds = [kind for kind in vars(splade_sidecar).values() if inspect.isclass(kind) and issubclass(kind, SpladeError)]
    assert len(kinds) >= 14
    violations = (FieldViolation("texts[1]", "the text is blank"), FieldViolation("options", "wrong"))
    for place, kind in enumerate(kinds):
        code = list(grpc.StatusCode)[place % 16 + 1]
        error = kind(code, "what is wrong", "REASON", violations, 2.5, {"collection": "notes"})
        error.summary = summary()
        yield error
    yield NotFound(grpc.StatusCode.NOT_FOUND, "no reason")


VALUES = [
    TLS(ca="ca.crt", cert="a.crt", key="a.key"),
    Alias("current", "notes"),
    Collection("notes", "i", 7, OPTIONS),
    OPTIONS,
    Delete(Key(UUID), "offset 3", -(2**63)),
    DenseVectorOptions(4, "dot"),
    Document("text", 7, {"a": [1, None]}, {"dense": [0.5]}, "offset 1", 2**63 - 1),
    Document("text", uuid.UUID(UUID)),
    Document("text", Key(UUID)),
    Encoded(1, VECTOR, None),
    Encoded(2, None, ERROR),
    VECTOR,
    STATS,
    ErrorReason.EMPTY_TEXT,
    Explanation([Term(1, "a", 0.5, 0.5, 0.25, "text", "expansion")], 0.25, STATS, STATS),
    FieldViolation("texts[1]", "the text is blank"),
    Hit(STORED, 0.5),
    HITS,
    Key(UUID),
    ERROR,
    REJECTED,
    Result(3, 7, "superseded", None, None, "offset 3"),
    SparseVector([1], [0.5]),
    SparseVectorOptions("m"),
    STORED,
    Term(1, "a", 0.5, 0.5, 0.25, "text", "expansion"),
    summary(),
]
# Classes that hold a connection.
REFUSING = {"AsyncClient", "AsyncEncodeStream", "AsyncIngest", "Client", "EncodeStream", "Ingest"}
TYPES = {"DocumentId": DocumentId, "GivenId": GivenId}


def ways():
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        yield lambda value, protocol=protocol: pickle.loads(pickle.dumps(value, protocol))
    yield copy.copy
    yield copy.deepcopy


def test_everything_public_is_among_these():
    values = {type(value).__name__ for value in [*VALUES, *errors()]}
    assert values | REFUSING | set(TYPES) == set(splade_sidecar.__all__)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_are_pickled_and_copied(value):
    for way in ways():
        again = way(value)
        assert again == value and type(again) is type(value) and repr(again) == repr(value)


@pytest.mark.parametrize("error", list(errors()), ids=lambda error: type(error).__name__)
def test_errors_are_pickled_with_all_they_say(error):
    for way in ways():
        again = way(error)
        assert type(again) is type(error) and str(again) == str(error) and again.args == error.args
        for name in ("code", "message", "reason", "violations", "retry_after", "metadata", "summary", "retryable"):
            assert getattr(again, name) == getattr(error, name), name


class OwnError(InvalidArgument):
    """A user's subclass whose constructor has other arguments."""

    def __init__(self, place):
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, f"at {place}")
        self.place = place


def test_a_subclass_with_its_own_arguments_is_pickled():
    for way in ways():
        again = way(OwnError(7))
        assert type(again) is OwnError and again.place == 7 and again.message == "at 7"


def test_the_servers_errors_are_pickled(client):
    with pytest.raises(InvalidArgument) as caught:
        client.encode(["fine", " "])
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.violations == caught.value.violations and str(again) == str(caught.value)


def test_types_are_pickled():
    for value in TYPES.values():
        assert pickle.loads(pickle.dumps(value)) == value
    for name in splade_sidecar.__all__:
        value = getattr(splade_sidecar, name)
        assert pickle.loads(pickle.dumps(value)) == value


def assert_not_picklable(value, *remedies):
    for way in ways():
        with pytest.raises(TypeError) as caught:
            way(value)
        for text in (f"{type(value).__name__} can't be pickled or copied", "process", *remedies):
            assert text in str(caught.value)


def test_pickling_a_connection_raises_with_the_remedy(client):
    async_client = AsyncClient("localhost:1")
    running = [client.ingest([], "any"), client.encode_stream([])]
    running += [async_client.ingest([], "any"), async_client.encode_stream([])]
    assert {type(one) for one in running} == {Ingest, EncodeStream, AsyncIngest, AsyncEncodeStream}
    for one in (client, async_client):
        assert_not_picklable(one, "create a client in each process")
    for one in running:
        assert_not_picklable(one, "create a client and start the call")
    used = client.ingest([{"text": "text"}], "pickled", create_collection=True)
    next(used)
    assert_not_picklable(used)
    used.close()


ADAPTERS = {
    "qdrant": ("qdrant_client", {"SparseTextEmbedding", "SparseEmbedding"}),
    "langchain": ("langchain_qdrant", {"SpladeSparseEmbeddings"}),
    "haystack": ("haystack", {"SpladeSparseDocumentEmbedder", "SpladeSparseTextEmbedder"}),
    "llama_index": ("llama_index.core", set()),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_adapters_are_pickled_or_raise_with_the_remedy(sidecar, client, name):
    library, known = ADAPTERS[name]
    import_package(library)
    module = importlib.import_module(f"splade_sidecar.{name}")
    public = {
        name
        for name, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ in (module.__name__, "fastembed") and not name.startswith("_")
    }
    assert public <= known | {"SparseEmbedding"}
    if name == "llama_index":
        for one in (module.sparse_doc_fn(client), module.sparse_query_fn(client)):
            with pytest.raises(TypeError, match="create a client in each process"):
                pickle.dumps(one)
        return
    if name == "haystack":
        from haystack import Document as Given

        document, text = (
            module.SpladeSparseDocumentEmbedder(sidecar.address),
            module.SpladeSparseTextEmbedder(sidecar.address),
        )
        wanted = document.run([Given(content="a text")]), text.run("a text")
        for way in ways():
            assert (way(document).run([Given(content="a text")]), way(text).run("a text")) == wanted
        return
    if name == "langchain":
        kind, call = module.SpladeSparseEmbeddings, lambda one: one.embed_query("a text")
    else:
        kind, call = module.SparseTextEmbedding, lambda one: [each.as_dict() for each in one.query_embed("a text")]
        [vector] = kind(target=sidecar.address).embed("a text")
        assert pickle.loads(pickle.dumps(vector)).as_dict() == vector.as_dict()
        alone = module._SparseEmbedding(vector.values, vector.indices)
        assert pickle.loads(pickle.dumps(alone)).as_dict() == vector.as_dict()
    made = kind(target=sidecar.address)
    wanted = call(made)
    for way in ways():
        assert call(way(made)) == wanted
    with pytest.raises(TypeError, match="create a client in each process"):
        pickle.dumps(kind(client=client))


# Functions that run in other processes. They are at module level so that spawn can import them.


def raise_not_found(address):
    with Client(address) as client:
        client.search("absent", "a text")


def raise_refused(address):
    with Client(address) as client:
        client.encode(["fine", " "])


def raise_gave_up(_address):
    with Client("127.0.0.1:1") as client:
        client.ingest([{"text": "a text"}], "any", give_up_after=0.2).wait()


def encode(address):
    with Client(address) as client:
        return client.encode(["a text"])


def hits(address):
    with Client(address) as client:
        return client.search("processes", "a text")


INHERITED: dict = {}


def encode_inherited(_address):
    return INHERITED["client"].encode(["a text"])


def call_asyncio(address):
    async def main():
        return await INHERITED["async_client"].encode(["a text"])

    return asyncio.run(main())


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_pool_whose_workers_raise_ends(client, sidecar, method):
    """A thread of the pool unpickles the error of a worker; if unpickling failed, the thread would end silently."""
    wanted = client.encode(["a text"])
    client.ingest([{"id": Key(UUID), "text": "a text"}], "processes", create_collection=True).wait()
    with multiprocessing.get_context(method).Pool(2) as pool:
        for function, kind in ((raise_not_found, NotFound), (raise_refused, InvalidArgument), (raise_gave_up, GaveUp)):
            with pytest.raises(kind) as caught:
                pool.apply_async(function, (sidecar.address,)).get(TIMEOUT_S)
            assert caught.value.message
            if kind is GaveUp:
                assert caught.value.summary == Summary(reconnects=caught.value.summary.reconnects)
            if kind is InvalidArgument:
                assert caught.value.violations[0].field == "texts[1]"
        assert pool.map_async(encode, [sidecar.address] * 8).get(TIMEOUT_S) == [wanted] * 8
        [hit] = pool.apply_async(hits, (sidecar.address,)).get(TIMEOUT_S)
        assert type(hit.id) is Key


needs_fork = pytest.mark.usefixtures("fork")


@needs_fork
@pytest.mark.parametrize("used", [False, True])
def test_a_client_from_before_a_fork_connects_again(sidecar, used):
    with Client(sidecar.address) as client:
        INHERITED["client"] = client
        if used:
            client.encode(["a text"])
        with multiprocessing.get_context("fork").Pool(2) as pool:
            made = pool.map_async(encode_inherited, [None] * 8).get(TIMEOUT_S)
        assert made == [client.encode(["a text"])] * 8, "and it still works here"


@needs_fork
def test_an_asyncio_client_from_before_a_fork_connects_there(sidecar, client):
    async_client = INHERITED["async_client"] = AsyncClient(sidecar.address)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        made = pool.map_async(call_asyncio, [None] * 8).get(TIMEOUT_S)
    assert made == [client.encode(["a text"])] * 8

    async def main():
        async with async_client:
            return await async_client.encode(["a text"])

    assert asyncio.run(main()) == made[0]


@needs_fork
def test_calls_raise_after_a_fork_with_an_open_asyncio_client(sidecar, client):
    """The thread of grpc.aio polls permanently, so a child that used gRPC would hang or crash."""
    async_client = AsyncClient(sidecar.address)
    asyncio.run(async_client.encode(["a text"]))
    for work in (
        lambda: client.encode(["a text"]),
        lambda: Client(sidecar.address).encode(["a text"]),
        lambda: asyncio.run(async_client.encode(["a text"])),
    ):
        output = in_child(work)
        assert output.startswith("RuntimeError: this process was forked while") and "close the AsyncClient" in output
    asyncio.run(async_client.close())
    gc.collect()
    assert in_child(lambda: len(client.encode(["a text"]))) == "1"


def in_child(work):
    """Forks, and returns the result or the exception of the child as text. Fails if the child hangs."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(TIMEOUT_S)
        try:
            output = repr(work())
        except BaseException as error:
            output = f"{type(error).__name__}: {error}"
        os.write(write, output.encode()[:4000])
        os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        output = pipe.read().decode()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child hangs"
    return output


@needs_fork
def test_calls_raise_after_a_fork_during_a_call(client, sidecar):
    """Threads that don't exist in the child may hold gRPC's locks."""
    with client.ingest(({"text": f"text {n}"} for n in range(100_000)), "forked", create_collection=True) as run:
        next(run)
        output = in_child(lambda: client.encode(["a text"]))
        assert output.startswith("RuntimeError: this process was forked while a splade_sidecar call")
        assert "spawn" in output
        assert in_child(lambda: Client(sidecar.address).encode(["a text"])) == output
        assert "started in the parent process, before a fork" in in_child(lambda: next(run))
        assert in_child(run.close) == in_child(client.close) == "None"

        async def main():
            await AsyncClient(sidecar.address).encode(["a text"])

        assert in_child(lambda: asyncio.run(main())) == output
        assert next(run).status == "indexed", "this process goes on"
    for thread in threading.enumerate():
        if thread.name.startswith("splade-"):
            thread.join(20)
    assert in_child(lambda: len(client.encode(["a text"]))) == "1"


@needs_fork
def test_a_child_that_ends_by_itself_ends(sidecar):
    """The child runs the interpreter's shutdown, which os._exit would skip."""
    script = """
        import os, sys
        from splade_sidecar import Client

        client = Client(sys.argv[1])
        client.encode(["a text"])
        child = os.fork()
        with client:
            client.encode(["a text"])
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    command = [sys.executable, "-c", textwrap.dedent(script), sidecar.address]
    assert subprocess.run(command, timeout=TIMEOUT_S).returncode == 0
