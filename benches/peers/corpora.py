"""The texts: real ones that any machine can have, without a data set to download.

- `reference`: Python's own language reference, which comes with the interpreter (`help("FORMATTING")` shows a part of
  it), cut at paragraphs into pieces of about 200 tokens, nearly all between 80 and 300. Prose with code between.
- `glosses`: the definitions of WordNet, about 12 tokens each, from Debian's package `wordnet-base`: the installed one,
  or else downloaded and unpacked without being installed.
- any file of documents, one JSON object a line.
"""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from pydoc_data.topics import topics

KINDS = ("reference", "glosses")
WORDNET = Path("/usr/share/wordnet")
PACKAGE = "wordnet-base"
SEED = 7
# In characters: about 200 tokens of the reference.
PIECE = 800


class NoTexts(Exception):
    """Why these texts can't be had here."""


def read(name: str, text_field: str, work: Path) -> list[str]:
    """The texts of that name, in an order that is the same on every run and mixes their lengths."""
    if name == "reference":
        # Without grammars and tables, which are one long paragraph, and the short ends of topics.
        texts = [piece for piece in pieces(topics.values()) if PIECE / 4 < len(piece) < 2 * PIECE]
    elif name == "glosses":
        texts = list(glosses(wordnet(work)))
    else:
        return from_file(Path(name), text_field)
    random.Random(SEED).shuffle(texts)
    return texts


def from_file(path: Path, field: str) -> list[str]:
    """The texts that are not blank, in the order of the file: a sidecar refuses the others."""
    with open(path, encoding="utf-8") as lines:
        texts = [json.loads(line)[field] for line in lines]
    return [text for text in texts if text.strip()]


def pieces(documents: Iterable[str]) -> Iterable[str]:
    """Whole paragraphs of a document, as many as come nearest to the length of a piece."""
    for document in documents:
        piece = ""
        for paragraph in re.split(r"\n\s*\n", document.strip()):
            longer = f"{piece}\n\n{paragraph}".strip()
            if piece and len(longer) - PIECE > PIECE - len(piece):
                yield piece
                longer = paragraph
            piece = longer
        yield piece


def glosses(folder: Path) -> Iterable[str]:
    """What stands after the bar of a line, up to the examples of use."""
    for part in ("noun", "verb", "adj", "adv"):
        with open(folder / f"data.{part}", encoding="utf-8") as lines:
            for line in lines:
                # The licence stands at the top, indented.
                if not line.startswith(" ") and " | " in line:
                    yield line.split(" | ", 1)[1].split('; "')[0].strip()


def wordnet(work: Path) -> Path:
    """The folder of WordNet's files."""
    unpacked = work / PACKAGE
    for folder in (WORDNET, unpacked / WORDNET.relative_to("/")):
        if (folder / "data.noun").exists():
            return folder
    if not all(shutil.which(tool) for tool in ("apt-get", "dpkg-deb")):
        raise NoTexts(f"no WordNet in {WORDNET}, and no apt-get and dpkg-deb here to fetch {PACKAGE} with")
    unpacked.mkdir(parents=True, exist_ok=True)
    fetched = subprocess.run(["apt-get", "download", PACKAGE], cwd=unpacked, capture_output=True, text=True)
    packages = list(unpacked.glob("*.deb"))
    if fetched.returncode != 0 or not packages:
        raise NoTexts(f"`apt-get download {PACKAGE}` failed; `apt-get update` may help: {fetched.stderr.strip()}")
    subprocess.run(["dpkg-deb", "-x", packages[0], unpacked], check=True)
    return unpacked / WORDNET.relative_to("/")
