#!/usr/bin/env python3
"""Generates the golden cases of settings: vectors of sentence-transformers for models with one changed setting.

    python scripts/golden/make_settings.py [BASE ...]

See README.md in this directory.
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

# transformers reads the variable on import. No case may depend on the network.
os.environ["HF_HUB_OFFLINE"] = "1"

import sentence_transformers
import tokenizers
import torch
import transformers
from sentence_transformers import SparseEncoder
from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

from settings_cases import BASES, Case
from settings_changes import apply_changes
from settings_texts import read_setting_texts

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
# Maximum difference caused by a different order of floating-point additions.
TOLERANCE = 2e-5
Vectors = list[tuple[list[int], list[float]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "bases", nargs="*", default=list(BASES), metavar="BASE", help="base models to process (default: all)"
    )
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for name in parser.parse_args().bases:
        make_base(name, BASES[name])


def make_base(name: str, cases: list[Case]) -> None:
    """Writes the golden file of a base model."""
    names = [case.name for case in cases]
    assert len(set(names)) == len(names), [name for name in names if names.count(name) > 1]
    texts = read_setting_texts()
    unchanged = evaluate_case(DATA / "models" / name, Case("unchanged", [], []), texts)
    if "error" in unchanged:
        sys.exit(f"{name}: {unchanged['error']}")
    lines = []
    for case in cases:
        result = evaluate_case(DATA / "models" / name, case, texts)
        same = "error" not in result and are_equal(result, unchanged)
        if "error" not in result:
            result = {"same_as_base": True} if same else {"same_as_base": False, **keep_changed(result, unchanged)}
        print_result(name, case, result)
        lines.append(dump_compact({"name": case.name, "keys": case.keys, "changes": case.changes, **result}))
    head = {"base": name, "made_with": get_versions(), "texts": texts, **unchanged}
    content = dump_compact(head)[:-1] + ',"cases":[\n' + ",\n".join(lines) + "\n]}\n"
    path = DATA / "golden" / "settings" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def evaluate_case(base: Path, case: Case, texts: list[str]) -> dict[str, object]:
    """Returns the vectors of documents and queries, or the error.

    Loads every directory twice with different seeds. If the vectors differ, some weights are random.
    """
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch) / "model"
        shutil.copytree(base, directory)
        apply_changes(case.changes, base, directory)
        try:
            first, second = encode_directory(directory, texts, seed=1), encode_directory(directory, texts, seed=2)
        except Exception as error:  # Any exception is a valid result.
            return {"error": format_error(error, scratch)}
    if not are_equal(first, second):
        return {"error": "undefined: two loads of the same directory make different vectors"}
    return first


def encode_directory(directory: Path, texts: list[str], seed: int) -> dict[str, object]:
    """Returns the vectors of documents and queries of a model directory."""
    with open_encoder(directory, seed) as encoder:
        documents = encode_one_by_one(encoder.encode_document, texts)
        queries = encode_one_by_one(encoder.encode_query, texts)
    same = are_equal_vectors(documents, queries)
    return {"documents": documents, "queries": None if same else queries}


class UndefinedVectorsError(Exception):
    """Error for a directory that can be loaded but whose vectors are random or not finite."""


@contextlib.contextmanager
def open_encoder(directory: Path, seed: int):
    """Loads a model directory with sentence-transformers in float32."""
    torch.manual_seed(seed)
    # sentence-transformers resolves the path of an idf.json from the working directory.
    with contextlib.chdir(directory), capture_log_lines() as lines:
        encoder = SparseEncoder(str(directory), device="cpu", model_kwargs={"dtype": torch.float32})
        if any(isinstance(module, SparseAutoEncoder) for module in encoder):
            raise UndefinedVectorsError("sentence-transformers appends a SparseAutoEncoder with random weights")
        if missing := [line.split("|")[0].strip() for line in lines if "| MISSING" in line]:
            raise UndefinedVectorsError(f"newly initialized: {', '.join(sorted(missing)[:4])}")
        yield encoder


def encode_one_by_one(encode_texts: Callable, texts: list[str]) -> Vectors:
    """Encodes texts one by one, to exclude effects of padding."""
    encoded = []
    for text in texts:
        dense = encode_texts([text], convert_to_sparse_tensor=False)[0]
        if not dense.isfinite().all():
            raise UndefinedVectorsError("a vector has a weight that is not finite")
        indices = dense.nonzero().flatten().tolist()
        encoded.append((indices, [float(f"{value:.6g}") for value in dense[indices].tolist()]))
    return encoded


@contextlib.contextmanager
def capture_log_lines():
    """Captures the log lines of transformers and sentence-transformers, which report missing weights."""
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


def keep_changed(result: dict, unchanged: dict) -> dict:
    """Replaces vectors that equal those of the unchanged base with None: most cases affect few of the texts."""
    documents, queries = result["documents"], result["queries"]
    return {
        "documents": keep_changed_vectors(documents, unchanged["documents"]),
        "queries": queries and keep_changed_vectors(queries, unchanged["queries"] or unchanged["documents"]),
    }


def keep_changed_vectors(vectors: Vectors, unchanged: Vectors) -> list[tuple[list[int], list[float]] | None]:
    return [None if are_equal_vectors([one], [other]) else one for one, other in zip(vectors, unchanged)]


def are_equal(first: dict, second: dict) -> bool:
    return are_equal_vectors(first["documents"], second["documents"]) and are_equal_vectors(
        first["queries"] or first["documents"], second["queries"] or second["documents"]
    )


def are_equal_vectors(first: Vectors, second: Vectors) -> bool:
    return all(is_close(dict(zip(*one)), dict(zip(*other))) for one, other in zip(first, second))


def is_close(one: dict[int, float], other: dict[int, float]) -> bool:
    return all(abs(one.get(index, 0.0) - other.get(index, 0.0)) <= TOLERANCE for index in one.keys() | other.keys())


def format_error(error: Exception, scratch: str) -> str:
    lines = str(error).strip().splitlines() or [""]
    kind = "undefined" if isinstance(error, UndefinedVectorsError) else type(error).__name__
    return f"{kind}: {lines[0]}".replace(f"{scratch}/", "")[:300]


def dump_compact(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def get_versions() -> dict[str, str]:
    return {module.__name__: module.__version__ for module in (sentence_transformers, transformers, tokenizers, torch)}


def print_result(name: str, case: Case, result: dict[str, object]) -> None:
    summary = result.get("error") or ("same" if result["same_as_base"] else "other vectors")
    print(f"{name}\t{case.name}\t{summary}", flush=True)


if __name__ == "__main__":
    main()
