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
    """What both have: the server and the model, and a client that is made when it is needed first.

    `tls_ca` is a file with the authorities of the server's certificate; without one the connection is plain. `model` is
    the name of one of the server's models; None is its default. Raises `SpladeError` when it runs.
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
        # The copy makes a client of its own.
        return {**self.__dict__, "_client": None}

    def to_dict(self) -> dict[str, Any]:
        """The component as a pipeline's file holds it; of the token, where it is read from."""
        token = self.token.to_dict() if self.token else None
        made = default_to_dict(self, target=self.target, model=self.model, tls_ca=self.tls_ca, token=token)
        return dict(made)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        """The reverse of `to_dict`."""
        deserialize_secrets_inplace(data["init_parameters"], keys=["token"])
        return default_from_dict(cls, data)

    def _open(self) -> Client:
        if self._client is None:
            token = self.token.resolve_value() if self.token else None
            self._client = Client(self.target, tls=TLS(ca=self.tls_ca) if self.tls_ca else False, token=token)
        return self._client


@component
class SpladeSparseDocumentEmbedder(_Embedder):
    """Gives each document its sparse embedding."""

    @component.output_types(documents=list[Document])  # type: ignore[untyped-decorator]
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """New documents, in order. A document whose content is absent or blank comes back without an embedding."""
        # All of them, so that an error names the document by its index.
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
    """Gives a query its sparse embedding."""

    @component.output_types(sparse_embedding=SparseEmbedding)  # type: ignore[untyped-decorator]
    def run(self, text: str) -> dict[str, SparseEmbedding]:
        """The embedding of the query; of a blank one it is empty."""
        [encoded] = self._open()._encode_each([text], "query", model=self.model, skip_blank=True)
        return {"sparse_embedding": _embedding(encoded)}


def _embedding(one: EncodedText) -> SparseEmbedding:
    return SparseEmbedding(indices=one.indices, values=one.values)
