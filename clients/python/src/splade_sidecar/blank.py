"""Detects blank texts, with the rule by which the server rejects texts for every model (reason EMPTY_TEXT)."""

from __future__ import annotations

import re

# White space, control characters, Unicode's Default_Ignorable_Code_Point, the interlinear annotation characters and the
# blank braille pattern, as in src/types/blank.rs. Listed explicitly because str.isspace() and Python's Unicode tables
# differ from the server's.
_BLANK = re.compile(
    "[\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f-\u1160\u1680\u17b4-\u17b5\u180b-\u180f"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]*"
)


def is_blank(text: str) -> bool:
    """Returns whether a text is empty or contains only white space, control characters and invisible characters."""
    return _BLANK.fullmatch(text) is not None
