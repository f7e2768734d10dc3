"""Valid and invalid documents, and functions that stream them to a server."""

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.struct_pb2 import Struct

from splade_sidecar.v1 import document_pb2 as docs
from splade_sidecar.v1 import index_service_pb2 as index

CORPUS = Path(__file__).resolve().parents[2] / "demo" / "corpus.jsonl"
DENSE_NAME = "image"
INGEST = "/splade_sidecar.v1.IndexService/Ingest"


def corpus(count: int) -> list[docs.Document]:
    """Returns the first `count` documents of the sample corpus, with title, topic and year as payload."""
    with open(CORPUS, encoding="utf-8") as lines:
        entries = [json.loads(line) for line, _ in zip(lines, range(count))]
    return [
        document(entry["text"], entry["id"], title=entry["title"], topic=entry["topic"], year=entry["year"])
        for entry in entries
    ]


def document(text: str, num: int | None = None, **payload: object) -> docs.Document:
    """Returns a document with an optional integer id and the keyword arguments as payload."""
    result = docs.Document(text=text)
    if num is not None:
        result.id.num = num
    if payload:
        result.payload.CopyFrom(Struct())
        result.payload.update(payload)
    return result


def options(collection: str, **more: object) -> index.IngestOptions:
    """Returns options that create the collection with a dense vector of three dimensions."""
    settings = index.IngestOptions(collection=collection, create_collection=True, **more)
    settings.collection_options.dense_vectors[DENSE_NAME].size = 3
    return settings


def ingest(sidecar, settings: index.IngestOptions, items: Iterable, batch: int = 20) -> list[index.OperationResult]:
    """Streams documents or operations (messages, or the wire bytes of a document) and returns their results in order.

    Checks the invariants of every stream: `opened` is alone in the first message, each operation has one result, and
    `durable_through` never decreases and reaches the last operation.
    """
    first = settings.first_sequence or 1
    results, durable = {}, first - 1
    for response in responses(sidecar, settings, items, batch):
        for result in response.results:
            assert result.sequence not in results, f"operation {result.sequence} has two results"
            results[result.sequence] = result
        assert response.durable_through >= durable, "durable_through decreased"
        durable = response.durable_through
        assert all(sequence in results for sequence in range(first, durable + 1))
    assert sorted(results) == list(range(first, first + len(results)))
    assert durable == first - 1 + len(results)
    return [results[sequence] for sequence in sorted(results)]


def responses(sidecar, settings: index.IngestOptions, items: Iterable, batch: int = 20) -> Iterator:
    """Yields the responses of a stream after the first one, which must have only `opened`."""
    # Sends raw bytes, to allow documents that client libraries can't serialize.
    method = sidecar.channel.stream_stream(INGEST, response_deserializer=index.IngestResponse.FromString)
    call = method(serialize_requests(settings, items, batch), timeout=600)
    opened = next(call)
    assert opened.HasField("opened") and not opened.results, opened
    assert opened.durable_through == (settings.first_sequence or 1) - 1
    for response in call:
        assert not response.HasField("opened"), "a later response has `opened`"
        yield response


def serialize_requests(settings: index.IngestOptions, items: Iterable, batch: int) -> Iterator[bytes]:
    """Yields the wire bytes of the requests: the options first, then `batch` operations each."""
    yield index.IngestRequest(options=settings).SerializeToString()
    fields = (field(2, serialize_operation(item)) for item in items)
    while message := b"".join(itertools.islice(fields, batch)):
        yield message


def serialize_operation(item: object) -> bytes:
    """Returns the wire bytes of an Operation. Documents become upserts, DeleteDocument messages deletions."""
    if isinstance(item, index.Operation):
        return item.SerializeToString()
    number = 2 if isinstance(item, docs.DeleteDocument) else 1
    return field(number, item if isinstance(item, bytes) else item.SerializeToString())


def nested_payload(text: str, depth: int) -> bytes:
    """Returns the wire bytes of a document whose payload is `{"a": {"a": …}}`, at any depth."""
    value = field(3, b"leaf")
    for _ in range(depth):
        struct = field(1, field(1, b"a") + field(2, value))
        value = field(5, struct)
    return field(2, text.encode()) + field(3, struct)


def invalid_utf8() -> bytes:
    """Returns the wire bytes of a document whose text is not valid UTF-8."""
    return field(2, b"caf\xe9 au lait")


def field(number: int, content: bytes) -> bytes:
    """Returns the wire bytes of a length-delimited field."""
    return encode_varint(number << 3 | 2) + encode_varint(len(content)) + content


def encode_varint(value: int) -> bytes:
    """Returns a base-128 varint."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
