"""Documents, vectors and results, as plain Python values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

DocumentId = int | UUID | str
"""An unsigned integer or a UUID, which is the point's id; or any other name of 1 to 512 bytes."""

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
    id: DocumentId | None = None
    """Without one, the server makes it of the collection's name and the text: the same text has the same id."""
    payload: Mapping[str, Any] | None = None
    """JSON, stored beside the vector. Whole numbers up to 2^53."""
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
    """As given, or as made by the server; None if the document could not be read."""
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
    """Its payload, with the text where it was kept. Whole numbers are int."""
    vector: tuple[list[int], list[float]] | None
    """Its indices and weights, if asked for."""


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
