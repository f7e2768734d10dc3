"""Validation of integers of any numeric type: int, float, Decimal and numpy's scalars."""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import Any

from splade_sidecar.validation import InvalidValueError, printable, type_name

# Largest integer below which no two integers round to the same float, by the size of numpy's dtype in bytes.
MAX_EXACT = {2: 2**11 - 1, 4: 2**24 - 1}
MAX_EXACT_FLOAT = 2**53 - 1
# Maximum number of decimal digits of a 64-bit integer.
MAX_DIGITS = 20


def check_integer(given: Any, field: str, minimum: int, maximum: int, expected: str) -> int:
    """Converts a value to an integer from `minimum` to `maximum`.

    The bounds are 0, powers of two, or powers of two minus 1. Raises InvalidValueError for any other value, including a
    float that may have been rounded. `expected` is the part of the error message that describes valid values.
    """
    number = _to_int(given, field, expected)
    if not minimum <= number <= maximum:
        shown = str(number) if abs(number) < 10**40 else "the integer"
        bounds = f"{_format_bound(minimum)} to {_format_bound(maximum)}"
        raise InvalidValueError(field, f"{shown} is not in the range {bounds}; {expected}")
    return number


def _format_bound(bound: int) -> str:
    """Formats a bound as a power of two, such as `2**63 - 1`."""
    if bound > 0:
        return f"2**{bound.bit_length()} - 1"
    return f"-2**{bound.bit_length() - 1}" if bound else "0"


def _to_int(given: Any, field: str, expected: str) -> int:
    wrong_type = InvalidValueError(field, f"{expected}, got {type_name(given)}")
    # numpy's scalars and zero-dimensional arrays are not instances of bool, int or float.
    dtype_kind = getattr(getattr(given, "dtype", None), "kind", None)
    if isinstance(given, bool) or dtype_kind == "b":
        raise wrong_type
    if isinstance(given, float) or dtype_kind == "f":
        number = float(given)
        exact = MAX_EXACT.get(given.dtype.itemsize, MAX_EXACT_FLOAT) if dtype_kind == "f" else MAX_EXACT_FLOAT
        if not number.is_integer() or abs(number) > exact:
            problem = "may have been rounded" if abs(number) > exact else "is not an integer"
            raise InvalidValueError(field, f"{number} {problem}; {expected}")
        return int(number)
    if isinstance(given, Decimal):
        # Checks the exponent first, because int(Decimal("1E+1000000")) would exhaust memory.
        if not given.is_finite() or given.adjusted() > MAX_DIGITS or given != given.to_integral_value():
            raise InvalidValueError(field, f"{printable(str(given))} is not a 64-bit integer; {expected}")
        return int(given)
    try:
        return operator.index(given)
    except TypeError:
        raise wrong_type from None
