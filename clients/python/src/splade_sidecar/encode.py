"""Text streams: the window of texts in flight and the iterators of results."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable

from splade_sidecar import messages
from splade_sidecar.aio_stream import AsyncStream
from splade_sidecar.stream import Stream
from splade_sidecar.types import Encoded
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.validation import plain_str
from splade_sidecar.window import Entry, RejectedItem, Window, too_long

Texts = Iterable[str]
AsyncTexts = AsyncIterable[str]


class EncodeWindow(Window[Encoded]):
    """Texts without a reported result. Results arrive in any order and are reported in the order of the texts."""

    noun = "text"

    def __init__(self, options: encoder.EncodeStreamOptions, max_texts: int, max_bytes: int) -> None:
        super().__init__(max_texts, max_bytes)
        self._options = options

    def _prepare(self, given: str) -> tuple[str, int]:
        text = plain_str(given, "text")
        return text, len(text.encode())

    def _too_large(self, item: str, size: int) -> RejectedItem:
        return RejectedItem(too_long(size).item_error())

    @property
    def progress(self) -> int:
        """Number of completed texts."""
        return self.done

    def process(self, response: encoder.EncodeStreamResponse) -> list[Encoded]:
        """Returns results up to the first text without one."""
        for given in response.results:
            if given.HasField("error") and given.error.HasField("retry_delay"):
                self._failed(given.error)
                continue
            entry = self._find_pending(given.sequence)
            if entry is not None:
                entry.result = messages.encode_result(given, entry.number)
        return self.collect_rejected()

    def collect_rejected(self) -> list[Encoded]:
        """Returns results up to the first text without one."""
        new: list[Encoded] = []
        while self.has_rejected:
            new.append(self._pop().result)
        return new

    @property
    def has_rejected(self) -> bool:
        """Returns whether `collect_rejected` has results."""
        return bool(self._entries) and self._entries[0].result is not None

    def _rejection_result(self, number: int, rejected: RejectedItem) -> Encoded:
        return Encoded(number, None, rejected.error)

    def _is_sent_again(self, entry: Entry) -> bool:
        return entry.result is None

    def _opening(self) -> encoder.EncodeStreamRequest:
        return encoder.EncodeStreamRequest(options=self._options)

    def _message(self, items: list[str]) -> encoder.EncodeStreamRequest:
        return encoder.EncodeStreamRequest(texts=items)


class EncodeStream(Stream[Encoded]):
    """A running text stream: an iterator of results, in the order of the texts."""


class AsyncEncodeStream(AsyncStream[Encoded]):
    """A running text stream: an asynchronous iterator of results, in the order of the texts."""
