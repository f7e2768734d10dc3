#!/usr/bin/env python3
"""Measures the service around the encoder: start, indexing, queries under load, memory; and compares with the goals.

    python benches/peers/service.py --models bert-shape --threads 2 --ours BINARY

- start: from exec until the health service says SERVING; the model's files are in the page cache.
- `Ingest`: documents through the CLI's `ingest` into the embedded store, beside the encoder alone (`bench`), in turn.
- a query: `Encode` of about 12 tokens, one at a time, from a Python client that shares the cores with the server; idle,
  and while `ingest` keeps every encoder thread busy.
- memory: the peak of `bench` (the operating system's "maximum resident set size") less the size of the weights' files,
  divided by the threads, for small and for large batches.

The table goes to the standard error output, all figures to the standard output as one line of JSON.
"""

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc

import checkpoints
import cores
import corpora
import processes

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "python"))
from stubs import generate_stubs

STUBS = generate_stubs()
from sidecar import Sidecar, clean_environment  # noqa: E402
from splade_sidecar.v1 import encoder_service_pb2, encoding_pb2, index_service_pb2  # noqa: E402

# How long the encoder is to be busy: for a comparison, and while queries are measured.
TURN_S, LOAD_S = 10, 120
PROBE_TEXTS = 40
QUERY_WORDS = 8
QUERIES = 300
BATCH_TOKENS = (512, 8192)
MEAN_TOKENS = 200
COLLECTION = "bench"
MB = 1e6


def main() -> None:
    arguments = parse_arguments()
    cores.use(arguments.threads)
    results = []
    say(f"{'':<84}{'measured':>12}{'goal':>12}")
    for name in arguments.models:
        model = checkpoints.folder(name, arguments.work)
        with tempfile.TemporaryDirectory(prefix="splade-bench-") as scratch:
            others = cores.Others()
            figures = Bench(model, Path(scratch), arguments).figures()
        results.append({"model": model.name, "dtype": arguments.dtype, "disturbance": others.share(), **figures})
        for what, measured, goal in table(results[-1]):
            say(f"{f'{model.name}, {arguments.dtype}: {what}':<84}{measured:>12}{goal:>12}")
    print(json.dumps(results))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = [checkpoints.TINY, *checkpoints.SHAPES]
    parser.add_argument("--models", nargs="+", default=models, metavar="FOLDER|NAME", help=", ".join(models))
    parser.add_argument("--dtype", default="float32", metavar="NAME", help="(default: %(default)s)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--ours", type=Path, required=True, metavar="BINARY", help="the program splade-sidecar")
    parser.add_argument(
        "--work", type=Path, default=Path("target/bench-peers"), metavar="FOLDER", help="where models are"
    )
    return parser.parse_args()


def table(figures: dict) -> list[tuple[str, str, str]]:
    """What, how much, and the goal."""
    encoder, ingest = (statistics.median(figures[f"{name}_documents_per_s"]) for name in ("encoder", "ingest"))
    idle, loaded = (Latency(figures[name]) for name in ("idle_ms", "loaded_ms"))
    rows = [
        ("from exec to SERVING", f"{statistics.median(figures['start_s']):.2f} s", "< 1 s"),
        ("encoder alone, documents/s", f"{encoder:.1f}", ""),
        ("Ingest into the embedded store, documents/s", f"{ingest:.1f}", ""),
        ("Ingest, share of the encoder alone", f"{ingest / encoder:.1%}", ">= 92 %"),
        ("query, idle, p50 and p99", f"{idle}", ""),
        ("query, while ingesting, p50 and p99", f"{loaded}", ""),
        ("query, p99 while ingesting over idle", f"{loaded.p99 / idle.p99:.1f}x", "<= 3x"),
    ]
    for batch, peak in figures["peak_mb"].items():
        rows.append((f"peak memory beyond the weights, a thread, {batch}", f"{peak:.0f} MB", "<= 64 MB"))
    rows.append(("other processes, share of the machine", f"{figures['disturbance']:.1%}", f"< {cores.QUIET:.0%}"))
    return rows


class Latency:
    """The middle and the end of some times in milliseconds."""

    def __init__(self, times: list[float]) -> None:
        ordered = sorted(times)
        self.p50, self.p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))

    def __str__(self) -> str:
        return f"{self.p50:.1f}, {self.p99:.1f} ms"


class Bench:
    """One model, and where its files lie."""

    def __init__(self, model: Path, scratch: Path, arguments: argparse.Namespace) -> None:
        self.model, self.scratch = model, scratch
        self.binary, self.threads, self.rounds = str(arguments.ours.resolve()), arguments.threads, arguments.rounds
        self.settings = ["--threads", str(self.threads)]
        if arguments.dtype != "float32":
            self.settings += ["--dtype", arguments.dtype]
        self.corpus = corpora.read("reference", "text", arguments.work)
        self.rate = PROBE_TEXTS / self.encode(self.documents("probe", PROBE_TEXTS))["seconds"]

    def figures(self) -> dict[str, object]:
        return {"start_s": self.start(), **self.ingest(), **self.queries(), "peak_mb": self.memory()}

    def start(self) -> list[float]:
        seconds = []
        for number in range(self.rounds):
            start = time.perf_counter()
            server = self.serve(f"start-{number}")
            seconds.append(time.perf_counter() - start)
            server.kill()
        return seconds

    def ingest(self) -> dict[str, list[float]]:
        """Documents a second of the encoder alone and of `Ingest`, each round's."""
        count = round(TURN_S * self.rate)
        file = self.documents("turn", count)
        rates: dict[str, list[float]] = {"encoder_documents_per_s": [], "ingest_documents_per_s": []}
        for number in range(self.rounds):
            rates["encoder_documents_per_s"].append(count / self.encode(file)["seconds"])
            server = self.serve(f"ingest-{number}")
            with self.ingest_into(server, file) as client:
                summary = json.loads(client.stdout.read())
            server.kill()
            rates["ingest_documents_per_s"].append(summary["documents_per_second"])
        return rates

    def queries(self) -> dict[str, list[float]]:
        """Milliseconds of each call, idle and under load."""
        queries = [" ".join(text.split()[:QUERY_WORDS]) for text in self.corpus]
        load = self.documents("load", round(LOAD_S * self.rate))
        server = self.serve("queries")
        self.call(server, queries)
        idle = self.call(server, queries)
        ingest = self.ingest_into(server, load)
        while self.indexed(server) == 0:
            time.sleep(0.05)
        loaded = self.call(server, queries)
        if ingest.poll() is not None:
            sys.exit("the ingest ended before the queries did: raise LOAD_S")
        ingest.kill()
        ingest.wait()
        server.kill()
        return {"idle_ms": idle, "loaded_ms": loaded}

    def memory(self) -> dict[str, float]:
        """The peak of a run without its weights, by batch size, in MB a thread."""
        weights = sum(file.stat().st_size for file in self.model.glob("*.safetensors"))
        peaks = {}
        for tokens in BATCH_TOKENS:
            # Enough for two full batches a thread.
            file = self.documents("memory", round(2 * self.threads * tokens / MEAN_TOKENS))
            peak = self.encode(file, "--batch-tokens", str(tokens))["peak"]
            peaks[f"batches of {tokens} tokens"] = (peak - weights) / MB / self.threads
        return peaks

    def encode(self, file: Path, *options: str) -> dict[str, float]:
        """What `bench` says, and its peak memory in bytes."""
        command = [self.binary, "bench", str(file), "--model", str(self.model), "--output", "json", *self.settings]
        with subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, text=True, env=clean_environment()
        ) as process:
            peak, _ = processes.wait(process)
            output = process.stdout.read()
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} failed; its message is above")
        return {**json.loads(output.splitlines()[-1]), "peak": peak}

    def serve(self, store: str) -> Sidecar:
        return Sidecar(self.binary, str(self.model), self.scratch / store, *self.settings)

    def ingest_into(self, server: Sidecar, file: Path) -> subprocess.Popen:
        command = [self.binary, "ingest", str(file), "--collection", COLLECTION, "--create-collection"]
        command += ["--server", f"http://{server.address}", "--output", "json"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())

    def call(self, server: Sidecar, queries: list[str]) -> list[float]:
        times = []
        for query in itertools.islice(itertools.cycle(queries), QUERIES):
            request = encoder_service_pb2.EncodeRequest(role=encoding_pb2.ROLE_QUERY, texts=[query])
            start = time.perf_counter()
            server.encoder.Encode(request)
            times.append(1000 * (time.perf_counter() - start))
        return times

    def indexed(self, server: Sidecar) -> int:
        request = index_service_pb2.GetCollectionRequest(collection=COLLECTION)
        try:
            return server.index.GetCollection(request).collection.point_count
        except grpc.RpcError:
            return 0

    def documents(self, name: str, count: int) -> Path:
        """A file of so many texts, over and over; each time with an id of its own."""
        file = self.scratch / f"{name}.jsonl"
        texts = itertools.islice(itertools.cycle(self.corpus), max(1, count))
        with open(file, "w", encoding="utf-8") as lines:
            for number, text in enumerate(texts):
                print(json.dumps({"id": number, "text": text}, ensure_ascii=False), file=lines)
        return file


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
