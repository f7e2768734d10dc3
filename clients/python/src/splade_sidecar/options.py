"""Keyword arguments of calls. An absent option and None both select the default.

`pruning`, `filter` and `collection_options` are messages of `splade_sidecar.v1` or mappings with the proto field names:
`pruning={"max_terms": 64}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from splade_sidecar.types import CollectionOptions, LongText, ResultFilter
from splade_sidecar.v1 import collection_pb2
from splade_sidecar.v1.encoding_pb2 import Pruning
from splade_sidecar.v1.filter_pb2 import Filter


class EncodingOptions(TypedDict, total=False):
    """Options for encoding a text."""

    long_text: LongText | None
    """Handling of a text that exceeds the model's maximum number of tokens: `truncate` (default), `reject`, or
    `window`, which encodes overlapping windows."""
    window_overlap: int | None
    """Number of tokens that a window shares with the previous one. Only with `window`. Default: 32, or a quarter of a
    window's tokens if that is less."""
    pruning: Pruning | Mapping[str, Any] | None
    """Limits on the terms of a vector: `max_terms`, `min_weight`, `weight_share`. An absent field has the server's
    default for the role; 0 = unlimited."""


class CallOptions(TypedDict, total=False):
    """Options of most calls."""

    required_features: Sequence[str] | None
    """Features that the server must implement; otherwise the call fails with `Unimplemented`."""


class ModelOptions(CallOptions, total=False):
    """Choice of the model that encodes texts."""

    model: str | None
    """Name of the model. Default: the model that wrote the collection, else the server's default model."""


class EncodeOptions(ModelOptions, EncodingOptions, total=False):
    """Options of `encode`, `encode_each` and `encode_stream`."""

    with_tokens: bool | None
    """Return the token of each vocabulary id. Default: False."""


class IngestOptions(ModelOptions, EncodingOptions, total=False):
    """Options of `ingest`."""

    create_collection: bool | None
    """Create the collection if it doesn't exist. Default: False; a missing collection is an error."""
    collection_options: CollectionOptions | collection_pb2.CollectionOptions | Mapping[str, Any] | None
    """Options of the new collection. Only with `create_collection`."""
    text_field: str | None
    """Payload field that stores the text; an empty str to not store the text. Default: `text`."""
    batch_points: int | None
    """Maximum number of points per upsert: 1 to 10,000. Default: 1,000."""
    skip_unchanged: bool | None
    """Skip documents that are identical to the stored ones; their status is `unchanged`. Default: False."""
    ignore_fingerprint: bool | None
    """Allow writing to a collection that another encoder wrote. Default: False; the call fails."""
    expected_incarnation: str | None
    """Fail with `IncarnationMismatch` unless the collection has this incarnation. Not with `create_collection`."""
    result_filter: ResultFilter | None
    """Results to report: `all` (default), or only `problems`, which are the rejected items."""


class ReturnOptions(CallOptions, total=False):
    """Parts of a stored document to return besides its id. Default: the payload and no vectors."""

    without_payload: bool | None
    """Omit the payload."""
    payload_fields: Sequence[str] | None
    """Top-level payload fields to return: at most 100. Default: all."""
    with_sparse_vectors: bool | None
    """Return the sparse vectors."""
    with_dense_vectors: bool | None
    """Return the dense vectors."""


class SearchOptions(ModelOptions, ReturnOptions, EncodingOptions, total=False):
    """Options of `search`. The encoding options apply to the query."""

    filter: Filter | Mapping[str, Any] | None
    """Restricts the search to matching documents. Default: all documents."""
    limit: int | None
    """Maximum number of documents: 1 to 1,000. Default: 10."""
    offset: int | None
    """Number of documents to skip: 0 to 10,000. Default: 0."""
    score_threshold: float | None
    """Minimum score. Default: none."""
    vector_name: str | None
    """Name of the vector to search. Default: the sparse vector of the collection."""
    ignore_fingerprint: bool | None
    """Allow searching a collection that another encoder wrote. Default: False; the call fails."""


class ExplainOptions(ModelOptions, total=False):
    """Options of `explain`."""

    query_encoding: EncodingOptions | None
    """Encoding options of the query."""
    document_encoding: EncodingOptions | None
    """Encoding options of `document_text`."""
    vector_name: str | None
    """Name of the vector to explain. Default: the sparse vector of the collection."""
    ignore_fingerprint: bool | None
    """Allow explaining a document of a collection that another encoder wrote. Default: False; the call fails."""


class DeleteOptions(CallOptions, total=False):
    """Options of `delete`."""

    expected_incarnation: str | None
    """Fail with `IncarnationMismatch` unless the collection has this incarnation."""
