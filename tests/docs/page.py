"""Parses the code blocks of a page of docs/. A comment in the line before a block defines the action of the test:

<!-- run -->            runs the block in the shell of the page, after the previous blocks
<!-- run: go buf -->    the same, if these programs are installed
<!-- not run: why -->   does not run the block, for this reason
<!-- output -->         compares the block with the output of the previous shell block (see outputs_match)
<!-- file: NAME -->     writes the block to a file in the working directory of the shell
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

BLOCK = re.compile(r"(?:^<!-- ([a-z ]+?)(?:: (.*?))? -->\n)?^```(\w*)\n(.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class Block:
    """A fenced code block."""

    action: str
    """Action of the comment, such as `run`; empty without a comment."""
    argument: str
    language: str
    text: str
    line: int
    """Line number of its first line in the page."""


def parse_blocks(page: Path) -> list[Block]:
    """Returns all blocks of a page."""
    markdown = page.read_text(encoding="utf-8")
    return [
        Block(found[1] or "", found[2] or "", found[3], found[4], markdown.count("\n", 0, found.start(4)) + 1)
        for found in BLOCK.finditer(markdown)
    ]


def substitute(block: Block, substitutes: dict[str, str]) -> Block:
    """Returns the block with the addresses and paths of the test instead of those for readers."""
    text, argument = block.text, block.argument
    for original, replacement in substitutes.items():
        text, argument = text.replace(original, replacement), argument.replace(original, replacement)
    return replace(block, text=text, argument=argument)


def outputs_match(shown: str, printed: str) -> bool:
    """Returns whether two outputs are equal, except for the last digit of numbers, which depends on the processor."""
    if re.sub(NUMBER, "#", shown).split() != re.sub(NUMBER, "#", printed).split():
        return False
    numbers = zip(NUMBER.findall(shown), NUMBER.findall(printed))
    return all(abs(float(left) - float(right)) <= 1.01 * last_digit_unit(left) for left, right in numbers)


def last_digit_unit(number: str) -> float:
    """Returns the unit of the last digit of a number: 0.001 for 2.718."""
    return 10.0 ** -len(number.partition(".")[2])


def write_outputs(page: Path, printed: dict[int, str]) -> None:
    """Replaces output blocks of a page, given by their line numbers, with printed outputs."""
    markdown = page.read_text(encoding="utf-8")
    lines = {markdown.count("\n", 0, found.start(4)) + 1: found.span(4) for found in BLOCK.finditer(markdown)}
    for line in sorted(printed, reverse=True):
        start, end = lines[line]
        markdown = markdown[:start] + printed[line].rstrip() + "\n" + markdown[end:]
    page.write_text(markdown, encoding="utf-8")
