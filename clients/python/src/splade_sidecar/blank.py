"""Texts that hold nothing to encode, by the server's own rule for every model (reason EMPTY_TEXT)."""

from __future__ import annotations

import re

# White space, control characters, Unicode's Default_Ignorable_Code_Point, the interlinear annotation marks and the
# blank braille pattern, as in src/types/blank.rs. Spelled out, since Python's str.isspace() and its Unicode tables
# differ from the server's.
_BLANK = re.compile(
    "[\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f-\u1160\u1680\u17b4-\u17b5\u180b-\u180f"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)


def is_blank(text: str) -> bool:
    """Whether a text shows nothing: it is empty, or has only white space, control characters and invisible ones."""
    return _BLANK.fullmatch(text) is not None
