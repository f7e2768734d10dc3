"""LangChain adapter: `QdrantVectorStore(…, sparse_embedding=SpladeSparseEmbeddings())` of `langchain-qdrant`."""

from __future__ import annotations

from typing import Any

from langchain_qdrant.sparse_embeddings import SparseEmbeddings, SparseVector

from splade_sidecar.aio import AsyncClient
from splade_sidecar.base import DEFAULT_TARGET
from splade_sidecar.client import Client
from splade_sidecar.types import EncodedText, Role


class SpladeSparseEmbeddings(SparseEmbeddings):  # type: ignore[misc]
    """Sparse embeddings computed by a server, for the retrieval modes SPARSE and HYBRID.

    `model` is the name of a model of the server; default: the server's default model. `client` and `async_client`
    replace `target`. Without `async_client`, asynchronous calls run the synchronous client in a thread. A blank text
    has an empty vector. Methods raise `SpladeError`. Instances without `client` and `async_client` can be pickled.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        model: str | None = None,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
    ) -> None:
        self._own_client = None if client else Client(target)
        self._target, self._client, self._async_client, self._model = target, client, async_client, model

    def __getstate__(self) -> dict[str, Any]:
        # The copy creates its own client. Pickling a client that the caller passed raises TypeError.
        return {**self.__dict__, "_own_client": None}

    def embed_documents(self, texts: list[str]) -> list[SparseVector]:
        """Returns the vector of each document, in order."""
        return self._embed(texts, "document")

    def embed_query(self, text: str) -> SparseVector:
        """Returns the vector of a query."""
        return self._embed([text], "query")[0]

    async def aembed_documents(self, texts: list[str]) -> list[SparseVector]:
        """Returns the vector of each document, in order."""
        if self._async_client is None:
            return await super().aembed_documents(texts)  # type: ignore[no-any-return]
        return await self._aembed(self._async_client, texts, "document")

    async def aembed_query(self, text: str) -> SparseVector:
        """Returns the vector of a query."""
        if self._async_client is None:
            return await super().aembed_query(text)
        return (await self._aembed(self._async_client, [text], "query"))[0]

    def _embed(self, texts: list[str], role: Role) -> list[SparseVector]:
        client = self._client or self._own_client
        if client is None:
            client = self._own_client = Client(self._target)
        return [_vector(one) for one in client._encode_each(texts, role, model=self._model, skip_blank=True)]

    async def _aembed(self, client: AsyncClient, texts: list[str], role: Role) -> list[SparseVector]:
        each = client._encode_each(texts, role, model=self._model, skip_blank=True)
        return [_vector(one) async for one in each]


def _vector(one: EncodedText) -> SparseVector:
    return SparseVector(indices=one.indices, values=one.values)
