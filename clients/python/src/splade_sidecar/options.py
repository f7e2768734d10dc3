"""Options of the calls, as keyword arguments. An option that is absent or None has the default of the contract.

`pruning`, `filter` and `collection_options` are messages of `splade_sidecar.v1` or mappings with the field names of the
contract: `pruning={"max_terms": 64}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from splade_sidecar.types import CollectionOptions, LongText, ResultFilter
from splade_sidecar.v1 import collection_pb2
from splade_sidecar.v1.encoding_pb2 import Pruning
from splade_sidecar.v1.filter_pb2 import Filter


class EncodingOptions(TypedDict, total=False):
    """How a text is encoded."""

    long_text: LongText | None
    """What to do with a text of more tokens than the model takes: `truncate` it (the default), `reject` it, or encode
    it as overlapping windows (`window`)."""
    window_overlap: int | None
    """Tokens that a window shares with the previous one. Only with `window`. Default: 32, or a quarter of the tokens of
    a window if that is less."""
    pruning: Pruning | Mapping[str, Any] | None
    """Which terms are kept: `max_terms`, `min_weight`, `weight_share`. A field that is absent has the server's default
    for the role of the text; 0 = unlimited."""


class CallOptions(TypedDict, total=False):
    """Options of most calls."""

    required_features: Sequence[str] | None
    """Features that the server must implement; the call fails with `Unimplemented` if it doesn't."""


class ModelOptions(CallOptions, total=False):
    """Which model encodes texts."""

    model: str | None
    """Name of the model. Default: the model that wrote the collection; if there is none, the server's default model."""


class EncodeOptions(ModelOptions, EncodingOptions, total=False):
    """How texts are encoded."""

    with_tokens: bool | None
    """Return the token of each vocabulary id. Default: False."""


class IngestOptions(ModelOptions, EncodingOptions, total=False):
    """How documents are encoded and stored."""

    create_collection: bool | None
    """Create the collection if it doesn't exist. Default: False; a missing collection is an error."""
    collection_options: CollectionOptions | collection_pb2.CollectionOptions | Mapping[str, Any] | None
    """How the collection is created. Only with `create_collection`."""
    text_field: str | None
    """Payload field that stores the text; an empty str to not store the text. Default: `text`."""
    batch_points: int | None
    """Maximum number of points per upsert: 1 to 10,000. Default: 1,000."""
    skip_unchanged: bool | None
    """Skip documents that are stored already as they would be written; their status is `unchanged`. Default: False."""
    ignore_fingerprint: bool | None
    """Write to a collection that another encoder wrote. Default: False; that is an error."""
    expected_incarnation: str | None
    """Fail with `IncarnationMismatch` unless the collection has this incarnation. Not with `create_collection`."""
    result_filter: ResultFilter | None
    """Which results are reported: `all` (the default), or only `problems`, which are the rejected items."""


class ReturnOptions(CallOptions, total=False):
    """Which parts of a stored document are returned, besides its id. Default: the payload and no vectors."""

    without_payload: bool | None
    """Omit the payload."""
    payload_fields: Sequence[str] | None
    """Top-level payload fields to return: at most 100. Default: all."""
    with_sparse_vectors: bool | None
    """Return the sparse vectors."""
    with_dense_vectors: bool | None
    """Return the dense vectors."""


class SearchOptions(ModelOptions, ReturnOptions, EncodingOptions, total=False):
    """Which documents are found, and what is returned of them. The encoding options are those of the query."""

    filter: Filter | Mapping[str, Any] | None
    """Matches the documents that are considered. Default: all."""
    limit: int | None
    """Maximum number of documents: 1 to 1,000. Default: 10."""
    offset: int | None
    """Number of documents to skip: 0 to 10,000. Default: 0."""
    score_threshold: float | None
    """Minimum score. Default: none."""
    vector_name: str | None
    """Name of the vector that is searched. Default: the sparse vector of the collection."""
    ignore_fingerprint: bool | None
    """Search a collection that another encoder wrote. Default: False; that is an error."""


class ExplainOptions(ModelOptions, total=False):
    """How both texts are encoded."""

    query_encoding: EncodingOptions | None
    """How the query is encoded."""
    document_encoding: EncodingOptions | None
    """How `document_text` is encoded."""
    vector_name: str | None
    """Name of the vector that is explained. Default: the sparse vector of the collection."""
    ignore_fingerprint: bool | None
    """Explain a document of a collection that another encoder wrote. Default: False; that is an error."""


class DeleteOptions(CallOptions, total=False):
    """Which collection is deleted from."""

    expected_incarnation: str | None
    """Fail with `IncarnationMismatch` unless the collection has this incarnation."""
