#!/usr/bin/env python3
"""Measures startup, indexing, query latency under load and memory of the server, and compares them with the goals.

    python benches/peers/service.py --models bert-shape --threads 2 --ours BINARY

- startup: time from exec until the health service reports SERVING, with the model files in the page cache.
- indexing: `ingest` into the embedded store, alternately with the encoder alone (`bench`).
- query latency: sequential `Encode` calls of about 12 tokens from a Python client on the cores of the server, which is
  idle, or `ingest` keeps all encoder threads busy.
- memory: peak resident memory of `bench` minus the size of the weight files, per thread, for small and large batches.

Prints a table to standard error, and all figures to standard output as one line of JSON.
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

# Duration of the encoding work for a comparison, and for the load during queries.
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
    cores.pin_to_cores(arguments.threads)
    results = []
    log(f"{'':<84}{'measured':>12}{'goal':>12}")
    for name in arguments.models:
        model = checkpoints.prepare_model(name, arguments.work)
        with tempfile.TemporaryDirectory(prefix="splade-bench-") as scratch:
            others = cores.OtherLoad()
            figures = Bench(model, Path(scratch), arguments).run()
        results.append({"model": model.name, "dtype": arguments.dtype, "disturbance": others.share(), **figures})
        for metric, measured, goal in build_table(results[-1]):
            log(f"{f'{model.name}, {arguments.dtype}: {metric}':<84}{measured:>12}{goal:>12}")
    print(json.dumps(results))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = [checkpoints.TINY, *checkpoints.SHAPES]
    parser.add_argument(
        "--models",
        nargs="+",
        default=models,
        metavar="DIR|NAME",
        help=f"models to benchmark (default: {', '.join(models)})",
    )
    parser.add_argument("--dtype", default="float32", metavar="NAME", help="inference dtype (default: %(default)s)")
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="threads (default: all processors)",
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds (default: %(default)s)")
    parser.add_argument("--ours", type=Path, required=True, metavar="BINARY", help="path of the splade-sidecar binary")
    parser.add_argument(
        "--work", type=Path, default=Path("target/bench-peers"), metavar="DIR", help="directory for models"
    )
    return parser.parse_args()


def build_table(figures: dict) -> list[tuple[str, str, str]]:
    """Returns the rows of the table: metric, measured value and goal."""
    encoder, ingest = (statistics.median(figures[f"{name}_documents_per_s"]) for name in ("encoder", "ingest"))
    idle, loaded = (Latency(figures[name]) for name in ("idle_ms", "loaded_ms"))
    rows = [
        ("startup, from exec to SERVING", f"{statistics.median(figures['start_s']):.2f} s", "< 1 s"),
        ("encoder alone, documents/s", f"{encoder:.1f}", ""),
        ("Ingest into the embedded store, documents/s", f"{ingest:.1f}", ""),
        ("Ingest, relative to the encoder alone", f"{ingest / encoder:.1%}", ">= 92 %"),
        ("query, idle, p50 and p99", f"{idle}", ""),
        ("query, while ingesting, p50 and p99", f"{loaded}", ""),
        ("query, ratio of p99 while ingesting to idle", f"{loaded.p99 / idle.p99:.1f}x", "<= 3x"),
    ]
    for batch, peak in figures["peak_mb"].items():
        rows.append((f"peak memory per thread without weights, {batch}", f"{peak:.0f} MB", "<= 64 MB"))
    rows.append(
        ("other processes, share of CPU time", f"{figures['disturbance']:.1%}", f"< {cores.MAX_OTHER_LOAD:.0%}")
    )
    return rows


class Latency:
    """Percentiles of latencies in milliseconds."""

    def __init__(self, times: list[float]) -> None:
        ordered = sorted(times)
        self.p50, self.p99 = (ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.99))

    def __str__(self) -> str:
        return f"{self.p50:.1f}, {self.p99:.1f} ms"


class Bench:
    """Benchmarks of one model."""

    def __init__(self, model: Path, scratch: Path, arguments: argparse.Namespace) -> None:
        self.model, self.scratch = model, scratch
        self.binary, self.threads, self.rounds = str(arguments.ours.resolve()), arguments.threads, arguments.rounds
        self.settings = ["--threads", str(self.threads)]
        if arguments.dtype != "float32":
            self.settings += ["--dtype", arguments.dtype]
        self.corpus = corpora.read_texts("reference", "text", arguments.work)
        self.rate = PROBE_TEXTS / self.encode(self.write_documents("probe", PROBE_TEXTS))["seconds"]

    def run(self) -> dict[str, object]:
        """Runs all benchmarks."""
        return {
            "start_s": self.measure_start(),
            **self.measure_ingest(),
            **self.measure_queries(),
            "peak_mb": self.measure_memory(),
        }

    def measure_start(self) -> list[float]:
        """Returns the startup times in seconds."""
        seconds = []
        for number in range(self.rounds):
            start = time.perf_counter()
            server = self.serve(f"start-{number}")
            seconds.append(time.perf_counter() - start)
            server.kill()
        return seconds

    def measure_ingest(self) -> dict[str, list[float]]:
        """Returns the documents per second of the encoder alone and of `Ingest`, by round."""
        count = round(TURN_S * self.rate)
        file = self.write_documents("turn", count)
        rates: dict[str, list[float]] = {"encoder_documents_per_s": [], "ingest_documents_per_s": []}
        for number in range(self.rounds):
            rates["encoder_documents_per_s"].append(count / self.encode(file)["seconds"])
            server = self.serve(f"ingest-{number}")
            with self.start_ingest(server, file) as client:
                summary = json.loads(client.stdout.read())
            server.kill()
            rates["ingest_documents_per_s"].append(summary["documents_per_second"])
        return rates

    def measure_queries(self) -> dict[str, list[float]]:
        """Returns the latency of each call in milliseconds, idle and under load."""
        queries = [" ".join(text.split()[:QUERY_WORDS]) for text in self.corpus]
        load = self.write_documents("load", round(LOAD_S * self.rate))
        server = self.serve("queries")
        self.measure_calls(server, queries)
        idle = self.measure_calls(server, queries)
        ingest = self.start_ingest(server, load)
        while self.count_indexed(server) == 0:
            time.sleep(0.05)
        loaded = self.measure_calls(server, queries)
        if ingest.poll() is not None:
            sys.exit("ingest finished before the queries; increase LOAD_S")
        ingest.kill()
        ingest.wait()
        server.kill()
        return {"idle_ms": idle, "loaded_ms": loaded}

    def measure_memory(self) -> dict[str, float]:
        """Returns the peak memory without weights in MB per thread, by batch size."""
        weights = sum(file.stat().st_size for file in self.model.glob("*.safetensors"))
        peaks = {}
        for tokens in BATCH_TOKENS:
            # Two full batches per thread.
            file = self.write_documents("memory", round(2 * self.threads * tokens / MEAN_TOKENS))
            peak = self.encode(file, "--max-batch-tokens", str(tokens))["peak"]
            peaks[f"batches of {tokens} tokens"] = (peak - weights) / MB / self.threads
        return peaks

    def encode(self, file: Path, *options: str) -> dict[str, float]:
        """Runs `bench`, and returns its results and its peak memory in bytes."""
        command = [self.binary, "bench", str(file), "--model", str(self.model), "--output", "json", *self.settings]
        with subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, text=True, env=clean_environment()
        ) as process:
            peak, _ = processes.wait(process)
            output = process.stdout.read()
        if process.returncode != 0:
            sys.exit(f"{' '.join(command)} failed; see its output above")
        return {**json.loads(output.splitlines()[-1]), "peak": peak}

    def serve(self, store: str) -> Sidecar:
        """Starts a server with a new store."""
        return Sidecar(self.binary, str(self.model), self.scratch / store, *self.settings)

    def start_ingest(self, server: Sidecar, file: Path) -> subprocess.Popen:
        """Starts `ingest` of a file."""
        command = [self.binary, "ingest", str(file), "--collection", COLLECTION, "--create-collection"]
        command += ["--server", f"http://{server.address}", "--output", "json"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())

    def measure_calls(self, server: Sidecar, queries: list[str]) -> list[float]:
        """Returns the latencies of sequential `Encode` calls in milliseconds."""
        times = []
        for query in itertools.islice(itertools.cycle(queries), QUERIES):
            request = encoder_service_pb2.EncodeRequest(role=encoding_pb2.ROLE_QUERY, texts=[query])
            start = time.perf_counter()
            server.encoder.Encode(request)
            times.append(1000 * (time.perf_counter() - start))
        return times

    def count_indexed(self, server: Sidecar) -> int:
        """Returns the number of points; 0 if the collection doesn't exist yet."""
        request = index_service_pb2.GetCollectionRequest(collection=COLLECTION)
        try:
            return server.index.GetCollection(request).collection.point_count
        except grpc.RpcError:
            return 0

    def write_documents(self, name: str, count: int) -> Path:
        """Writes a file of `count` documents with unique ids; the texts of the corpus repeat."""
        file = self.scratch / f"{name}.jsonl"
        texts = itertools.islice(itertools.cycle(self.corpus), max(1, count))
        with open(file, "w", encoding="utf-8") as lines:
            for number, text in enumerate(texts):
                print(json.dumps({"id": number, "text": text}, ensure_ascii=False), file=lines)
        return file


def log(line: str) -> None:
    """Prints a line to standard error."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
