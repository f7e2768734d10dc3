"""The options of the calls, as keyword arguments. What is left out is the contract's default, as described there.

Messages (`pruning`, `filter`, `collection_options`) are given as such, from `splade_sidecar.v1`, or as mappings with
the contract's field names: `pruning={"max_terms": 64}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from splade_sidecar.types import LongText
from splade_sidecar.v1.filter_pb2 import Filter
from splade_sidecar.v1.index_service_pb2 import CollectionOptions
from splade_sidecar.v1.types_pb2 import Pruning


class LongTextOptions(TypedDict, total=False):
    """The model, and what is done with long texts."""

    model: str | None
    """The model's name. Default: the one that wrote the collection, else the server's default model."""
    long_text: LongText | None
    """Default: `truncate`."""
    window_overlap: int | None
    """With `window`: how many tokens a window shares with the one before it. Default: 32, or less for short windows."""


class EncodeOptions(LongTextOptions, total=False):
    """How texts are encoded."""

    pruning: Pruning | Mapping[str, Any] | None
    """Which terms are kept. Default: what the server is set to keep, which is all unless it is set otherwise."""
    with_tokens: bool
    """Also give each index's token."""


class IngestOptions(LongTextOptions, total=False):
    """How documents are encoded and stored."""

    create_collection: bool
    """Create the collection if it is not there. Default: false, which makes its absence an error."""
    collection_options: CollectionOptions | Mapping[str, Any] | None
    """How it is created."""
    pruning: Pruning | Mapping[str, Any] | None
    text_key: str | None
    """The payload field that keeps the text; empty to keep none. Default: `text`."""
    batch_points: int | None
    """The most points of one upsert: 1 to 10,000. Default: 1,000."""
    skip_unchanged: bool
    """Leave documents that would become the same point again; their status is `unchanged`."""
    ignore_fingerprint: bool
    """Write into a collection that another encoder wrote."""


class SearchOptions(LongTextOptions, total=False):
    """What is found, and what of it is given."""

    filter: Filter | Mapping[str, Any] | None
    """Which documents are considered. Default: all."""
    limit: int | None
    """How many: 1 to 1,000. Default: 10."""
    offset: int | None
    """How many of the best to pass over: 0 to 10,000."""
    score_threshold: float | None
    without_payload: bool
    with_vector: bool
    pruning: Pruning | Mapping[str, Any] | None
    """Which terms of the query are kept."""
    ignore_fingerprint: bool


class ExplainOptions(LongTextOptions, total=False):
    """How both texts are encoded."""

    query_pruning: Pruning | Mapping[str, Any] | None
    document_pruning: Pruning | Mapping[str, Any] | None
    ignore_fingerprint: bool
