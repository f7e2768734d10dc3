"""A page of docs/ as the blocks in it, each with the comment in the line before, which says what is done with it.

<!-- run -->            shell, run in the page's shell after the blocks before
<!-- run: go buf -->    the same, where these programs are there
<!-- not run: why -->   shell that can't be run here
<!-- output -->         what the shell block before prints, all of it; numbers may differ in the last digit
<!-- file: NAME -->     written to a file of the shell's folder
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

BLOCK = re.compile(r"(?:^<!-- ([a-z ]+?)(?:: (.*?))? -->\n)?^```(\w*)\n(.*?)^```$", re.M | re.S)
NUMBER = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True)
class Block:
    """A block of code."""

    action: str
    """What the comment before says; empty without one."""
    argument: str
    language: str
    text: str
    line: int
    """The number of its first line in the page."""


def blocks(page: Path) -> list[Block]:
    """All blocks of a page."""
    markdown = page.read_text(encoding="utf-8")
    return [
        Block(found[1] or "", found[2] or "", found[3], found[4], markdown.count("\n", 0, found.start(4)) + 1)
        for found in BLOCK.finditer(markdown)
    ]


def moved(block: Block, others: dict[str, str]) -> Block:
    """The block with other names and addresses than those for readers."""
    text, argument = block.text, block.argument
    for written, used in others.items():
        text, argument = text.replace(written, used), argument.replace(written, used)
    return replace(block, text=text, argument=argument)


def same(shown: str, printed: str) -> bool:
    """Whether what is shown is what was printed. Another processor may round the last digit otherwise."""
    if re.sub(NUMBER, "#", shown).split() != re.sub(NUMBER, "#", printed).split():
        return False
    numbers = zip(NUMBER.findall(shown), NUMBER.findall(printed))
    return all(abs(float(one) - float(other)) <= 1.01 * last_digit(one) for one, other in numbers)


def last_digit(number: str) -> float:
    """What one more in its last digit is: 0.001 for 2.718."""
    return 10.0 ** -len(number.partition(".")[2])


def write_outputs(page: Path, printed: dict[int, str]) -> None:
    """Puts what was printed into the page, by the lines of its blocks."""
    markdown = page.read_text(encoding="utf-8")
    lines = {markdown.count("\n", 0, found.start(4)) + 1: found.span(4) for found in BLOCK.finditer(markdown)}
    for line in sorted(printed, reverse=True):
        start, end = lines[line]
        markdown = markdown[:start] + printed[line].rstrip() + "\n" + markdown[end:]
    page.write_text(markdown, encoding="utf-8")
