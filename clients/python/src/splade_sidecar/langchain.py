"""A sparse embedding for `langchain-qdrant`: `QdrantVectorStore(…, sparse_embedding=SpladeSparseEmbeddings())`."""

from __future__ import annotations

from typing import Any

from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector

from splade_sidecar.aio import AsyncClient
from splade_sidecar.base import DEFAULT_TARGET
from splade_sidecar.client import Client
from splade_sidecar.types import EncodedText, Role


class SpladeSparseEmbeddings(SparseEmbeddings):  # type: ignore[misc]
    """Sparse vectors of a server, for retrieval modes SPARSE and HYBRID.

    `model` is the name of one of its models; None is its default. `client` and `async_client` take the place of
    `target`. Without an asyncio client, asynchronous calls run the synchronous one in a thread. A blank text has a
    vector without terms. Raises `SpladeError`. It can be pickled if it was made without clients.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        model: str | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        self._made = None if client else Client(target)
        self._target, self._client, self._async_client, self._model = target, client, async_client, model

    def __getstate__(self) -> dict[str, Any]:
        # The copy makes a client of its own; one that was given can't be pickled, and says so.
        return {**self.__dict__, "_made": None}

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """One vector a document, in order."""
        return self._embed(texts, "document")

    def embed_query(self, text: str) -> SparseVector:
        """The query's vector."""
        return self._embed([text], "query")[0]

    async def aembed_documents(self, texts: list[str]) -> list[SparseVector]:
        """The same as `embed_documents`."""
        if self._async_client is None:
            return await super().aembed_documents(texts)  # type: ignore[no-any-return]
        return await self._aembed(self._async_client, texts, "document")

    async def aembed_query(self, text: str) -> SparseVector:
        """The same as `embed_query`."""
        if self._async_client is None:
            return await super().aembed_query(text)
        return (await self._aembed(self._async_client, [text], "query"))[0]

    def _embed(self, texts: list[str], role: Role) -> list[SparseVector]:
        client = self._client or self._made
        if client is None:
            client = self._made = Client(self._target)
        return [_vector(one) for one in client._encode_each(texts, role, model=self._model, skip_blank=True)]

    async def _aembed(self, client: AsyncClient, texts: list[str], role: Role) -> list[SparseVector]:
        each = client._encode_each(texts, role, model=self._model, skip_blank=True)
        return [_vector(one) async for one in each]


def _vector(one: EncodedText) -> SparseVector:
    return SparseVector(indices=one.indices, values=one.values)
