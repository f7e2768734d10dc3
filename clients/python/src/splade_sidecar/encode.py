"""A stream of texts to encode: what its window holds, and its two faces."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable

from splade_sidecar import messages
from splade_sidecar.aio_stream import AsyncStream
from splade_sidecar.stream import Stream
from splade_sidecar.types import Encoded
from splade_sidecar.v1 import encoder_service_pb2 as encoder
from splade_sidecar.window import Window

Texts = Iterable[str]
AsyncTexts = AsyncIterable[str]


class EncodeWindow(Window[Encoded]):
    """The texts whose results were not told. They come in any order, and are told in that of the texts."""

    noun = "text"

    def __init__(self, options: encoder.EncodeOptions, max_texts: int, max_bytes: int) -> None:
        super().__init__(max_texts, max_bytes)
        self._options = options

    def make(self, given: str) -> tuple[str, int]:
        """The text itself."""
        if not isinstance(given, str):
            raise TypeError(f"texts: {given!r} is no str")
        return given, len(given.encode())

    def settle(self, response: encoder.EncodeStreamResponse) -> list[Encoded]:
        """Results up to the first text that waits for its own."""
        for given in response.results:
            found = self._unanswered(given.sequence)
            if found is not None:
                number, entry = found
                entry.answer = messages.encode_result(given, number)
        new: list[Encoded] = []
        while self._entries and self._entries[0].answer is not None:
            new.append(self._pop().answer)
        return new

    def _opening(self) -> encoder.EncodeStreamRequest:
        return encoder.EncodeStreamRequest(options=self._options)

    def _message(self, items: list[str]) -> encoder.EncodeStreamRequest:
        return encoder.EncodeStreamRequest(texts=items)


class EncodeStream(Stream[Encoded]):
    """A running stream of texts: an iterator of results, in the order of the texts."""


class AsyncEncodeStream(AsyncStream[Encoded]):
    """A running stream of texts: an asynchronous iterator of results, in the order of the texts."""
