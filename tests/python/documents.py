"""Documents to send, good and bad, and a way to send them."""

import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from google.protobuf.struct_pb2 import Struct
from splade.v1 import index_service_pb2 as index
from splade.v1 import types_pb2 as types

CORPUS = Path(__file__).resolve().parents[2] / "demo" / "corpus.jsonl"
DENSE_NAME = "image"


def corpus(count: int) -> list[types.Document]:
    """The first documents of the sample corpus, with title, topic and year as payload."""
    with open(CORPUS, encoding="utf-8") as lines:
        entries = [json.loads(line) for line, _ in zip(lines, range(count))]
    return [
        document(entry["text"], entry["id"], title=entry["title"], topic=entry["topic"], year=entry["year"])
        for entry in entries
    ]


def document(text: str, num: int | None = None, **payload: object) -> types.Document:
    made = types.Document(text=text)
    if num is not None:
        made.id.num = num
    if payload:
        made.payload.CopyFrom(Struct())
        made.payload.update(payload)
    return made


def options(collection: str, **more: object) -> index.IngestOptions:
    """Options that create the collection, with room for a dense vector of three dimensions."""
    made = index.IngestOptions(collection=collection, create_collection=True, **more)
    made.collection_options.dense_vectors[DENSE_NAME].size = 3
    return made


def ingest(sidecar, settings: index.IngestOptions, documents: Iterable, batch: int = 20) -> list[index.DocumentResult]:
    """Streams documents (messages, or bytes of the wire) and gives their results by sequence.

    Checks what holds for every stream: one result each, and a `durable_through` that grows up to the last.
    """
    results, durable = {}, 0
    # Requests go out as bytes, so that a document can be sent which no client library would write.
    call = sidecar.channel.stream_stream(
        "/splade.v1.IndexService/Ingest", response_deserializer=index.IngestResponse.FromString
    )
    for response in call(requests(settings, documents, batch), timeout=600):
        for result in response.results:
            assert result.sequence not in results, f"document {result.sequence} has two results"
            results[result.sequence] = result
        assert response.durable_through >= durable, "durable_through went back"
        durable = response.durable_through
        assert all(sequence in results for sequence in range(1, durable + 1))
    assert sorted(results) == list(range(1, len(results) + 1))
    assert durable == len(results)
    return [results[sequence] for sequence in sorted(results)]


def requests(settings: index.IngestOptions, documents: Iterable, batch: int) -> Iterator[bytes]:
    yield index.IngestRequest(options=settings).SerializeToString()
    fields = (field(2, item if isinstance(item, bytes) else item.SerializeToString()) for item in documents)
    while message := b"".join(itertools.islice(fields, batch)):
        yield message


def nested_payload(text: str, depth: int) -> bytes:
    """A document on the wire whose payload is `{"a": {"a": …}}`, deeper than a client library would write it."""
    value = field(3, b"leaf")
    for _ in range(depth):
        struct = field(1, field(1, b"a") + field(2, value))
        value = field(5, struct)
    return field(2, text.encode()) + field(3, struct)


def invalid_utf8() -> bytes:
    """A document on the wire whose text is no UTF-8."""
    return field(2, b"caf\xe9 au lait")


def field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
