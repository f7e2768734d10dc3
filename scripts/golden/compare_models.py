#!/usr/bin/env python3
"""Compares the server with sentence-transformers on model directories with random combinations of settings.

    SPLADE_SIDECAR_BIN=target/release/splade-sidecar python scripts/golden/compare_models.py --count 200 --seed 7

Each directory is a copy of one of tests/data/models with several cases of settings_cases.py applied. The exit status is
1 if the server's vectors differ from those of sentence-transformers, if it rejects a directory without naming the file
and the key, or if it crashes. Requires scripts/golden/requirements.txt and tests/python/requirements.txt.
"""

import argparse
import json
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))

# Imported first, because it disables network access of transformers.
from make_settings import DATA, format_error, open_encoder  # noqa: E402, I001

import grpc  # noqa: E402
import torch  # noqa: E402
from stubs import generate_stubs  # noqa: E402

from settings_cases import BASES  # noqa: E402
from settings_case import Case  # noqa: E402
from random_models import build_sentence_transformers_files  # noqa: E402
from settings_changes import apply_changes, replace_json  # noqa: E402
from settings_texts import read_setting_texts  # noqa: E402
from texts import EDGE_CASES  # noqa: E402

STUBS = generate_stubs()

from sidecar import Sidecar  # noqa: E402
from splade_sidecar.v1 import encoder_service_pb2, encoding_pb2  # noqa: E402

TOLERANCE = 1e-4
MAX_CHANGES = 5
# Base whose cases change the files of sentence-transformers, and those files.
SAVED_BASE = "bert-random-sum"
SAVED = build_sentence_transformers_files({"pooling_strategy": "max", "activation_function": "relu"}, 64)
ROLES = {"document": encoding_pb2.ROLE_DOCUMENT, "query": encoding_pb2.ROLE_QUERY}
FILE_NAME = re.compile(r"[\w-]+\.(json|txt|safetensors|bin|jinja|model)\b")
EQUAL, REJECTED, UNDEFINED = "equal", "rejected", "no reference"
UNEXPLAINED, DIFFERENT, CRASHED = "REJECTED WITHOUT CAUSE", "DIFFERENT", "CRASHED"
DEFECTS = (UNEXPLAINED, DIFFERENT, CRASHED)
# Exit statuses of the server for an invalid configuration or model.
REJECTION_STATUSES = ("status 1\n", "status 2\n")

# Vector or error message of each text, by role.
Vectors = dict[str, list[dict[int, float] | str]]


class ServerCrash(Exception):
    """Error for a server that exits for another reason than an invalid model directory."""


@dataclass
class Verdict:
    """Result of a comparison."""

    verdict: str
    detail: str = ""


@dataclass
class Comparer:
    """Compares model directories, and counts the verdicts."""

    binary: str
    texts: list[str]
    counts: Counter = field(default_factory=Counter)

    def compare(self, base: str, cases: list[Case], directory: Path) -> Verdict:
        """Creates the model directory, which must not exist, and compares the vectors of both implementations."""
        shutil.copytree(DATA / "models" / base, directory)
        try:
            for case in cases:
                apply_changes(case.changes, DATA / "models" / base, directory)
        except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
            return Verdict(UNDEFINED, f"the changes are contradictory: {error!r}")
        expected = self.encode_with_reference(directory)
        # Starts the server even without a reference, because it must not crash.
        try:
            actual = self.encode_with_server(directory)
        except ServerCrash as crash:
            return Verdict(CRASHED, str(crash))
        if isinstance(expected, str):
            return Verdict(UNDEFINED, f"{expected}; the server: {summarize(actual)}")
        if isinstance(actual, str):
            return Verdict(REJECTED if names_cause(actual, cases) else UNEXPLAINED, actual)
        return self.judge(expected, actual)

    def encode_with_reference(self, directory: Path) -> Vectors | str:
        """Returns the vectors of sentence-transformers, or its error."""
        try:
            first, second = (self.encode_with_seed(directory, seed) for seed in (1, 2))
        # Any error is a valid result. A panic of the tokenizers library is not an Exception.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return format_error(error, str(directory.parent))
        for role in ROLES:
            for one, other in zip(first[role], second[role]):
                if (
                    not isinstance(one, str)
                    and not isinstance(other, str)
                    and find_largest_difference(one, other)[0] > TOLERANCE
                ):
                    return "undefined: two loads make different vectors"
        return first

    def encode_with_seed(self, directory: Path, seed: int) -> Vectors:
        with open_encoder(directory, seed) as encoder:
            encode = {"document": encoder.encode_document, "query": encoder.encode_query}
            return {
                role: [self.encode_text_with_reference(encode[role], text) for text in self.texts] for role in ROLES
            }

    def encode_text_with_reference(self, encode, text: str) -> dict[int, float] | str:
        try:
            dense = encode([text], convert_to_sparse_tensor=False)[0]
        # sentence-transformers may fail on single texts, such as long ones.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return format_error(error, "")
        indices = dense.nonzero().flatten().tolist()
        return dict(zip(indices, dense[indices].tolist()))

    def encode_with_server(self, directory: Path) -> Vectors | str:
        """Returns the vectors of the server, or its error if it rejects the directory."""
        try:
            server = self.start(directory)
        except (RuntimeError, TimeoutError) as error:
            message = extract_error(str(error), directory)
            if "panicked" in str(error) or not any(status in str(error) for status in REJECTION_STATUSES):
                raise ServerCrash(message) from error
            return message
        try:
            vectors = {role: self.encode_texts_with_server(server, number) for role, number in ROLES.items()}
            if server.process.poll() is not None or "panicked" in server.read_log():
                raise ServerCrash(extract_error(server.read_log(), directory))
            return vectors
        finally:
            server.kill()

    def start(self, directory: Path) -> Sidecar:
        """Starts a server. Retries once, because another program may take the chosen port."""
        try:
            return Sidecar(self.binary, str(directory), directory.with_name("store"))
        except grpc.RpcError:
            return Sidecar(self.binary, str(directory), directory.with_name("store-again"))

    def encode_texts_with_server(self, server: Sidecar, role: int) -> list[dict[int, float] | str]:
        try:
            return call_encode(server, role, self.texts)
        except grpc.RpcError:
            return [self.encode_text_with_server(server, role, text) for text in self.texts]

    def encode_text_with_server(self, server: Sidecar, role: int, text: str) -> dict[int, float] | str:
        try:
            return call_encode(server, role, [text])[0]
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"

    def judge(self, expected: Vectors, actual: Vectors) -> Verdict:
        """Compares the vectors of all texts in both roles."""
        worst, compared, undefined = (0.0, ""), 0, 0
        for role in ROLES:
            for text, reference, served in zip(self.texts, expected[role], actual[role]):
                if isinstance(reference, str):
                    undefined += 1
                elif isinstance(served, str):
                    return Verdict(DIFFERENT, f"{role} {text[:40]!r}: {served}")
                else:
                    compared += 1
                    difference, where = find_largest_difference(reference, served)
                    worst = max(worst, (difference, f"{role} {text[:40]!r}: {where}"))
        summary = f"{compared} vectors, largest difference {worst[0]:.2g}"
        if undefined:
            summary += f", {undefined} texts without a reference"
        if worst[0] > TOLERANCE:
            return Verdict(DIFFERENT, f"{summary}: {worst[1]}")
        return Verdict(EQUAL, summary) if compared else Verdict(UNDEFINED, "no text has a reference")


def call_encode(server: Sidecar, role: int, texts: list[str]) -> list[dict[int, float]]:
    request = encoder_service_pb2.EncodeRequest(role=role, texts=texts)
    results = server.encoder.Encode(request, timeout=120).results
    return [dict(zip(result.vector.indices, result.vector.values)) for result in results]


def find_largest_difference(reference: dict[int, float], served: dict[int, float]) -> tuple[float, str]:
    """Returns the largest difference of a weight, relative for weights above 1, and a description of the term."""
    worst = (0.0, "")
    for index in reference.keys() | served.keys():
        one, other = reference.get(index, 0.0), served.get(index, 0.0)
        difference = abs(one - other) / max(1.0, abs(one))
        # Written so that NaN enters the branch.
        if not difference <= worst[0]:
            worst = (difference, f"weight of term {index}: reference {one:.6g}, server {other:.6g}")
            if difference != difference:
                return (float("inf"), worst[1])
    return worst


def extract_error(log: str, directory: Path) -> str:
    """Returns the last error lines of the server's log, without colours and the path of the model directory."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log).replace(f"{directory}/", "")
    plain = plain.replace(str(directory), "the model directory")
    lines = [line for line in plain.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return " ".join(errors[-2:])[-600:]


def names_cause(message: str, cases: list[Case]) -> bool:
    """Returns whether an error names a file and a cause: a key in backquotes, a changed item, or a missing file."""
    changed = {str(change["path"][-1]) for case in cases for change in case.changes if "path" in change}
    changed |= {Path(change["file"]).name for case in cases for change in case.changes if "path" not in change}
    keys = "`" in message or any(cause in message for cause in (*changed, "No such file", "is missing"))
    return FILE_NAME.search(message) is not None and keys


def summarize(actual: Vectors | str) -> str:
    return f"rejected: {actual[:300]}" if isinstance(actual, str) else "encoded"


def choose_cases(rng: random.Random) -> tuple[str, list[Case]]:
    """Returns a random base and cases. Prefers cases that can be loaded, so that most combinations are not rejected."""
    names = sorted(BASES)
    # Weighted by the number of cases, because bases with few cases have few combinations.
    base = rng.choices(names, [min(len(BASES[name]), 50) for name in names])[0]
    loads, every, chosen = list_loading_cases(base), BASES[base], []
    if not (DATA / "models" / base / "modules.json").exists() and rng.random() < 0.5:
        # Adds the files of sentence-transformers to a plain model, and the cases that change them.
        chosen = [
            Case("saved by sentence-transformers", [], [replace_json(file, content) for file, content in SAVED.items()])
        ]
        loads, every = loads + list_loading_cases(SAVED_BASE), every + BASES[SAVED_BASE]
    for _ in range(rng.randint(1, MAX_CHANGES)):
        case = rng.choice(loads if rng.random() < 0.9 else every)
        if case.name not in (other.name for other in chosen):
            chosen.append(case)
    return base, chosen


def list_loading_cases(base: str) -> list[Case]:
    """Returns the cases of a base that sentence-transformers can load."""
    golden = json.loads((DATA / "golden" / "settings" / f"{base}.json").read_text(encoding="utf-8"))
    names = {case["name"] for case in golden["cases"] if "error" not in case}
    return [case for case in BASES[base] if case.name in names]


def minimize_cases(comparer: Comparer, base: str, cases: list[Case]) -> list[Case]:
    """Removes cases without which the difference or the crash still occurs."""
    for case in list(cases):
        fewer = [other for other in cases if other is not case]
        with tempfile.TemporaryDirectory(prefix="compare-models-") as scratch:
            if comparer.compare(base, fewer, Path(scratch) / "model").verdict in (DIFFERENT, CRASHED):
                cases = fewer
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="number of model directories (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random combinations (default: 1)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="compare only the directory with this number")
    parser.add_argument("--singly", action="store_true", help="test each case separately instead of combinations")
    parser.add_argument("--base", action="append", metavar="BASE", help="use only this base model; repeatable")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep directories with defects below this directory")
    arguments = parser.parse_args()
    binary = os.environ.get("SPLADE_SIDECAR_BIN")
    if not binary:
        parser.error("SPLADE_SIDECAR_BIN is not set; set it to the path of the server binary")
    torch.set_num_threads(1)
    comparer = Comparer(str(Path(binary).resolve()), EDGE_CASES + read_setting_texts())
    if arguments.singly:
        chosen = [(base, [case]) for base in BASES for case in BASES[base]]
    else:
        rng = random.Random(arguments.seed)
        chosen = [choose_cases(rng) for _ in range(arguments.count)]
    for number, (base, cases) in enumerate(chosen, start=1):
        if arguments.only in (None, number) and (not arguments.base or base in arguments.base):
            report_comparison(comparer, number, base, cases, arguments.keep)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(comparer.counts.items())))
    sys.exit(1 if any(comparer.counts[defect] for defect in DEFECTS) else 0)


def report_comparison(comparer: Comparer, number: int, base: str, cases: list[Case], keep: Path | None) -> None:
    """Compares a directory and prints its verdict, for differences and crashes with a minimal list of cases."""
    with tempfile.TemporaryDirectory(prefix="compare-models-") as scratch:
        directory = Path(scratch) / "model"
        verdict = comparer.compare(base, cases, directory)
        comparer.counts[verdict.verdict] += 1
        if keep and verdict.verdict in DEFECTS:
            shutil.copytree(directory, keep / f"{number}-{base}", dirs_exist_ok=True)
    if verdict.verdict in (DIFFERENT, CRASHED) and len(cases) > 1:
        cases = minimize_cases(comparer, base, cases)
    names = " + ".join(case.name for case in cases)
    print(f"{number}\t{verdict.verdict}\t{base}\t{names}\t{verdict.detail}", flush=True)


if __name__ == "__main__":
    main()
