"""Checks the glossary: terms are unique and sorted, and each links to the page that explains it."""

import re

from conftest import ROOT

ENTRY = re.compile(r"^- \*\*`?(?P<term>[^*`]+)`?\*\*(?P<definition>.+?)(?=^- |\Z)", re.M | re.S)
# Types of the code, such as `Finalizer`, and flags, such as `--max-in-flight-upserts`.
TYPE = re.compile(r"`([A-Z][a-z]\w+)`")
FLAG = re.compile(r"`--([a-z-]+)[` ]")


def entries() -> "list[tuple[str, str]]":
    text = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    return [(found["term"], found["definition"]) for found in ENTRY.finditer(text)]


def test_terms_are_in_alphabetical_order():
    terms = [term.lower() for term, _ in entries()]
    assert len(terms) > 30
    assert terms == sorted(set(terms))


def test_each_term_links_to_an_explanation():
    assert [term for term, definition in entries() if "](" not in definition] == []


def test_types_and_flags_that_are_named_exist():
    definitions = "\n".join(definition for _, definition in entries())
    sources = "\n".join(read_all("src", "*.rs") + read_all("proto", "*.proto"))
    tables = "\n".join(read_all("docs", "*.md"))
    for name in TYPE.findall(definitions):
        assert re.search(rf"\b(?:struct|enum|message|rpc) {name}\b", sources), f"no type is called {name}"
    for flag in FLAG.findall(definitions):
        assert f"| `--{flag}` |" in tables, f"no table of flags has --{flag}"


def read_all(directory: str, pattern: str) -> "list[str]":
    return [path.read_text(encoding="utf-8") for path in (ROOT / directory).rglob(pattern)]
