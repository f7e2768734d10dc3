"""Python values to messages of the contract, and back. Both clients use it; nothing here calls anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, TypeVar
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from splade_sidecar.blank import is_blank
from splade_sidecar.errors import FieldViolation, SpladeError
from splade_sidecar.ids import document_id, python_id
from splade_sidecar.payload import parse_payload, payload_json, plain_value
from splade_sidecar.refusal import Unsendable, UnsendableDocument, kind, plain_str, printable
from splade_sidecar.types import (
    Document,
    Encoded,
    EncodedText,
    Explanation,
    GivenId,
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
FIELDS = ("text", "id", "payload", "dense_vectors")
# Where an error says which text is at fault: at its beginning.
TEXT_FIELD = re.compile(r"^texts\[(\d+)\]")
WHOLE = 2**53


def message(kind: type[M], given: M | Mapping[str, Any], name: str) -> M:
    """A message that was given as such, or as a mapping with the contract's field names."""
    if isinstance(given, kind):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"{name}: it is of type {type(given).__name__}; give a {kind.__name__} or a mapping")
    try:
        return json_format.ParseDict(plain_value(_with_ids(given, name), name), kind())
    except json_format.ParseError as error:
        raise ValueError(f"{name}: {error}") from None


def _with_ids(given: Any, path: str) -> Any:
    """A filter, in which ids may be given as in other calls: `{"has_id": {"ids": [1, "mail/42"]}}`."""
    if isinstance(given, Mapping):
        made = {}
        for name, value in given.items():
            inner = f"{path}.{name}"
            ids = value.get("ids") if name in ("has_id", "hasId") and isinstance(value, Mapping) else None
            if isinstance(ids, Iterable) and not isinstance(ids, (str, Mapping)):
                forms = [document_id(each, f"{inner}.ids[{place}]") for place, each in enumerate(ids)]
                made[name] = {**value, "ids": [json_format.MessageToDict(each) for each in forms]}
            else:
                made[name] = _with_ids(value, inner)
        return made
    if isinstance(given, (list, tuple)):
        return [_with_ids(value, f"{path}[{place}]") for place, value in enumerate(given)]
    return given


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


def document(given: Document | Mapping[str, Any]) -> types.Document:
    """The message for a document. Raises Unsendable, with the id where that can be read, for what can't be one."""
    fields = _fields(given)
    made = types.Document()
    if fields.get("id") is not None:
        made.id.CopyFrom(document_id(fields["id"]))
    try:
        unknown = [name for name in fields if name not in FIELDS]
        if unknown:
            name = unknown[0]
            shown = printable(name if isinstance(name, str) else repr(name))
            raise Unsendable(shown, f"a document has no such field; it has {', '.join(FIELDS)}; move it into payload")
        if "text" not in fields:
            raise Unsendable("text", "it is missing; give a str")
        made.text = plain_str(fields["text"], "text")
        if fields.get("payload") is not None:
            made.payload_json = payload_json(fields["payload"])
        if fields.get("dense_vectors") is not None:
            _fill_dense_vectors(made, fields["dense_vectors"])
    except MemoryError:
        raise
    except Exception as error:
        raise UnsendableDocument(error, python_id(made.id)) from None
    return made


def _fields(given: Document | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(given, Document):
        return {name: getattr(given, name) for name in FIELDS}
    if isinstance(given, Mapping):
        return given
    raise Unsendable("", f"it is {kind(given)}; give a Document, or a mapping with {', '.join(FIELDS)}")


def _fill_dense_vectors(made: types.Document, given: Any) -> None:
    if not isinstance(given, Mapping):
        raise Unsendable("dense_vectors", f"it is {kind(given)}; give a mapping of names to sequences of floats")
    for name, values in given.items():
        if not isinstance(name, str):
            raise Unsendable("dense_vectors", f"it has a key of type {type(name).__name__}; make every name a str")
        field = f"dense_vectors.{printable(name)}"
        made.dense_vectors[plain_str(name, field)].values.extend(_floats(values, field))


def _floats(given: Any, field: str) -> list[float]:
    """The numbers of a dense vector. Those that are not finite are left to the server, which refuses them."""
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, (str, bytes, bytearray, Mapping, Set)) or not isinstance(given, Iterable):
        raise Unsendable(field, f"it is {kind(given)}; give a sequence of floats")
    floats = []
    for place, value in enumerate(given):
        if type(value) is not float:
            # float() would take text and truth values too.
            if isinstance(value, (str, bytes, bytearray, bool)) or not hasattr(value, "__float__"):
                if not hasattr(value, "__index__") or isinstance(value, bool):
                    raise Unsendable(f"{field}[{place}]", f"it is {kind(value)}; give a float")
            try:
                value = float(value)
            except (TypeError, ValueError, OverflowError) as error:
                raise Unsendable(f"{field}[{place}]", f"it is no float: {error}; give a finite number") from None
        floats.append(value)
    return floats


def refuse_one_text(texts: object) -> None:
    """A text is an iterable of texts, one a letter, which nobody means."""
    if isinstance(texts, str):
        raise TypeError("texts: a list of texts is wanted, not one text")


def refuse_one_document(documents: object) -> None:
    """A mapping is an iterable of its keys, and a str of letters, which nobody means."""
    if isinstance(documents, (Document, Mapping, str)):
        raise TypeError("documents: an iterable of documents is wanted, not one document")


NO_TERMS = EncodedText([], [], [], 0, False, 0, 0, 0.0)
"""What stands for a blank text where one is no error."""


class Batch:
    """Texts of one call, and where in the caller's iterable they are."""

    def __init__(self, first: int, skip_blank: bool) -> None:
        self._first, self._skip_blank = first, skip_blank
        self._texts: list[str] = []
        self._indices: list[int] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, text: Any) -> None:
        """Takes the next text. Raises TypeError or ValueError for what can't be sent."""
        place = self._first + self._count
        checked = checked_text(text, f"texts[{place}]")
        if not (self._skip_blank and is_blank(checked)):
            self._texts.append(checked)
            self._indices.append(place)
        self._count += 1

    def request(self, options: encoder.EncodeOptions) -> encoder.EncodeRequest | None:
        """What is sent; None if every text is blank."""
        return encoder.EncodeRequest(options=options, texts=self._texts) if self._texts else None

    def results(self, response: encoder.EncodeResponse | None) -> list[EncodedText]:
        """One vector for each text, in order."""
        results = [NO_TERMS] * self._count
        for place, one in zip(self._indices, response.results if response else (), strict=True):
            results[place - self._first] = encoded_text(one)
        return results

    def renumbered(self, error: SpladeError) -> SpladeError:
        """The error of this call, naming texts by their indices in the caller's iterable."""

        def renumber(match: re.Match[str]) -> str:
            place = int(match[1])
            return f"texts[{self._indices[place]}]" if place < len(self._indices) else match[0]

        violations = tuple(
            FieldViolation(TEXT_FIELD.sub(renumber, violation.field), violation.description)
            for violation in error.violations
        )
        return error.replaced(TEXT_FIELD.sub(renumber, error.message), violations)


def batches(texts: Iterable[str], batch_size: int, skip_blank: bool) -> Iterator[Batch]:
    """Batches of at most so many texts each, made as they are asked for."""
    refuse_one_text(texts)
    if batch_size < 1:
        raise ValueError("batch_size: at least 1")
    batch = Batch(0, skip_blank)
    taken = 0
    for text in texts:
        batch.add(text)
        taken += 1
        if len(batch) == batch_size:
            yield batch
            batch = Batch(taken, skip_blank)
    if len(batch):
        yield batch


def checked_text(given: Any, name: str) -> str:
    """A text of a unary call. Raises TypeError for what is none, ValueError for a lone surrogate."""
    if not isinstance(given, str):
        raise TypeError(f"{name}: it is {kind(given)}; give a str")
    return plain_str(given, name)


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
    request.payload_format = types.PAYLOAD_FORMAT_JSON
    if isinstance(query, str):
        request.text = checked_text(query, "query")
    else:
        indices, values = (query.indices, query.values) if isinstance(query, EncodedText) else query
        request.vector.CopyFrom(types.SparseVector(indices=indices, values=values))
    return request


def hits(response: index.SearchResponse) -> list[Hit]:
    """What was found, best first."""
    return [_hit(hit) for hit in response.hits]


def _hit(hit: index.Hit) -> Hit:
    payload = parse_payload(hit.payload_json) if hit.payload_json else struct(hit.payload)
    vector = (list(hit.vector.indices), list(hit.vector.values)) if hit.HasField("vector") else None
    unreadable = hit.payload_unreadable or payload is None
    return Hit(python_id(hit.id), hit.score, payload or {}, vector, unreadable)


def explain_request(
    query: str, collection: str | None, id: GivenId | None, text: str | None, options: Mapping[str, Any]
) -> index.ExplainRequest:
    """An explanation for a stored document or for a text."""
    if (id is None) == (text is None):
        raise ValueError("give either id or text")
    query = checked_text(query, "query")
    text = None if text is None else checked_text(text, "text")
    request = fill(index.ExplainRequest, {"query": query, "collection": collection, "text": text, **options})
    if id is not None:
        request.id.CopyFrom(document_id(id))
    return request


def delete_request(collection: str, ids: Iterable[GivenId]) -> index.DeleteRequest:
    """A deletion. Raises ValueError, which names the id by its index, for what is no id."""
    if isinstance(ids, (str, UUID, Mapping, types.DocumentId)) or not isinstance(ids, Iterable):
        raise TypeError("ids: a list of ids is wanted, not one id")
    made = [document_id(each, f"ids[{place}]") for place, each in enumerate(ids)]
    return index.DeleteRequest(collection=collection, ids=made)


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
