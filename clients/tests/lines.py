"""JSONL lines that every example accepts, and lines that every example rejects."""

import json
import re
from pathlib import Path

ID_TABLE = Path(__file__).resolve().parents[2] / "tests" / "data" / "id_forms" / "ids.json"
MAX_MESSAGE_BYTES = 32 << 20


def ids() -> list[tuple[str, object]]:
    """Returns the id forms of the table: the JSON of each id verbatim, such as 7.0 and 1e3, and the expected result."""
    text = ID_TABLE.read_text(encoding="utf-8")
    values = text[text.index('"values"') : text.index('"texts"')]
    rows = [(id, json.loads(becomes)) for id, becomes in re.findall(r'{"id": (.+), "becomes": (.+)},?\n', values)]
    assert len(rows) == len(json.loads(text)["values"])
    return rows


# A line and the payload that is stored.
GOOD_LINES: list[tuple[bytes, dict]] = [
    (b'{"text": "no other field"}', {}),
    (b'{"text": "a line of Windows"}\r', {}),
    (b' \t{"text" :"blanks",\r"n":\t[ 1 , 2 ] } \t', {"n": [1, 2]}),
    ('{"text": "line separators: \u2028 \u2029 \u0085", "n": "\u2028"}'.encode(), {"n": "\u2028"}),
    (rb'{"text": "a pair: \ud83d\ude00 \uD83D\uDE00", "n": "\\ud83d \" \\"}', {"n": '\\ud83d " \\'}),
    (
        b'{"text": "integers", "n": [9007199254740993, 9223372036854775807, -9223372036854775808, 0, -1]}',
        {"n": [9007199254740993, 9223372036854775807, -9223372036854775808, 0, -1]},
    ),
    (b'{"text": "deep integers", "a": {"b": [{"n": 9007199254740993}]}}', {"a": {"b": [{"n": 9007199254740993}]}}),
    (b'{"text": "whole numbers", "n": [1.0, 1e0, 10e-1, 1e3]}', {"n": [1, 1, 1, 1000]}),
    (
        b'{"text": "doubles", "n": [0.1, -2.5e-3, 1.7976931348623157e308]}',
        {"n": [0.1, -2.5e-3, 1.7976931348623157e308]},
    ),
    (b'{"text": "names", "": 1, "__proto__": 2, "constructor": 3, "a.b": 4, "\\n": 5}', None),
    (b'{"text": "brackets", "n": "}],:{[\\"", "m": {"text": "}", "id": ["]"]}}', None),
    (b'{"text": "other values", "a": null, "b": true, "c": [], "d": {}, "e": "<&>"}', None),
    (b'{"text": "no id", "id": null}', {}),
]
# A payload of None above stands for all fields of the line except the text.
GOOD_LINES = [
    (line, payload if payload is not None else {key: value for key, value in json.loads(line).items() if key != "text"})
    for line, payload in GOOD_LINES
]


def deep(levels: int) -> bytes:
    return b'{"text": "deep", "n": ' + b"[" * levels + b"]" * levels + b"}"


# A line, and the field of its rejection or part of the message.
BAD_LINES: list[tuple[bytes, str]] = [
    (b"not JSON", "JSON"),
    (b'{"text": "no end"', "JSON"),
    (b'{"text": "no end', "JSON"),
    (b'{"text": "a comma too many",}', "JSON"),
    (b'{"text": "two"} {"text": "objects"}', "JSON"),
    (b'{"text": "one"}\0', "JSON"),
    (b"{'text': 'other quotes'}", "JSON"),
    (b'{text: "no quotes"}', "JSON"),
    (b'{"text": "a comment"} // here', "JSON"),
    (b'{"text": "a control character: \x01"}', "JSON"),
    (b'{"text": "no such escape: \\x"}', "JSON"),
    (b'{"text": "zeros", "n": 01}', "JSON"),
    (b'{"text": "a plus", "n": +1}', "JSON"),
    (b'{"text": "a point", "n": 1.}', "JSON"),
    (b'{"text": "a point", "n": .5}', "JSON"),
    (b'{"text": "hexadecimal", "n": 0x10}', "JSON"),
    (b'{"text": "not a number", "n": NaN}', "JSON"),
    (b'{"text": "not a number", "n": [nan]}', "JSON"),
    (b'{"text": "not finite", "n": Infinity}', "JSON"),
    (b'{"text": "not finite", "n": -Infinity}', "JSON"),
    (b'[{"text": "a list"}]', "JSON object"),
    (b'"a string"', "JSON object"),
    (b"7", "JSON object"),
    (b"null", "JSON object|text"),
    # Text.
    (b"{}", "text"),
    (b'{"id": 1}', "text"),
    (b'{"text": 5}', "text"),
    (b'{"text": null}', "text"),
    (b'{"text": ["a"]}', "text"),
    (b'{"text": {"text": "a"}}', "text"),
    (b'{"text": "\\u200b\\ufeff"}', "text"),
    # UTF-8.
    (b'{"text": "Latin-1: caf\xe9"}', "UTF-8|encoding"),
    (b'{"text": "payload", "n": "caf\xe9"}', "UTF-8|encoding"),
    (b'{"text": "name", "caf\xe9": 1}', "UTF-8|encoding"),
    (b'{"text": "overlong: \xc0\xaf"}', "UTF-8|encoding"),
    (b'{"text": "surrogate: \xed\xa0\x80"}', "UTF-8|encoding"),
    (b'{"text": "cut: \xf0\x9f\x98"}', "UTF-8|encoding"),
    ('{"text": "UTF-16"}'.encode("utf-16"), "UTF-8|JSON"),
    (rb'{"text": "\ud800"}', "surrogate"),
    (rb'{"text": "\udc00"}', "surrogate"),
    (rb'{"text": "\ude00\ud83d"}', "surrogate"),
    (rb'{"text": "\\\ud83d\n"}', "surrogate"),
    (rb'{"text": "payload", "n": ["\ud83dx"]}', "surrogate"),
    (rb'{"text": "name", "n": {"\uDC00": 1}}', "surrogate"),
    (rb'{"text": "id", "id": "\ud800"}', "surrogate"),
    # Keys.
    (b'{"text": "one", "text": "two"}', "text"),
    (b'{"text": "same", "year": 1, "year": 1}', "year"),
    (b'{"text": "differ", "year": 1, "\\u0079ear": 2}', "year"),
    (b'{"text": "far", "a": {"b": 1}, "c": [], "a": 3}', "a"),
    (b'{"text": "prototype", "__proto__": 1, "__proto__": 1}', "__proto__"),
    (b'{"text": "nested", "a": [{"year": 1, "year": 1}]}', r"payload\.a\[0\]\.year"),
    (b'{"text": "ids", "id": 1, "id": 2}', "id"),
    (b'{"text": "keys of an id", "id": {"key": "a", "key": "b"}}', r"id(\.key)?"),
    (b'{"text": "reserved", "_splade_key": 1}', r"payload\._splade_key"),
    # Numbers.
    (b'{"text": "beyond 64 bits", "n": 18446744073709551616}', r"payload\.n"),
    (b'{"text": "beyond int64", "n": [9223372036854775808]}', r"payload\.n\[0\]"),
    (b'{"text": "beyond int64", "n": {"m": -9223372036854775809}}', r"payload\.n\.m"),
    (b'{"text": "beyond double", "n": 1e400}', r"payload\.n|JSON"),
    # Size.
    (deep(33), r"payload\.n\S*"),
    (deep(1_000), r"payload\S*|JSON"),
    (deep(100_000), r"payload\S*|JSON"),
    (b'{"text": "too many brackets", "n": ' + b"[" * 1_000_000, "JSON"),
    (b'{"text": "' + b"x" * (2 << 20) + b'"}', "text"),
    (b'{"text": "payload", "n": "' + b"<" * (20 << 20) + b'"}', "payload|bytes"),
    (b'{"text": "' + b"x" * MAX_MESSAGE_BYTES + b'"}', "bytes"),
    (b'{"text": "payload", "n": "' + b"x" * (2 * MAX_MESSAGE_BYTES) + b'"}', "bytes"),
]
