"""Errors in values that can't be sent to the server, and how they are worded."""

from __future__ import annotations

from typing import Any

from splade_sidecar.types import DocumentId, ItemError

INVALID_ARGUMENT = 3
"""Canonical status code (google.rpc.Code) of the items that are rejected here."""
MALFORMED_DOCUMENT = "MALFORMED_DOCUMENT"
TEXT_TOO_LONG = "TEXT_TOO_LONG"
MAX_NAME_CHARACTERS = 64
MAX_FIELD_CHARACTERS = 512


class InvalidValueError(ValueError):
    """A value that can't be sent. Streams reject the item that holds it; other calls raise it."""

    def __init__(self, field: str, problem: str, reason: str = MALFORMED_DOCUMENT) -> None:
        super().__init__(field, problem, reason)
        self.field, self.problem, self.reason = field, problem, reason

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}" if self.field else self.problem

    def within(self, parent: str) -> InvalidValueError:
        """The same error, its field seen from the value that holds it: `[3].name` is `tags[3].name` within `tags`."""
        separator = "." if self.field and not self.field.startswith(("[", ".")) else ""
        self.field = f"{parent}{separator}{self.field}"
        return self

    def item_error(self) -> ItemError:
        """Returns the error of the rejected item."""
        field = self.field
        if len(field) > MAX_FIELD_CHARACTERS:
            field = field[:MAX_FIELD_CHARACTERS] + "…"
        return ItemError(INVALID_ARGUMENT, self.reason, field, self.problem)


class InvalidItemError(Exception):
    """A document or deletion that can't be sent, with its id and position if they can be read."""

    def __init__(self, error: Exception, id: DocumentId | None, position: str = "") -> None:
        super().__init__(error, id, position)
        self.error, self.id, self.position = error, id, position


def printable(text: str) -> str:
    """A name for a message: short, and with lone surrogates escaped, so that it can be printed."""
    if len(text) > MAX_NAME_CHARACTERS:
        text = text[:MAX_NAME_CHARACTERS] + "…"
    return text.encode("utf-8", "backslashreplace").decode()


def describe_type(value: Any) -> str:
    """What a value is, for a message."""
    return "None" if value is None else f"of type {type(value).__name__}"


def plain_str(given: Any, field: str) -> str:
    """A str that can be sent as UTF-8; of a subclass, such as numpy's, its characters.

    Raises InvalidValueError for another type and for a lone surrogate.
    """
    if not isinstance(given, str):
        remedy = "decode it first" if isinstance(given, (bytes, bytearray)) else "give a str"
        raise InvalidValueError(field, f"it is {describe_type(given)}; {remedy}")
    text = given if type(given) is str else str.__str__(given)
    if not text.isascii():
        check_unicode(text, field)
    return text


def check_unicode(text: str, field: str) -> None:
    """Raises InvalidValueError for a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        problem = (
            f"it has a lone surrogate (U+{ord(text[error.start]):04X}) at character {error.start}, which UTF-8 can't "
        )
        problem += "hold; read the file in its own encoding, or replace it: text.encode(errors='replace').decode()"
        raise InvalidValueError(field, problem) from None


def unexpected(error: Exception) -> InvalidValueError:
    """What is made of an exception that a value's own code has raised."""
    try:
        words = printable(str(error))
    except Exception:
        words = ""
    return InvalidValueError("", f"it can't be read ({type(error).__name__}: {words}); give a str and plain JSON values")
