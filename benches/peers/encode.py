#!/usr/bin/env python3
"""Compares the encoding speed of splade-sidecar with that of alternatives, on the same texts and cores.

    python benches/peers/encode.py --models splade-tiny --texts reference my.jsonl --threads 2 --ours BINARY

For each model and corpus, the contenders run alternately in several rounds, so that disturbances of the machine affect
all of them; the result is the median. Batch sizes that are much slower than the best one of the same peer in the first
round are skipped in later rounds. Peers get the texts sorted by length, splade-sidecar in their original order. The
duration excludes process start and model loading.

Prints tables and goals to standard error, and all figures of all rounds to standard output as one line of JSON.
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
import contenders
import cores
import corpora
import cost
import onnx_models
import report
import turns

PEERS = ("sentence-transformers", "onnxruntime", "onnxruntime-int8")
# Cost per token of the model for which `--tokens` is defined. Smaller models encode more tokens, but in less time.
REFERENCE_FLOP = 218e6
CHECKED_TEXTS = 4
# Maximum difference of a weight from that of sentence-transformers.
TOLERANCE = 1e-3


def main() -> None:
    arguments = parse_arguments()
    transformers.utils.logging.disable_progress_bar()
    # Hides a recommendation of ONNX Runtime's quantisation that is irrelevant, because fusions happen on loading.
    logging.getLogger().setLevel(logging.ERROR)
    cores.pin_to_cores(arguments.threads)
    torch.set_num_threads(arguments.threads)
    results = []
    for name in arguments.models:
        model = checkpoints.prepare_model(name, arguments.work)
        for corpus in arguments.texts:
            try:
                texts = corpora.read_texts(corpus, arguments.text_field, arguments.work)
            except corpora.CorpusUnavailable as reason:
                log(f"SKIPPED: {model.name}, {corpus}: {reason}")
                continue
            results.append(compare(model, corpus, texts, arguments))
            report.print_result(results[-1])
    report.print_goals(results)
    print(json.dumps(results))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = [checkpoints.TINY, *checkpoints.SHAPES]
    names = ", ".join(models)
    parser.add_argument(
        "--models", nargs="+", default=models, metavar="DIR|NAME", help=f"models to benchmark (default: {names})"
    )
    names = f"JSON Lines files or corpora (default: {', '.join(corpora.CORPORA)})"
    parser.add_argument("--texts", nargs="+", default=list(corpora.CORPORA), metavar="FILE|NAME", help=names)
    parser.add_argument(
        "--text-field", default="text", metavar="NAME", help="field with the text (default: %(default)s)"
    )
    parser.add_argument(
        "--tokens",
        type=int,
        default=16_000,
        metavar="N",
        help="tokens per run, for a model of BERT-base size (default: %(default)s)",
    )
    parser.add_argument("--all", action="store_true", help="encode all texts, regardless of --tokens")
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="threads (default: all processors)",
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds (default: %(default)s)")
    parser.add_argument(
        "--peers",
        nargs="*",
        choices=PEERS,
        default=PEERS,
        metavar="NAME",
        help=f"peers to measure (default: {', '.join(PEERS)})",
    )
    parser.add_argument(
        "--batch-sizes", type=int, nargs="+", default=[1, 8, 32], metavar="N", help="batch sizes of peers"
    )
    parser.add_argument(
        "--ours", type=Path, metavar="BINARY", help="path of the splade-sidecar binary; default: peers only"
    )
    parser.add_argument(
        "--dtypes", nargs="+", default=["float32", "int8"], metavar="NAME", help="dtypes of splade-sidecar"
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("target/bench-peers"),
        metavar="DIR",
        help="directory for generated models and files",
    )
    return parser.parse_args()


def compare(model: Path, corpus: str, texts: list[str], arguments: argparse.Namespace) -> dict:
    """Measures all contenders with one model and one corpus."""
    encoder = SparseEncoder(str(model), device="cpu")
    flop = cost.count_linear_flop(encoder[0].model)
    budget = math.inf if arguments.all else arguments.tokens * (REFERENCE_FLOP / flop) ** 0.5
    lengths = cost.count_tokens(encoder, texts, budget)
    texts, tokens = texts[: len(lengths)], sum(lengths)
    ordered = [texts[number] for number in np.argsort(lengths, kind="stable")]

    log(f"{model.name}, {corpus}: {len(texts)} texts, {tokens} tokens")
    entries = [*create_peers(encoder, model, ordered, arguments), *create_ours(model, texts, tokens, arguments)]
    rounds = turns.run_rounds(entries, arguments.rounds, arguments.threads, log)
    return {
        "model": model.name,
        "texts": Path(corpus).stem,
        "documents": len(texts),
        "tokens": tokens,
        "threads": arguments.threads,
        "flop_per_token": flop + cost.count_attention_flop(encoder[0].model.config, lengths),
        "products_gflops": rounds.products,
        "disturbance": rounds.disturbance,
        "contenders": [
            {
                "name": entry.name,
                "dtype": entry.dtype,
                "variant": entry.variant,
                "peer": entry.is_peer,
                "seconds": seconds,
            }
            for entry, seconds in zip(entries, rounds.seconds)
            if seconds
        ],
    }


def create_peers(
    encoder: SparseEncoder, model: Path, texts: list[str], arguments: argparse.Namespace
) -> list[contenders.Contender]:
    found = []
    # The modification time distinguishes models with the same name, and recreated models.
    exports = arguments.work / "onnx" / f"{model.name}-{(model / 'config.json').stat().st_mtime_ns:x}"
    if "sentence-transformers" in arguments.peers:
        found += contenders.create_sentence_transformers(encoder, texts, arguments.batch_sizes)
    onnx_peers = [
        ("onnxruntime", "float32", onnx_models.prepare_float32),
        ("onnxruntime-int8", "int8", onnx_models.prepare_int8),
    ]
    for peer, dtype, prepare in onnx_peers:
        if peer in arguments.peers:
            runner = contenders.OnnxEncoder(prepare(model, exports), model, arguments.threads)
            check_export(encoder, runner, texts[:: max(1, len(texts) // CHECKED_TEXTS)], dtype)
            found += runner.create_contenders(dtype, texts, arguments.batch_sizes)
    return found


def check_export(encoder: SparseEncoder, runner: contenders.OnnxEncoder, texts: list[str], dtype: str) -> None:
    """Checks an export against the model: vectors must be equal in float32, and are reported in int8."""
    expected = encoder.encode_document(texts, convert_to_sparse_tensor=False).numpy()
    found = np.zeros_like(expected)
    for row, (indices, weights) in zip(found, runner.encode(texts)):
        row[indices] = weights
    difference = np.abs(found - expected).max()
    cosine = ((found * expected).sum(1) / (np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1))).mean()
    terms = (expected > 0).sum(1).mean()
    log(f"ONNX {dtype}: {terms:.0f} terms per text, cosine {cosine:.4f}, largest difference {difference:.2g}")
    if dtype == "float32" and difference > TOLERANCE:
        sys.exit(
            f"the weights of the ONNX export differ from the model by up to {difference}; expected at most {TOLERANCE}"
        )


def create_ours(
    model: Path, texts: list[str], tokens: int, arguments: argparse.Namespace
) -> Iterator[contenders.Contender]:
    if arguments.ours is None:
        return
    arguments.work.mkdir(parents=True, exist_ok=True)
    sidecar = contenders.Sidecar(arguments.ours.resolve(), model, texts, arguments.work / "texts.jsonl", tokens)
    for dtype in arguments.dtypes:
        for threads in sorted({1, arguments.threads}, reverse=True):
            yield sidecar.create_contender(dtype, threads)


def log(message: str) -> None:
    """Prints a message to standard error."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
