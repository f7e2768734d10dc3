"""A sparse embedding for `langchain-qdrant`: `QdrantVectorStore(…, sparse_embedding=SpladeSparseEmbeddings())`."""

from __future__ import annotations

from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector

from splade_sidecar.aio import AsyncClient
from splade_sidecar.base import DEFAULT_TARGET
from splade_sidecar.client import Client
from splade_sidecar.types import EncodedText


class SpladeSparseEmbeddings(SparseEmbeddings):  # type: ignore[misc]
    """Sparse vectors of a server, for retrieval modes SPARSE and HYBRID.

    `model` is the name of one of its models; None is its default. `client` and `async_client` take the place of
    `target`. Without an asyncio client, asynchronous calls run the synchronous one in a thread. Raises `SpladeError`.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        model: str | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        self._client, self._async_client, self._model = client or Client(target), async_client, model

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """One vector a document, in order."""
        return [_vector(one) for one in self._client.encode(texts, "document", model=self._model)]

    def embed_query(self, text: str) -> SparseVector:
        """The query's vector."""
        return _vector(self._client.encode([text], "query", model=self._model)[0])

    async def aembed_documents(self, texts: list[str]) -> list[SparseVector]:
        """The same as `embed_documents`."""
        if self._async_client is None:
            return await super().aembed_documents(texts)  # type: ignore[no-any-return]
        return [_vector(one) for one in await self._async_client.encode(texts, "document", model=self._model)]

    async def aembed_query(self, text: str) -> SparseVector:
        """The same as `embed_query`."""
        if self._async_client is None:
            return await super().aembed_query(text)
        return _vector((await self._async_client.encode([text], "query", model=self._model))[0])


def _vector(one: EncodedText) -> SparseVector:
    return SparseVector(indices=one.indices, values=one.values)
