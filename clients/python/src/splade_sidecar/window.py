"""What a stream's client keeps in memory, and how it goes on after a break.

A stream numbers its items from 1, and the server says which of them have their result. The window holds the items from
the first one on that is not done, bounded in number and bytes. After a break they are sent again, in order, at the
beginning of another stream; to send one twice is harmless, and its second result is passed over.

Nothing here waits, locks or speaks to anybody: the synchronous and the asyncio stream both drive it.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Generic, TypeVar

from splade_sidecar.channel import MAX_MESSAGE_BYTES
from splade_sidecar.types import Summary

Answer = TypeVar("Answer")

MESSAGE_BYTES = 256 << 10
# A message has room for it, and for the few bytes around it.
LARGEST_ITEM = MAX_MESSAGE_BYTES - 64
MESSAGE_ITEMS = 256


class Entry:
    """An item that is not done."""

    __slots__ = ("answer", "item", "size")

    def __init__(self, item: Any, size: int) -> None:
        self.item, self.size = item, size
        self.answer: Any = None
        """What became of it; None while that is not known."""


class Window(ABC, Generic[Answer]):
    """The items that were taken from the iterable and are not done. `max_items`, `max_bytes`: at least 1."""

    noun = "item"
    """What an item is called, for people."""
    summary: Summary | None = None
    """What is told beside the results, if anything is."""

    def __init__(self, max_items: int, max_bytes: int) -> None:
        if max_items < 1 or max_bytes < 1:
            raise ValueError(f"window_{self.noun}s, window_bytes: at least 1")
        self.ended = False
        """The iterable has no more items."""
        self.done = 0
        """Every item up to this number has its result."""
        self._max_items, self._max_bytes = max_items, max_bytes
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        # Of the stream that is open: how many items were done when it began, how many it was given.
        self._base = 0
        self._sent = 0
        self._opened = False

    @abstractmethod
    def make(self, given: Any) -> tuple[Any, int]:
        """What is sent for what the iterable gave, and its bytes. Raises TypeError or ValueError for what can't be."""

    @abstractmethod
    def settle(self, response: Any) -> list[Answer]:
        """Takes a response of the open stream; gives the results that are told now."""

    @abstractmethod
    def _opening(self) -> Any:
        """A stream's first message: the options."""

    @abstractmethod
    def _message(self, items: list[Any]) -> Any:
        """A message of items."""

    @property
    def full(self) -> bool:
        """Whether the next item has to wait. One item always has room, however large it is."""
        return len(self._entries) >= self._max_items or self._bytes >= self._max_bytes

    @property
    def finished(self) -> bool:
        """Whether every item has its result."""
        return self.ended and not self._entries

    @property
    def has_message(self) -> bool:
        """Whether the stream can be given something, or its end."""
        return not self._opened or self._unsent > 0 or self.ended

    @property
    def _unsent(self) -> int:
        return len(self._entries) - (self._sent - (self.done - self._base))

    def push(self, item: Any, size: int) -> None:
        """Takes what `make` made. Raises ValueError for an item that no message has room for."""
        if size > LARGEST_ITEM:
            number = self.done + len(self._entries) + 1
            raise ValueError(f"{self.noun} number {number} has {size} bytes; {LARGEST_ITEM} is the most; split it")
        self._entries.append(Entry(item, size))
        self._bytes += size

    def restart(self) -> None:
        """Another stream begins."""
        self._base, self._sent, self._opened = self.done, 0, False

    def message(self) -> Any:
        """What goes out next: the options, then items, then None for the end. Only where `has_message`."""
        if not self._opened:
            self._opened = True
            return self._opening()
        unsent = self._unsent
        if unsent == 0:
            return None
        items: list[Any] = []
        size = 0
        first = len(self._entries) - unsent
        for entry in itertools.islice(self._entries, first, first + MESSAGE_ITEMS):
            if size > 0 and size + entry.size > MESSAGE_BYTES:
                break
            items.append(entry.item)
            size += entry.size
        self._sent += len(items)
        return self._message(items)

    def _unanswered(self, sequence: int) -> tuple[int, Entry] | None:
        """The number in the iterable, and the entry, of what the open stream calls so; None if it has its result."""
        number = self._base + sequence
        place = number - self.done - 1
        if not 0 <= place < len(self._entries) or self._entries[place].answer is not None:
            return None
        return number, self._entries[place]

    def _pop(self) -> Entry:
        """The first entry, which is done."""
        entry = self._entries.popleft()
        self._bytes -= entry.size
        self.done += 1
        return entry
