"""Builds a small table of SentencePiece's Precompiled normalizer: real ones have hundreds of kilobytes."""

import base64
import struct

LEAF = 1 << 8


def charsmap(source: str, target: str) -> str:
    """A table that replaces one character, in base64: a double-array trie, then the replacements.

    `source` is a character of several bytes. The unit of its byte number n lies at place n + 1 of the trie.
    """
    key = source.encode()
    units = [0] * 256
    units[0] = offset(0, key[0] ^ 1)
    for place, byte in enumerate(key, start=1):
        last = place == len(key)
        following = place + 1 if last else key[place] ^ (place + 1)
        units[place] = offset(place, following) | byte | (LEAF if last else 0)
    # The value is where its replacement begins.
    units[len(key) + 1] = 0
    trie = struct.pack(f"<{len(units)}I", *units)
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + target.encode() + b"\0").decode()


def offset(place: int, following: int) -> int:
    return (place ^ following) << 10
