"""Conversion of payloads between Python values and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from splade_sidecar.validation import InvalidValueError, check_unicode, plain_str, printable, type_name

MIN_INTEGER = -(2**63)
MAX_INTEGER = 2**63 - 1
# Higher than the limit of any server (--max-payload-depth is at most 32) and far below Python's recursion limit.
MAX_DEPTH = 100
# 10**18 is the highest power of ten in a signed 64-bit integer.
MAX_DECIMAL_EXPONENT = 18
DOUBLE_BYTES = 8

_WRITE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode


def payload_json(given: Any) -> str:
    """Serializes a payload. Raises InvalidValueError, with the path, for a value that can't be stored as JSON."""
    if not isinstance(given, Mapping):
        raise InvalidValueError("payload", f"expected a mapping, such as a dict, got {type_name(given)}")
    return _WRITE(plain_value(given, "payload"))


def plain_value(given: Any, path: str) -> Any:
    """Converts a value to plain JSON types. Raises InvalidValueError, with the path, for unsupported values."""
    try:
        return _value(given, [])
    except InvalidValueError as error:
        raise error.within(path) from None


def parse_payload(text: str) -> dict[str, Any] | None:
    """Parses a payload from the server. Integers are exact. None if the nesting exceeds Python's recursion limit."""
    try:
        parsed: dict[str, Any] = json.loads(text)
    except RecursionError:
        return None
    return parsed


def _value(given: Any, parents: list[Any]) -> Any:
    """Converts a value. `parents` are the containers around it, outermost first."""
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
    """Converts values of types that JSON doesn't have, and of subclasses."""
    if isinstance(given, Enum):
        return _value(given.value, parents)
    if isinstance(given, str):
        return plain_str(given, "")
    if type(given).__name__ in ("NAType", "NaTType"):
        # pandas' missing values. Checked before datetime, because NaT is one.
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
        raise InvalidValueError("", "timedelta can't be stored as JSON; pass .total_seconds()")
    if isinstance(given, (bytes, bytearray, memoryview)):
        raise InvalidValueError(
            "", f"{type_name(given)} can't be stored as JSON; decode it to a str, or encode it as base64"
        )
    if hasattr(given, "dtype") and hasattr(given, "tolist"):
        return _array(given, parents)
    if isinstance(given, Mapping):
        return _mapping(given, parents)
    if isinstance(given, Set):
        raise InvalidValueError("", "sets can't be stored as JSON; pass a list, such as sorted(…)")
    if isinstance(given, Sequence):
        return _sequence(given, parents)
    remedy = (
        "pass dataclasses.asdict(…)" if hasattr(given, "__dataclass_fields__") else "pass a str, number, list or dict"
    )
    raise InvalidValueError("", f"type {type_name(given)} can't be stored as JSON; {remedy}")


def _integer(given: int) -> int:
    if MIN_INTEGER <= given <= MAX_INTEGER:
        return given
    raise InvalidValueError("", "integer exceeds 64 bits (-2**63 to 2**63 - 1); pass a str")


def _float(given: float) -> float:
    if math.isfinite(given):
        return given
    raise InvalidValueError("", f"{given} can't be stored as JSON; omit it, or pass None or a finite number")


def _decimal(given: Decimal) -> int | float:
    """Converts an integral Decimal exactly, any other to the nearest double."""
    if not given.is_finite():
        raise InvalidValueError("", f"{given} can't be stored as JSON; omit it, or pass None or a finite number")
    # Checks the exponent first, because int(Decimal("1E+1000000")) would exhaust memory.
    if given.adjusted() > MAX_DECIMAL_EXPONENT:
        raise InvalidValueError("", "integer exceeds 64 bits (-2**63 to 2**63 - 1); pass a str")
    if given == given.to_integral_value():
        return _integer(int(given))
    return _float(float(given))


def _datetime(given: datetime) -> str:
    """Formats a datetime as RFC 3339, or as ISO 8601 without offset if it has no time zone."""
    offset = given.utcoffset()
    if offset is not None and offset % timedelta(minutes=1):
        # RFC 3339 doesn't allow the seconds of historical offsets.
        given = given.astimezone(timezone.utc)
    return given.isoformat()


def _array(given: Any, parents: list[Any]) -> Any:
    """Converts numpy arrays and scalars, and objects with the same interface, such as pandas' Series and tensors."""
    dtype_kind = getattr(given.dtype, "kind", "")
    if dtype_kind == "V":
        raise InvalidValueError("", "structured arrays can't be stored as JSON; pass a list of dicts")
    if dtype_kind and getattr(given, "ndim", 1) == 0:
        return _scalar(given, dtype_kind, parents)
    if dtype_kind in ("M", "m") or (dtype_kind == "f" and given.dtype.itemsize > DOUBLE_BYTES):
        # tolist() would convert numpy's times to integers, and it doesn't convert long doubles.
        return _sequence(given, parents)
    values = given.tolist()
    if isinstance(values, list):
        _push_parent(given, parents)
        values = _sequence(values, parents)
        parents.pop()
        return values
    if hasattr(values, "dtype"):
        raise InvalidValueError(
            "", f"type {type_name(given)} can't be stored as JSON; pass a str, number, list or dict"
        )
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
        # ISO 8601 without offset. NaT, the missing value, is not equal to itself.
        return str(given) if given == given else None
    if dtype_kind == "O":
        return _value(given.item(), parents)
    raise InvalidValueError("", f"numpy dtype {given.dtype} can't be stored as JSON; pass a str or a number")


def _mapping(given: Mapping[Any, Any], parents: list[Any]) -> dict[str, Any]:
    _push_parent(given, parents)
    converted: dict[str, Any] = {}
    for key, value in given.items():
        if not isinstance(key, str):
            raise InvalidValueError("", f"expected str keys, got {type(key).__name__} ({_format_key(key)})")
        try:
            name = plain_str(key, "")
            if name in converted:
                raise InvalidValueError("", "duplicate key; remove one")
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
        raise InvalidValueError("", "circular reference: the value contains itself; remove the cycle")
    if len(parents) >= MAX_DEPTH:
        raise InvalidValueError("", f"nested more than {MAX_DEPTH} levels deep; flatten the value")
    parents.append(given)


def _format_key(key: Any) -> str:
    try:
        return printable(repr(key))
    except Exception:
        return "…"
