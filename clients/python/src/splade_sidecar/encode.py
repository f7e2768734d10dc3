"""A stream of texts to encode: its window, and the iterators of its results."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable

from splade_sidecar import messages
from splade_sidecar.aio_stream import AsyncStream
from splade_sidecar.refusal import plain_str
from splade_sidecar.stream import Stream
from splade_sidecar.types import Encoded
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.window import Entry, Refused, Window, too_long

Texts = Iterable[str]
AsyncTexts = AsyncIterable[str]


class EncodeWindow(Window[Encoded]):
    """The texts whose results were not reported. Results arrive in any order, and are reported in that of the texts."""

    noun = "text"

    def __init__(self, options: encoder.EncodeStreamOptions, max_texts: int, max_bytes: int) -> None:
        super().__init__(max_texts, max_bytes)
        self._options = options

    def _make(self, given: str) -> tuple[str, int]:
        text = plain_str(given, "text")
        return text, len(text.encode())

    def _too_large(self, item: str, size: int) -> Refused:
        return Refused(too_long(size).item_error())

    @property
    def progress(self) -> int:
        """Number of texts that are done."""
        return self.done

    def settle(self, response: encoder.EncodeStreamResponse) -> list[Encoded]:
        """Returns results up to the first text without one."""
        for given in response.results:
            if given.HasField("error") and given.error.HasField("retry_delay"):
                self._failed(given.error)
                continue
            entry = self._unanswered(given.sequence)
            if entry is not None:
                entry.answer = messages.encode_result(given, entry.number)
        return self.settle_refused()

    def settle_refused(self) -> list[Encoded]:
        """Returns results up to the first text without one."""
        new: list[Encoded] = []
        while self.has_refused:
            new.append(self._pop().answer)
        return new

    @property
    def has_refused(self) -> bool:
        """Whether `settle_refused` has results."""
        return bool(self._entries) and self._entries[0].answer is not None

    def _refusal(self, number: int, refused: Refused) -> Encoded:
        return Encoded(number, None, refused.error)

    def _is_sent_again(self, entry: Entry) -> bool:
        return entry.answer is None

    def _opening(self) -> encoder.EncodeStreamRequest:
        return encoder.EncodeStreamRequest(options=self._options)

    def _message(self, items: list[str]) -> encoder.EncodeStreamRequest:
        return encoder.EncodeStreamRequest(texts=items)


class EncodeStream(Stream[Encoded]):
    """A running stream of texts: an iterator of results, in the order of the texts."""


class AsyncEncodeStream(AsyncStream[Encoded]):
    """A running stream of texts: an asynchronous iterator of results, in the order of the texts."""
