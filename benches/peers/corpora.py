"""Text corpora that are available without downloading a data set.

- `reference`: Python's language reference, which is part of the interpreter (`help("FORMATTING")` prints a topic), in
  chunks of whole paragraphs with about 200 tokens, almost all between 80 and 300. Prose with code samples.
- `glosses`: definitions of WordNet, about 12 tokens each, from the Debian package `wordnet-base`. The package is
  downloaded and unpacked if it is not installed.
- any JSON Lines file of documents.
"""

import json
import random
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from pydoc_data.topics import topics

CORPORA = ("reference", "glosses")
WORDNET = Path("/usr/share/wordnet")
PACKAGE = "wordnet-base"
SEED = 7
# Target length of a chunk, which corresponds to about 200 tokens.
CHUNK_CHARACTERS = 800


class CorpusUnavailable(Exception):
    """Error for a corpus that is not available on this machine, with the reason."""


def read_texts(name: str, text_field: str, work: Path) -> list[str]:
    """Returns the texts of a corpus. Named corpora are shuffled deterministically, to mix text lengths."""
    if name == "reference":
        # Excludes grammars and tables, which are single long paragraphs, and the short ends of topics.
        chunks = split_into_chunks(topics.values())
        texts = [chunk for chunk in chunks if CHUNK_CHARACTERS / 4 < len(chunk) < 2 * CHUNK_CHARACTERS]
    elif name == "glosses":
        texts = list(read_glosses(find_wordnet(work)))
    else:
        return read_file(Path(name), text_field)
    random.Random(SEED).shuffle(texts)
    return texts


def read_file(path: Path, field: str) -> list[str]:
    """Returns the non-blank texts of a file, in order. The server rejects blank texts."""
    with open(path, encoding="utf-8") as lines:
        texts = [json.loads(line)[field] for line in lines]
    return [text for text in texts if text.strip()]


def split_into_chunks(documents: Iterable[str]) -> Iterable[str]:
    """Yields chunks of whole paragraphs, with lengths as close as possible to CHUNK_CHARACTERS."""
    for document in documents:
        chunk = ""
        for paragraph in re.split(r"\n\s*\n", document.strip()):
            longer = f"{chunk}\n\n{paragraph}".strip()
            if chunk and len(longer) - CHUNK_CHARACTERS > CHUNK_CHARACTERS - len(chunk):
                yield chunk
                longer = paragraph
            chunk = longer
        yield chunk


def read_glosses(directory: Path) -> Iterable[str]:
    """Yields the definitions: the text after the bar of a line, without usage examples."""
    for part in ("noun", "verb", "adj", "adv"):
        with open(directory / f"data.{part}", encoding="utf-8") as lines:
            for line in lines:
                # Lines of the licence at the top are indented.
                if not line.startswith(" ") and " | " in line:
                    yield line.split(" | ", 1)[1].split('; "')[0].strip()


def find_wordnet(work: Path) -> Path:
    """Returns the directory of WordNet's files, which are downloaded if necessary."""
    unpacked = work / PACKAGE
    for directory in (WORDNET, unpacked / WORDNET.relative_to("/")):
        if (directory / "data.noun").exists():
            return directory
    if not all(shutil.which(tool) for tool in ("apt-get", "dpkg-deb")):
        raise CorpusUnavailable(
            f"WordNet is not in {WORDNET}, and apt-get and dpkg-deb are not available to download {PACKAGE}"
        )
    unpacked.mkdir(parents=True, exist_ok=True)
    download = subprocess.run(["apt-get", "download", PACKAGE], cwd=unpacked, capture_output=True, text=True)
    packages = list(unpacked.glob("*.deb"))
    if download.returncode != 0 or not packages:
        raise CorpusUnavailable(
            f"`apt-get download {PACKAGE}` failed; try `apt-get update` first: {download.stderr.strip()}"
        )
    subprocess.run(["dpkg-deb", "-x", packages[0], unpacked], check=True)
    return unpacked / WORDNET.relative_to("/")
