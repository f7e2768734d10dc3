#!/usr/bin/env python3
"""Check prose against the private words of words.tsv, and find doc comments that need the code beside them.

    scripts/prose/check.py [--count] [PATH ...]

Without a path, everything that git tracks is checked. Prints FILE:LINE: the finding and what to write instead; the exit
status is 1 if there is any.
"""

from __future__ import annotations

import argparse
import collections
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Generated, foreign, or about the words themselves.
EXCLUDED = (
    "scripts/prose/",
    "CHANGELOG.md",
    "docs/openapi.json",
    "tests/data/",
    "demo/",
    "fuzz/corpus/",
    "fuzz/dictionaries/",
    "proto/google",
    "clients/cpp/third_party/",
    "benches/peers/texts/",
)
# A doc comment shorter than this that begins with one of these words depends on the code beside it.
SHORT = 40
DEPENDENT = re.compile(
    r"(What|Who|Which|Where|When|Whether|How|Why|It|Its|That|The same|They|Their|This|These|One|Those|Of|As|Not|No)\b"
)
RUST = re.compile(
    r"""(?P<doc>//[/!](?!/)[^\n]*)|(?P<comment>//[^\n]*)|(?P<raw>\bb?r(?P<hashes>\#*)".*?"(?P=hashes))|(?P<string>b?"(?:[^"\\]|\\.)*")|(?P<char>b?'(?:[^'\\\n]|\\[^\n]{1,10}?)')""",
    re.S | re.X,
)


class Text(NamedTuple):
    """A paragraph of prose: the number of its first line, its kind (`doc` or `text`), and the words."""

    line: int
    kind: str
    words: str


class Word(NamedTuple):
    """A private word: its pattern, what to use instead, and expressions of which it is an innocent part."""

    pattern: re.Pattern[str]
    use: str
    allow: re.Pattern[str] | None


def load_words() -> list[Word]:
    """Reads words.tsv."""
    lines = pathlib.Path(__file__).with_name("words.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [Word(re.compile(row[0], re.I), row[1], re.compile(row[2], re.I) if len(row) > 2 else None) for row in rows]


def rust_texts(source: str) -> Iterator[Text]:
    """Yields the comments, doc comments and strings of a Rust file; consecutive comment lines are one paragraph."""
    block: list[str] = []
    kind, first, last = "", 0, 0
    for match in RUST.finditer(source):
        line = source.count("\n", 0, match.start()) + 1
        if match.lastgroup in ("raw", "string", "hashes"):
            yield Text(line, "string", re.sub(r"\s*\\\n\s*", " ", match.group(0)))
            continue
        if match.lastgroup == "char":
            continue
        this = "doc" if match.group("doc") else "comment"
        words = match.group(0).lstrip("/!").strip()
        if block and (this != kind or line != last + 1 or not words):
            yield Text(first, kind, " ".join(block))
            block = []
        if words:
            if not block:
                kind, first = this, line
            block.append(words)
            last = line
    if block:
        yield Text(first, kind, " ".join(block))


def plain_texts(source: str) -> Iterator[Text]:
    """Yields the paragraphs of any other file."""
    block: list[str] = []
    first = 0
    for number, line in enumerate([*source.splitlines(), ""], 1):
        words = re.sub(r"^\s*(#|//+|\*)\s?", "", line).strip()
        if words:
            if not block:
                first = number
            block.append(words)
        elif block:
            yield Text(first, "text", " ".join(block))
            block = []


def findings(path: pathlib.Path, words: list[Word]) -> Iterator[tuple[int, str]]:
    """Yields the line and the description of each finding of a file."""
    source = path.read_text(encoding="utf-8", errors="replace")
    texts = rust_texts(source) if path.suffix == ".rs" else plain_texts(source)
    for text in texts:
        prose = re.sub(r"`[^`]*`", "`code`", text.words) if text.kind != "string" else text.words
        if text.kind == "doc" and len(prose) < SHORT and DEPENDENT.match(prose):
            yield text.line, f"does not stand on its own: {text.words!r}"
        for word in words:
            cleaned = word.allow.sub("", prose) if word.allow else prose
            for match in word.pattern.finditer(cleaned):
                around = cleaned[max(0, match.start() - 30) : match.end() + 30]
                yield text.line, f"{match.group(0)!r} -> {word.use}   (… {around} …)"


def tracked(arguments: list[str]) -> list[pathlib.Path]:
    """Returns the text files to check: those given, or all that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    suffixes = {".rs", ".md", ".proto", ".py", ".yaml", ".yml", ".toml", ".sh", ".html", ".js", ".mk", ""}
    return [
        ROOT / name
        for name in listed.stdout.split("\0")
        if name and not name.startswith(EXCLUDED) and pathlib.PurePath(name).suffix in suffixes
    ]


def main() -> int:
    """Checks the files, prints the findings, and returns the exit status."""
    parser = argparse.ArgumentParser(description="Check prose against the private words of words.tsv.")
    parser.add_argument("--count", action="store_true", help="print the number of findings per directory only")
    parser.add_argument("paths", nargs="*", help="files or directories; default: all tracked files")
    arguments = parser.parse_args()
    words = load_words()
    counts: collections.Counter[str] = collections.Counter()
    for path in tracked(arguments.paths):
        name = path.relative_to(ROOT)
        for line, finding in findings(path, words):
            counts["/".join(name.parts[:2])] += 1
            if not arguments.count:
                print(f"{name}:{line}: {finding}")
    if arguments.count:
        for directory, count in sorted(counts.items()):
            print(f"{count:6} {directory}")
    return 1 if counts else 0


if __name__ == "__main__":
    sys.exit(main())
