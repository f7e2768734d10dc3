"""Architecture decision records: complete, listed in their index, and linked from the code that they explain."""

import re
import subprocess
from pathlib import Path

import pytest

from conftest import ROOT

ADRS = ROOT / "docs" / "adr"
RECORDS = sorted(ADRS.glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Consequences"]
HEADING = re.compile(r"# (\d+)\. (.+)\n")
ROW = re.compile(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| .+ \|$", re.M)
# A path of a record as code and documents write it, from the root of the repository or from a directory of it.
REFERENCE = re.compile(r"\badr/(\d{4}[\w.-]*)")
# A module of the library in Markdown, such as `pipeline::lane` or `catalog::collections`.
MODULE = re.compile(r"`([a-z][a-z0-9_]*(?:::[a-z][a-z0-9_]*)+)`")
# A file or a directory of the repository in Markdown, such as `src/version.rs`.
PATH = re.compile(r"`((?:benches|clients|deploy|fuzz|proto|scripts|src|tests|xtask)/[\w./-]*)`")
# Records of this topic may explain no code.
PROCESS = "Development process"
PAGES = [ROOT / "ARCHITECTURE.md", ROOT / "docs" / "testing.md", *RECORDS]
SOURCES = ("src/", "build.rs", "proto/", "Cargo.toml", "Makefile", "xtask/")


def tracked_texts() -> dict[str, str]:
    """Returns the text of each file of the repository, by path."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    texts = {}
    for name in names:
        try:
            texts[name] = (ROOT / name).read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            continue
    return texts


def index_by_topic() -> dict[str, list[tuple[str, str, str]]]:
    """Returns the rows of the index: number, title and file name, by topic."""
    _, *topics = re.split(r"^## (.+)$", (ADRS / "README.md").read_text(encoding="utf-8"), flags=re.M)
    return {topic: ROW.findall(table) for topic, table in zip(topics[::2], topics[1::2])}


def module_exists(path: str) -> bool:
    """Returns whether a path names a module, or an item of a file that is a module."""
    *parents, last = path.split("::")
    parent = ROOT / "src" / Path(*parents)
    if (parent / f"{last}.rs").exists():
        return True
    file = parent.with_suffix(".rs")
    return file.exists() and re.search(rf"\b{last}\b", file.read_text(encoding="utf-8")) is not None


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_record_has_its_number_and_all_sections(record):
    text = record.read_text(encoding="utf-8")
    heading = HEADING.match(text)
    assert heading, "the first line is not `# NUMBER. Title`"
    assert record.name.startswith(f"{int(heading[1]):04}-"), f"{record.name} has the number {heading[1]}"
    found = [section for section in re.findall(r"^## (.+)$", text, re.M) if section in SECTIONS]
    assert found == SECTIONS


def test_records_are_numbered_without_gaps():
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_index_lists_each_record_once_by_its_title():
    rows = sorted(row for table in index_by_topic().values() for row in table)
    headings = [(HEADING.match(record.read_text(encoding="utf-8")), record.name) for record in RECORDS]
    assert rows == sorted((heading[1], heading[2], name) for heading, name in headings)


def test_references_to_records_lead_to_files():
    names = {record.name for record in RECORDS}
    wrong = [
        f"{file}: {name}"
        for file, text in tracked_texts().items()
        for name in (found.rstrip(".") for found in REFERENCE.findall(text))
        # An example of a search, in the index.
        if name not in names and not (name.isdigit() and file == "docs/adr/README.md")
    ]
    assert wrong == []


def test_each_record_is_linked_from_the_code_that_it_explains():
    sources = [text for file, text in tracked_texts().items() if file.startswith(SOURCES)]
    linked = {name.rstrip(".") for text in sources for name in REFERENCE.findall(text)}
    process = {name for _, _, name in index_by_topic()[PROCESS]}
    assert [record.name for record in RECORDS if record.name not in linked | process] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_modules_and_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    top_level = {path.stem for path in (ROOT / "src").iterdir()}
    modules = [path for path in MODULE.findall(text) if path.split("::")[0] in top_level]
    assert [path for path in modules if not module_exists(path)] == []
    assert [path for path in PATH.findall(text) if not (ROOT / path).exists()] == []
