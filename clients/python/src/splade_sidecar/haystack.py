"""Haystack 2 components: a sparse embedder of documents, and one of queries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.dataclasses import SparseEmbedding
from haystack.utils import Secret, deserialize_secrets_inplace

from splade_sidecar.base import DEFAULT_TARGET
from splade_sidecar.blank import is_blank
from splade_sidecar.channel import TLS
from splade_sidecar.client import Client
from splade_sidecar.types import EncodedText


class _Embedder:
    """Base of both components: connection parameters, serialization, and a client that is created on first use.

    `model` is the name of a model of the server; default: the server's default model. `tls_ca` is a PEM file with the
    trusted authorities; None = plaintext. `run` raises `SpladeError`.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        model: str | None = None,
        tls_ca: str | None = None,
        token: Secret | None = None,
    ) -> None:
        self.target, self.model, self.tls_ca, self.token = target, model, tls_ca, token
        self._client: Client | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A client can't be copied or pickled; the copy creates a new one.
        return {**self.__dict__, "_client": None}

    def to_dict(self) -> dict[str, Any]:
        """Serializes the component. The token is serialized as the source to read it from, not as its value."""
        token = self.token.to_dict() if self.token else None
        return dict(default_to_dict(self, target=self.target, model=self.model, tls_ca=self.tls_ca, token=token))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        """Deserializes a component that `to_dict` serialized."""
        deserialize_secrets_inplace(data["init_parameters"], keys=["token"])
        return default_from_dict(cls, data)

    def _open(self) -> Client:
        if self._client is None:
            token = self.token.resolve_value() if self.token else None
            self._client = Client(self.target, tls=TLS(ca=self.tls_ca) if self.tls_ca else False, token=token)
        return self._client


@component
class SpladeSparseDocumentEmbedder(_Embedder):
    """Computes the sparse embedding of each document."""

    @component.output_types(documents=list[Document])  # type: ignore[untyped-decorator]
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Returns copies with embeddings, in order. Documents with absent or blank content are returned without one."""
        # Includes documents without content, so that the indices in errors are those of `documents`.
        texts = ["" if document.content is None else document.content for document in documents]
        encoded = self._open()._encode_each(texts, "document", model=self.model, skip_blank=True)
        return {
            "documents": [
                document if is_blank(text) else replace(document, sparse_embedding=_embedding(one))
                for document, text, one in zip(documents, texts, encoded, strict=True)
            ]
        }


@component
class SpladeSparseTextEmbedder(_Embedder):
    """Computes the sparse embedding of a query."""

    @component.output_types(sparse_embedding=SparseEmbedding)  # type: ignore[untyped-decorator]
    def run(self, text: str) -> dict[str, SparseEmbedding]:
        """Returns the embedding of the query. A blank query has an empty embedding."""
        [encoded] = self._open()._encode_each([text], "query", model=self.model, skip_blank=True)
        return {"sparse_embedding": _embedding(encoded)}


def _embedding(one: EncodedText) -> SparseEmbedding:
    return SparseEmbedding(indices=one.indices, values=one.values)
