"""The asyncio client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

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
from splade_sidecar.encode import AsyncEncodeStream, AsyncTexts, Texts
from splade_sidecar.errors import SpladeError
from splade_sidecar.ingest import AsyncDocuments, AsyncIngest, Documents
from splade_sidecar.process import call_in_progress, drop, keep_open
from splade_sidecar.run import Run
from splade_sidecar.types import EncodedText, Explanation, GivenId, Hit, Role
from splade_sidecar.v1 import encoder_service_pb2 as encoder

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from splade_sidecar.options import EncodeOptions, ExplainOptions, IngestOptions, SearchOptions


CLOSE_TIMEOUT_S = 5.0


class AsyncClient(Base):
    """A client of one server. Its arguments and errors are `Client`'s.

    It may be made anywhere, such as at the top of a module: the connection is opened by the first call, one for each
    event loop that makes calls. `close` it, or use it in an `async with` statement.
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
        self._connections: dict[Any, Connection] = {}
        # Of the processes that this one was forked from.
        self._inherited: list[Connection] = []

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancels the calls in progress, and closes the connections of all event loops."""
        self._closed = True
        running = asyncio.get_running_loop()
        while self._connections:
            loop, connection = self._connections.popitem()
            if loop is running and connection.process == os.getpid():
                await connection.channel.close()
                drop(connection)
            elif connection.process == os.getpid() and loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(connection.channel.close(), loop)
                # Not for longer: that loop may be stopped meanwhile.
                await asyncio.wait([asyncio.wrap_future(closing)], timeout=CLOSE_TIMEOUT_S)
                drop(connection)

    def _connect(self) -> Connection:
        """The connection of the running event loop. A channel of grpc.aio works in no other loop than its own."""
        self._check_open()
        running = asyncio.get_running_loop()
        connection = self._connections.get(running)
        if connection is not None and connection.process == os.getpid():
            return connection
        for loop, old in list(self._connections.items()):
            if old.process != os.getpid():
                # Closing it would wait for threads that this process doesn't have.
                self._inherited.append(old)
                del self._connections[loop]
            elif loop.is_closed():
                del self._connections[loop]
        connection = self._connections[running] = Connection(grpc.aio, self._target, self._tls)
        keep_open(connection)
        return connection

    @property
    def _encoder(self) -> Any:
        return self._connect().encoder

    @property
    def _index(self) -> Any:
        return self._connect().index

    def ingest(
        self,
        documents: Documents | AsyncDocuments,
        collection: str,
        *,
        window_documents: int = WINDOW_DOCUMENTS,
        window_bytes: int = WINDOW_BYTES,
        give_up_after: float = GIVE_UP_AFTER_S,
        progress: bool = False,
        **options: Unpack[IngestOptions],
    ) -> AsyncIngest:
        """Encodes and stores documents: an asynchronous iterator of one `Result` a document, in no particular order.

        Nothing happens before the first result is asked for; `await client.ingest(…).wait()` runs to the end and gives
        the summary. A broken connection is opened again, and the documents that were not durable are sent again. At
        most `window_documents` of `window_bytes` in all (and one document more) are taken from the iterable ahead of
        the results. `progress` shows a bar of tqdm.

        Raises `GaveUp` after `give_up_after` seconds of retries without progress, and other `SpladeError`s
        at once; both have a `summary` that says how far it came.
        """
        window = ingest_window(collection, options, documents, window_documents, window_bytes)
        run = Run(window, documents, give_up_after, progress)
        return AsyncIngest(run, lambda requests: self._index.Ingest(requests, metadata=self._metadata))

    async def encode(
        self,
        texts: Iterable[str],
        role: Role = "document",
        *,
        batch_size: int = BATCH_TEXTS,
        timeout: float | None = None,
        **options: Unpack[EncodeOptions],
    ) -> list[EncodedText]:
        """The vectors of texts, one each, in order. If one text is refused, so is the call, and the error names it."""
        each = self.encode_each(texts, role, batch_size=batch_size, timeout=timeout, **options)
        return [vector async for vector in each]

    def encode_each(
        self,
        texts: Iterable[str],
        role: Role = "document",
        *,
        batch_size: int = BATCH_TEXTS,
        timeout: float | None = None,
        **options: Unpack[EncodeOptions],
    ) -> AsyncIterator[EncodedText]:
        """The same for any number of texts, `batch_size` of which are in memory. `timeout` is that of each batch."""
        return self._encode_each(texts, role, batch_size=batch_size, timeout=timeout, **options)

    async def _encode_each(
        self,
        texts: Iterable[str],
        role: Role,
        *,
        batch_size: int = BATCH_TEXTS,
        timeout: float | None = None,
        skip_blank: bool = False,
        **options: Unpack[EncodeOptions],
    ) -> AsyncIterator[EncodedText]:
        """With `skip_blank` a blank text has a vector without terms, and is no error."""
        how = messages.fill(encoder.EncodeOptions, {"role": role, **options})
        for batch in messages.batches(texts, batch_size, skip_blank):
            request = batch.request(how)
            try:
                response = None if request is None else await self._call(self._encoder.Encode, request, timeout)
            except SpladeError as error:
                raise batch.renumbered(error) from None
            for vector in batch.results(response):
                yield vector

    def encode_stream(
        self,
        texts: Texts | AsyncTexts,
        role: Role = "document",
        *,
        window_texts: int = WINDOW_TEXTS,
        window_bytes: int = WINDOW_BYTES,
        give_up_after: float = GIVE_UP_AFTER_S,
        progress: bool = False,
        **options: Unpack[EncodeOptions],
    ) -> AsyncEncodeStream:
        """Encodes any number of texts: an asynchronous iterator of one `Encoded` a text, in their order.

        Unlike `encode`, a text that is refused or can't be sent has a `rejection` and ends nothing, and others' queries
        come first. Nothing happens before the first result is asked for. A broken connection is opened again, and the
        texts without a result are sent again. At most `window_texts` of `window_bytes` in all (and one text more) wait
        for their results. `progress` shows a bar of tqdm.

        Raises `GaveUp` after `give_up_after` seconds of retries without progress, and other `SpladeError`s at
        once.
        """
        window = encode_window(role, options, texts, window_texts, window_bytes)
        run = Run(window, texts, give_up_after, progress)
        return AsyncEncodeStream(run, lambda requests: self._encoder.EncodeStream(requests, metadata=self._metadata))

    async def search(
        self,
        collection: str,
        query: str | EncodedText | tuple[Sequence[int], Sequence[float]],
        *,
        timeout: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> list[Hit]:
        """The documents that score highest for a text, an encoded text, or indices and weights; best first."""
        request = messages.search_request(collection, query, options)
        return messages.hits(await self._call(self._index.Search, request, timeout))

    async def explain(
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
        return messages.explanation(await self._call(self._index.Explain, request, timeout))

    async def delete(self, collection: str, ids: Iterable[GivenId], *, timeout: float | None = None) -> None:
        """Deletes 1 to 10,000 documents. Ids without a document are ignored."""
        await self._call(self._index.Delete, messages.delete_request(collection, ids), timeout)

    async def _call(self, method: Any, request: Any, timeout: float | None) -> Any:
        attempts = Attempts(self._timeout if timeout is None else timeout)
        while True:
            try:
                with call_in_progress():
                    return await method(request, timeout=attempts.left(), metadata=self._metadata)
            except grpc.RpcError as error:
                await asyncio.sleep(attempts.delay(error))
