"""Client of splade-sidecar: documents in, sparse vectors and search results out.

`Client` and `AsyncClient` have the same calls. Adapters for other libraries are modules of their own:
`splade_sidecar.qdrant`, `.langchain`, `.haystack` and `.llama_index`.
"""

from splade_sidecar.aio import AsyncClient
from splade_sidecar.channel import TLS
from splade_sidecar.client import Client
from splade_sidecar.encode import AsyncEncodeStream, EncodeStream
from splade_sidecar.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    GaveUp,
    Internal,
    InvalidArgument,
    NotFound,
    Overloaded,
    SpladeError,
    Unauthenticated,
    Unavailable,
)
from splade_sidecar.ingest import AsyncIngest, Ingest
from splade_sidecar.types import (
    Document,
    DocumentId,
    Encoded,
    EncodedText,
    Explanation,
    GivenId,
    Hit,
    Key,
    Rejection,
    Result,
    Summary,
    Term,
)

__all__ = [
    "TLS",
    "AsyncClient",
    "AsyncEncodeStream",
    "AsyncIngest",
    "Client",
    "DeadlineExceeded",
    "Document",
    "DocumentId",
    "EncodeStream",
    "Encoded",
    "EncodedText",
    "Explanation",
    "FailedPrecondition",
    "FieldViolation",
    "GaveUp",
    "GivenId",
    "Hit",
    "Ingest",
    "Internal",
    "InvalidArgument",
    "Key",
    "NotFound",
    "Overloaded",
    "Rejection",
    "Result",
    "SpladeError",
    "Summary",
    "Term",
    "Unauthenticated",
    "Unavailable",
]
