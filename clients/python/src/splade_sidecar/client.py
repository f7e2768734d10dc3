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
        first_number: int = 1,
        progress: bool = False,
        **options: Unpack[IngestOptions],
    ) -> Ingest:
        """Stores and deletes documents: an iterator of one final `Result` per item, in any order.

        Items are `Document`s, mappings with the fields of a document, and `Delete`s, applied in their order. Nothing
        happens before the first result is requested; `client.ingest(…).wait()` runs to the end and returns the
        summary.

        If the stream breaks, or if items fail through no fault of their own, the ingest reconnects and sends every item
        again that is not durable. At most `window_documents` items of `window_bytes` in total, and one more, are taken
        from the iterable ahead of the durable ones. `first_number` is the number of the first item: pass
        `summary.durable + 1` to resume an earlier ingest with its numbers. `progress` shows a tqdm progress bar.

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
        """As `encode`, with `batch_size` texts in memory. `timeout` is that of each batch."""
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
        how = messages.fill_with_encoding(encoder.EncodeRequest, {"role": role, **options})
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
        """Encodes any number of texts: an iterator of one `Encoded` per text, in the order of the texts.

        Unlike with `encode`, an invalid text has an `error` and doesn't end the stream, and queries of others have
        priority. Nothing happens before the first result is requested. If the stream breaks, or if texts fail through
        no fault of their own, the texts without a result are sent again. At most `window_texts` texts of `window_bytes`
        in total, and one more, wait for their results. `progress` shows a tqdm progress bar.

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

        Makes a call per 1,000 ids or 3 MiB; `timeout` is that of each call.
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
        """Iterates over the documents of a collection, ordered by the ids of their points.

        `page_size` documents (1 to 1,000, default 100) are fetched per call; `timeout` is that of each call. A document
        that is written meanwhile may be missing.
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
        """Creates a collection. `model` names the model that will write it; default: the server's default model.

        Raises `AlreadyExists` if there is one of this name. A retry after a lost response may raise it, too.
        """
        request = messages.create_collection_request(name, model, options, required_features)
        response = self._call(self._index.CreateCollection, request, timeout)
        return messages.collection(response.collection)

    def get_collection(self, collection: str, *, timeout: float | None = None) -> Collection:
        """Describes a collection, which may be named by an alias."""
        request = index.GetCollectionRequest(collection=collection)
        return messages.collection((self._call(self._index.GetCollection, request, timeout)).collection)

    def list_collections(self, *, timeout: float | None = None) -> list[Collection]:
        """Returns all collections, ordered by name. `timeout` is that of each page."""
        request = index.ListCollectionsRequest()
        collections: list[Collection] = []
        while True:
            response = self._call(self._index.ListCollections, request, timeout)
            collections += map(messages.collection, response.collections)
            if not response.next_page_token:
                return collections
            request.page_token = response.next_page_token

    def set_alias(self, alias: str, collection: str, *, timeout: float | None = None) -> None:
        """Creates an alias, or moves it to another collection in one step."""
        request = index.SetAliasRequest(alias=alias, collection=collection)
        self._call(self._index.SetAlias, request, timeout)

    def delete_alias(self, alias: str, *, timeout: float | None = None) -> None:
        """Deletes an alias, not its collection. An alias that doesn't exist is ignored."""
        self._call(self._index.DeleteAlias, index.DeleteAliasRequest(alias=alias), timeout)

    def list_aliases(self, *, timeout: float | None = None) -> list[Alias]:
        """Returns all aliases, ordered by name. `timeout` is that of each page."""
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
                    return method(request, timeout=attempts.left(), metadata=self._metadata)
            except grpc.RpcError as error:
                time.sleep(attempts.delay(error))
