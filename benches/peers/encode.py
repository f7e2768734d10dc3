#!/usr/bin/env python3
"""Encodes the same texts on the same cores with splade-sidecar and with what a user could pick instead, and compares.

    python benches/peers/encode.py --models splade-tiny --texts reference my.jsonl --threads 2 --ours BINARY

For each model and each kind of text all contenders take turns, in several rounds, so that a disturbance of the machine
hits everyone; what counts is the median. A batch size that is far behind its peer's best in the first round has no part
in the others. Peers get the texts sorted by length; splade-sidecar gets them as they come. Every contender's time
leaves out the start of the process and the loading of the model.

The tables and the goals go to the standard error output, and all figures, each round's too, to the standard output as
one line of JSON.
"""

import argparse
import json
import logging
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import transformers
from sentence_transformers import SparseEncoder

import checkpoints
import contenders as who
import cores
import corpora
import cost
import onnx_models
import report
import turns

PEERS = ("sentence-transformers", "onnxruntime", "onnxruntime-int8")
# Tokens a turn for a model of this cost; a smaller model gets more, but not so many that its turns take as long.
REFERENCE_FLOP = 218e6
CHECKED_TEXTS = 4
# The most by which a weight may differ from that of sentence-transformers.
TOLERANCE = 1e-3


def main() -> None:
    arguments = parse_arguments()
    transformers.utils.logging.disable_progress_bar()
    # Below this, ONNX Runtime's quantisation proposes a step that its fusions at loading make superfluous.
    logging.getLogger().setLevel(logging.ERROR)
    cores.use(arguments.threads)
    torch.set_num_threads(arguments.threads)
    results = []
    for name in arguments.models:
        model = checkpoints.folder(name, arguments.work)
        for corpus in arguments.texts:
            try:
                texts = corpora.read(corpus, arguments.text_field, arguments.work)
            except corpora.NoTexts as reason:
                say(f"SKIPPED: {model.name}, {corpus}: {reason}")
                continue
            results.append(compare(model, corpus, texts, arguments))
            report.print_result(results[-1])
    report.print_goals(results)
    print(json.dumps(results))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = [checkpoints.TINY, *checkpoints.SHAPES]
    names = ", ".join(models)
    parser.add_argument("--models", nargs="+", default=models, metavar="FOLDER|NAME", help=f"(default: {names})")
    kinds = f"(default: {', '.join(corpora.KINDS)})"
    parser.add_argument("--texts", nargs="+", default=list(corpora.KINDS), metavar="FILE|NAME", help=kinds)
    parser.add_argument("--text-field", default="text", metavar="NAME", help="of a file (default: %(default)s)")
    parser.add_argument("--tokens", type=int, default=16_000, metavar="N", help="a turn, for a model of BERT-base size")
    parser.add_argument("--all", action="store_true", help="all texts, however many tokens")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS, metavar="NAME", help=", ".join(PEERS))
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32], metavar="N")
    parser.add_argument("--ours", type=Path, metavar="BINARY", help="the program splade-sidecar")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "int8"], metavar="NAME", help="ours")
    parser.add_argument(
        "--work", type=Path, default=Path("target/bench-peers"), metavar="FOLDER", help="for what is made"
    )
    return parser.parse_args()


def compare(model: Path, corpus: str, texts: list[str], arguments: argparse.Namespace) -> dict:
    """All turns of one model and one kind of text."""
    encoder = SparseEncoder(str(model), device="cpu")
    flop = cost.of_linear_layers(encoder[0].model)
    budget = math.inf if arguments.all else arguments.tokens * (REFERENCE_FLOP / flop) ** 0.5
    lengths = cost.lengths(encoder, texts, budget)
    texts, tokens = texts[: len(lengths)], sum(lengths)
    ordered = [texts[number] for number in np.argsort(lengths, kind="stable")]

    say(f"{model.name}, {corpus}: {len(texts)} texts, {tokens} tokens")
    everyone = [*peers(encoder, model, ordered, arguments), *ours(model, texts, tokens, arguments)]
    rounds = turns.take(everyone, arguments.rounds, arguments.threads, say)
    return {
        "model": model.name,
        "texts": Path(corpus).stem,
        "documents": len(texts),
        "tokens": tokens,
        "threads": arguments.threads,
        "flop_per_token": flop + cost.of_attention(encoder[0].model.config, lengths),
        "products_gflops": rounds.products,
        "disturbance": rounds.disturbance,
        "contenders": [
            {"name": c.name, "dtype": c.dtype, "variant": c.variant, "peer": c.is_peer, "seconds": seconds}
            for c, seconds in zip(everyone, rounds.seconds)
            if seconds
        ],
    }


def peers(encoder: SparseEncoder, model: Path, texts: list[str], arguments: argparse.Namespace) -> list[who.Contender]:
    found = []
    # Another model of the same name, or the same one made anew, is not taken for this one.
    exports = arguments.work / "onnx" / f"{model.name}-{(model / 'config.json').stat().st_mtime_ns:x}"
    if "sentence-transformers" in arguments.peers:
        found += who.sentence_transformers(encoder, texts, arguments.batch_sizes)
    for peer, make in {"onnxruntime": onnx_models.float32, "onnxruntime-int8": onnx_models.int8}.items():
        if peer in arguments.peers:
            runner = who.OnnxEncoder(make(model, exports), model, arguments.threads)
            dtype = make.__name__
            check(encoder, runner, texts[:: max(1, len(texts) // CHECKED_TEXTS)], dtype)
            found += runner.contenders(dtype, texts, arguments.batch_sizes)
    return found


def check(encoder: SparseEncoder, runner: who.OnnxEncoder, texts: list[str], dtype: str) -> None:
    """That the export computes what the model does: the same vectors in float32, and similar ones in int8."""
    expected = encoder.encode_document(texts, convert_to_sparse_tensor=False).numpy()
    found = np.zeros_like(expected)
    for row, (indices, weights) in zip(found, runner.encode(texts)):
        row[indices] = weights
    difference = np.abs(found - expected).max()
    cosine = ((found * expected).sum(1) / (np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1))).mean()
    terms = (expected > 0).sum(1).mean()
    say(f"ONNX {dtype}: {terms:.0f} terms a text, cosine {cosine:.4f}, largest difference {difference:.2g}")
    if dtype == "float32" and difference > TOLERANCE:
        sys.exit(f"the ONNX export differs from the model by {difference}: it can't be compared")


def ours(model: Path, texts: list[str], tokens: int, arguments: argparse.Namespace) -> Iterator[who.Contender]:
    if arguments.ours is None:
        return
    arguments.work.mkdir(parents=True, exist_ok=True)
    sidecar = who.Sidecar(arguments.ours.resolve(), model, texts, arguments.work / "texts.jsonl", tokens)
    for dtype in arguments.dtypes:
        for threads in sorted({1, arguments.threads}, reverse=True):
            yield sidecar.contender(dtype, threads)


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
