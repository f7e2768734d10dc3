"""Documents, vectors, results and collections, as plain Python values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID

from splade_sidecar.v1 import document_pb2

Name = TypeVar("Name", bound="Key")


class Key(str):
    """An id that is a string even if it looks like a UUID, such as `Key("f47ac10b-58cc-4372-a567-0e02b2c3d479")`."""

    __slots__ = ()

    def __new__(cls: type[Name], name: str) -> Name:
        if not isinstance(name, str):
            raise TypeError(f"Key: expected a str, got {type(name).__name__}")
        return super().__new__(cls, name)

    def __repr__(self) -> str:
        return f"Key({str.__repr__(self)})"


DocumentId = int | UUID | str
"""Id of a document in results: an unsigned integer or a UUID, which is the id of the point, or any other string of 1
to 512 bytes. A string in the form of a UUID is a `Key`."""

GivenId = DocumentId | float | Decimal | Mapping[str, Any] | document_pb2.DocumentId
"""Id of a document in arguments. A str in hyphenated UUID form is a UUID, any other str and any `Key` is a string.
Integral floats below 2**53 and integral Decimals are integers. A mapping has the fields of a `DocumentId` message, such
as `{"key": "mail/42"}`."""

Role = Literal["document", "query"]
LongText = Literal["truncate", "reject", "window"]
"""Handling of a text that exceeds the model's maximum number of tokens."""

ResultFilter = Literal["all", "problems"]
"""Selection of the results of an ingest that are reported."""

Status = Literal["indexed", "deleted", "unchanged", "superseded", "rejected"]
VectorDatatype = Literal["float32", "float16", "uint8"]
"""Storage datatype of the weights of a sparse vector."""
Distance = Literal["cosine", "dot", "euclid"]
"""Distance of two dense vectors."""

MAX_KEPT_REJECTIONS = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A document to encode and store. Replaces the stored document with the same id."""

    text: str
    """Not blank, at most 1 MiB in UTF-8 (the server's `--max-text-bytes`)."""
    id: GivenId | None = None
    """Default: an id that the server derives from the text, so equal texts have equal ids."""
    payload: Mapping[str, Any] | None = None
    """JSON object, stored with the vector. 64-bit integers are exact. Dates and times, UUIDs, Decimals, Enums, and
    scalars and arrays of numpy and pandas are converted."""
    dense_vectors: Mapping[str, Sequence[float]] | None = None
    """Dense vectors by name; the collection must have vectors of these names."""
    position: str = ""
    """Position at the source, such as an offset, of at most 256 bytes. Returned in the result and in the summary."""
    version: int | None = None
    """Version at the source, such as a timestamp or a log sequence number, from -2**63 to 2**63 - 1. The document is
    written only if the stored one has no version or a lower one; else its status is `superseded`. `skip_unchanged`
    doesn't apply to it. Needs Qdrant 1.16 or later, or the embedded store. Default: always write the document, and
    replace the stored version."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletion of a document, as an item of an ingest. An id without a document is not an error."""

    id: GivenId
    position: str = ""
    """Position at the source, as in `Document`."""
    version: int | None = None
    """Delete the document only if the stored one has no version or a lower one; else the status is `superseded`. A
    deleted document leaves no version behind. Default: delete any version."""


@dataclass(frozen=True, slots=True)
class EncodingStats:
    """Encoding statistics of a text."""

    token_count: int = 0
    """Number of encoded tokens, including special tokens, summed over all windows."""
    truncated: bool = False
    """Whether tokens were cut off because the text is too long for the model."""
    window_count: int = 0
    """Number of encoded windows: 1 except with `long_text="window"`."""
    term_count: int = 0
    """Number of terms of the vector."""
    pruned_term_count: int = 0
    """Number of terms removed by pruning."""
    pruned_weight: float = 0.0
    """Sum of the weights removed by pruning."""


@dataclass(frozen=True, slots=True)
class SparseVector:
    """A sparse vector over the vocabulary of a model."""

    indices: list[int]
    """Vocabulary ids, ascending."""
    values: list[float]
    """Weight of each vocabulary id, never 0."""


@dataclass(frozen=True, slots=True)
class EncodedText(SparseVector):
    """The sparse vector of a text."""

    tokens: list[str]
    """Token of each vocabulary id. Empty unless requested by `with_tokens`."""
    stats: EncodingStats
    """Encoding statistics."""


@dataclass(frozen=True, slots=True)
class ItemError:
    """Reason for the rejection of a document, a deletion or a text."""

    code: int
    """Canonical gRPC status code, such as 3 for INVALID_ARGUMENT."""
    reason: str
    """Name of an `ErrorReason`, such as `EMPTY_TEXT`."""
    field: str
    """Path of the invalid field, such as `text` or `payload.year`. Empty if no single field is invalid."""
    message: str
    """What is wrong, what was expected and how to fix it."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Result of one text of a stream. Either `vector` or `error` is set."""

    number: int
    """Number of the text in the iterable, starting at 1."""
    vector: EncodedText | None
    error: ItemError | None


@dataclass(frozen=True, slots=True)
class Result:
    """Final result of one document or deletion of an ingest."""

    number: int
    """Number of the item in the iterable, starting at `first_number`, independent of reconnects."""
    id: DocumentId | None
    """Id as sent, or as generated by the server. None if the id is invalid."""
    status: Status
    """`indexed` or `deleted` (durably), `unchanged` (with `skip_unchanged`), `superseded` (the same version or a newer
    one is stored, which may be this very item if it was sent again), or `rejected` (the item is invalid and must
    change)."""
    error: ItemError | None = None
    """Reason for the rejection. None for other statuses."""
    stats: EncodingStats | None = None
    """Encoding statistics. Set only with `indexed`."""
    position: str = ""
    """Position of the item, as given."""


@dataclass(slots=True)
class Summary:
    """Progress of an ingest, updated while the ingest runs. Its size is bounded."""

    durable: int = 0
    """Every item up to this number has a final result. To resume, start with the next one."""
    position: str = ""
    """Position of the item with number `durable`. Empty if this item has no position."""
    incarnation: str = ""
    """Incarnation of the collection. Pass it as `expected_incarnation` to resume in another process."""
    indexed: int = 0
    deleted: int = 0
    unchanged: int = 0
    superseded: int = 0
    rejected: int = 0
    omitted: int = 0
    """Number of durable items whose results `result_filter="problems"` omits."""
    truncated: int = 0
    """Number of documents whose text was truncated."""
    tokens: int = 0
    """Number of encoded tokens."""
    reconnects: int = 0
    """Number of streams after the first one."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Number of rejected items by reason."""
    rejections: list[Result] = field(default_factory=list)
    """The first 100 results of rejected items."""

    @property
    def results(self) -> int:
        """Number of items with a result."""
        return self.indexed + self.deleted + self.unchanged + self.superseded + self.rejected

    def add(self, result: Result) -> None:
        """Counts a result."""
        if result.stats is not None:
            self.tokens += result.stats.token_count
            self.truncated += result.stats.truncated
        if result.status == "indexed":
            self.indexed += 1
        elif result.status == "deleted":
            self.deleted += 1
        elif result.status == "unchanged":
            self.unchanged += 1
        elif result.status == "superseded":
            self.superseded += 1
        else:
            self.rejected += 1
            self.reasons[result.error.reason if result.error else ""] += 1
            if len(self.rejections) < MAX_KEPT_REJECTIONS:
                self.rejections.append(result)


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A stored document."""

    id: DocumentId | None
    payload: dict[str, Any]
    """Payload, including the text if it was stored. Integers are exact."""
    text_field: str = ""
    """Payload field that holds the text. Empty if the text was not stored."""
    sparse_vectors: dict[str, SparseVector] = field(default_factory=dict)
    """Sparse vectors by name. Set with `with_sparse_vectors`."""
    dense_vectors: dict[str, list[float]] = field(default_factory=dict)
    """Dense vectors by name. Set with `with_dense_vectors`."""
    payload_unreadable: bool = False
    """Whether the stored payload is nested too deep to be returned; `payload` is empty then."""
    version: int | None = None
    """Version with which the document was stored. None if the document has no version."""

    @property
    def text(self) -> str | None:
        """Text of the document. None if the text was not stored or not returned."""
        text = self.payload.get(self.text_field) if self.text_field else None
        return text if isinstance(text, str) else None


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result."""

    document: StoredDocument
    score: float
    """Dot product of the query vector and the document vector."""

    @property
    def id(self) -> DocumentId | None:
        """Id of the document."""
        return self.document.id

    @property
    def payload(self) -> dict[str, Any]:
        """Payload of the document."""
        return self.document.payload


class Hits(list[Hit]):
    """Hits of a search, highest score first."""

    query_stats: EncodingStats | None = None
    """Encoding statistics of the query text. None for a query by vector."""


@dataclass(frozen=True, slots=True)
class Term:
    """Contribution of one term to a score."""

    index: int
    """Vocabulary id."""
    token: str
    query_weight: float
    document_weight: float
    contribution: float
    """Product of both weights."""
    query_origin: str
    """`text` (the text contains the token), `expansion` (the model added the term), or empty (unknown)."""
    document_origin: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explanation of a score."""

    terms: list[Term]
    """Terms that the query and the document share, highest contribution first."""
    score: float
    """Sum of the contributions."""
    query_stats: EncodingStats
    """Encoding statistics of the query. For a query by vector only `term_count` is set."""
    document_stats: EncodingStats
    """Encoding statistics of the document text. For a stored document only `term_count` is set."""


@dataclass(frozen=True, slots=True)
class SparseVectorOptions:
    """Options of a sparse vector of a collection."""

    model: str = ""
    """Name of the model that writes the vector. Empty if another program created the collection."""
    fingerprint: str = ""
    """Fingerprint of the encoder that writes the vector."""
    dtype: str = ""
    """Inference dtype of that encoder, such as `float32`. Leave it empty in requests."""
    on_disk_index: bool = False
    """Store the index on disk instead of in memory."""
    datatype: VectorDatatype = "float32"
    """Storage datatype of the weights in the index."""


@dataclass(frozen=True, slots=True)
class DenseVectorOptions:
    """Options of a dense vector of a collection."""

    size: int
    """Number of dimensions: 1 to 65,536."""
    distance: Distance = "cosine"


@dataclass(frozen=True, slots=True)
class CollectionOptions:
    """Options for creating a collection."""

    sparse_vectors: Mapping[str, SparseVectorOptions] = field(default_factory=dict)
    """Sparse vectors by name: exactly one. Default: one named `splade`."""
    dense_vectors: Mapping[str, DenseVectorOptions] = field(default_factory=dict)
    """Dense vectors by name, which documents may provide."""
    shard_count: int = 0
    """Number of shards, at most 1,024. 0 = the store's default."""
    replication_factor: int = 0
    """Number of nodes that hold each shard, at most 64. 0 = the store's default."""
    write_consistency_factor: int = 0
    """Number of replicas that confirm a write. 0 = the store's default."""
    shard_keys: Sequence[str] = ()
    """Keys of Qdrant's custom sharding, at most 256."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection."""

    name: str
    """Name of the collection, also if it was requested by an alias."""
    incarnation: str
    """Identifies this creation of the collection. Empty if another program created the collection."""
    point_count: int
    """Number of points reported by the store."""
    options: CollectionOptions
    """Options of the collection, including the store's defaults."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A second name of a collection."""

    name: str
    collection: str
