"""Validation of values before they are sent, and the errors of invalid values."""

from __future__ import annotations

from typing import Any

from splade_sidecar.types import DocumentId, ItemError

INVALID_ARGUMENT = 3
"""Canonical status code (google.rpc.Code) of items that the client rejects."""
MALFORMED_DOCUMENT = "MALFORMED_DOCUMENT"
TEXT_TOO_LONG = "TEXT_TOO_LONG"
MAX_NAME_CHARACTERS = 64
MAX_FIELD_CHARACTERS = 512


class InvalidValueError(ValueError):
    """Error of a value that can't be sent. Streams reject the item with this value; unary calls raise the error."""

    def __init__(self, field: str, problem: str, reason: str = MALFORMED_DOCUMENT) -> None:
        super().__init__(field, problem, reason)
        self.field, self.problem, self.reason = field, problem, reason

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}" if self.field else self.problem

    def within(self, parent: str) -> InvalidValueError:
        """Prepends the path of the enclosing value to the field: `[3].name` within `tags` becomes `tags[3].name`."""
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
    """Error of a document or deletion that can't be sent, with its id and position if these are valid."""

    def __init__(self, error: Exception, id: DocumentId | None, position: str = "") -> None:
        super().__init__(error, id, position)
        self.error, self.id, self.position = error, id, position


def printable(text: str) -> str:
    """Shortens a text for an error message and escapes lone surrogates, so that it can be printed."""
    if len(text) > MAX_NAME_CHARACTERS:
        text = text[:MAX_NAME_CHARACTERS] + "…"
    return text.encode("utf-8", "backslashreplace").decode()


def type_name(value: Any) -> str:
    """Returns the name of a value's type for an error message."""
    return "None" if value is None else type(value).__name__


def plain_str(given: Any, field: str) -> str:
    """Converts a str or an instance of a subclass, such as numpy's, to a plain str.

    Raises InvalidValueError for another type and for a lone surrogate, which UTF-8 can't represent.
    """
    if not isinstance(given, str):
        remedy = "; decode it first" if isinstance(given, (bytes, bytearray)) else ""
        raise InvalidValueError(field, f"expected a str, got {type_name(given)}{remedy}")
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
            f"lone surrogate (U+{ord(text[error.start]):04X}) at character {error.start} can't be encoded as UTF-8; "
            "read the file with its actual encoding, or replace the surrogate: text.encode(errors='replace').decode()"
        )
        raise InvalidValueError(field, problem) from None


def unexpected(error: Exception) -> InvalidValueError:
    """Converts an exception that was raised by the code of a caller's value."""
    try:
        message = printable(str(error))
    except Exception:
        message = ""
    problem = f"reading the item failed ({type(error).__name__}: {message}); pass str, numbers, lists and dicts"
    return InvalidValueError("", problem)
