"""The asyncio client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
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
from splade_sidecar.messages import QueryValue
from splade_sidecar.process import call_in_progress, mark_closed, mark_open
from splade_sidecar.run import Run
from splade_sidecar.types import (
    Alias,
    Collection,
    CollectionOptions,
    EncodedText,
    Explanation,
    GivenId,
    Hits,
    Role,
    StoredDocument,
)
from splade_sidecar.v1 import collection_pb2
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.v1 import index_service_pb2 as index

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from splade_sidecar.options import (
        DeleteOptions,
        EncodeOptions,
        ExplainOptions,
        IngestOptions,
        ReturnOptions,
        SearchOptions,
    )


CLOSE_TIMEOUT_S = 5.0


class AsyncClient(Base):
    """A client of one server for asyncio, with the arguments and errors of `Client`.

    A client can be created outside an event loop, for example at the top of a module: the first call in each event loop
    opens a connection. Call `close`, or use the client in an `async with` statement.
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
        # Connections of parent processes.
        self._inherited: list[Connection] = []

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancels calls in progress and closes the connections of all event loops."""
        self._closed = True
        running = asyncio.get_running_loop()
        while self._connections:
            loop, connection = self._connections.popitem()
            if loop is running and connection.process == os.getpid():
                await connection.channel.close()
                mark_closed(connection)
            elif connection.process == os.getpid() and loop.is_running():
                closing = asyncio.run_coroutine_threadsafe(connection.channel.close(), loop)
                # Bounded, because the other loop may stop before it closes the channel.
                await asyncio.wait([asyncio.wrap_future(closing)], timeout=CLOSE_TIMEOUT_S)
                mark_closed(connection)

    def _connect(self) -> Connection:
        """Returns the connection of the running event loop. Channels of grpc.aio can't be used in another loop."""
        self._check_open()
        running = asyncio.get_running_loop()
        connection = self._connections.get(running)
        if connection is not None and connection.process == os.getpid():
            return connection
        for loop, old in list(self._connections.items()):
            if old.process != os.getpid():
                # Closing the channel would wait for threads that don't exist in this process.
                self._inherited.append(old)
                del self._connections[loop]
            elif loop.is_closed():
                del self._connections[loop]
        connection = self._connections[running] = Connection(grpc.aio, self._target, self._tls)
        mark_open(connection)
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
        first_number: int = 1,
        progress: bool = False,
        **options: Unpack[IngestOptions],
    ) -> AsyncIngest:
        """Stores and deletes documents. Returns an async iterator that yields one final `Result` per item, in any
        order.

        Items are `Document`s, mappings with the fields of a document, and `Delete`s. The server applies them in order.
        The ingest starts when the first result is requested; `await client.ingest(…).wait()` runs it to the end and
        returns the summary.

        If the stream breaks or an item fails with a temporary error, the ingest reconnects and resends all items that
        are not durable. At most `window_documents` items with a total of `window_bytes` bytes, plus one, are read from
        the iterable ahead of the last durable item. `first_number` is the number of the first item: pass
        `summary.durable + 1` to continue the numbering of an earlier ingest. `progress` shows a tqdm progress bar.

        Raises `GaveUp` after `give_up_after` seconds of retries without progress, and other `SpladeError`s immediately;
        both have a `summary`.
        """
        window = ingest_window(collection, options, documents, window_documents, window_bytes, first_number)
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
        """Returns the vectors of texts, in order. If one text is invalid, the call fails; the error names the text."""
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
        """Yields the vectors of texts, in order, with `batch_size` texts in memory. `timeout` applies to each batch."""
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
        """Implements `encode_each`. With `skip_blank`, a blank text yields an empty vector instead of an error."""
        request_options = messages.fill_with_encoding(encoder.EncodeRequest, {"role": role, **options})
        for batch in messages.batches(texts, batch_size, skip_blank):
            request = batch.request(request_options)
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
        """Encodes any number of texts. Returns an async iterator that yields one `Encoded` per text, in order.

        Unlike `encode`, an invalid text has an `error` and doesn't end the stream, and the server gives priority to
        queries. The stream starts when the first result is requested. If it breaks or a text fails with a temporary
        error, the texts without a result are resent. At most `window_texts` texts with a total of `window_bytes` bytes,
        plus one, are in flight. `progress` shows a tqdm progress bar.

        Raises `GaveUp` after `give_up_after` seconds of retries without progress, and other `SpladeError`s immediately.
        """
        window = encode_window(role, options, texts, window_texts, window_bytes)
        run = Run(window, texts, give_up_after, progress)
        return AsyncEncodeStream(run, lambda requests: self._encoder.EncodeStream(requests, metadata=self._metadata))

    async def search(
        self,
        collection: str,
        query: QueryValue,
        *,
        timeout: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> Hits:
        """Returns the documents with the highest scores for a text or a sparse vector, highest score first."""
        request = messages.search_request(collection, query, options)
        return messages.hits(await self._call(self._index.Search, request, timeout))

    async def explain(
        self,
        query: QueryValue,
        *,
        collection: str | None = None,
        document_id: GivenId | None = None,
        document_text: str | None = None,
        timeout: float | None = None,
        **options: Unpack[ExplainOptions],
    ) -> Explanation:
        """Explains a score term by term: of a stored document (`collection` and `document_id`) or of a text."""
        request = messages.explain_request(query, collection, document_id, document_text, options)
        return messages.explanation(await self._call(self._index.Explain, request, timeout))

    async def delete(
        self,
        collection: str,
        ids: Iterable[GivenId],
        *,
        timeout: float | None = None,
        **options: Unpack[DeleteOptions],
    ) -> None:
        """Deletes 1 to 10,000 documents durably. Ids without a document are ignored."""
        await self._call(self._index.Delete, messages.delete_request(collection, ids, options), timeout)

    async def get_documents(
        self,
        collection: str,
        ids: Iterable[GivenId],
        *,
        timeout: float | None = None,
        **options: Unpack[ReturnOptions],
    ) -> list[StoredDocument | None]:
        """Returns documents by id, in the order of the ids; None for an id without a document.

        Makes one call per 1,000 ids or 3 MiB of documents; `timeout` applies to each call.
        """
        lookup = messages.Lookup(collection, ids, options)
        while (request := lookup.request()) is not None:
            lookup.add(request, await self._call(self._index.GetDocuments, request, timeout))
        return lookup.documents()

    def list_documents(
        self,
        collection: str,
        *,
        page_size: int | None = None,
        timeout: float | None = None,
        **options: Unpack[ReturnOptions],
    ) -> AsyncIterator[StoredDocument]:
        """Iterates over the documents of a collection, ordered by point id.

        Fetches `page_size` documents per call (1 to 1,000, default 100); `timeout` applies to each call. Documents that
        are written during the iteration may be missing.
        """
        return self._list_documents(messages.list_documents_request(collection, page_size, options), timeout)

    async def _list_documents(
        self, request: index.ListDocumentsRequest, timeout: float | None
    ) -> AsyncIterator[StoredDocument]:
        while True:
            response = await self._call(self._index.ListDocuments, request, timeout)
            for document in response.documents:
                yield messages.stored_document(document)
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    async def create_collection(
        self,
        name: str,
        *,
        model: str | None = None,
        options: CollectionOptions | collection_pb2.CollectionOptions | Mapping[str, Any] | None = None,
        required_features: Sequence[str] | None = None,
        timeout: float | None = None,
    ) -> Collection:
        """Creates a collection. `model` names the model that writes it; default: the server's default model.

        Raises `AlreadyExists` if a collection has this name, which is also possible if a retry follows a lost response.
        """
        request = messages.create_collection_request(name, model, options, required_features)
        response = await self._call(self._index.CreateCollection, request, timeout)
        return messages.collection(response.collection)

    async def get_collection(self, collection: str, *, timeout: float | None = None) -> Collection:
        """Describes a collection, by its name or an alias."""
        request = index.GetCollectionRequest(collection=collection)
        return messages.collection((await self._call(self._index.GetCollection, request, timeout)).collection)

    async def list_collections(self, *, timeout: float | None = None) -> list[Collection]:
        """Returns all collections, ordered by name. `timeout` applies to each page."""
        request = index.ListCollectionsRequest()
        collections: list[Collection] = []
        while True:
            response = await self._call(self._index.ListCollections, request, timeout)
            collections += map(messages.collection, response.collections)
            if not response.next_page_token:
                return collections
            request.page_token = response.next_page_token

    async def set_alias(self, alias: str, collection: str, *, timeout: float | None = None) -> None:
        """Creates an alias, or moves it to another collection atomically."""
        request = index.SetAliasRequest(alias=alias, collection=collection)
        await self._call(self._index.SetAlias, request, timeout)

    async def delete_alias(self, alias: str, *, timeout: float | None = None) -> None:
        """Deletes an alias, not its collection. An alias that doesn't exist is ignored."""
        await self._call(self._index.DeleteAlias, index.DeleteAliasRequest(alias=alias), timeout)

    async def list_aliases(self, *, timeout: float | None = None) -> list[Alias]:
        """Returns all aliases, ordered by name. `timeout` applies to each page."""
        request = index.ListAliasesRequest()
        aliases: list[Alias] = []
        while True:
            response = await self._call(self._index.ListAliases, request, timeout)
            aliases += map(messages.alias, response.aliases)
            if not response.next_page_token:
                return aliases
            request.page_token = response.next_page_token

    async def _call(self, method: Any, request: Any, timeout: float | None) -> Any:
        attempts = Attempts(self._timeout if timeout is None else timeout)
        while True:
            try:
                with call_in_progress():
                    return await method(request, timeout=attempts.remaining(), metadata=self._metadata)
            except grpc.RpcError as error:
                await asyncio.sleep(attempts.delay(error))
