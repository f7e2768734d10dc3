"""Functions for LlamaIndex's `QdrantVectorStore(…, enable_hybrid=True, sparse_doc_fn=…, sparse_query_fn=…)`."""

from __future__ import annotations

from collections.abc import Callable

from splade_sidecar.client import Client
from splade_sidecar.types import Role

SparseEncoder = Callable[[list[str]], tuple[list[list[int]], list[list[float]]]]
"""Function that returns the vocabulary ids and the weights of each text, in order."""


def sparse_doc_fn(client: Client, model: str | None = None) -> SparseEncoder:
    """Returns a function that encodes the texts of nodes.

    `model` is the name of a model of the server; default: the server's default model. A blank text has an empty vector.
    The function can't be pickled, because the client can't.
    """
    return _Encoder(client, "document", model)


def sparse_query_fn(client: Client, model: str | None = None) -> SparseEncoder:
    """Returns a function that encodes queries. `model` is as in `sparse_doc_fn`."""
    return _Encoder(client, "query", model)


class _Encoder:
    """Encodes texts. A class and not a closure, so that pickling raises the client's own error."""

    def __init__(self, client: Client, role: Role, model: str | None) -> None:
        self._client, self._role, self._model = client, role, model

    def __call__(self, texts: list[str]) -> tuple[list[list[int]], list[list[float]]]:
        encoded = list(self._client._encode_each(texts, self._role, model=self._model, skip_blank=True))
        return [one.indices for one in encoded], [one.values for one in encoded]
