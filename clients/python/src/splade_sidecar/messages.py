"""Python values to messages of the contract, and back. Both clients use it; nothing here calls anybody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from splade_sidecar.types import (
    Document,
    DocumentId,
    Encoded,
    EncodedText,
    Explanation,
    Hit,
    Rejection,
    Result,
    Status,
    Term,
)
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import filter_pb2
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1 import types_pb2 as types

M = TypeVar("M", bound=Message)

ROLES = {"document": encoder.ROLE_DOCUMENT, "query": encoder.ROLE_QUERY}
LONG_TEXTS = {
    "truncate": types.LONG_TEXT_TRUNCATE,
    "reject": types.LONG_TEXT_REJECT,
    "window": types.LONG_TEXT_WINDOW,
}
STATUSES: dict[int, Status] = {
    index.DOCUMENT_STATUS_INDEXED: "indexed",
    index.DOCUMENT_STATUS_REJECTED: "rejected",
    index.DOCUMENT_STATUS_UNCHANGED: "unchanged",
}
ORIGINS = {index.TERM_ORIGIN_TEXT: "text", index.TERM_ORIGIN_EXPANSION: "expansion"}
CHOICES: dict[str, Mapping[str, Any]] = {"role": ROLES, "long_text": LONG_TEXTS}
MESSAGES: dict[str, type[Message]] = {
    "pruning": types.Pruning,
    "query_pruning": types.Pruning,
    "document_pruning": types.Pruning,
    "collection_options": index.CollectionOptions,
    "filter": filter_pb2.Filter,
}
FIELDS = {"text", "id", "payload", "dense_vectors"}
WHOLE = 2**53


def message(kind: type[M], given: M | Mapping[str, Any], name: str) -> M:
    """A message that was given as such, or as a mapping with the contract's field names."""
    if isinstance(given, kind):
        return given
    try:
        return json_format.ParseDict(cast(Any, given), kind())
    except json_format.ParseError as error:
        raise ValueError(f"{name}: {error}") from None


def choice(names: Mapping[str, Any], given: str, name: str) -> Any:
    """The enum's value for a name."""
    if given not in names:
        raise ValueError(f"{name}: {given!r} is none of {', '.join(names)}")
    return names[given]


def fill(kind: type[M], options: Mapping[str, Any]) -> M:
    """A message of options as Python has them; None stands for the contract's default."""
    given = {name: value for name, value in options.items() if value is not None}
    for name, names in CHOICES.items():
        if name in given:
            given[name] = choice(names, given[name], name)
    for name, inner in MESSAGES.items():
        if name in given:
            given[name] = message(inner, given[name], name)
    return kind(**given)


def document_id(given: DocumentId) -> types.DocumentId:
    """The contract's form of an id."""
    if isinstance(given, UUID):
        return types.DocumentId(uuid=str(given))
    if isinstance(given, str):
        return types.DocumentId(key=given)
    if isinstance(given, int) and not isinstance(given, bool):
        return types.DocumentId(num=given)
    raise TypeError(f"id: {given!r} is no int, UUID or str")


def python_id(given: types.DocumentId) -> DocumentId | None:
    """An id as its client gave it."""
    kind = given.WhichOneof("kind")
    if kind is None:
        return None
    value = getattr(given, kind)
    return UUID(value) if kind == "uuid" else cast("int | str", value)


def document(given: Document | Mapping[str, Any]) -> types.Document:
    """The message for a document. Raises TypeError or ValueError for what can't be written as one."""
    if isinstance(given, Mapping):
        unknown = set(given) - FIELDS
        if unknown:
            raise ValueError(f"a document has no {sorted(unknown)}; other fields belong into its payload")
        given = Document(**given)
    made = types.Document(text=given.text)
    if given.id is not None:
        made.id.CopyFrom(document_id(given.id))
    if given.payload is not None:
        made.payload.SetInParent()
        made.payload.update(given.payload)
    for name, values in (given.dense_vectors or {}).items():
        made.dense_vectors[name].values.extend(values)
    return made


def refuse_one_text(texts: object) -> None:
    """A text is an iterable of texts, one a letter, which nobody means."""
    if isinstance(texts, str):
        raise TypeError("texts: a list of texts is wanted, not one text")


def encode_requests(
    options: encoder.EncodeOptions, texts: Iterable[str], batch_size: int
) -> Iterator[encoder.EncodeRequest]:
    """Requests of at most so many texts each, made as they are asked for."""
    refuse_one_text(texts)
    if batch_size < 1:
        raise ValueError("batch_size: at least 1")
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == batch_size:
            yield encoder.EncodeRequest(options=options, texts=batch)
            batch = []
    if batch:
        yield encoder.EncodeRequest(options=options, texts=batch)


def encoded(response: encoder.EncodeResponse) -> list[EncodedText]:
    """The vectors of a response."""
    return [encoded_text(one) for one in response.results]


def encoded_text(one: encoder.EncodedText) -> EncodedText:
    """A text's vector."""
    return EncodedText(
        list(one.vector.indices),
        list(one.vector.values),
        list(one.tokens),
        one.token_count,
        one.truncated,
        one.window_count,
        one.pruned_term_count,
        one.pruned_weight,
    )


def encode_result(given: encoder.EncodeStreamResult, number: int) -> Encoded:
    """A text's result under its number in the iterable."""
    if given.HasField("rejection"):
        return Encoded(number, None, rejection(given.rejection))
    return Encoded(number, encoded_text(given.encoded), None)


def search_request(
    collection: str, query: str | EncodedText | tuple[Sequence[int], Sequence[float]], options: Mapping[str, Any]
) -> index.SearchRequest:
    """A search by a text, by an encoded text, or by indices and weights."""
    request = fill(index.SearchRequest, {"collection": collection, **options})
    if isinstance(query, str):
        request.text = query
    else:
        indices, values = (query.indices, query.values) if isinstance(query, EncodedText) else query
        request.vector.CopyFrom(types.SparseVector(indices=indices, values=values))
    return request


def hits(response: index.SearchResponse) -> list[Hit]:
    """What was found, best first."""
    return [
        Hit(
            python_id(hit.id),
            hit.score,
            struct(hit.payload),
            (list(hit.vector.indices), list(hit.vector.values)) if hit.HasField("vector") else None,
        )
        for hit in response.hits
    ]


def explain_request(
    query: str, collection: str | None, id: DocumentId | None, text: str | None, options: Mapping[str, Any]
) -> index.ExplainRequest:
    """An explanation for a stored document or for a text."""
    if (id is None) == (text is None):
        raise ValueError("give either id or text")
    request = fill(index.ExplainRequest, {"query": query, "collection": collection, "text": text, **options})
    if id is not None:
        request.id.CopyFrom(document_id(id))
    return request


def explanation(response: index.ExplainResponse) -> Explanation:
    """The terms of a score."""
    terms = [
        Term(
            term.index,
            term.token,
            term.query_weight,
            term.document_weight,
            term.contribution,
            ORIGINS.get(term.query_origin, ""),
            ORIGINS.get(term.document_origin, ""),
        )
        for term in response.terms
    ]
    return Explanation(terms, response.score, response.query_term_count, response.document_term_count)


def result(given: index.DocumentResult, number: int) -> Result:
    """A document's result under its number in the iterable."""
    return Result(
        number,
        python_id(given.id),
        STATUSES.get(given.status, "rejected"),
        rejection(given.rejection) if given.HasField("rejection") else None,
        given.token_count,
        given.truncated,
        given.term_count,
    )


def rejection(why: types.Rejection) -> Rejection:
    """Why an item was refused."""
    return Rejection(why.code, why.reason, why.field, why.message)


def struct(given: Struct) -> dict[str, Any]:
    """A payload as it was given: what is whole is an int."""
    return {name: _value(value) for name, value in given.fields.items()}


def _value(given: Value) -> Any:
    kind = given.WhichOneof("kind")
    if kind == "struct_value":
        return struct(given.struct_value)
    if kind == "list_value":
        return [_value(value) for value in given.list_value.values]
    if kind == "number_value":
        number = given.number_value
        return int(number) if number.is_integer() and abs(number) <= WHOLE else number
    return None if kind in (None, "null_value") else getattr(given, kind)
