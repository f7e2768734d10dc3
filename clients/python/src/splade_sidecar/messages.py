"""Conversion between Python values and messages of the API, for both clients. Makes no calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict
from typing import Any, TypeVar, cast
from uuid import UUID

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from splade_sidecar.blank import is_blank
from splade_sidecar.errors import FieldViolation, Internal, SpladeError, status_code
from splade_sidecar.filters import expand_filter
from splade_sidecar.ids import document_id, python_id
from splade_sidecar.integers import check_integer
from splade_sidecar.payload import MAX_INTEGER, MIN_INTEGER, parse_payload, payload_json, plain_value
from splade_sidecar.types import (
    Alias,
    Collection,
    CollectionOptions,
    Delete,
    DenseVectorOptions,
    Distance,
    Document,
    Encoded,
    EncodedText,
    EncodingStats,
    Explanation,
    GivenId,
    Hit,
    Hits,
    ItemError,
    Result,
    SparseVector,
    SparseVectorOptions,
    Status,
    StoredDocument,
    Term,
    VectorDatatype,
)
from splade_sidecar.v1 import collection_pb2, document_pb2, encoding_pb2, errors_pb2, filter_pb2, query_pb2
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.validation import InvalidItemError, InvalidValueError, plain_str, printable, type_name

M = TypeVar("M", bound=Message)

QueryValue = str | SparseVector | tuple[Sequence[int], Sequence[float]]
"""A query: a text, a sparse vector such as an encoded text, or vocabulary ids and weights."""

ROLES = {"document": encoding_pb2.ROLE_DOCUMENT, "query": encoding_pb2.ROLE_QUERY}
LONG_TEXTS = {
    "truncate": encoding_pb2.LONG_TEXT_TRUNCATE,
    "reject": encoding_pb2.LONG_TEXT_REJECT,
    "window": encoding_pb2.LONG_TEXT_WINDOW,
}
RESULT_FILTERS = {"all": index.RESULT_FILTER_ALL, "problems": index.RESULT_FILTER_PROBLEMS}
DATATYPES: dict[VectorDatatype, collection_pb2.VectorDatatype] = {
    "float32": collection_pb2.VECTOR_DATATYPE_FLOAT32,
    "float16": collection_pb2.VECTOR_DATATYPE_FLOAT16,
    "uint8": collection_pb2.VECTOR_DATATYPE_UINT8,
}
DISTANCES: dict[Distance, collection_pb2.Distance] = {
    "cosine": collection_pb2.DISTANCE_COSINE,
    "dot": collection_pb2.DISTANCE_DOT,
    "euclid": collection_pb2.DISTANCE_EUCLID,
}
STATUSES: dict[int, Status] = {
    index.OPERATION_STATUS_INDEXED: "indexed",
    index.OPERATION_STATUS_DELETED: "deleted",
    index.OPERATION_STATUS_UNCHANGED: "unchanged",
    index.OPERATION_STATUS_SUPERSEDED: "superseded",
    index.OPERATION_STATUS_REJECTED: "rejected",
}
ORIGINS = {query_pb2.TERM_ORIGIN_TEXT: "text", query_pb2.TERM_ORIGIN_EXPANSION: "expansion"}
CHOICES: dict[str, Mapping[str, Any]] = {"role": ROLES, "long_text": LONG_TEXTS, "result_filter": RESULT_FILTERS}
ENCODING_FIELDS = ("long_text", "window_overlap", "pruning")
RETURN_FIELDS = ("without_payload", "payload_fields", "with_sparse_vectors", "with_dense_vectors")
DOCUMENT_FIELDS = ("text", "id", "payload", "dense_vectors", "position", "version")
# Matches the prefix of error messages and fields that name a text of a call.
TEXT_FIELD = re.compile(r"^texts\[(\d+)\]")
MAX_EXACT_INTEGER = 2**53
# Maximum number of ids of a GetDocuments call.
MAX_IDS = 1000
# Canonical status code (google.rpc.Code).
INTERNAL = 13


def message(cls: type[M], given: M | Mapping[str, Any], name: str) -> M:
    """Converts a mapping with proto field names to a message. Returns a message unchanged."""
    if isinstance(given, cls):
        return given
    if not isinstance(given, Mapping):
        raise TypeError(f"{name}: expected a {cls.__name__} or a mapping, got {type_name(given)}")
    return _parse(cls, given, name)


def _parse(cls: type[M], given: Any, name: str) -> M:
    try:
        return json_format.ParseDict(plain_value(given, name), cls())
    except json_format.ParseError as error:
        raise ValueError(f"{name}: {error}") from None


def filter_message(given: filter_pb2.Filter | Mapping[str, Any]) -> filter_pb2.Filter:
    """Converts a filter. Raises ValueError, naming the path, for an invalid filter."""
    if isinstance(given, Mapping):
        given = expand_filter(given, "filter")
    return message(filter_pb2.Filter, given, "filter")


def collection_options(
    given: CollectionOptions | collection_pb2.CollectionOptions | Mapping[str, Any], name: str
) -> collection_pb2.CollectionOptions:
    """Converts collection options. Datatypes and distances have short names, such as `float16` and `dot`."""
    if isinstance(given, collection_pb2.CollectionOptions):
        return given
    fields: Any = asdict(given) if isinstance(given, CollectionOptions) else given
    if not isinstance(fields, Mapping):
        raise TypeError(f"{name}: expected CollectionOptions or a mapping, got {type_name(given)}")
    fields = dict(fields)
    choices: tuple[tuple[str, str, Mapping[Any, Any]], ...] = (
        ("sparse_vectors", "datatype", DATATYPES),
        ("dense_vectors", "distance", DISTANCES),
    )
    for field, option, names in choices:
        vectors = fields.get(field)
        if isinstance(vectors, Mapping):
            fields[field] = {vector: _with_choice(each, option, names) for vector, each in vectors.items()}
    return _parse(collection_pb2.CollectionOptions, fields, name)


def _with_choice(given: Any, option: str, names: Mapping[Any, Any]) -> Any:
    """Returns the options of one vector, with the enum number instead of the short name."""
    fields = asdict(given) if isinstance(given, (SparseVectorOptions, DenseVectorOptions)) else given
    if not isinstance(fields, Mapping) or fields.get(option) not in names:
        return fields
    return {**fields, option: names[fields[option]]}


def choice(names: Mapping[str, Any], given: str, name: str) -> Any:
    """Returns the enum value of a short name."""
    if given not in names:
        raise ValueError(f"{name}: expected one of {', '.join(names)}, got {given!r}")
    return names[given]


def fill(cls: type[M], options: Mapping[str, Any]) -> M:
    """Converts options to a message. None selects the default, like an absent option."""
    given = {name: value for name, value in options.items() if value is not None}
    for name in ("required_features", "payload_fields"):
        if isinstance(given.get(name), str):
            raise TypeError(f"{name}: expected a list of str, got a single str")
    for name, names in CHOICES.items():
        if name in given:
            given[name] = choice(names, given[name], name)
    if "pruning" in given:
        given["pruning"] = message(encoding_pb2.Pruning, given["pruning"], "pruning")
    if "filter" in given:
        given["filter"] = filter_message(given["filter"])
    if "collection_options" in given:
        given["collection_options"] = collection_options(given["collection_options"], "collection_options")
    return cls(**given)


def split(options: Mapping[str, Any], names: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the options with these names and the remaining ones, both without options that are None."""
    given = {name: value for name, value in options.items() if value is not None}
    return {name: given.pop(name) for name in names if name in given}, given


def fill_with_encoding(cls: type[M], options: Mapping[str, Any]) -> M:
    """Converts options to a message whose field `encoding` holds the encoding options."""
    encoding, remaining = split(options, ENCODING_FIELDS)
    if encoding:
        remaining["encoding"] = fill(encoding_pb2.EncodingOptions, encoding)
    return fill(cls, remaining)


def operation(given: Document | Delete | Mapping[str, Any]) -> index.Operation:
    """Converts an item of an ingest to an operation.

    Raises InvalidItemError for an item that can't be sent, with its id and position if these are valid.
    """
    fields = _fields(given)
    converted = index.Operation()
    id = document_pb2.DocumentId()
    position: Any = ""
    try:
        position = fields.get("position")
        if fields.get("id") is not None:
            id = document_id(fields["id"])
        if position is not None:
            converted.position = plain_str(position, "position")
        if isinstance(given, Delete):
            if id.WhichOneof("kind") is None:
                raise InvalidValueError("id", "required; pass the id of the document to delete")
            converted.delete_document.id.CopyFrom(id)
            if fields.get("version") is not None:
                converted.delete_document.version = _version(fields["version"])
        else:
            converted.upsert.CopyFrom(_document(fields))
            if id.WhichOneof("kind") is not None:
                converted.upsert.id.CopyFrom(id)
    except MemoryError:
        raise
    except Exception as error:
        readable = position if isinstance(position, str) else ""
        raise InvalidItemError(error, python_id(id), readable) from None
    return converted


def _document(fields: Mapping[str, Any]) -> document_pb2.Document:
    """Converts a document without its id."""
    unknown = [name for name in fields if name not in DOCUMENT_FIELDS]
    if unknown:
        name = unknown[0]
        shown = printable(name if isinstance(name, str) else repr(name))
        problem = f"unknown field; move it into payload, or use one of {', '.join(DOCUMENT_FIELDS)}"
        raise InvalidValueError(shown, problem)
    if "text" not in fields:
        raise InvalidValueError("text", "required; pass a str")
    converted = document_pb2.Document(text=plain_str(fields["text"], "text"))
    if fields.get("payload") is not None:
        converted.payload_json = payload_json(fields["payload"])
    if fields.get("dense_vectors") is not None:
        _fill_dense_vectors(converted, fields["dense_vectors"])
    if fields.get("version") is not None:
        converted.version = _version(fields["version"])
    return converted


def _version(given: Any) -> int:
    """Converts the version of a document or a deletion."""
    return check_integer(given, "version", MIN_INTEGER, MAX_INTEGER, "expected a 64-bit int, such as time.time_ns()")


def _fields(given: Document | Delete | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(given, Document):
        return {name: getattr(given, name) for name in DOCUMENT_FIELDS}
    if isinstance(given, Delete):
        return {"id": given.id, "position": given.position, "version": given.version}
    if isinstance(given, Mapping):
        return given
    problem = f"expected a Document, a Delete, or a mapping with {', '.join(DOCUMENT_FIELDS)}, got {type_name(given)}"
    raise InvalidValueError("", problem)


def _fill_dense_vectors(converted: document_pb2.Document, given: Any) -> None:
    if not isinstance(given, Mapping):
        raise InvalidValueError(
            "dense_vectors", f"expected a mapping of names to sequences of floats, got {type_name(given)}"
        )
    for name, values in given.items():
        if not isinstance(name, str):
            raise InvalidValueError("dense_vectors", f"expected str names, got {type(name).__name__}")
        field = f"dense_vectors.{printable(name)}"
        converted.dense_vectors[plain_str(name, field)].values.extend(_floats(values, field))


def _floats(given: Any, field: str) -> list[float]:
    """Converts the numbers of a dense vector. The server rejects NaN and infinities."""
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, (str, bytes, bytearray, Mapping, Set)) or not isinstance(given, Iterable):
        raise InvalidValueError(field, f"expected a sequence of floats, got {type_name(given)}")
    floats = []
    for position, value in enumerate(given):
        if type(value) is not float:
            # float() would also accept text and booleans.
            if isinstance(value, (str, bytes, bytearray, bool)) or not hasattr(value, "__float__"):
                if not hasattr(value, "__index__") or isinstance(value, bool):
                    raise InvalidValueError(f"{field}[{position}]", f"expected a float, got {type_name(value)}")
            try:
                value = float(value)
            except (TypeError, ValueError, OverflowError) as error:
                problem = f"expected a finite number; conversion to float failed: {error}"
                raise InvalidValueError(f"{field}[{position}]", problem) from None
        floats.append(value)
    return floats


def reject_single_text(texts: object) -> None:
    """Raises TypeError for a str, since a str is also an iterable of strings."""
    if isinstance(texts, str):
        raise TypeError("texts: expected an iterable of texts, not one text")


def reject_single_document(documents: object) -> None:
    """Raises TypeError for a single document, since mappings and strings are also iterables."""
    if isinstance(documents, (Document, Delete, Mapping, str)):
        raise TypeError("documents: expected an iterable of documents, not one document")


NO_TERMS = EncodedText([], [], [], EncodingStats())
"""Result of a blank text if blank texts are skipped."""


class Batch:
    """Texts of one call with their indices in the caller's iterable."""

    def __init__(self, first: int, skip_blank: bool) -> None:
        self._first, self._skip_blank = first, skip_blank
        self._texts: list[str] = []
        self._indices: list[int] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, text: Any) -> None:
        """Adds the next text. Raises TypeError or ValueError for an invalid text."""
        position = self._first + self._count
        checked = check_text(text, f"texts[{position}]")
        if not (self._skip_blank and is_blank(checked)):
            self._texts.append(checked)
            self._indices.append(position)
        self._count += 1

    def request(self, options: encoder.EncodeRequest) -> encoder.EncodeRequest | None:
        """Returns the request with the options and texts. None if every text is blank."""
        if not self._texts:
            return None
        request = encoder.EncodeRequest(texts=self._texts)
        request.MergeFrom(options)
        return request

    def results(self, response: encoder.EncodeResponse | None) -> list[EncodedText]:
        """Returns the vector of each text, in order."""
        results = [NO_TERMS] * self._count
        for position, one in zip(self._indices, response.results if response else (), strict=True):
            results[position - self._first] = encoded_text(one)
        return results

    def renumbered(self, error: SpladeError) -> SpladeError:
        """Returns the error with text indices of the call replaced by indices in the caller's iterable."""

        def renumber(match: re.Match[str]) -> str:
            position = int(match[1])
            return f"texts[{self._indices[position]}]" if position < len(self._indices) else match[0]

        violations = tuple(
            FieldViolation(TEXT_FIELD.sub(renumber, violation.field), violation.description)
            for violation in error.violations
        )
        return error.replaced(TEXT_FIELD.sub(renumber, error.message), violations)


def batches(texts: Iterable[str], batch_size: int, skip_blank: bool) -> Iterator[Batch]:
    """Yields batches of at most `batch_size` texts each."""
    reject_single_text(texts)
    if batch_size < 1:
        raise ValueError("batch_size: must be at least 1")
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


def check_text(given: Any, name: str) -> str:
    """Returns a text of a unary call. Raises TypeError for another type than str, ValueError for a lone surrogate."""
    if not isinstance(given, str):
        raise TypeError(f"{name}: expected a str, got {type_name(given)}")
    return plain_str(given, name)


def stats(given: encoding_pb2.EncodingStats) -> EncodingStats:
    """Converts encoding statistics."""
    return EncodingStats(
        given.token_count,
        given.truncated,
        given.window_count,
        given.term_count,
        given.pruned_term_count,
        given.pruned_weight,
    )


def encoded_text(given: encoder.EncodedText) -> EncodedText:
    """Converts an encoded text."""
    return EncodedText(list(given.vector.indices), list(given.vector.values), list(given.tokens), stats(given.stats))


def encode_result(given: encoder.EncodeStreamResult, number: int) -> Encoded:
    """Converts the final result of a text. `number` is the number of the text in the iterable."""
    if given.HasField("error"):
        return Encoded(number, None, item_error(given.error))
    return Encoded(number, encoded_text(given.encoded), None)


def query_message(query: QueryValue, options: Mapping[str, Any]) -> query_pb2.Query:
    """Converts a text or sparse vector to a query with `vector_name` and the encoding options."""
    request = fill_with_encoding(query_pb2.Query, options)
    if isinstance(query, str):
        request.text = check_text(query, "query")
        return request
    if isinstance(query, SparseVector):
        indices, values = query.indices, query.values
    elif isinstance(query, tuple) and len(query) == 2:
        indices, values = cast("tuple[list[int], list[float]]", query)
    else:
        raise TypeError(
            f"query: expected a str, a SparseVector, or a tuple of indices and values, got {type_name(query)}"
        )
    request.sparse_vector.CopyFrom(encoding_pb2.SparseVector(indices=indices, values=values))
    return request


def return_options(options: Mapping[str, Any]) -> document_pb2.ReturnOptions:
    """Converts return options. Requests payloads as JSON, which keeps 64-bit integers exact."""
    return fill(document_pb2.ReturnOptions, {**options, "payload_format": document_pb2.PAYLOAD_FORMAT_JSON})


def search_request(collection: str, query: QueryValue, options: Mapping[str, Any]) -> index.SearchRequest:
    """Returns a search request."""
    query_options, remaining = split(options, (*ENCODING_FIELDS, "vector_name"))
    returned, remaining = split(remaining, RETURN_FIELDS)
    request = fill(index.SearchRequest, {"collection": collection, **remaining})
    request.query.CopyFrom(query_message(query, query_options))
    request.return_options.CopyFrom(return_options(returned))
    return request


def hits(response: index.SearchResponse) -> Hits:
    """Converts the results of a search."""
    converted = Hits(Hit(stored_document(hit.document), hit.score) for hit in response.hits)
    if response.HasField("query_stats"):
        converted.query_stats = stats(response.query_stats)
    return converted


def stored_document(given: document_pb2.StoredDocument) -> StoredDocument:
    """Converts a stored document."""
    payload = parse_payload(given.payload_json) if given.payload_json else struct(given.payload)
    return StoredDocument(
        python_id(given.id),
        payload or {},
        given.text_field,
        {name: SparseVector(list(one.indices), list(one.values)) for name, one in given.sparse_vectors.items()},
        {name: list(one.values) for name, one in given.dense_vectors.items()},
        given.payload_unreadable or payload is None,
        given.version if given.HasField("version") else None,
    )


def explain_request(
    query: QueryValue,
    collection: str | None,
    id: GivenId | None,
    text: str | None,
    options: Mapping[str, Any],
) -> index.ExplainRequest:
    """Returns a request to explain the score of a stored document or of a text."""
    if (id is None) == (text is None):
        raise ValueError("pass either document_id or document_text")
    query_options, remaining = split(options, ("query_encoding", "vector_name"))
    query_options = {**_encoding(query_options.pop("query_encoding", {}), "query_encoding"), **query_options}
    document_options, remaining = split(remaining, ("document_encoding",))
    request = fill(index.ExplainRequest, {"collection": collection, **remaining})
    request.query.CopyFrom(query_message(query, query_options))
    if id is not None:
        request.document_id.CopyFrom(document_id(id, "document_id"))
    if text is not None:
        request.document_text = check_text(text, "document_text")
    if document_options:
        encoding = _encoding(document_options["document_encoding"], "document_encoding")
        request.document_encoding.CopyFrom(fill(encoding_pb2.EncodingOptions, encoding))
    return request


def _encoding(given: Any, name: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{name}: expected a mapping with {', '.join(ENCODING_FIELDS)}, got {type_name(given)}")
    for field in given:
        if field not in ENCODING_FIELDS:
            raise ValueError(f"{name}: unknown field {field!r}; expected {', '.join(ENCODING_FIELDS)}")
    return dict(given)


def explanation(response: index.ExplainResponse) -> Explanation:
    """Converts the explanation of a score."""
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
    return Explanation(terms, response.score, stats(response.query_stats), stats(response.document_stats))


def id_messages(ids: Iterable[GivenId]) -> list[document_pb2.DocumentId]:
    """Converts a list of ids. Raises ValueError, naming the index, for an invalid id."""
    if isinstance(ids, (str, UUID, Mapping, document_pb2.DocumentId)) or not isinstance(ids, Iterable):
        raise TypeError("ids: expected an iterable of ids, not one id")
    return [document_id(each, f"ids[{position}]") for position, each in enumerate(ids)]


def delete_request(collection: str, ids: Iterable[GivenId], options: Mapping[str, Any]) -> index.DeleteRequest:
    """Returns a request to delete documents."""
    return fill(index.DeleteRequest, {"collection": collection, "ids": id_messages(ids), **options})


class Lookup:
    """Lookup of documents by id in as many calls as needed, with one document or None per id."""

    def __init__(self, collection: str, ids: Iterable[GivenId], options: Mapping[str, Any]) -> None:
        returned, remaining = split(options, RETURN_FIELDS)
        self._options = fill(index.GetDocumentsRequest, {"collection": collection, **remaining})
        self._options.return_options.CopyFrom(return_options(returned))
        self._ids = id_messages(ids)
        self._found: dict[Any, StoredDocument | None] = {}
        # Distinct ids without a result.
        self._pending = {_id_key(each): each for each in self._ids}

    def request(self) -> index.GetDocumentsRequest | None:
        """Returns the next request. None if every id has a result."""
        if not self._pending:
            return None
        request = index.GetDocumentsRequest(ids=list(self._pending.values())[:MAX_IDS])
        request.MergeFrom(self._options)
        return request

    def add(self, request: index.GetDocumentsRequest, response: index.GetDocumentsResponse) -> None:
        """Adds the response to a request. Raises Internal if the response doesn't match the request."""
        missing = {_id_key(each) for each in response.missing}
        remaining = {_id_key(each) for each in response.remaining}
        requested = [_id_key(each) for each in request.ids]
        found = [key for key in requested if key not in missing and key not in remaining]
        if len(found) != len(response.documents) or len(remaining) == len(requested):
            problem = "the response doesn't have exactly one result per requested id; the server may be incompatible"
            raise Internal(status_code(INTERNAL), problem)
        self._found.update(zip(found, map(stored_document, response.documents), strict=True))
        self._found.update(dict.fromkeys(missing))
        for key in requested:
            if key not in remaining:
                del self._pending[key]

    def documents(self) -> list[StoredDocument | None]:
        """Returns the documents, in the order of the ids."""
        return [self._found[_id_key(each)] for each in self._ids]


def _id_key(given: document_pb2.DocumentId) -> tuple[str | None, Any]:
    """Returns a dict key for an id, identical for all spellings of a UUID."""
    kind = given.WhichOneof("kind")
    value = getattr(given, kind) if kind else None
    if kind == "uuid":
        try:
            value = UUID(value)
        except ValueError:
            pass
    return kind, value


def list_documents_request(
    collection: str, page_size: int | None, options: Mapping[str, Any]
) -> index.ListDocumentsRequest:
    """Returns the request for the first page."""
    returned, remaining = split(options, RETURN_FIELDS)
    request = fill(index.ListDocumentsRequest, {"collection": collection, "page_size": page_size, **remaining})
    request.return_options.CopyFrom(return_options(returned))
    return request


def create_collection_request(
    name: str, model: str | None, options: Any, required_features: Sequence[str] | None
) -> index.CreateCollectionRequest:
    """Returns a request to create a collection."""
    given: dict[str, Any] = {"name": name, "model": model, "required_features": required_features}
    if options is not None:
        given["options"] = collection_options(options, "options")
    return fill(index.CreateCollectionRequest, given)


def collection(given: collection_pb2.Collection) -> Collection:
    """Converts a collection."""
    options = given.options
    datatypes = {number: name for name, number in DATATYPES.items()}
    distances = {number: name for name, number in DISTANCES.items()}
    sparse = {
        name: SparseVectorOptions(
            one.model, one.fingerprint, one.dtype, one.on_disk_index, datatypes.get(one.datatype, "float32")
        )
        for name, one in options.sparse_vectors.items()
    }
    dense = {
        name: DenseVectorOptions(one.size, distances.get(one.distance, "cosine"))
        for name, one in options.dense_vectors.items()
    }
    converted = CollectionOptions(
        sparse,
        dense,
        options.shard_count,
        options.replication_factor,
        options.write_consistency_factor,
        list(options.shard_keys),
    )
    return Collection(given.name, given.incarnation, given.point_count, converted)


def alias(given: collection_pb2.Alias) -> Alias:
    """Converts an alias."""
    return Alias(given.name, given.collection)


def result(given: index.OperationResult, number: int) -> Result:
    """Converts the final result of an operation. `number` is the number of the item in the iterable."""
    return Result(
        number,
        python_id(given.id),
        STATUSES.get(given.status, "rejected"),
        item_error(given.error) if given.HasField("error") else None,
        stats(given.stats) if given.HasField("stats") else None,
        given.position,
    )


def item_error(given: errors_pb2.ItemError) -> ItemError:
    """Converts the error of an item."""
    return ItemError(given.code, given.reason, given.field, given.message)


def struct(given: Struct) -> dict[str, Any]:
    """Converts a payload. Numbers without fraction become integers."""
    return {name: _value(value) for name, value in given.fields.items()}


def _value(given: Value) -> Any:
    kind = given.WhichOneof("kind")
    if kind == "struct_value":
        return struct(given.struct_value)
    if kind == "list_value":
        return [_value(value) for value in given.list_value.values]
    if kind == "number_value":
        number = given.number_value
        return int(number) if number.is_integer() and abs(number) <= MAX_EXACT_INTEGER else number
    return None if kind in (None, "null_value") else getattr(given, kind)
