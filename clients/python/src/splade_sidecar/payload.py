"""Payloads: Python values to the text of a JSON object, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from splade_sidecar.validation import InvalidValueError, check_unicode, describe_type, plain_str, printable

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
# More than any server takes (--max-payload-depth is at most 32), and far less than Python's recursion limit.
MAX_DEPTH = 100
# Of 10**18, the largest power of ten within 64 bits.
MAX_DECIMAL_EXPONENT = 18
DOUBLE_BYTES = 8

_WRITE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode


def payload_json(given: Any) -> str:
    """The text of a payload. Raises InvalidValueError, with the path of the value, for what JSON or the server can't hold."""
    if not isinstance(given, Mapping):
        raise InvalidValueError("payload", f"it is {describe_type(given)}; give a mapping, such as a dict")
    return _WRITE(plain_value(given, "payload"))


def plain_value(given: Any, path: str) -> Any:
    """A value of None, bool, int, float, str, list and dict alone. Raises InvalidValueError for what can't become one."""
    try:
        return _value(given, [])
    except InvalidValueError as error:
        raise error.within(path) from None


def parse_payload(text: str) -> dict[str, Any] | None:
    """A payload as the server returned it, its integers exact. None if it is nested deeper than Python parses."""
    try:
        parsed: dict[str, Any] = json.loads(text)
    except RecursionError:
        return None
    return parsed


def _value(given: Any, parents: list[Any]) -> Any:
    """`parents` are the containers that the value is in, outermost first."""
    exact = type(given)
    if exact is str:
        if not given.isascii():
            check_unicode(given, "")
        return given
    if exact is int:
        return _integer(given)
    if exact is float:
        return _float(given)
    if given is None or exact is bool:
        return given
    if exact is dict:
        return _mapping(given, parents)
    if exact is list or exact is tuple:
        return _sequence(given, parents)
    return _other(given, parents)


def _other(given: Any, parents: list[Any]) -> Any:
    """The types that JSON doesn't have."""
    if isinstance(given, Enum):
        return _value(given.value, parents)
    if isinstance(given, str):
        return plain_str(given, "")
    if type(given).__name__ in ("NAType", "NaTType"):
        # pandas' markers of a missing value; NaT is a datetime too.
        return None
    if isinstance(given, int):
        return _integer(int(given))
    if isinstance(given, float):
        return _float(float(given))
    if isinstance(given, Decimal):
        return _decimal(given)
    if isinstance(given, UUID):
        return str(given)
    if isinstance(given, datetime):
        return _datetime(given)
    if isinstance(given, (date, time)):
        return given.isoformat()
    if isinstance(given, timedelta):
        raise InvalidValueError("", "it is a timedelta, which JSON doesn't have; give .total_seconds()")
    if isinstance(given, (bytes, bytearray, memoryview)):
        raise InvalidValueError("", f"it is {describe_type(given)}; decode it to a str, or encode it as base64")
    if hasattr(given, "dtype") and hasattr(given, "tolist"):
        return _array(given, parents)
    if isinstance(given, Mapping):
        return _mapping(given, parents)
    if isinstance(given, Set):
        raise InvalidValueError("", "it is a set, which has no order; give a list, such as sorted(…)")
    if isinstance(given, Sequence):
        return _sequence(given, parents)
    remedy = (
        "give dataclasses.asdict(…)" if hasattr(given, "__dataclass_fields__") else "give a str, number, list or dict"
    )
    raise InvalidValueError("", f"it is {describe_type(given)}, which JSON doesn't have; {remedy}")


def _integer(given: int) -> int:
    if MIN_INTEGER <= given <= MAX_INTEGER:
        return given
    raise InvalidValueError("", "it is an integer beyond 64 bits (-2**63 to 2**63 - 1); give a str")


def _float(given: float) -> float:
    if math.isfinite(given):
        return given
    raise InvalidValueError("", f"it is {given}, which JSON doesn't have; leave it out, or give None or a finite number")


def _decimal(given: Decimal) -> int | float:
    """Integral, it is exact; else the nearest double."""
    if not given.is_finite():
        raise InvalidValueError("", f"it is {given}, which JSON doesn't have; leave it out, or give None or a finite number")
    # The exponent is looked at first: the int of 1E+1000000 would take all memory.
    if given.adjusted() > MAX_DECIMAL_EXPONENT:
        raise InvalidValueError("", "it is an integer beyond 64 bits (-2**63 to 2**63 - 1); give a str")
    if given == given.to_integral_value():
        return _integer(int(given))
    return _float(float(given))


def _datetime(given: datetime) -> str:
    """RFC 3339, or ISO 8601 without an offset where it has no time zone."""
    offset = given.utcoffset()
    if offset is not None and offset % timedelta(minutes=1):
        # Historical offsets have seconds, which RFC 3339 doesn't.
        given = given.astimezone(timezone.utc)
    return given.isoformat()


def _array(given: Any, parents: list[Any]) -> Any:
    """Arrays and scalars of numpy, and what has the same methods, such as pandas' Series and tensors."""
    dtype_kind = getattr(given.dtype, "kind", "")
    if dtype_kind == "V":
        raise InvalidValueError("", "it is a structured array; give a list of dicts")
    if dtype_kind and getattr(given, "ndim", 1) == 0:
        return _scalar(given, dtype_kind, parents)
    if dtype_kind in ("M", "m") or (dtype_kind == "f" and given.dtype.itemsize > DOUBLE_BYTES):
        # tolist() makes integers of numpy's times, and leaves its long doubles as they are.
        return _sequence(given, parents)
    values = given.tolist()
    if isinstance(values, list):
        _push_parent(given, parents)
        values = _sequence(values, parents)
        parents.pop()
        return values
    if hasattr(values, "dtype"):
        raise InvalidValueError("", f"it is {describe_type(given)}, which JSON doesn't have; give a str, number, list or dict")
    return _value(values, parents)


def _scalar(given: Any, dtype_kind: str, parents: list[Any]) -> Any:
    if dtype_kind == "b":
        return bool(given)
    if dtype_kind in ("i", "u"):
        return _integer(int(given))
    if dtype_kind == "f":
        return _float(float(given))
    if dtype_kind == "U":
        return plain_str(str(given), "")
    if dtype_kind == "M":
        # ISO 8601 without an offset. NaT is a missing value, as pandas' is, and not equal to itself.
        return str(given) if given == given else None
    if dtype_kind == "O":
        return _value(given.item(), parents)
    raise InvalidValueError("", f"it is of numpy's type {given.dtype}, which JSON doesn't have; give a str or a number")


def _mapping(given: Mapping[Any, Any], parents: list[Any]) -> dict[str, Any]:
    _push_parent(given, parents)
    converted: dict[str, Any] = {}
    for key, value in given.items():
        if not isinstance(key, str):
            raise InvalidValueError("", f"it has a key of type {type(key).__name__} ({_format_key(key)}); make every key a str")
        try:
            name = plain_str(key, "")
            if name in converted:
                raise InvalidValueError("", "the mapping has this key twice; leave one out")
            converted[name] = _value(value, parents)
        except InvalidValueError as error:
            raise error.within(f".{printable(key)}") from None
    parents.pop()
    return converted


def _sequence(given: Any, parents: list[Any]) -> list[Any]:
    _push_parent(given, parents)
    converted: list[Any] = []
    for value in given:
        try:
            converted.append(_value(value, parents))
        except InvalidValueError as error:
            raise error.within(f"[{len(converted)}]") from None
    parents.pop()
    return converted


def _push_parent(given: Any, parents: list[Any]) -> None:
    if any(parent is given for parent in parents):
        raise InvalidValueError("", "it contains itself; give values without cycles")
    if len(parents) >= MAX_DEPTH:
        raise InvalidValueError("", f"it is nested more than {MAX_DEPTH} levels deep; make it flatter")
    parents.append(given)


def _format_key(key: Any) -> str:
    try:
        return printable(repr(key))
    except Exception:
        return "…"
