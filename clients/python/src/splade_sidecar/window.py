"""What a stream's client keeps in memory, and how it goes on after a break.

A stream numbers its items from 1, and the server says which of them have their result. The window holds the items from
the first one on that is not done, bounded in number and bytes. After a break they are sent again, in order, at the
beginning of another stream; to send one twice is harmless, and its second result is ignored.

An item that can't be sent is refused here: it has its number and its result as any other, and the server never sees it.

Nothing here waits, locks or speaks to anybody: the synchronous and the asyncio stream both drive it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Generic, TypeVar

from splade_sidecar.channel import MAX_MESSAGE_BYTES
from splade_sidecar.refusal import TEXT_TOO_LONG, Unsendable, UnsendableDocument, unexpected
from splade_sidecar.types import DocumentId, Rejection, Summary

Answer = TypeVar("Answer")

MESSAGE_BYTES = 256 << 10
# A message has room for it, and for the few bytes around it.
LARGEST_ITEM = MAX_MESSAGE_BYTES - 64
MESSAGE_ITEMS = 256


def too_long(size: int) -> Unsendable:
    """The error of a text that no message has room for."""
    return Unsendable("text", f"it has {size} bytes, and a message takes {LARGEST_ITEM}; split it", TEXT_TOO_LONG)


class Refused:
    """An item that can't be sent, and so is refused here."""

    __slots__ = ("id", "rejection")

    def __init__(self, rejection: Rejection, id: DocumentId | None = None) -> None:
        self.rejection, self.id = rejection, id


class Entry:
    """An item that is not done."""

    __slots__ = ("answer", "item", "number", "size")

    def __init__(self, number: int, item: Any, size: int) -> None:
        self.number, self.item, self.size = number, item, size
        self.answer: Any = None
        """What became of it; None while that is not known."""


class Window(ABC, Generic[Answer]):
    """The items that were taken from the iterable and are not done. `max_items`, `max_bytes`: at least 1."""

    noun = "item"
    """What an item is called, for people."""
    summary: Summary | None = None
    """What is reported beside the results, if anything is."""

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
        # Of the stream that is open: what it has yet to be given, what it was given and is not done, and the sequence
        # of the first of these. Refused items are in neither: the server doesn't count them.
        self._unsent: deque[Entry] = deque()
        self._sent: deque[Entry] = deque()
        self._first_sequence = 1
        self._opened = False

    def make(self, given: Any) -> tuple[Any, int]:
        """What is sent for what the iterable gave, and its bytes; a Refused for what can't be sent."""
        try:
            item, size = self._make(given)
        except MemoryError:
            raise
        except UnsendableDocument as error:
            return self._refused(error.error, error.id), 0
        except Exception as error:
            return self._refused(error, None), 0
        if size > LARGEST_ITEM:
            return self._too_large(item, size), 0
        return item, size

    @staticmethod
    def _refused(error: Exception, id: DocumentId | None) -> Refused:
        known = error if isinstance(error, Unsendable) else unexpected(error)
        return Refused(known.rejection(), id)

    @abstractmethod
    def _make(self, given: Any) -> tuple[Any, int]:
        """What is sent, and its bytes. Raises for what can't be."""

    @abstractmethod
    def _too_large(self, item: Any, size: int) -> Refused:
        """The refusal of an item that no message has room for."""

    @abstractmethod
    def settle(self, response: Any) -> list[Answer]:
        """Takes a response of the open stream; returns the results that are reported now."""

    @abstractmethod
    def settle_refused(self) -> list[Answer]:
        """The results that are reported now without a response: of items that were refused here."""

    @property
    @abstractmethod
    def has_refused(self) -> bool:
        """Whether `settle_refused` has results."""

    @abstractmethod
    def _refusal(self, number: int, refused: Refused) -> Answer:
        """The result of an item that was refused here."""

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
        return not self._opened or bool(self._unsent) or self.ended

    def push(self, item: Any, size: int) -> None:
        """Takes what `make` made."""
        entry = Entry(self.done + len(self._entries) + 1, item, size)
        if isinstance(item, Refused):
            entry.answer = self._refusal(entry.number, item)
        else:
            self._unsent.append(entry)
        self._entries.append(entry)
        self._bytes += size

    def restart(self) -> None:
        """Another stream begins."""
        self._unsent = deque(entry for entry in self._entries if self._is_sent_again(entry))
        self._sent.clear()
        self._first_sequence, self._opened = 1, False

    def _is_sent_again(self, entry: Entry) -> bool:
        """Whether another stream is given this entry too."""
        return not isinstance(entry.item, Refused)

    def message(self) -> Any:
        """What goes out next: the options, then items, then None for the end. Only where `has_message`."""
        if not self._opened:
            self._opened = True
            return self._opening()
        if not self._unsent:
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

    def _unanswered(self, sequence: int) -> Entry | None:
        """The entry that the open stream calls so; None if it has its result."""
        place = sequence - self._first_sequence
        if not 0 <= place < len(self._sent) or self._sent[place].answer is not None:
            return None
        return self._sent[place]

    def _pop(self) -> Entry:
        """The first entry, which is done."""
        entry = self._entries.popleft()
        self._bytes -= entry.size
        self.done += 1
        if self._sent and self._sent[0] is entry:
            self._sent.popleft()
            self._first_sequence += 1
        return entry
