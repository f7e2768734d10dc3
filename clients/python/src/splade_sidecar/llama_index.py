"""Functions for LlamaIndex's `QdrantVectorStore(…, enable_hybrid=True, sparse_doc_fn=…, sparse_query_fn=…)`."""

from __future__ import annotations

from collections.abc import Callable

from splade_sidecar.client import Client
from splade_sidecar.types import Role

SparseEncoder = Callable[[list[str]], tuple[list[list[int]], list[list[float]]]]
"""Texts to the indices and the weights of each, in order."""


def sparse_doc_fn(client: Client, model: str | None = None) -> SparseEncoder:
    """Encodes the texts of nodes. `model` is the name of one of the server's models; None is its default."""
    return _encoder(client, "document", model)


def sparse_query_fn(client: Client, model: str | None = None) -> SparseEncoder:
    """Encodes queries."""
    return _encoder(client, "query", model)


def _encoder(client: Client, role: Role, model: str | None) -> SparseEncoder:
    def encode(texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
        encoded = client.encode(texts, role, model=model)
        return [one.indices for one in encoded], [one.values for one in encoded]

    return encode
