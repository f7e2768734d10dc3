#!/usr/bin/env python3
"""Encodes the same texts with sentence-transformers and with splade-sidecar, in turn, and compares their speed.

    python benches/peers/encode.py --texts docs.jsonl --model FOLDER --threads 2 --ours "COMMAND"

sentence-transformers runs in float32 with PyTorch, once for each batch size; its `encode_document` sorts the texts by
length before it cuts them into batches, and gives sparse tensors, as it does when nobody says otherwise. COMMAND
encodes the same texts once with as many threads and ends its output with a line of JSON:

    {"documents": 1398, "tokens": 285000, "seconds": 31.5}

where `seconds` leaves out the start of the process and the loading of the model, as is done for sentence-transformers.
Rounds are interleaved, so that a disturbance of the machine hits everyone; what counts is the median. The table goes to
the standard error output, and all figures, each round's too, to the standard output as one line of JSON.
"""

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sentence_transformers import SparseEncoder

WARM_UP_TEXTS = 8


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    texts = read_texts(arguments.texts, arguments.text_field)[: arguments.limit]
    encoder = SparseEncoder(str(arguments.model), device="cpu")
    tokens = count_tokens(encoder, texts)

    contenders: dict[str, Callable[[], float]] = {}
    for size in arguments.batch_sizes:
        encode(encoder, texts[:WARM_UP_TEXTS], size)
        contenders[f"sentence-transformers, batch {size}"] = lambda size=size: encode(encoder, texts, size)
    if arguments.ours:
        contenders["splade-sidecar"] = lambda: run_ours(arguments.ours, len(texts), tokens)

    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(1, arguments.rounds + 1):
        for name, measure in contenders.items():
            seconds[name].append(measure())
            print(f"round {number}: {name}: {seconds[name][-1]:.2f} s", file=sys.stderr)
    report(seconds, len(texts), tokens, arguments.threads)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path, required=True, metavar="FILE", help="documents, one JSON object a line")
    parser.add_argument("--text-field", default="text", metavar="NAME", help="its field (default: %(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N documents (default: all)")
    parser.add_argument("--model", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), metavar="N")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[1, 8, 32], metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--ours", metavar="COMMAND", help="encodes the same texts and ends with a line of JSON")
    return parser.parse_args()


def read_texts(path: Path, field: str) -> list[str]:
    """The texts that are not blank: a sidecar refuses the others."""
    with open(path, encoding="utf-8") as lines:
        texts = [json.loads(line)[field] for line in lines]
    return [text for text in texts if text.strip()]


def count_tokens(encoder: SparseEncoder, texts: list[str]) -> int:
    """Tokens that are encoded, the special ones included, padding not."""
    return sum(int(encoder.preprocess([text])["attention_mask"].sum()) for text in texts)


def encode(encoder: SparseEncoder, texts: list[str], batch_size: int) -> float:
    start = time.perf_counter()
    encoder.encode_document(texts, batch_size=batch_size, show_progress_bar=False)
    return time.perf_counter() - start


def run_ours(command: str, documents: int, tokens: int) -> float:
    done = subprocess.run(shlex.split(command), check=True, stdout=subprocess.PIPE, text=True)
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if (result["documents"], result["tokens"]) != (documents, tokens):
        sys.exit(f"the work is not the same: {documents} documents, {tokens} tokens here, but {result} from {command}")
    return result["seconds"]


def report(seconds: dict[str, list[float]], documents: int, tokens: int, threads: int) -> None:
    medians = {name: statistics.median(rounds) for name, rounds in seconds.items()}
    # The yardstick is sentence-transformers at its best batch size.
    yardstick = min(median for name, median in medians.items() if name.startswith("sentence-transformers"))
    print(f"\n{documents} documents, {tokens} tokens, {threads} threads, median of rounds", file=sys.stderr)
    print(f"{'':<34}{'documents/s':>12}{'tokens/s':>10}{'ratio':>8}", file=sys.stderr)
    results = []
    for name, median in medians.items():
        rates = {"documents_per_s": documents / median, "tokens_per_s": tokens / median, "ratio": yardstick / median}
        print(
            f"{name:<34}{rates['documents_per_s']:>12.1f}{rates['tokens_per_s']:>10.0f}{rates['ratio']:>7.2f}x",
            file=sys.stderr,
        )
        results.append({"name": name, "seconds": seconds[name], **{key: round(rate, 3) for key, rate in rates.items()}})
    print(json.dumps({"documents": documents, "tokens": tokens, "threads": threads, "results": results}))


if __name__ == "__main__":
    main()
