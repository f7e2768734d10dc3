#!/usr/bin/env python3
"""Makes the golden cases of settings: what sentence-transformers makes of a model directory with one thing changed.

    python scripts/golden/make_settings.py [BASE ...]

See README.md beside this file.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

# Before transformers is imported, which reads it then: no case may depend on the network.
os.environ["HF_HUB_OFFLINE"] = "1"

import sentence_transformers
import tokenizers
import torch
import transformers
from sentence_transformers import SparseEncoder
from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

from settings_cases import BASES, Case
from settings_changes import apply
from settings_texts import setting_texts

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
# Differences below this come from another order of additions, not from another setting.
TOLERANCE = 2e-5
Vectors = list[tuple[list[int], list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "bases", nargs="*", default=list(BASES), metavar="BASE", help="which files to make; default: all"
    )
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in parser.parse_args().bases:
        make(name, BASES[name])


def make(name: str, cases: list[Case]) -> None:
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    texts = setting_texts()
    unchanged = outcome(DATA / "models" / name, Case("unchanged", [], []), texts)
    if "error" in unchanged:
        sys.exit(f"{name}: {unchanged['error']}")
    lines = []
    for case in cases:
        result = outcome(DATA / "models" / name, case, texts)
        same = "error" not in result and equal(result, unchanged)
        if "error" not in result:
            result = {"same_as_base": True} if same else {"same_as_base": False, **changed(result, unchanged)}
        report(name, case, result)
        lines.append(compact({"name": case.name, "keys": case.keys, "changes": case.changes, **result}))
    head = {"base": name, "made_with": versions(), "texts": texts, **unchanged}
    content = compact(head)[:-1] + ',"cases":[\n' + ",\n".join(lines) + "\n]}\n"
    path = DATA / "golden" / "settings" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def outcome(base: Path, case: Case, texts: list[str]) -> dict[str, object]:
    """The vectors of documents and queries, or the error.

    Every directory is loaded twice, with other random numbers: what differs has no defined vectors.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(base, folder)
        apply(case.changes, base, folder)
        try:
            first, second = encode(folder, texts, seed=1), encode(folder, texts, seed=2)
        except Exception as error:  # Whatever it is: it is the result.
            return {"error": first_line(error, scratch)}
    if not equal(first, second):
        return {"error": "undefined: two loads of the same directory make different vectors"}
    return first


def encode(folder: Path, texts: list[str], seed: int) -> dict[str, object]:
    with open_encoder(folder, seed) as encoder:
        documents = vectors(encoder.encode_document, texts)
        queries = vectors(encoder.encode_query, texts)
    same = equal_vectors(documents, queries)
    return {"documents": documents, "queries": None if same else queries}


class Undefined(Exception):
    """The directory loads, but some of its weights are random numbers."""


@contextlib.contextmanager
def open_encoder(folder: Path, seed: int):
    """The directory as sentence-transformers loads it, in float32."""
    torch.manual_seed(seed)
    # The path of an idf.json counts from the working directory.
    with contextlib.chdir(folder), log_lines() as lines:
        encoder = SparseEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
        if any(isinstance(module, SparseAutoEncoder) for module in encoder):
            raise Undefined("sentence-transformers appends a SparseAutoEncoder with random weights")
        if missing := [line.split("|")[0].strip() for line in lines if "| MISSING" in line]:
            raise Undefined(f"newly initialized: {', '.join(sorted(missing)[:4])}")
        yield encoder


def vectors(encode_texts: Callable, texts: list[str]) -> Vectors:
    """One text at a time, so that no padding has a part in a vector."""
    made = []
    for one in texts:
        dense = encode_texts([one], convert_to_sparse_tensor=False)[0]
        if not dense.isfinite().all():
            raise Undefined("a vector has a weight that is not finite")
        indices = dense.nonzero().flatten().tolist()
        made.append((indices, [float(f"{value:.6g}") for value in dense[indices].tolist()]))
    return made


@contextlib.contextmanager
def log_lines():
    """The lines that transformers and sentence-transformers log; the report of missing weights is one of them."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.extend(record.getMessage().splitlines())
    loggers = [logging.getLogger(name) for name in ("transformers", "sentence_transformers")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield lines
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def changed(result: dict, unchanged: dict) -> dict:
    """Without the vectors that are those of the unchanged base: most cases change few of the texts."""
    documents, queries = result["documents"], result["queries"]
    return {
        "documents": only_changed(documents, unchanged["documents"]),
        "queries": queries and only_changed(queries, unchanged["queries"] or unchanged["documents"]),
    }


def only_changed(vectors: Vectors, unchanged: Vectors) -> list[tuple[list[int], list[float]] | None]:
    return [None if equal_vectors([one], [other]) else one for one, other in zip(vectors, unchanged)]


def equal(first: dict, second: dict) -> bool:
    return equal_vectors(first["documents"], second["documents"]) and equal_vectors(
        first["queries"] or first["documents"], second["queries"] or second["documents"]
    )


def equal_vectors(first: Vectors, second: Vectors) -> bool:
    return all(near(dict(zip(*one)), dict(zip(*other))) for one, other in zip(first, second))


def near(one: dict[int, float], other: dict[int, float]) -> bool:
    return all(abs(one.get(index, 0.0) - other.get(index, 0.0)) <= TOLERANCE for index in one.keys() | other.keys())


def first_line(error: Exception, scratch: str) -> str:
    lines = str(error).strip().splitlines() or [""]
    kind = "undefined" if isinstance(error, Undefined) else type(error).__name__
    return f"{kind}: {lines[0]}".replace(f"{scratch}/", "")[:300]


def compact(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def versions() -> dict[str, str]:
    return {module.__name__: module.__version__ for module in (sentence_transformers, transformers, tokenizers, torch)}


def report(name: str, case: Case, result: dict[str, object]) -> None:
    said = result.get("error") or ("same" if result["same_as_base"] else "other vectors")
    print(f"{name}\t{case.name}\t{said}", flush=True)


if __name__ == "__main__":
    main()
