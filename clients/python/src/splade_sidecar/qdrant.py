"""An encoder to use where qdrant-client's users use fastembed's `SparseTextEmbedding`.

The same methods, which give the same type: fastembed's `SparseEmbedding` where fastembed is installed, and else one
with the same attributes. The model is the server's, so nothing is downloaded here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from splade_sidecar.base import BATCH_TEXTS, DEFAULT_TARGET
from splade_sidecar.client import Client
from splade_sidecar.types import EncodedText, Role

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass
class _SparseEmbedding:
    """A sparse vector."""

    values: NDArray[np.floating[Any]]
    """Weights."""
    indices: NDArray[np.int64]
    """Vocabulary ids, ascending."""

    def as_object(self) -> dict[str, NDArray[Any]]:
        """What `qdrant_client.models.SparseVector` takes."""
        return {"values": self.values, "indices": self.indices}

    def as_dict(self) -> dict[int, float]:
        """Weights by vocabulary id."""
        return {int(index): float(value) for index, value in zip(self.indices, self.values, strict=True)}

    @classmethod
    def from_dict(cls, data: dict[int, float]) -> _SparseEmbedding:
        """The reverse of `as_dict`."""
        return cls(np.array(list(data.values())), np.array(list(data), dtype=np.int64))


SparseEmbedding: Any = _SparseEmbedding
try:
    from fastembed import SparseEmbedding  # type: ignore[no-redef]
except ImportError:
    pass


class SparseTextEmbedding:
    """Texts to sparse vectors, by a server.

    `model_name` is the name of one of its models; None is its default. `client` takes the place of `target`, for TLS, a
    token or other timeouts. Every method raises `SpladeError`; a text that the server refuses ends the iteration. A
    blank text has a vector without terms. It can be pickled if it was made without a client.
    """

    def __init__(
        self, model_name: str | None = None, *, target: str = DEFAULT_TARGET, client: Client | None = None
    ) -> None:
        self.model_name = model_name
        self._own_client = None if client else Client(target)
        self._target, self._client = target, client

    def __getstate__(self) -> dict[str, Any]:
        # The copy makes a client of its own; one that was given can't be pickled, and says so.
        return {**self.__dict__, "_own_client": None}

    def embed(
        self, documents: str | Iterable[str], batch_size: int = BATCH_TEXTS, parallel: int | None = None, **_: Any
    ) -> Iterator[Any]:
        """The vectors of documents, in order, `batch_size` (at most 256) of them in memory.

        `parallel` and further arguments are taken, and change nothing: the server computes.
        """
        return self._each(documents, "document", batch_size)

    def passage_embed(self, texts: Iterable[str], **options: Any) -> Iterator[Any]:
        """The same as `embed`."""
        return self.embed(texts, **options)

    def query_embed(self, query: str | Iterable[str], **_: Any) -> Iterator[Any]:
        """The vectors of queries, in order."""
        return self._each(query, "query", BATCH_TEXTS)

    def token_count(self, texts: str | Iterable[str], batch_size: int = BATCH_TEXTS, **_: Any) -> int:
        """How many tokens are encoded of the texts, the special ones included."""
        return sum(one.stats.token_count for one in self._encode(texts, "document", batch_size))

    def _each(self, texts: str | Iterable[str], role: Role, batch_size: int) -> Iterator[Any]:
        for one in self._encode(texts, role, batch_size):
            yield SparseEmbedding(
                values=np.asarray(one.values, dtype=np.float32), indices=np.asarray(one.indices, dtype=np.int64)
            )

    def _encode(self, texts: str | Iterable[str], role: Role, batch_size: int) -> Iterator[EncodedText]:
        several = [texts] if isinstance(texts, str) else texts
        client = self._client or self._own_client
        if client is None:
            client = self._own_client = Client(self._target)
        size = min(batch_size, 256)
        return client._encode_each(several, role, batch_size=size, model=self.model_name, skip_blank=True)
