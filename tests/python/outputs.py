"""Compares the documented output of a command with its actual output, value by value.

`…` marks omitted output: fields of an object, elements of a list, lines of text, or the end of a string. Everything
else must be equal, except for VARYING_FIELDS and VARYING_LINE.
"""

import json
import re
from typing import Any

OMITTED = "…"

# Fields whose values depend on the build, the run or the machine, with patterns of their values.
VARYING_FIELDS = {
    "version": r"\d+\.\d+\.\d+",
    "revision": r"\w+",
    "sha": r"\w+",
    "incarnation": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "nextPageToken": r"[\w-]+",
    "totalTimeNs": r"\d+",
    "tokenizationTimeNs": r"\d+",
    "queueTimeNs": r"\d+",
    "inferenceTimeNs": r"\d+",
    "tokenizationWorkers": r"\d+",
}

# Lines of ghz whose numbers are timings.
VARYING_LINE = re.compile(r"(Total|Slowest|Fastest|Average|Requests/sec): |\d+ % in ")

# Maximum difference of weights and scores, relative for values above 1: the order of additions depends on the CPU.
TOLERANCE = 1e-3


def check_output(shown: str, printed: str, is_json: bool) -> None:
    """Compares an output with its documentation.

    Raises AssertionError with the first difference.
    """
    if is_json:
        expected, is_complete = parse_shown(shown)
        compare_messages(expected, parse_json_values(printed), is_complete)
    else:
        compare_lines(shown, printed)


def parse_json_values(text: str) -> "list[Any]":
    """Returns the concatenated JSON values of a text."""
    position, found = 0, []
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        value, position = json.JSONDecoder().raw_decode(text, position)
        found.append(value)
    return found


def parse_shown(shown: str) -> "tuple[list[Any], bool]":
    """Returns the JSON values of a documented output, and whether it includes all values.

    An omission becomes the key `…` of an object or the element `…` of a list.
    """
    converted, open_brackets, is_complete = [], [], True
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|…|[^"…]', shown, re.DOTALL):
        if token == OMITTED and open_brackets:
            token = f'"{OMITTED}": true' if open_brackets[-1] == "{" else f'"{OMITTED}"'
        elif token == OMITTED:
            token, is_complete = "", False
        elif token in ("{", "["):
            open_brackets.append(token)
        elif token in ("}", "]"):
            open_brackets.pop()
        converted.append(token)
    return parse_json_values("".join(converted)), is_complete


def remove_omissions(value: Any) -> Any:
    """Returns a parsed value without markers of omissions."""
    if isinstance(value, dict):
        return {key: remove_omissions(field) for key, field in value.items() if key != OMITTED}
    if isinstance(value, list):
        return [remove_omissions(element) for element in value if element != OMITTED]
    return value


def compare_messages(shown: "list[Any]", printed: "list[Any]", is_complete: bool) -> None:
    """Compares lists of messages. Responses of a stream may be grouped differently."""
    if any("sequence" in result for message in shown for result in get_results(message)):
        # The grouping of results into responses depends on timing.
        compare(merge_responses(shown, is_complete), merge_responses(printed, True), "responses")
        return
    assert len(shown) == len(printed) or (not is_complete and len(shown) < len(printed)), (
        f"expected {len(shown)} messages, got {len(printed)}"
    )
    for number, (expected, value) in enumerate(zip(shown, printed)):
        compare(expected, value, f"message {number}")


def merge_responses(messages: "list[Any]", is_complete: bool) -> "dict[str, Any]":
    """Merges responses: results by sequence number, and the last value of each other field."""
    merged: dict[str, Any] = {} if is_complete else {OMITTED: True}
    by_sequence: dict[str, Any] = {} if is_complete else {OMITTED: True}
    for message in messages:
        merged.update(message)
        by_sequence.update({result["sequence"]: result for result in get_results(message) if result != OMITTED})
        if OMITTED in message.get("results", []):
            by_sequence[OMITTED] = True
    return {**merged, "results": by_sequence}


def get_results(message: Any) -> "list[Any]":
    """Returns the results of a response of a stream; empty for other messages."""
    return message.get("results", []) if isinstance(message, dict) else []


def compare(shown: Any, printed: Any, path: str) -> None:
    """Compares two values at a path of the message."""
    difference = f"{path}: expected {json.dumps(shown)}, got {json.dumps(printed)}"
    name = path.rpartition(".")[2]
    if name in VARYING_FIELDS:
        pattern = VARYING_FIELDS[name]
        assert re.fullmatch(pattern, str(printed)), difference
        assert shown == OMITTED or re.fullmatch(pattern, str(shown).rstrip(OMITTED)), difference
    elif isinstance(shown, dict) and isinstance(printed, dict):
        compare_objects(shown, printed, path)
    elif isinstance(shown, list) and isinstance(printed, list):
        compare_lists(shown, printed, path)
    elif isinstance(shown, str) and shown.endswith(OMITTED):
        assert isinstance(printed, str) and printed.startswith(shown.rstrip(OMITTED)), difference
    elif float in (type(shown), type(printed)):
        numbers = (shown, printed)
        assert all(type(number) in (int, float) for number in numbers), difference
        assert abs(shown - printed) <= TOLERANCE * max(1.0, abs(shown)), difference
    else:
        assert type(shown) is type(printed) and shown == printed, difference


def compare_objects(shown: "dict[str, Any]", printed: "dict[str, Any]", path: str) -> None:
    """Compares two objects, of which the documented one may omit fields."""
    missing = [key for key in shown if key not in printed and key != OMITTED]
    assert not missing, f"{path}: fields {missing} are documented but missing in {json.dumps(printed)}"
    extra = [key for key in printed if key not in shown]
    assert not extra or OMITTED in shown, f"{path}: fields {extra} are not documented"
    for key, value in shown.items():
        if key != OMITTED:
            compare(value, printed[key], f"{path}.{key}")


def compare_lists(shown: "list[Any]", printed: "list[Any]", path: str) -> None:
    """Compares two lists, of which the documented one may omit consecutive elements."""
    assert shown.count(OMITTED) <= 1, f"{path}: a list can have only one omission"
    if OMITTED in shown:
        position = shown.index(OMITTED)
        following = len(shown) - position - 1
        message = f"{path}: expected at least {len(shown) - 1} elements, got {len(printed)}"
        assert len(printed) >= len(shown) - 1, message
        shown = shown[:position] + shown[position + 1 :]
        printed = printed[:position] + printed[len(printed) - following :]
    assert len(shown) == len(printed), f"{path}: expected {len(shown)} elements, got {len(printed)}"
    for index, (expected, value) in enumerate(zip(shown, printed)):
        compare(expected, value, f"{path}[{index}]")


def compare_lines(shown: str, printed: str) -> None:
    """Compares lines of text in order, ignoring indentation."""
    remaining = normalize_lines(printed)
    segments: list[list[str]] = [[]]
    for line in normalize_lines(shown):
        if line == OMITTED:
            segments.append([])
        else:
            segments[-1].append(line)
    for number, segment in enumerate(segments):
        # Only a segment after an omission may start at a later line.
        starts = range(len(remaining) - len(segment) + 1) if number else range(1)
        start = next((start for start in starts if begins_with(segment, remaining[start:])), None)
        assert start is not None, f"lines {segment} are documented but missing in {remaining}"
        remaining = remaining[start + len(segment) :]
    is_open = len(segments) > 1 and not segments[-1]
    assert is_open or not remaining, f"lines {remaining} are not documented"


def begins_with(segment: "list[str]", printed: "list[str]") -> bool:
    """Returns whether the printed lines begin with those of a segment."""
    return len(segment) <= len(printed) and all(
        line.startswith(expected.rstrip(OMITTED)) if expected.endswith(OMITTED) else line == expected
        for expected, line in zip(segment, printed)
    )


def normalize_lines(text: str) -> "list[str]":
    """Returns the non-blank lines without indentation and without timings."""
    normalized = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return [
        re.sub(r"[\d.]+( ?(ns|µs|ms|s)\b)?", "0", line) if VARYING_LINE.match(line) else line for line in normalized
    ]
