"""Documents, vectors and results, as plain Python values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar
from uuid import UUID

from splade_sidecar.v1 import types_pb2

Name = TypeVar("Name", bound="Key")


class Key(str):
    """A name that stays a name: `Key("f47ac10b-58cc-4372-a567-0e02b2c3d479")` is no UUID, as a plain str would be."""

    __slots__ = ()

    def __new__(cls: type[Name], name: str) -> Name:
        if not isinstance(name, str):
            raise TypeError(f"Key: a name is a str, not {type(name).__name__}")
        return super().__new__(cls, name)

    def __repr__(self) -> str:
        return f"Key({str.__repr__(self)})"


DocumentId = int | UUID | str
"""An id as results have it: an unsigned integer or a UUID, which is the point's id; or any other name, a str of 1 to
512 bytes. A name in the form of a UUID is a `Key`."""

GivenId = DocumentId | float | Decimal | Mapping[str, Any] | types_pb2.DocumentId
"""An id as calls take it. A str in hyphenated UUID form is a UUID, any other str is a name, a `Key` always is. Whole
floats below 2**53 and integral Decimals are integers. A mapping is the contract's form, such as `{"key": "a name"}`."""

Role = Literal["document", "query"]
LongText = Literal["truncate", "reject", "window"]
"""What is done with a text that is too long for the model: it is cut, refused, or encoded as overlapping windows."""

Status = Literal["indexed", "rejected", "unchanged"]
KEPT_REJECTIONS = 100


@dataclass(frozen=True, slots=True)
class Document:
    """A document to encode and to index."""

    text: str
    """Not blank, at most 1 MiB in UTF-8 (the server's `--max-text-bytes`)."""
    id: GivenId | None = None
    """Without one, the server makes it of the collection's name and the text: the same text has the same id."""
    payload: Mapping[str, Any] | None = None
    """JSON, stored beside the vector. Integers of 64 bits are exact. Dates and times, UUIDs, Decimals, Enums, and
    numpy's and pandas' scalars and arrays are converted."""
    dense_vectors: Mapping[str, Sequence[float]] | None = None
    """Dense vectors by name; the collection must have been created with these names."""


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text's sparse vector over the model's vocabulary."""

    indices: list[int]
    """Vocabulary ids, ascending."""
    values: list[float]
    """One weight an index, none of them zero."""
    tokens: list[str]
    """The vocabulary's token of each index; empty unless asked for."""
    token_count: int
    """How many tokens were encoded, the special ones included."""
    truncated: bool
    """Whether the text was cut to the model's length."""
    window_count: int
    """How many windows were encoded; more than 1 only with `long_text="window"`."""
    pruned_term_count: int
    """How many terms pruning took away."""
    pruned_weight: float
    """The sum of their weights."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """What became of one text of a stream. Either `vector` or `rejection` is set."""

    number: int
    """The text's number in the iterable, from 1, whatever the number of connections."""
    vector: EncodedText | None
    rejection: Rejection | None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a document was refused."""

    code: int
    """The canonical gRPC code, such as 3 for INVALID_ARGUMENT."""
    reason: str
    """A constant, such as `EMPTY_TEXT`."""
    field: str
    """The field at fault, such as `text`; empty if none is."""
    message: str
    """What is wrong and what to do about it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one document."""

    number: int
    """The document's number in the iterable, from 1, whatever the number of connections."""
    id: DocumentId | None
    """As given, or as made by the server; None if it could not be read."""
    status: Status
    """`indexed` (the store has confirmed the write), `rejected`, or `unchanged`."""
    rejection: Rejection | None
    """Set only where it is rejected."""
    token_count: int
    truncated: bool
    term_count: int
    """How many terms its vector has."""


@dataclass(slots=True)
class Summary:
    """How far an ingest came. The numbers grow while it runs; memory does not."""

    durable: int = 0
    """Every document up to this number has its result. To go on later, begin with the next one."""
    indexed: int = 0
    unchanged: int = 0
    rejected: int = 0
    truncated: int = 0
    tokens: int = 0
    """How many tokens were encoded, by the results."""
    reconnects: int = 0
    """How often the stream was opened again."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How many documents were rejected, by reason."""
    rejections: list[Result] = field(default_factory=list)
    """The first 100 results of rejected documents."""

    @property
    def results(self) -> int:
        """How many documents have a result."""
        return self.indexed + self.unchanged + self.rejected

    def add(self, result: Result) -> None:
        """Counts a result."""
        self.tokens += result.token_count
        self.truncated += result.truncated
        if result.status == "indexed":
            self.indexed += 1
        elif result.status == "unchanged":
            self.unchanged += 1
        else:
            self.rejected += 1
            self.reasons[result.rejection.reason if result.rejection else ""] += 1
            if len(self.rejections) < KEPT_REJECTIONS:
                self.rejections.append(result)


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found."""

    id: DocumentId | None
    score: float
    """The dot product of the query's vector and the document's."""
    payload: dict[str, Any]
    """Its payload, with the text where it was kept. Integers are exact."""
    vector: tuple[list[int], list[float]] | None
    """Its indices and weights, if asked for."""
    payload_unreadable: bool = False
    """The stored payload is nested too deep to be returned, so `payload` is empty."""


@dataclass(frozen=True, slots=True)
class Term:
    """What one term adds to a score."""

    index: int
    token: str
    query_weight: float
    document_weight: float
    contribution: float
    """The product of both weights."""
    query_origin: str
    """`text` (the token is in the text), `expansion` (the model added it), or empty (not known)."""
    document_origin: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a document's score for a query comes about."""

    terms: list[Term]
    """The terms that both have, the largest contribution first."""
    score: float
    """The sum of the contributions."""
    query_term_count: int
    document_term_count: int
