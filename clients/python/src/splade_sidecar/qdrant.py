"""Drop-in replacement for fastembed's `SparseTextEmbedding`, for use with qdrant-client.

The methods return fastembed's `SparseEmbedding` if fastembed is installed, else a class with the same attributes. The
server computes the vectors, so no model is downloaded.
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
    """Replacement for fastembed's `SparseEmbedding`."""

    values: NDArray[np.floating[Any]]
    """Weights."""
    indices: NDArray[np.int64]
    """Vocabulary ids, ascending."""

    def as_object(self) -> dict[str, NDArray[Any]]:
        """Returns the keyword arguments of `qdrant_client.models.SparseVector`."""
        return {"values": self.values, "indices": self.indices}

    def as_dict(self) -> dict[int, float]:
        """Returns the weights by vocabulary id."""
        return {int(index): float(value) for index, value in zip(self.indices, self.values, strict=True)}

    @classmethod
    def from_dict(cls, data: dict[int, float]) -> _SparseEmbedding:
        """Creates an embedding from the result of `as_dict`."""
        return cls(np.array(list(data.values())), np.array(list(data), dtype=np.int64))


SparseEmbedding: Any = _SparseEmbedding
try:
    from fastembed import SparseEmbedding  # type: ignore[no-redef]
except ImportError:
    pass


class SparseTextEmbedding:
    """Encodes texts as sparse vectors on a server.

    `model_name` is the name of a model of the server; default: the server's default model. `client` replaces `target`,
    to use TLS, a token or another timeout. Methods raise `SpladeError`, also for a text that the server rejects, which
    ends the iteration. A blank text has an empty vector. Instances without `client` can be pickled.
    """

    def __init__(
        self, model_name: str | None = None, *, target: str = DEFAULT_TARGET, client: Client | None = None
    ) -> None:
        self.model_name = model_name
        self._own_client = None if client else Client(target)
        self._target, self._client = target, client

    def __getstate__(self) -> dict[str, Any]:
        # The copy creates its own client. Pickling a client that the caller passed raises TypeError.
        return {**self.__dict__, "_own_client": None}

    def embed(
        self, documents: str | Iterable[str], batch_size: int = BATCH_TEXTS, parallel: int | None = None, **_: Any
    ) -> Iterator[Any]:
        """Yields the vectors of documents, in order, with `batch_size` documents (at most 256) per call.

        `parallel` and other arguments of fastembed are accepted and ignored, since the server computes the vectors.
        """
        return self._each(documents, "document", batch_size)

    def passage_embed(self, texts: Iterable[str], **options: Any) -> Iterator[Any]:
        """Yields the vectors of documents, like `embed`."""
        return self.embed(texts, **options)

    def query_embed(self, query: str | Iterable[str], **_: Any) -> Iterator[Any]:
        """Yields the vectors of queries, in order."""
        return self._each(query, "query", BATCH_TEXTS)

    def token_count(self, texts: str | Iterable[str], batch_size: int = BATCH_TEXTS, **_: Any) -> int:
        """Returns the number of encoded tokens of the texts, including special tokens."""
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
