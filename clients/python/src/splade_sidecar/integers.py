"""Integers in the types that Python programs have them in: Python's own, numpy's, and decimals."""

from __future__ import annotations

import operator
from decimal import Decimal
from typing import Any

from splade_sidecar.refusal import Unsendable, kind, printable

# Up to here each whole number has a float of its own, by the bytes of numpy's type. Python's float has 8.
MAX_EXACT = {2: 2**11 - 1, 4: 2**24 - 1}
MAX_EXACT_FLOAT = 2**53 - 1
# No integer of 64 bits has more decimal digits.
MAX_DIGITS = 20


def integer(given: Any, field: str, minimum: int, maximum: int, expected: str) -> int:
    """Returns an integer within bounds, which are powers of two, or the numbers before.

    Raises Unsendable for anything else. `expected` ends the message. A float is refused if it may have been rounded.
    """
    number = _whole(given, field, expected)
    if not minimum <= number <= maximum:
        shown = str(number) if abs(number) < 10**40 else "it"
        raise Unsendable(field, f"{shown} is not from {_power(minimum)} to {_power(maximum)}; {expected}")
    return number


def _power(bound: int) -> str:
    """Returns a bound as people write it, such as `2**63 - 1`."""
    if bound > 0:
        return f"2**{bound.bit_length()} - 1"
    return f"-2**{bound.bit_length() - 1}" if bound else "0"


def _whole(given: Any, field: str, expected: str) -> int:
    refused = Unsendable(field, f"it is {kind(given)}; {expected}")
    # numpy's scalars, and arrays without dimensions: numpy.bool is no int, numpy.float32 no float.
    dtype_kind = getattr(getattr(given, "dtype", None), "kind", None)
    if isinstance(given, bool) or dtype_kind == "b":
        raise refused
    if isinstance(given, float) or dtype_kind == "f":
        number = float(given)
        exact = MAX_EXACT.get(given.dtype.itemsize, MAX_EXACT_FLOAT) if dtype_kind == "f" else MAX_EXACT_FLOAT
        if not number.is_integer() or abs(number) > exact:
            problem = "may have been rounded" if abs(number) > exact else "is not whole"
            raise Unsendable(field, f"{number} {problem}; {expected}")
        return int(number)
    if isinstance(given, Decimal):
        # The exponent is looked at first: the int of 1E+1000000 would take all memory.
        if not given.is_finite() or given.adjusted() > MAX_DIGITS or given != given.to_integral_value():
            raise Unsendable(field, f"{printable(str(given))} is not a whole number of 64 bits; {expected}")
        return int(given)
    try:
        return operator.index(given)
    except TypeError:
        raise refused from None
