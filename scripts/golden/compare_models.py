#!/usr/bin/env python3
"""Compares the server with sentence-transformers on model directories with random combinations of settings.

    SPLADE_SIDECAR_BIN=target/release/splade-sidecar python scripts/golden/compare_models.py --count 200 --seed 7

Each directory is one of tests/data/models, changed by some of the cases of settings_cases.py at once. Ends with status
1 if the server makes other vectors than sentence-transformers of one of them, refuses one without naming the file and
the key, or crashes. Needs the packages of scripts/golden/requirements.txt and of tests/python/requirements.txt.
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

# First of all, since it keeps transformers off the network.
from make_settings import DATA, first_line, open_encoder  # noqa: E402, I001

import grpc  # noqa: E402
import torch  # noqa: E402
from stubs import generate_stubs  # noqa: E402

from settings_cases import BASES  # noqa: E402
from settings_case import Case  # noqa: E402
from random_models import sentence_transformers_files  # noqa: E402
from settings_changes import apply, whole  # noqa: E402
from settings_texts import setting_texts  # noqa: E402
from texts import ODD  # noqa: E402

STUBS = generate_stubs()

from sidecar import Sidecar  # noqa: E402
from splade_sidecar.v1 import encoder_service_pb2, encoding_pb2  # noqa: E402

TOLERANCE = 1e-4
MOST_CHANGES = 5
# The base whose cases change sentence-transformers' files, and such files.
SAVED_BASE = "bert-random-sum"
SAVED = sentence_transformers_files({"pooling_strategy": "max", "activation_function": "relu"}, 64)
ROLES = {"document": encoding_pb2.ROLE_DOCUMENT, "query": encoding_pb2.ROLE_QUERY}
FILE_NAME = re.compile(r"[\w-]+\.(json|txt|safetensors|bin|jinja|model)\b")
EQUAL, REFUSED, UNDEFINED = "equal", "refused", "no reference"
UNNAMED, DIFFERENT, CRASHED = "REFUSED UNNAMED", "DIFFERENT", "CRASHED"
DEFECTS = (UNNAMED, DIFFERENT, CRASHED)
# What the server ends with where it refuses its configuration or its model.
REFUSALS = ("status 1\n", "status 2\n")

# By role and text; the text of the error where there is no vector.
Vectors = dict[str, list[dict[int, float] | str]]


class Crash(Exception):
    """The server ended otherwise than by refusing the directory."""


@dataclass
class Verdict:
    verdict: str
    detail: str = ""


@dataclass
class Comparer:
    """What every comparison needs."""

    binary: str
    texts: list[str]
    counts: Counter = field(default_factory=Counter)

    def compare(self, base: str, cases: list[Case], folder: Path) -> Verdict:
        """Makes the directory in `folder`, which must not exist, and lets both encode the texts."""
        shutil.copytree(DATA / "models" / base, folder)
        try:
            for case in cases:
                apply(case.changes, DATA / "models" / base, folder)
        except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
            return Verdict(UNDEFINED, f"the changes contradict each other: {error!r}")
        expected = self.reference(folder)
        # The server is started also where there is no reference: it must not crash.
        try:
            actual = self.served(folder)
        except Crash as crash:
            return Verdict(CRASHED, str(crash))
        if isinstance(expected, str):
            return Verdict(UNDEFINED, f"{expected}; the server: {short(actual)}")
        if isinstance(actual, str):
            return Verdict(REFUSED if names_cause(actual, cases) else UNNAMED, actual)
        return self.differences(expected, actual)

    def reference(self, folder: Path) -> Vectors | str:
        """sentence-transformers' vectors, or why there are none."""
        try:
            first, second = (self.reference_once(folder, seed) for seed in (1, 2))
        # Whatever it is: it is the result. Where the tokenizers library panics, it is no Exception.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return first_line(error, str(folder.parent))
        for role in ROLES:
            for one, other in zip(first[role], second[role]):
                if not isinstance(one, str) and not isinstance(other, str) and largest(one, other)[0] > TOLERANCE:
                    return "undefined: two loads make different vectors"
        return first

    def reference_once(self, folder: Path, seed: int) -> Vectors:
        with open_encoder(folder, seed) as encoder:
            encode = {"document": encoder.encode_document, "query": encoder.encode_query}
            return {role: [self.reference_text(encode[role], text) for text in self.texts] for role in ROLES}

    def reference_text(self, encode, text: str) -> dict[int, float] | str:
        try:
            dense = encode([text], convert_to_sparse_tensor=False)[0]
        # It fails on some texts only, such as long ones.
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return first_line(error, "")
        indices = dense.nonzero().flatten().tolist()
        return dict(zip(indices, dense[indices].tolist()))

    def served(self, folder: Path) -> Vectors | str:
        """The server's vectors, or its last words."""
        try:
            # The path of an idf.json counts from the working directory, which is this tool's too.
            server = self.start(folder)
        except (RuntimeError, TimeoutError) as error:
            words = last_words(str(error), folder)
            if "panicked" in str(error) or not any(refusal in str(error) for refusal in REFUSALS):
                raise Crash(words) from error
            return words
        try:
            made = {role: self.served_texts(server, number) for role, number in ROLES.items()}
            if server.process.poll() is not None or "panicked" in server.read_log():
                raise Crash(last_words(server.read_log(), folder))
            return made
        finally:
            server.kill()

    def start(self, folder: Path) -> Sidecar:
        """Another program may take the port that was free a moment ago: then once more, at another one."""
        try:
            return Sidecar(self.binary, str(folder), folder.with_name("store"))
        except grpc.RpcError:
            return Sidecar(self.binary, str(folder), folder.with_name("store-again"))

    def served_texts(self, server: Sidecar, role: int) -> list[dict[int, float] | str]:
        try:
            return call(server, role, self.texts)
        except grpc.RpcError:
            return [self.served_text(server, role, text) for text in self.texts]

    def served_text(self, server: Sidecar, role: int, text: str) -> dict[int, float] | str:
        try:
            return call(server, role, [text])[0]
        except grpc.RpcError as error:
            return f"{error.code().name}: {error.details()}"

    def differences(self, expected: Vectors, actual: Vectors) -> Verdict:
        worst, compared, undefined = (0.0, ""), 0, 0
        for role in ROLES:
            for text, reference, served in zip(self.texts, expected[role], actual[role]):
                if isinstance(reference, str):
                    undefined += 1
                elif isinstance(served, str):
                    return Verdict(DIFFERENT, f"{role} {text[:40]!r}: {served}")
                else:
                    compared += 1
                    difference, where = largest(reference, served)
                    worst = max(worst, (difference, f"{role} {text[:40]!r}: {where}"))
        counted = f"{compared} vectors, largest difference {worst[0]:.2g}"
        if undefined:
            counted += f", {undefined} texts without a reference"
        if worst[0] > TOLERANCE:
            return Verdict(DIFFERENT, f"{counted}: {worst[1]}")
        return Verdict(EQUAL, counted) if compared else Verdict(UNDEFINED, "no text has a reference")


def call(server: Sidecar, role: int, texts: list[str]) -> list[dict[int, float]]:
    request = encoder_service_pb2.EncodeRequest(role=role, texts=texts)
    results = server.encoder.Encode(request, timeout=120).results
    return [dict(zip(result.vector.indices, result.vector.values)) for result in results]


def largest(reference: dict[int, float], served: dict[int, float]) -> tuple[float, str]:
    """The largest difference of a weight, relative where the weight is above 1, and where it is."""
    worst = (0.0, "")
    for index in reference.keys() | served.keys():
        one, other = reference.get(index, 0.0), served.get(index, 0.0)
        difference = abs(one - other) / max(1.0, abs(one))
        # A comparison that NaN fails.
        if not difference <= worst[0]:
            worst = (difference, f"term {index} weighs {one:.6g}, served {other:.6g}")
            if difference != difference:
                return (float("inf"), worst[1])
    return worst


def last_words(log: str, folder: Path) -> str:
    """The server's error, without colours and without the folder's path."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log).replace(f"{folder}/", "").replace(str(folder), "the model's directory")
    lines = [line for line in plain.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines
    return " ".join(errors[-2:])[-600:]


def names_cause(message: str, cases: list[Case]) -> bool:
    """Whether the message names a file, and a key in back quotes, what the cases change, or that it is missing."""
    changed = {str(change["path"][-1]) for case in cases for change in case.changes if "path" in change}
    changed |= {Path(change["file"]).name for case in cases for change in case.changes if "path" not in change}
    keys = "`" in message or any(cause in message for cause in (*changed, "No such file", "is missing"))
    return FILE_NAME.search(message) is not None and keys


def short(actual: Vectors | str) -> str:
    return f"refuses: {actual[:300]}" if isinstance(actual, str) else "encodes"


def choose(chance: random.Random) -> tuple[str, list[Case]]:
    """A base and some changes of it; mostly such as load by themselves, so that not all combinations are refused."""
    names = sorted(BASES)
    # Bases with few cases have few combinations.
    base = chance.choices(names, [min(len(BASES[name]), 50) for name in names])[0]
    loads, every, chosen = loading(base), BASES[base], []
    if not (DATA / "models" / base / "modules.json").exists() and chance.random() < 0.5:
        # The files of sentence-transformers around a plain model, and the cases that change them.
        chosen = [Case("saved by sentence-transformers", [], [whole(file, content) for file, content in SAVED.items()])]
        loads, every = loads + loading(SAVED_BASE), every + BASES[SAVED_BASE]
    for _ in range(chance.randint(1, MOST_CHANGES)):
        case = chance.choice(loads if chance.random() < 0.9 else every)
        if case.name not in (other.name for other in chosen):
            chosen.append(case)
    return base, chosen


def loading(base: str) -> list[Case]:
    golden = json.loads((DATA / "golden" / "settings" / f"{base}.json").read_text(encoding="utf-8"))
    names = {case["name"] for case in golden["cases"] if "error" not in case}
    return [case for case in BASES[base] if case.name in names]


def smallest(comparer: Comparer, base: str, cases: list[Case]) -> list[Case]:
    """As few of the changes as still make a difference."""
    for case in list(cases):
        fewer = [other for other in cases if other is not case]
        with tempfile.TemporaryDirectory(prefix="compare-models-") as scratch:
            if comparer.compare(base, fewer, Path(scratch) / "model").verdict in (DIFFERENT, CRASHED):
                cases = fewer
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="how many directories are made (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random combinations (default: 1)")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="compare only the directory of this number")
    parser.add_argument("--singly", action="store_true", help="instead of combinations: each case by itself")
    parser.add_argument("--base", action="append", metavar="BASE", help="only directories of this base; repeatable")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where directories that differ are kept")
    arguments = parser.parse_args()
    binary = os.environ.get("SPLADE_SIDECAR_BIN")
    if not binary:
        parser.error("SPLADE_SIDECAR_BIN is not set: give the path of the built server")
    torch.set_num_threads(1)
    comparer = Comparer(str(Path(binary).resolve()), ODD + setting_texts())
    if arguments.singly:
        chosen = [(base, [case]) for base in BASES for case in BASES[base]]
    else:
        chance = random.Random(arguments.seed)
        chosen = [choose(chance) for _ in range(arguments.count)]
    for number, (base, cases) in enumerate(chosen, start=1):
        if arguments.only in (None, number) and (not arguments.base or base in arguments.base):
            report(comparer, number, base, cases, arguments.keep)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(comparer.counts.items())))
    sys.exit(1 if any(comparer.counts[defect] for defect in DEFECTS) else 0)


def report(comparer: Comparer, number: int, base: str, cases: list[Case], keep: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="compare-models-") as scratch:
        folder = Path(scratch) / "model"
        verdict = comparer.compare(base, cases, folder)
        comparer.counts[verdict.verdict] += 1
        if keep and verdict.verdict in DEFECTS:
            shutil.copytree(folder, keep / f"{number}-{base}", dirs_exist_ok=True)
    if verdict.verdict in (DIFFERENT, CRASHED) and len(cases) > 1:
        cases = smallest(comparer, base, cases)
    names = " + ".join(case.name for case in cases)
    print(f"{number}\t{verdict.verdict}\t{base}\t{names}\t{verdict.detail}", flush=True)


if __name__ == "__main__":
    main()
