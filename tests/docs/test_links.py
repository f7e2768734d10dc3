"""Checks that links between pages lead to existing files and headings."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from conftest import ROOT

FENCE = re.compile(r"^```.*?^```", re.M | re.S)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
ANCHOR = re.compile(r"<a id=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+?)\s*$", re.M)


def pages() -> list[Path]:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    found = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in found if (ROOT / name).exists()]


def links(markdown: str) -> list[str]:
    return LINK.findall(CODE.sub("`code`", FENCE.sub("", markdown)))


def anchors(markdown: str) -> set[str]:
    """Returns the explicit anchors of a page and those that GitHub generates from headings; duplicates get a number."""
    markdown = FENCE.sub("", markdown)
    found, seen = set(ANCHOR.findall(markdown)), {}
    for heading in HEADING.findall(markdown):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        number = seen.get(name, 0)
        seen[name] = number + 1
        found.add(f"{name}-{number}" if number else name)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_link_targets_exist(page):
    for link in links(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: {path} does not exist"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{link}: the page has no such anchor"


def test_the_index_lists_each_page():
    docs = ROOT / "docs"
    listed = {link.partition("#")[0] for link in links((docs / "README.md").read_text(encoding="utf-8"))}
    assert [page.name for page in docs.glob("*.md") if page.name not in listed | {"README.md"}] == []


def test_anchors_are_those_of_github():
    headings = "# A new model\n## What's `check`?\n## Clients (`clients/`)\n## Twice\n## Twice\n"
    markdown = headings + '<a id="own"></a>\n```\n# no\n```\n'
    assert anchors(markdown) == {"a-new-model", "whats-check", "clients-clients", "twice", "twice-1", "own"}
    assert links("[a](b.md) `[c](d)` [e](f#g)\n```\n[h](i)\n```\n") == ["b.md", "f#g"]
