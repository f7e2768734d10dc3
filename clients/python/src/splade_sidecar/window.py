"""Window of the items in flight, from which a stream resumes.

Items have sequence numbers, by which the server reports results and progress. The window holds all items from the first
incomplete one on, up to a maximum number of items and bytes. If a stream ends before all items are complete, the next
stream starts with the items of the window, in order. Resending an item is idempotent; a repeated final result is
ignored.

An item with status FAILED is valid and incomplete. After a failure the window sends no more items, so the stream ends
when the server has processed the items that were sent, and the next stream resends the failed item.

The client rejects an item that can't be sent: it has an item number and a result, but no sequence number.

The window neither blocks, nor locks, nor makes calls, so the synchronous and the asyncio stream share it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Generic, TypeVar

from splade_sidecar.channel import MAX_MESSAGE_BYTES
from splade_sidecar.errors import ItemFailed, status_code
from splade_sidecar.types import DocumentId, ItemError, Summary
from splade_sidecar.v1 import errors_pb2
from splade_sidecar.validation import TEXT_TOO_LONG, InvalidItemError, InvalidValueError, unexpected

StreamResult = TypeVar("StreamResult")

MESSAGE_BYTES = 256 << 10
# Leaves 64 bytes of a message for framing.
MAX_ITEM_BYTES = MAX_MESSAGE_BYTES - 64
MESSAGE_ITEMS = 256


def too_long(size: int) -> InvalidValueError:
    """Returns the error of a text that doesn't fit into a message."""
    problem = f"the text has {size} bytes; the maximum is {MAX_ITEM_BYTES}; split it"
    return InvalidValueError("text", problem, TEXT_TOO_LONG)


class RejectedItem:
    """An item that can't be sent and that the client rejects."""

    __slots__ = ("error", "id", "position")

    def __init__(self, error: ItemError, id: DocumentId | None = None, position: str = "") -> None:
        self.error, self.id, self.position = error, id, position


class Entry:
    """An incomplete item."""

    __slots__ = ("item", "number", "result", "sequence", "size")

    def __init__(self, number: int, sequence: int, item: Any, size: int) -> None:
        self.number, self.item, self.size = number, item, size
        self.sequence = sequence
        """Sequence number, identical on all streams. 0 for an item that is never sent."""
        self.result: Any = None
        """Final result. None until it is known."""


class Window(ABC, Generic[StreamResult]):
    """Items that were read from the iterable and are incomplete. `max_items` and `max_bytes` must be at least 1."""

    noun = "item"
    """Name of an item in error messages."""
    summary: Summary | None = None
    """Summary of an ingest. None for other streams."""

    def __init__(self, max_items: int, max_bytes: int, first_number: int = 1) -> None:
        if max_items < 1 or max_bytes < 1:
            raise ValueError(f"window_{self.noun}s, window_bytes: must be at least 1")
        self.exhausted = False
        """Whether the iterable has no more items."""
        self.done = first_number - 1
        """Every item up to this number is complete."""
        self.failure: ItemFailed | None = None
        """Set if an item of the open stream FAILED."""
        self.draining = False
        """Whether the server of the open stream announced its shutdown."""
        self._max_items, self._max_bytes = max_items, max_bytes
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._next_sequence = first_number
        # State of the open stream: entries to send, incomplete entries that were sent, and the sequence number of the
        # first of these. Rejected items are in neither queue.
        self._unsent: deque[Entry] = deque()
        self._sent: deque[Entry] = deque()
        self._first_sequence = first_number
        self._opened = False

    def prepare(self, given: Any) -> tuple[Any, int]:
        """Converts an item of the iterable to an operation or text and its size; a RejectedItem if it is invalid."""
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
        """Converts an item and returns its size in bytes. Raises for an item that can't be sent."""

    @abstractmethod
    def _too_large(self, item: Any, size: int) -> RejectedItem:
        """Returns the rejection of an item that doesn't fit into a message."""

    @property
    @abstractmethod
    def progress(self) -> int:
        """Counter that increases when the server completes items."""

    @abstractmethod
    def process(self, response: Any) -> list[StreamResult]:
        """Processes a response of the open stream and returns the results to report."""

    @abstractmethod
    def collect_rejected(self) -> list[StreamResult]:
        """Returns the results that can be reported without a response: those of items that the client rejected."""

    @property
    @abstractmethod
    def has_rejected(self) -> bool:
        """Returns whether `collect_rejected` has results."""

    @abstractmethod
    def _rejection_result(self, number: int, rejected: RejectedItem) -> StreamResult:
        """Returns the result of an item that the client rejects."""

    @abstractmethod
    def _opening(self) -> Any:
        """Returns the first message of a stream: the options."""

    @abstractmethod
    def _message(self, items: list[Any]) -> Any:
        """Returns a request message with items."""

    @property
    def full(self) -> bool:
        """Whether the window accepts no more items. An empty window accepts an item of any size."""
        return len(self._entries) >= self._max_items or self._bytes >= self._max_bytes

    @property
    def finished(self) -> bool:
        """Whether every item is complete."""
        return self.exhausted and not self._entries

    @property
    def half_closed(self) -> bool:
        """Whether no more items are sent on the open stream."""
        return self.failure is not None or self.draining

    @property
    def has_message(self) -> bool:
        """Whether a message, or the end of the stream, can be sent."""
        return not self._opened or self.half_closed or bool(self._unsent) or self.exhausted

    def push(self, item: Any, size: int) -> None:
        """Adds an item that `prepare` returned."""
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
        """Resets the stream state for a new stream."""
        self._unsent = deque(entry for entry in self._entries if self._is_sent_again(entry))
        self._sent.clear()
        self._first_sequence = self._start()
        self._opened, self.draining, self.failure = False, False, None

    def _start(self) -> int:
        """Returns the first sequence number of the next stream."""
        return 1

    def _is_sent_again(self, entry: Entry) -> bool:
        """Returns whether the next stream sends this entry."""
        return not isinstance(entry.item, RejectedItem)

    def next_message(self) -> Any:
        """Returns the next message: the options, then items, then None to half-close. Requires `has_message`."""
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
        """Records that an item of the open stream FAILED. Keeps the first error and the longest delay."""
        delay = error.retry_delay.ToTimedelta().total_seconds() if error.HasField("retry_delay") else None
        if self.failure is None:
            self.failure = ItemFailed(
                status_code(error.code), error.message or "an item failed", error.reason, (), delay
            )
        elif delay is not None:
            self.failure.retry_after = max(delay, self.failure.retry_after or 0.0)

    def _find_pending(self, sequence: int) -> Entry | None:
        """Returns the entry with this sequence number of the open stream. None if it already has its final result."""
        offset = sequence - self._first_sequence
        if not 0 <= offset < len(self._sent) or self._sent[offset].result is not None:
            return None
        return self._sent[offset]

    def _pop(self) -> Entry:
        """Removes the first entry, which is complete."""
        entry = self._entries.popleft()
        self._bytes -= entry.size
        self.done += 1
        if self._sent and self._sent[0] is entry:
            self._sent.popleft()
            self._first_sequence += 1
        return entry
