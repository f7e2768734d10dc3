"""Conversion of document ids between Python types and messages. tests/data/id_forms/ids.json lists all forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from splade_sidecar.integers import check_integer
from splade_sidecar.types import DocumentId, Key
from splade_sidecar.v1 import document_pb2 as documents
from splade_sidecar.validation import InvalidValueError, plain_str, printable

# Only a hyphenated string is a UUID: 32 hexadecimal digits without hyphens are more often a hash.
HYPHENATED = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MAX_NUM = 2**64 - 1
EXPECTED = 'expected an int from 0 to 2**64 - 1, a UUID, a str, or a mapping such as {"key": "a name"}'


def document_id(given: Any, field: str = "id") -> documents.DocumentId:
    """Converts an id to a message. Raises InvalidValueError for an invalid id."""
    if isinstance(given, Key):
        return documents.DocumentId(key=plain_str(given, field))
    if isinstance(given, str):
        text = plain_str(given, field)
        if HYPHENATED.fullmatch(text):
            return documents.DocumentId(uuid=text.lower())
        return documents.DocumentId(key=text)
    if isinstance(given, UUID):
        return documents.DocumentId(uuid=str(given))
    if isinstance(given, documents.DocumentId):
        if given.WhichOneof("kind") is None:
            raise InvalidValueError(field, f"the DocumentId is empty; {EXPECTED}")
        return given
    if isinstance(given, Mapping):
        return _explicit(given, field)
    return documents.DocumentId(num=_num(given, field))


def _explicit(given: Mapping[Any, Any], field: str) -> documents.DocumentId:
    """Converts a mapping with exactly one field of the `DocumentId` message."""
    names = list(given)
    if len(names) != 1 or names[0] not in ("num", "uuid", "key"):
        raise InvalidValueError(field, f"the mapping must have exactly one of `num`, `uuid` and `key`; {EXPECTED}")
    [name] = names
    value = given[name]
    if name == "num":
        if isinstance(value, str):
            # protobuf's JSON mapping represents 64-bit integers as strings.
            if not re.fullmatch("[0-9]{1,20}", value):
                raise InvalidValueError(f"{field}.num", f"`{printable(value)}` is not a 64-bit integer; {EXPECTED}")
            value = int(value)
        return documents.DocumentId(num=_num(value, f"{field}.num"))
    if name == "uuid" and isinstance(value, UUID):
        return documents.DocumentId(uuid=str(value))
    text = plain_str(value, f"{field}.{name}")
    return documents.DocumentId(uuid=text) if name == "uuid" else documents.DocumentId(key=text)


def _num(given: Any, field: str) -> int:
    return check_integer(given, field, 0, MAX_NUM, EXPECTED)


def python_id(given: documents.DocumentId) -> DocumentId | None:
    """Converts an id of a response to one that requests accept. A key in UUID form becomes a `Key`."""
    kind = given.WhichOneof("kind")
    if kind is None:
        return None
    value = getattr(given, kind)
    if kind == "uuid":
        try:
            return UUID(value)
        except ValueError:
            return None
    if kind == "key" and HYPHENATED.fullmatch(value):
        return Key(value)
    return cast("int | str", value)
