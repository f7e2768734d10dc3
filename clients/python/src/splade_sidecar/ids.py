"""Ids as Python has them, and as the contract has them. The table of all kinds is tests/data/id_forms/ids.json."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from splade_sidecar.integers import integer
from splade_sidecar.refusal import Unsendable, plain_str, printable
from splade_sidecar.types import DocumentId, Key
from splade_sidecar.v1 import document_pb2 as documents

# The only spelling of a UUID that is one in a plain string: 32 hexadecimal digits are more often a hash.
HYPHENATED = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MAX_NUM = 2**64 - 1
EXPECTED = 'give an int from 0 to 2**64 - 1, a UUID, a str, or a mapping such as {"key": "a name"}'


def document_id(given: Any, field: str = "id") -> documents.DocumentId:
    """The contract's form of an id. Raises Unsendable for what is none."""
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
            raise Unsendable(field, f"it is an empty DocumentId; {EXPECTED}")
        return given
    if isinstance(given, Mapping):
        return _explicit(given, field)
    return documents.DocumentId(num=_num(given, field))


def _explicit(given: Mapping[Any, Any], field: str) -> documents.DocumentId:
    """An id in the contract's form, with exactly one field."""
    names = list(given)
    if len(names) != 1 or names[0] not in ("num", "uuid", "key"):
        raise Unsendable(field, f"it is a mapping without exactly one of `num`, `uuid` and `key`; {EXPECTED}")
    [name] = names
    value = given[name]
    if name == "num":
        if isinstance(value, str):
            # The JSON form of the contract has numbers of 64 bits as strings.
            if not re.fullmatch("[0-9]{1,20}", value):
                raise Unsendable(f"{field}.num", f"`{printable(value)}` is no number of 64 bits; {EXPECTED}")
            value = int(value)
        return documents.DocumentId(num=_num(value, f"{field}.num"))
    if name == "uuid" and isinstance(value, UUID):
        return documents.DocumentId(uuid=str(value))
    text = plain_str(value, f"{field}.{name}")
    return documents.DocumentId(uuid=text) if name == "uuid" else documents.DocumentId(key=text)


def _num(given: Any, field: str) -> int:
    return integer(given, field, 0, MAX_NUM, EXPECTED)


def python_id(given: documents.DocumentId) -> DocumentId | None:
    """An id as Python has it. Sent again, it is the same id: a name in the form of a UUID is a `Key`."""
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
