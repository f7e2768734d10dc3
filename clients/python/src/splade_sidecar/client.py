"""The synchronous client."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from splade_sidecar.messages import QueryValue
from splade_sidecar.process import call_in_progress
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


class Client(Base):
    """A thread-safe client of one server. Call `close`, or use the client in a `with` statement.

    The first call opens the connection; after a fork, the first call in the child opens a new one. A client can't be
    pickled: create one in each process.

    `target` is `host:port` or `unix:PATH`. `tls=True` trusts the root certificates bundled with gRPC; pass a `TLS` to
    use other certificates. `token` is sent as bearer token with every call.

    `timeout` is the maximum duration of a unary call in seconds, including retries. Calls are retried while the server
    is unavailable or at capacity. A failed call raises a `SpladeError`; invalid arguments raise ValueError or
    TypeError.
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
        # Connections of parent processes. Kept open, because closing them here would end calls of the parent.
        self._inherited: list[Connection] = []

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancels calls in progress and closes the connection."""
        self._closed = True
        connection = self._connections.pop("open", None)
        if connection is None:
            return
        if connection.process == os.getpid():
            connection.channel.close()
        else:
            self._inherited.append(connection)

    def _connect(self) -> Connection:
        """Returns the connection of this process, and creates it if necessary."""
        self._check_open()
        connection = self._connections.get("open")
        if connection is not None and connection.process != os.getpid():
            self._inherited.append(connection)
            self._connections.clear()
            connection = None
        if connection is not None:
            return connection
        created = Connection(grpc, self._target, self._tls)
        # Not a lock, which another thread could hold during a fork. If two threads race, the first connection is kept.
        connection = self._connections.setdefault("open", created)
        if connection is not created:
            created.channel.close()
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
        first_number: int = 1,
        progress: bool = False,
        **options: Unpack[IngestOptions],
    ) -> Ingest:
        """Stores and deletes documents. Returns an iterator that yields one final `Result` per item, in any order.

        Items are `Document`s, mappings with the fields of a document, and `Delete`s. The server applies them in order.
        The ingest starts when the first result is requested; `client.ingest(…).wait()` runs it to the end and returns
        the summary.

        If the stream breaks or an item fails with a temporary error, the ingest reconnects and resends all items that
        are not durable. At most `window_documents` items with a total of `window_bytes` bytes, plus one, are read from
        the iterable ahead of the last durable item. `first_number` is the number of the first item: pass
        `summary.durable + 1` to continue the numbering of an earlier ingest. `progress` shows a tqdm progress bar.

        Raises `GaveUp` after `give_up_after` seconds of retries without progress, and other `SpladeError`s immediately;
        both have a `summary`.
        """
        window = ingest_window(collection, options, documents, window_documents, window_bytes, first_number)
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
        """Returns the vectors of texts, in order. If one text is invalid, the call fails; the error names the text."""
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
        """Yields the vectors of texts, in order, with `batch_size` texts in memory. `timeout` applies to each batch."""
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
        """Implements `encode_each`. With `skip_blank`, a blank text yields an empty vector instead of an error."""
        request_options = messages.fill_with_encoding(encoder.EncodeRequest, {"role": role, **options})
        for batch in messages.batches(texts, batch_size, skip_blank):
            request = batch.request(request_options)
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
        """Encodes any number of texts. Returns an iterator that yields one `Encoded` per text, in order.

        Unlike `encode`, an invalid text has an `error` and doesn't end the stream, and the server gives priority to
        queries. The stream starts when the first result is requested. If it breaks or a text fails with a temporary
        error, the texts without a result are resent. At most `window_texts` texts with a total of `window_bytes` bytes,
        plus one, are in flight. `progress` shows a tqdm progress bar.

        Raises `GaveUp` after `give_up_after` seconds of retries without progress, and other `SpladeError`s immediately.
        """
        window = encode_window(role, options, texts, window_texts, window_bytes)
        run = Run(window, texts, give_up_after, progress)
        return EncodeStream(run, lambda requests: self._encoder.EncodeStream(requests, metadata=self._metadata))

    def search(
        self,
        collection: str,
        query: QueryValue,
        *,
        timeout: float | None = None,
        **options: Unpack[SearchOptions],
    ) -> Hits:
        """Returns the documents with the highest scores for a text or a sparse vector, highest score first."""
        request = messages.search_request(collection, query, options)
        return messages.hits(self._call(self._index.Search, request, timeout))

    def explain(
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
        return messages.explanation(self._call(self._index.Explain, request, timeout))

    def delete(
        self,
        collection: str,
        ids: Iterable[GivenId],
        *,
        timeout: float | None = None,
        **options: Unpack[DeleteOptions],
    ) -> None:
        """Deletes 1 to 10,000 documents durably. Ids without a document are ignored."""
        self._call(self._index.Delete, messages.delete_request(collection, ids, options), timeout)

    def get_documents(
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
            lookup.add(request, self._call(self._index.GetDocuments, request, timeout))
        return lookup.documents()

    def list_documents(
        self,
        collection: str,
        *,
        page_size: int | None = None,
        timeout: float | None = None,
        **options: Unpack[ReturnOptions],
    ) -> Iterator[StoredDocument]:
        """Iterates over the documents of a collection, ordered by point id.

        Fetches `page_size` documents per call (1 to 1,000, default 100); `timeout` applies to each call. Documents that
        are written during the iteration may be missing.
        """
        return self._list_documents(messages.list_documents_request(collection, page_size, options), timeout)

    def _list_documents(self, request: index.ListDocumentsRequest, timeout: float | None) -> Iterator[StoredDocument]:
        while True:
            response = self._call(self._index.ListDocuments, request, timeout)
            yield from map(messages.stored_document, response.documents)
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def create_collection(
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
        response = self._call(self._index.CreateCollection, request, timeout)
        return messages.collection(response.collection)

    def get_collection(self, collection: str, *, timeout: float | None = None) -> Collection:
        """Describes a collection, by its name or an alias."""
        request = index.GetCollectionRequest(collection=collection)
        return messages.collection((self._call(self._index.GetCollection, request, timeout)).collection)

    def list_collections(self, *, timeout: float | None = None) -> list[Collection]:
        """Returns all collections, ordered by name. `timeout` applies to each page."""
        request = index.ListCollectionsRequest()
        collections: list[Collection] = []
        while True:
            response = self._call(self._index.ListCollections, request, timeout)
            collections += map(messages.collection, response.collections)
            if not response.next_page_token:
                return collections
            request.page_token = response.next_page_token

    def set_alias(self, alias: str, collection: str, *, timeout: float | None = None) -> None:
        """Creates an alias, or moves it to another collection atomically."""
        request = index.SetAliasRequest(alias=alias, collection=collection)
        self._call(self._index.SetAlias, request, timeout)

    def delete_alias(self, alias: str, *, timeout: float | None = None) -> None:
        """Deletes an alias, not its collection. An alias that doesn't exist is ignored."""
        self._call(self._index.DeleteAlias, index.DeleteAliasRequest(alias=alias), timeout)

    def list_aliases(self, *, timeout: float | None = None) -> list[Alias]:
        """Returns all aliases, ordered by name. `timeout` applies to each page."""
        request = index.ListAliasesRequest()
        aliases: list[Alias] = []
        while True:
            response = self._call(self._index.ListAliases, request, timeout)
            aliases += map(messages.alias, response.aliases)
            if not response.next_page_token:
                return aliases
            request.page_token = response.next_page_token

    def _call(self, method: Any, request: Any, timeout: float | None) -> Any:
        attempts = Attempts(self._timeout if timeout is None else timeout)
        while True:
            try:
                with call_in_progress():
                    return method(request, timeout=attempts.remaining(), metadata=self._metadata)
            except grpc.RpcError as error:
                time.sleep(attempts.delay(error))
