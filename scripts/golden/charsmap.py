"""Builds a small charsmap for the Precompiled normalizer of SentencePiece. Real ones have hundreds of kilobytes."""

import base64
import struct

LEAF = 1 << 8


def build_charsmap(source: str, target: str) -> str:
    """Returns a base64-encoded charsmap that replaces one character: a double-array trie, followed by the replacements.

    `source` is a multi-byte character. The unit of byte n is at index n + 1 of the trie.
    """
    key = source.encode()
    units = [0] * 256
    units[0] = encode_offset(0, key[0] ^ 1)
    for index, byte in enumerate(key, start=1):
        is_last = index == len(key)
        following = index + 1 if is_last else key[index] ^ (index + 1)
        units[index] = encode_offset(index, following) | byte | (LEAF if is_last else 0)
    # The value is the offset of the replacement.
    units[len(key) + 1] = 0
    trie = struct.pack(f"<{len(units)}I", *units)
    return base64.b64encode(struct.pack("<I", len(trie)) + trie + target.encode() + b"\0").decode()


def encode_offset(index: int, following: int) -> int:
    """Returns the offset bits of the unit at `index`, whose child is at `following`."""
    return (index ^ following) << 10
