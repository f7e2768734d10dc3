"""Ids as Python has them, and as the contract has them. The table of all kinds is tests/data/doors/ids.json."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from splade_sidecar.refusal import Unsendable, kind, plain_str, printable
from splade_sidecar.types import DocumentId, Key
from splade_sidecar.v1 import types_pb2 as types

# The only spelling of a UUID that is one in a plain string: 32 hexadecimal digits are more often a hash.
HYPHENATED = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
MAX_NUM = 2**64 - 1
EXPECTED = 'give an int from 0 to 2**64 - 1, a UUID, a str, or a mapping such as {"key": "a name"}'
# Up to here each whole number has a float of its own, by the bytes of numpy's type. Python's float has 8.
MAX_EXACT = {2: 2**11 - 1, 4: 2**24 - 1}
MAX_EXACT_FLOAT = 2**53 - 1


def document_id(given: Any, field: str = "id") -> types.DocumentId:
    """The contract's form of an id. Raises Unsendable for what is none."""
    if isinstance(given, Key):
        return types.DocumentId(key=plain_str(given, field))
    if isinstance(given, str):
        text = plain_str(given, field)
        if HYPHENATED.fullmatch(text):
            return types.DocumentId(uuid=text.lower())
        return types.DocumentId(key=text)
    if isinstance(given, UUID):
        return types.DocumentId(uuid=str(given))
    if isinstance(given, types.DocumentId):
        if given.WhichOneof("kind") is None:
            raise Unsendable(field, f"it is an empty DocumentId; {EXPECTED}")
        return given
    if isinstance(given, Mapping):
        return _explicit(given, field)
    return types.DocumentId(num=_num(given, field))


def _explicit(given: Mapping[Any, Any], field: str) -> types.DocumentId:
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
        return types.DocumentId(num=_num(value, f"{field}.num"))
    if name == "uuid" and isinstance(value, UUID):
        return types.DocumentId(uuid=str(value))
    text = plain_str(value, f"{field}.{name}")
    return types.DocumentId(uuid=text) if name == "uuid" else types.DocumentId(key=text)


def _num(given: Any, field: str) -> int:
    number = _whole(given, field)
    if not 0 <= number <= MAX_NUM:
        shown = str(number) if abs(number) < 10**40 else "it"
        raise Unsendable(field, f"{shown} is not from 0 to 2**64 - 1; {EXPECTED}")
    return number


def _whole(given: Any, field: str) -> int:
    """A whole number of Python, numpy or decimal. A float may have been rounded beyond what its type holds exactly."""
    refused = Unsendable(field, f"it is {kind(given)}; {EXPECTED}")
    # numpy's scalars, and arrays without dimensions: numpy.bool is no int, numpy.float32 no float.
    dtype_kind = getattr(getattr(given, "dtype", None), "kind", None)
    if isinstance(given, bool) or dtype_kind == "b":
        raise refused
    if isinstance(given, float) or dtype_kind == "f":
        number = float(given)
        exact = MAX_EXACT.get(given.dtype.itemsize, MAX_EXACT_FLOAT) if dtype_kind == "f" else MAX_EXACT_FLOAT
        if not number.is_integer() or abs(number) > exact:
            problem = "may have been rounded" if abs(number) > exact else "is not whole"
            raise Unsendable(field, f"{number} {problem}; {EXPECTED}")
        return int(number)
    if isinstance(given, Decimal):
        # The exponent is looked at first: the int of 1E+1000000 would take all memory.
        if not given.is_finite() or given.adjusted() > 20 or given != given.to_integral_value():
            raise Unsendable(field, f"{printable(str(given))} is not a whole number from 0 to 2**64 - 1; {EXPECTED}")
        return int(given)
    try:
        return operator.index(given)
    except TypeError:
        raise refused from None


def python_id(given: types.DocumentId) -> DocumentId | None:
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
