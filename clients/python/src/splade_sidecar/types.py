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
Whole floats below 2**53 and integral Decimals are integers. A mapping has the form of the contract, such as
`{"key": "mail/42"}`."""

Role = Literal["document", "query"]
LongText = Literal["truncate", "reject", "window"]
"""What to do with a text of more tokens than the model takes."""

ResultFilter = Literal["all", "problems"]
"""Which results of an ingest are reported."""

Status = Literal["indexed", "deleted", "unchanged", "superseded", "rejected"]
VectorDatatype = Literal["float32", "float16", "uint8"]
"""Storage datatype of the weights of a sparse vector."""
Distance = Literal["cosine", "dot", "euclid"]
"""Distance of two dense vectors."""

MAX_KEPT_REJECTIONS = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A document to encode and store, in place of the document of the same id."""

    text: str
    """Not blank, at most 1 MiB in UTF-8 (the server's `--max-text-bytes`)."""
    id: GivenId | None = None
    """Default: an id that the server makes of the text, so the same text has the same id."""
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
    """As in `Document`."""
    version: int | None = None
    """Delete the document only if the stored one has no version or a lower one; else the status is `superseded`. A
    deleted document leaves no version behind. Default: delete any version."""


@dataclass(frozen=True, slots=True)
class EncodingStats:
    """How a text was encoded."""

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
    """How the text was encoded."""


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why a document, a deletion or a text was rejected."""

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
    """Number of the text in the iterable, from 1."""
    vector: EncodedText | None
    error: ItemError | None


@dataclass(frozen=True, slots=True)
class Result:
    """Final result of one document or deletion of an ingest."""

    number: int
    """Number of the item in the iterable, from `first_number`, over all connections."""
    id: DocumentId | None
    """Id as sent, or as made by the server. None if it could not be read."""
    status: Status
    """`indexed` or `deleted` (durably), `unchanged` (with `skip_unchanged`), `superseded` (the same version or a newer
    one is stored, which may be this very item if it was sent again), or `rejected` (the item is invalid and must
    change)."""
    error: ItemError | None = None
    """Why it was rejected. Set only in that case."""
    stats: EncodingStats | None = None
    """How the text was encoded. Set only with `indexed`."""
    position: str = ""
    """Position of the item, as given."""


@dataclass(slots=True)
class Summary:
    """Progress of an ingest. It is updated while the ingest runs, in constant memory."""

    durable: int = 0
    """Every item up to this number has a final result. To resume, begin with the next one."""
    position: str = ""
    """Position of the item `durable`. Empty if it has none."""
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
    """A document as it is stored."""

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
    """The stored payload is nested too deep to be returned; `payload` is empty."""
    version: int | None = None
    """Version with which the document was stored. None if it has none."""

    @property
    def text(self) -> str | None:
        """The text. None if it was not stored or not returned."""
        text = self.payload.get(self.text_field) if self.text_field else None
        return text if isinstance(text, str) else None


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found."""

    document: StoredDocument
    score: float
    """Dot product of the query's vector and the document's."""

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
    """How the text of the query was encoded. None for a query without text."""


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
    """How the query was encoded. For a query without text only `term_count` is set."""
    document_stats: EncodingStats
    """How the document's text was encoded. For a stored document only `term_count` is set."""


@dataclass(frozen=True, slots=True)
class SparseVectorOptions:
    """A sparse vector of a collection."""

    model: str = ""
    """Name of the model that writes it. Empty if the collection was created by another program."""
    fingerprint: str = ""
    """Fingerprint of the encoder that writes it."""
    dtype: str = ""
    """Inference dtype of that encoder, such as `float32`. Leave it empty in requests."""
    on_disk_index: bool = False
    """Store the index on disk instead of in memory."""
    datatype: VectorDatatype = "float32"
    """Storage datatype of the weights in the index."""


@dataclass(frozen=True, slots=True)
class DenseVectorOptions:
    """A dense vector of a collection."""

    size: int
    """Number of dimensions: 1 to 65,536."""
    distance: Distance = "cosine"


@dataclass(frozen=True, slots=True)
class CollectionOptions:
    """How a collection is created."""

    sparse_vectors: Mapping[str, SparseVectorOptions] = field(default_factory=dict)
    """Sparse vectors by name: exactly one. Default: `splade`."""
    dense_vectors: Mapping[str, DenseVectorOptions] = field(default_factory=dict)
    """Dense vectors by name, which documents may bring along."""
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
    """Name, also if the collection was requested by an alias."""
    incarnation: str
    """Identifies this creation of the collection. Empty if it was created by another program."""
    point_count: int
    """Number of points, as the store counts them."""
    options: CollectionOptions
    """How it was created, with the store's defaults filled in."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A second name of a collection."""

    name: str
    collection: str
