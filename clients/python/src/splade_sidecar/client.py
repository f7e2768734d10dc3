"""The synchronous client."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import grpc

from splade_sidecar import messages
from splade_sidecar.base import (
    BATCH_TEXTS,
    DEFAULT_TARGET,
    GIVE_UP_AFTER_S,
    TIMEOUT_S,
    WINDOW_BYTES,
    WINDOW_DOCUMENTS,
    WINDOW_TEXTS,
    Attempts,
    Base,
    Connection,
    encode_window,
    ingest_window,
)
from splade_sidecar.channel import TLS
from splade_sidecar.encode import EncodeStream, Texts
from splade_sidecar.errors import SpladeError
from splade_sidecar.ingest import Documents, Ingest
from splade_sidecar.process import call_in_progress
from splade_sidecar.run import Run
from splade_sidecar.types import EncodedText, Explanation, GivenId, Hit, Role
from splade_sidecar.v1 import encoder_service_pb2 as encoder

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from splade_sidecar.options import EncodeOptions, ExplainOptions, IngestOptions, SearchOptions


class Client(Base):
    """A client of one server. It may be used by several threads; `close` it, or use it in a `with` statement.

    The connection is opened by the first call, and in a forked process by the first call there. A client can't be
    pickled: make one in each process.

    `target` is `host:port` or `unix:PATH`. `tls` is true for TLS with the authorities that gRPC brings along, or a
    `TLS` with files of one's own. `token` goes with every call.

    A unary call may take `timeout` seconds, in which it is retried while the server is unavailable or at capacity.
    Every call raises a `SpladeError`, and ValueError or TypeError for arguments that can't be sent.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        tls: TLS | bool = False,
        token: str | None = None,
        timeout: float = TIMEOUT_S,
    ) -> None:
        super().__init__(target, tls, token, timeout)
        self._connections: dict[str, Connection] = {}
        # Of the processes that this one was forked from. Kept, for closing them here would end calls there.
        self._inherited: list[Connection] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancels the calls in progress, and closes the connection."""
        self._closed = True
        connection = self._connections.pop("open", None)
        if connection is None:
            return
        if connection.process == os.getpid():
            connection.channel.close()
        else:
            self._inherited.append(connection)

    def _connect(self) -> Connection:
        """The connection of this process."""
        self._check_open()
        connection = self._connections.get("open")
        if connection is not None and connection.process != os.getpid():
            self._inherited.append(connection)
            self._connections.clear()
            connection = None
        if connection is not None:
            return connection
        made = Connection(grpc, self._target, self._tls)
        # Without a lock, which another thread might hold at a fork: of two threads the first one's is kept.
        connection = self._connections.setdefault("open", made)
        if connection is not made:
            made.channel.close()
        return connection

    @property
    def _encoder(self) -> Any:
        return self._connect().encoder

    @property
    def _index(self) -> Any:
        return self._connect().index

    def ingest(
        self,
        documents: Documents,
        collection: str,
        *,
        window_documents: int = WINDOW_DOCUMENTS,
        window_bytes: int = WINDOW_BYTES,
        give_up_after: float = GIVE_UP_AFTER_S,
        progress: bool = False,
        **options: Unpack[IngestOptions],
    ) -> Ingest:
        """Encodes and stores documents: an iterator of one `Result` a document, in no particular order.

        Nothing happens before the first result is asked for; `client.ingest(…).wait()` runs to the end and gives the
        summary. A broken connection is opened again, and the documents that were not durable are sent again. At most
        `window_documents` of `window_bytes` in all (and one document more) are taken from the iterable ahead of the
        results. `progress` shows a bar of tqdm.

        Raises `GaveUp` after `give_up_after` seconds of retries without progress, and other `SpladeError`s
        at once; both have a `summary` that says how far it came.
        """
        window = ingest_window(collection, options, documents, window_documents, window_bytes)
        run = Run(window, documents, give_up_after, progress)
        return Ingest(run, lambda requests: self._index.Ingest(requests, metadata=self._metadata))

    def encode(
        self,
        texts: Iterable[str],
        role: Role = "document",
        *,
        batch_size: int = BATCH_TEXTS,
        timeout: float | None = None,
        **options: Unpack[EncodeOptions],
    ) -> list[EncodedText]:
        """The vectors of texts, one each, in order. If one text is refused, so is the call, and the error names it."""
        return list(self.encode_each(texts, role, batch_size=batch_size, timeout=timeout, **options))

    def encode_each(
        self,
        texts: Iterable[str],
        role: Role = "document",
        *,
        batch_size: int = BATCH_TEXTS,
        timeout: float | None = None,
        **options: Unpack[EncodeOptions],
    ) -> Iterator[EncodedText]:
        """The same for any number of texts, `batch_size` of which are in memory. `timeout` is that of each batch."""
        return self._encode_each(texts, role, batch_size=batch_size, timeout=timeout, **options)

    def _encode_each(
        self,
        texts: Iterable[str],
        role: Role,
        *,
        batch_size: int = BATCH_TEXTS,
        timeout: float | None = None,
        skip_blank: bool = False,
        **options: Unpack[EncodeOptions],
    ) -> Iterator[EncodedText]:
        """With `skip_blank` a blank text has a vector without terms, and is no error."""
        how = messages.fill(encoder.EncodeOptions, {"role": role, **options})
        for batch in messages.batches(texts, batch_size, skip_blank):
            request = batch.request(how)
            try:
                response = None if request is None else self._call(self._encoder.Encode, request, timeout)
            except SpladeError as error:
                raise batch.renumbered(error) from None
            yield from batch.results(response)

    def encode_stream(
        self,
        texts: Texts,
        role: Role = "document",
        *,
        window_texts: int = WINDOW_TEXTS,
        window_bytes: int = WINDOW_BYTES,
        give_up_after: float = GIVE_UP_AFTER_S,
        progress: bool = False,
        **options: Unpack[EncodeOptions],
    ) -> EncodeStream:
        """Encodes any number of texts: an iterator of one `Encoded` a text, in their order.

        Unlike `encode`, a text that is refused or can't be sent has a `rejection` and ends nothing, and others' queries
        come first. Nothing happens before the first result is asked for. A broken connection is opened again, and the
        texts without a result are sent again. At most `window_texts` of `window_bytes` in all (and one text more) wait
        for their results. `progress` shows a bar of tqdm.

        Raises `GaveUp` after `give_up_after` seconds of retries without progress, and other `SpladeError`s at
        once.
        """
        window = encode_window(role, options, texts, window_texts, window_bytes)
        run = Run(window, texts, give_up_after, progress)
        return EncodeStream(run, lambda requests: self._encoder.EncodeStream(requests, metadata=self._metadata))

    def search(
        self,
        collection: str,
        query: str | EncodedText | tuple[Sequence[int], Sequence[float]],
        *,
        timeout: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """The documents that score highest for a text, an encoded text, or indices and weights; best first."""
        request = messages.search_request(collection, query, options)
        return messages.hits(self._call(self._index.Search, request, timeout))

    def explain(
        self,
        query: str,
        *,
        collection: str | None = None,
        id: GivenId | None = None,
        text: str | None = None,
        timeout: float | None = None,
        **options: Unpack[ExplainOptions],
    ) -> Explanation:
        """Term by term, the score of a stored document (`collection` and `id`) or of a `text` for a query."""
        request = messages.explain_request(query, collection, id, text, options)
        return messages.explanation(self._call(self._index.Explain, request, timeout))

    def delete(self, collection: str, ids: Iterable[GivenId], *, timeout: float | None = None) -> None:
        """Deletes 1 to 10,000 documents. Ids without a document are ignored."""
        self._call(self._index.Delete, messages.delete_request(collection, ids), timeout)

    def _call(self, method: Any, request: Any, timeout: float | None) -> Any:
        attempts = Attempts(self._timeout if timeout is None else timeout)
        while True:
            try:
                with call_in_progress():
                    return method(request, timeout=attempts.left(), metadata=self._metadata)
            except grpc.RpcError as error:
                time.sleep(attempts.delay(error))
