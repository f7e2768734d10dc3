"""Compares the output that a document shows with the output of its command, value by value.

`…` stands for omitted output: fields of an object, elements of a list, lines of text, or the end of a string.
Everything else must be equal, except for the fields and lines below.
"""

import json
import re
from typing import Any

OMITTED = "…"

# Fields whose values depend on the build, the run or the machine, with the form of their values.
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

# Maximum difference of two weights or scores, relative to values above 1: processors add in different orders.
TOLERANCE = 1e-3


def check_output(shown: str, printed: str, is_json: bool) -> None:
    """Raises AssertionError with the first difference."""
    if is_json:
        expected, is_complete = parse_shown(shown)
        compare_messages(expected, json_values(printed), is_complete)
    else:
        compare_lines(shown, printed)


def json_values(text: str) -> "list[Any]":
    """Returns the JSON values of a text, which follow each other."""
    position, found = 0, []
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        value, position = json.JSONDecoder().raw_decode(text, position)
        found.append(value)
    return found


def parse_shown(shown: str) -> "tuple[list[Any], bool]":
    """Returns the JSON values of a document's block, and whether they are all there are.

    `…` becomes the key `…` of an object, or the element `…` of a list.
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
    return json_values("".join(converted)), is_complete


def without_omissions(value: Any) -> Any:
    """Returns a parsed value without the marks of what is omitted."""
    if isinstance(value, dict):
        return {key: without_omissions(part) for key, part in value.items() if key != OMITTED}
    if isinstance(value, list):
        return [without_omissions(part) for part in value if part != OMITTED]
    return value


def compare_messages(shown: "list[Any]", printed: "list[Any]", is_complete: bool) -> None:
    if any("sequence" in result for message in shown for result in results_of(message)):
        # The server groups the results of a stream as they become available.
        compare(joined(shown, is_complete), joined(printed, True), "responses")
        return
    assert len(shown) == len(printed) or (not is_complete and len(shown) < len(printed)), (
        f"{len(shown)} messages are shown, {len(printed)} were printed"
    )
    for number, (expected, value) in enumerate(zip(shown, printed)):
        compare(expected, value, f"message {number}")


def joined(messages: "list[Any]", is_complete: bool) -> "dict[str, Any]":
    """Returns the results of all messages by sequence number, and the last value of each other field."""
    whole: dict[str, Any] = {} if is_complete else {OMITTED: True}
    by_sequence: dict[str, Any] = {} if is_complete else {OMITTED: True}
    for message in messages:
        whole.update(message)
        by_sequence.update({result["sequence"]: result for result in results_of(message) if result != OMITTED})
        if OMITTED in message.get("results", []):
            by_sequence[OMITTED] = True
    return {**whole, "results": by_sequence}


def results_of(message: Any) -> "list[Any]":
    return message.get("results", []) if isinstance(message, dict) else []


def compare(shown: Any, printed: Any, path: str) -> None:
    """Compares two values; `path` is where they are."""
    difference = f"{path}: {json.dumps(shown)} is shown, {json.dumps(printed)} was printed"
    name = path.rpartition(".")[2]
    if name in VARYING_FIELDS:
        form = VARYING_FIELDS[name]
        assert re.fullmatch(form, str(printed)), difference
        assert shown == OMITTED or re.fullmatch(form, str(shown).rstrip(OMITTED)), difference
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
    absent = [key for key in shown if key not in printed and key != OMITTED]
    assert not absent, f"{path}: {absent} is shown and was not printed: {json.dumps(printed)}"
    unshown = [key for key in printed if key not in shown]
    assert not unshown or OMITTED in shown, f"{path}: {unshown} was printed and is not shown"
    for key, value in shown.items():
        if key != OMITTED:
            compare(value, printed[key], f"{path}.{key}")


def compare_lists(shown: "list[Any]", printed: "list[Any]", path: str) -> None:
    assert shown.count(OMITTED) <= 1, f"{path}: a list can omit elements in one place only"
    if OMITTED in shown:
        position = shown.index(OMITTED)
        behind = len(shown) - position - 1
        assert len(printed) >= len(shown) - 1, f"{path}: only {len(printed)} elements were printed"
        shown = shown[:position] + shown[position + 1 :]
        printed = printed[:position] + printed[len(printed) - behind :]
    assert len(shown) == len(printed), f"{path}: {len(shown)} elements are shown, {len(printed)} were printed"
    for index, (expected, value) in enumerate(zip(shown, printed)):
        compare(expected, value, f"{path}[{index}]")


def compare_lines(shown: str, printed: str) -> None:
    """Compares lines of text in their order, without their indentation."""
    remaining = lines(printed)
    segments: list[list[str]] = [[]]
    for line in lines(shown):
        if line == OMITTED:
            segments.append([])
        else:
            segments[-1].append(line)
    for number, segment in enumerate(segments):
        # Only a segment behind an omission may begin further down.
        starts = range(len(remaining) - len(segment) + 1) if number else range(1)
        start = next((start for start in starts if is_at(segment, remaining[start:])), None)
        assert start is not None, f"{segment} is shown, and is not in the rest of the output: {remaining}"
        remaining = remaining[start + len(segment) :]
    is_open = len(segments) > 1 and not segments[-1]
    assert is_open or not remaining, f"{remaining} was printed and is not shown"


def is_at(segment: "list[str]", printed: "list[str]") -> bool:
    """Whether the printed lines begin with those of a segment."""
    return len(segment) <= len(printed) and all(
        line.startswith(wanted.rstrip(OMITTED)) if wanted.endswith(OMITTED) else line == wanted
        for wanted, line in zip(segment, printed)
    )


def lines(text: str) -> "list[str]":
    """Returns the lines that are not blank, without indentation, and without the numbers of timings."""
    normalized = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return [
        re.sub(r"[\d.]+( ?(ns|µs|ms|s)\b)?", "0", line) if VARYING_LINE.match(line) else line for line in normalized
    ]
