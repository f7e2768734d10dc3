"""The items of a stream that are not done, and how the stream resumes.

A stream numbers its items, and the server reports results and progress by these sequence numbers. The window holds the
items from the first one on that is not done, bounded in number and bytes. When a stream ends before all items are done,
the next one begins with the items of the window, in order. Sending an item again is harmless; a final result that comes
again is ignored.

An item that FAILED is not at fault and not done. The window then stops sending, so that the stream ends as soon as the
server has answered what it was sent, and the item is sent again by the next stream.

An item that can't be sent is rejected here: it has a number and a result like any other, but no sequence number.

Nothing here waits, locks or makes calls: the synchronous and the asyncio stream both drive it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Generic, TypeVar

from splade_sidecar.channel import MAX_MESSAGE_BYTES
from splade_sidecar.errors import ItemFailed, status_code
from splade_sidecar.validation import TEXT_TOO_LONG, InvalidValueError, InvalidItemError, unexpected
from splade_sidecar.types import DocumentId, ItemError, Summary
from splade_sidecar.v1 import errors_pb2

StreamResult = TypeVar("StreamResult")

MESSAGE_BYTES = 256 << 10
# A message has room for it and its framing.
MAX_ITEM_BYTES = MAX_MESSAGE_BYTES - 64
MESSAGE_ITEMS = 256


def too_long(size: int) -> InvalidValueError:
    """Returns the error of a text that doesn't fit into a message."""
    problem = f"it has {size} bytes, and a message takes {MAX_ITEM_BYTES}; split it"
    return InvalidValueError("text", problem, TEXT_TOO_LONG)


class RejectedItem:
    """An item that can't be sent, and is rejected here."""

    __slots__ = ("error", "id", "position")

    def __init__(self, error: ItemError, id: DocumentId | None = None, position: str = "") -> None:
        self.error, self.id, self.position = error, id, position


class Entry:
    """An item that is not done."""

    __slots__ = ("item", "number", "result", "sequence", "size")

    def __init__(self, number: int, sequence: int, item: Any, size: int) -> None:
        self.number, self.item, self.size = number, item, size
        self.sequence = sequence
        """Sequence number over all streams. 0 for an item that is never sent."""
        self.result: Any = None
        """Final result. None as long as it is unknown."""


class Window(ABC, Generic[StreamResult]):
    """The items that were taken from the iterable and are not done. `max_items`, `max_bytes`: at least 1."""

    noun = "item"
    """Name of an item in messages."""
    summary: Summary | None = None
    """Progress that is reported besides the results."""

    def __init__(self, max_items: int, max_bytes: int, first_number: int = 1) -> None:
        if max_items < 1 or max_bytes < 1:
            raise ValueError(f"window_{self.noun}s, window_bytes: at least 1")
        self.exhausted = False
        """The iterable has no more items."""
        self.done = first_number - 1
        """Every item up to this number is done."""
        self.failure: ItemFailed | None = None
        """Set if an item of the open stream FAILED."""
        self.draining = False
        """The server of the open stream is about to stop."""
        self._max_items, self._max_bytes = max_items, max_bytes
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._next_sequence = first_number
        # Of the open stream: the entries to send, those that were sent and are not done, and the sequence number that
        # the stream gives to the first of these. RejectedItem items are in neither.
        self._unsent: deque[Entry] = deque()
        self._sent: deque[Entry] = deque()
        self._first_sequence = first_number
        self._opened = False

    def prepare(self, given: Any) -> tuple[Any, int]:
        """Returns what is sent for an item of the iterable, and its size in bytes; a RejectedItem if it can't be sent."""
        try:
            item, size = self._prepare(given)
        except MemoryError:
            raise
        except InvalidItemError as error:
            return self._rejected_item(error.error, error.id, error.position), 0
        except Exception as error:
            return self._rejected_item(error), 0
        if size > MAX_ITEM_BYTES:
            return self._too_large(item, size), 0
        return item, size

    @staticmethod
    def _rejected_item(error: Exception, id: DocumentId | None = None, position: str = "") -> RejectedItem:
        known = error if isinstance(error, InvalidValueError) else unexpected(error)
        return RejectedItem(known.item_error(), id, position)

    @abstractmethod
    def _prepare(self, given: Any) -> tuple[Any, int]:
        """Returns what is sent, and its size in bytes. Raises for an item that can't be sent."""

    @abstractmethod
    def _too_large(self, item: Any, size: int) -> RejectedItem:
        """Returns the rejection of an item that doesn't fit into a message."""

    @property
    @abstractmethod
    def progress(self) -> int:
        """Grows when the server has completed items."""

    @abstractmethod
    def process(self, response: Any) -> list[StreamResult]:
        """Processes a response of the open stream; returns the results to report now."""

    @abstractmethod
    def collect_rejected(self) -> list[StreamResult]:
        """Returns the results to report now without a response: those of items that are rejected here."""

    @property
    @abstractmethod
    def has_rejected(self) -> bool:
        """Whether `collect_rejected` has results."""

    @abstractmethod
    def _rejection_result(self, number: int, refused: RejectedItem) -> StreamResult:
        """Returns the result of an item that is rejected here."""

    @abstractmethod
    def _opening(self) -> Any:
        """Returns the first message of a stream: the options."""

    @abstractmethod
    def _message(self, items: list[Any]) -> Any:
        """Returns a message of items."""

    @property
    def full(self) -> bool:
        """Whether the next item has to wait. One item always has room, however large it is."""
        return len(self._entries) >= self._max_items or self._bytes >= self._max_bytes

    @property
    def finished(self) -> bool:
        """Whether every item is done."""
        return self.exhausted and not self._entries

    @property
    def half_closed(self) -> bool:
        """Whether the open stream is sent no more items."""
        return self.failure is not None or self.draining

    @property
    def has_message(self) -> bool:
        """Whether there is something to send: a message, or the end of the stream."""
        return not self._opened or self.half_closed or bool(self._unsent) or self.exhausted

    def push(self, item: Any, size: int) -> None:
        """Adds what `make` returned."""
        number = self.done + len(self._entries) + 1
        if isinstance(item, RejectedItem):
            entry = Entry(number, 0, item, size)
            entry.result = self._rejection_result(number, item)
        else:
            entry = Entry(number, self._next_sequence, item, size)
            self._next_sequence += 1
            self._unsent.append(entry)
        self._entries.append(entry)
        self._bytes += size

    def restart(self) -> None:
        """Begins another stream."""
        self._unsent = deque(entry for entry in self._entries if self._is_sent_again(entry))
        self._sent.clear()
        self._first_sequence = self._start()
        self._opened, self.draining, self.failure = False, False, None

    def _start(self) -> int:
        """Returns the sequence number that the next stream gives to its first item."""
        return 1

    def _is_sent_again(self, entry: Entry) -> bool:
        """Whether the next stream sends this entry."""
        return not isinstance(entry.item, RejectedItem)

    def next_message(self) -> Any:
        """Returns what is sent next: the options, then items, then None for the end. Only if `has_message`."""
        if not self._opened:
            self._opened = True
            return self._opening()
        if self.half_closed or not self._unsent:
            return None
        items: list[Any] = []
        size = 0
        while self._unsent and len(items) < MESSAGE_ITEMS:
            entry = self._unsent[0]
            if items and size + entry.size > MESSAGE_BYTES:
                break
            self._sent.append(self._unsent.popleft())
            items.append(entry.item)
            size += entry.size
        return self._message(items)

    def _failed(self, error: errors_pb2.ItemError) -> None:
        """Notes that an item of the open stream FAILED. Keeps the first error, and the longest delay."""
        delay = error.retry_delay.ToTimedelta().total_seconds() if error.HasField("retry_delay") else None
        if self.failure is None:
            self.failure = ItemFailed(
                status_code(error.code), error.message or "an item failed", error.reason, (), delay
            )
        elif delay is not None:
            self.failure.retry_after = max(delay, self.failure.retry_after or 0.0)

    def _find_pending(self, sequence: int) -> Entry | None:
        """Returns the entry with this sequence number in the open stream. None if it has its final result."""
        offset = sequence - self._first_sequence
        if not 0 <= offset < len(self._sent) or self._sent[offset].result is not None:
            return None
        return self._sent[offset]

    def _pop(self) -> Entry:
        """Removes the first entry, which is done."""
        entry = self._entries.popleft()
        self._bytes -= entry.size
        self.done += 1
        if self._sent and self._sent[0] is entry:
            self._sent.popleft()
            self._first_sequence += 1
        return entry
