#!/usr/bin/env python3
"""Soak test: runs the server under mixed load and reports memory usage, query latency and errors.

    python benches/reliability/soak.py --ours BINARY --minutes 20

The load on the embedded store, all at the same time:

- bulk: `Ingest` streams. Their ids come from a bounded set, so the size of the store is bounded. Each of four kinds of
  invalid document makes up 1% of the documents: blank text, invalid UTF-8, an id that is too long, and a dense vector
  that the collection doesn't have. Each document must have exactly one result with the expected status, and
  `durable_through` must be correct.
- queries: `Encode` and `Search` alternately, at a constant rate.
- clients that cancel an ingest after its first results.
- calls with a deadline of one millisecond.

At the end, no permits may be held and the server must exit with status 0 on SIGTERM. The summary goes to stderr, all
figures to stdout as one line of JSON. Memory grows until every id is stored, so the slope of a one-minute run is
meaningless.
"""

import argparse
import json
import math
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path

import grpc

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "python"))
from stubs import generate_stubs

STUBS = generate_stubs()
import documents  # noqa: E402
from sidecar import Sidecar  # noqa: E402
from splade_sidecar.v1 import document_pb2, encoder_service_pb2, encoding_pb2, index_service_pb2, query_pb2  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "soak"
# Size of the set of document ids.
IDS = 20_000
STREAM_DOCUMENTS = 400
# Share of the documents that each kind of invalid document makes up.
INVALID_SHARE = 0.01
SHORT_DEADLINE_S = 0.001
PERMITS = "splade_permits_held"
PERMITS_TIMEOUT_S = 30
MB = 1e6


def main() -> None:
    arguments = parse_arguments()
    model = arguments.model or fetch_model()
    with tempfile.TemporaryDirectory(prefix="splade-soak-") as directory:
        server = Sidecar(
            str(arguments.ours.resolve()), model, Path(directory) / "store", "--threads", str(arguments.threads)
        )
        try:
            figures = Soak(server, arguments).run_all()
        finally:
            server.kill()
    for line in summarize(figures):
        print(line, file=sys.stderr)
    print(json.dumps(figures))
    if figures["permits_held_at_the_end"] or figures["exit_status"] or figures["wrong"]:
        sys.exit(1)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", type=Path, required=True, metavar="BINARY", help="the splade-sidecar binary")
    parser.add_argument("--minutes", type=float, default=20, metavar="N", help="duration (default: %(default)s)")
    parser.add_argument("--model", metavar="DIR", help="model directory (default: splade-tiny, downloaded if missing)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="encoder threads (default: %(default)s)")
    parser.add_argument(
        "--bulk", type=int, default=2, metavar="N", help="concurrent ingest streams (default: %(default)s)"
    )
    parser.add_argument("--rate", type=float, default=20, metavar="N", help="queries per second (default: %(default)s)")
    return parser.parse_args()


def fetch_model() -> str:
    fetch = [sys.executable, str(ROOT / "scripts" / "fetch_model.py")]
    return subprocess.run(fetch, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Soak:
    """Load on one server, and the measurements."""

    def __init__(self, server: Sidecar, arguments: argparse.Namespace) -> None:
        self.server, self.seconds, self.rate, self.bulk = server, 60 * arguments.minutes, arguments.rate, arguments.bulk
        self.texts = [document.text for document in documents.corpus(240)]
        self.settings = documents.options(COLLECTION)
        self.finished = threading.Event()
        # Without a lock: each error counter belongs to one thread, and times are only appended.
        self.documents: Counter = Counter()
        self.errors: dict[str, Counter] = {name: Counter() for name in ("query", "cancelled ingest", "short deadline")}
        self.query_ms: list[float] = []
        self.memory: list[tuple[float, float]] = []
        self.wrong: list[str] = []

    def run_all(self) -> dict[str, object]:
        """Runs all loads for the configured time and returns the figures."""
        documents.ingest(self.server, self.settings, self.generate(STREAM_DOCUMENTS, random.Random(0)))
        start = time.monotonic()
        loads = [self.ingest] * self.bulk + [self.query, self.cancel, self.call_with_short_deadline]
        threads = [threading.Thread(target=self.run, args=(load, seed)) for seed, load in enumerate(loads)]
        for thread in threads:
            thread.start()
        while time.monotonic() < start + self.seconds and not self.wrong:
            self.memory.append((time.monotonic() - start, resident_mb(self.server.process.pid)))
            self.finished.wait(1)
        self.finished.set()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - start
        permits = self.wait_for_permits()
        return {
            "seconds": seconds,
            "documents": dict(self.documents),
            "documents_per_s": sum(self.documents.values()) / seconds,
            "queries": len(self.query_ms),
            "query_ms": {name: percentile(self.query_ms, share) for name, share in SHARES.items()},
            "errors": {name: dict(errors) for name, errors in self.errors.items()},
            "memory_mb": describe_memory(self.memory),
            "permits_held_at_the_end": permits,
            "exit_status": self.server.stop(),
            "wrong": self.wrong,
        }

    def run(self, load, seed: int) -> None:
        try:
            load(random.Random(seed))
        except Exception as error:
            self.wrong.append(f"{load.__name__}: {error!r}")

    def ingest(self, rng: random.Random) -> None:
        while not self.finished.is_set():
            sent = self.generate(STREAM_DOCUMENTS, rng)
            results = documents.ingest(self.server, self.settings, sent)
            for expected, result in zip(map(expected_result, sent), results):
                actual = result.error.reason if result.HasField("error") else "INDEXED"
                if actual != expected:
                    self.wrong.append(f"expected {expected}, got {actual}: {result}")
            counted = Counter(result.error.reason or "INDEXED" for result in results)
            with LOCK:
                self.documents.update(counted)

    def query(self, rng: random.Random) -> None:
        due = time.monotonic()
        while not self.finished.is_set():
            due += 1 / self.rate
            self.finished.wait(max(0.0, due - time.monotonic()))
            text = " ".join(rng.choice(self.texts).split()[:8])
            start = time.monotonic()
            if self.call_and_count("query", lambda text=text: self.send_query(len(self.query_ms), text)):
                self.query_ms.append(1000 * (time.monotonic() - start))

    def cancel(self, rng: random.Random) -> None:
        while not self.finished.wait(0.5):
            sent = documents.serialize_requests(self.settings, self.generate(200, rng), 20)
            parse = index_service_pb2.IngestResponse.FromString
            call = self.server.channel.stream_stream(documents.INGEST, response_deserializer=parse)(sent)
            # The first response is `opened`, the second has the first results.
            self.call_and_count("cancelled ingest", lambda call=call: (next(call), next(call)))
            call.cancel()

    def call_with_short_deadline(self, rng: random.Random) -> None:
        timeout = SHORT_DEADLINE_S
        while not self.finished.wait(0.2):
            text, batch = rng.choice(self.texts), [valid(self.texts, rng) for _ in range(50)]
            request = index_service_pb2.UpsertRequest(options=self.settings, documents=batch)
            self.call_and_count("short deadline", lambda text=text: self.send_query(0, text, timeout))
            self.call_and_count("short deadline", lambda text=text: self.send_query(1, text, timeout))
            self.call_and_count(
                "short deadline", lambda request=request: self.server.index.Upsert(request, timeout=timeout)
            )

    def send_query(self, number: int, text: str, timeout: float = 60) -> None:
        """Calls `Encode` for an even number, `Search` for an odd one."""
        if number % 2:
            request = index_service_pb2.SearchRequest(collection=COLLECTION, query=query_pb2.Query(text=text))
            self.server.index.Search(request, timeout=timeout)
        else:
            request = encoder_service_pb2.EncodeRequest(role=encoding_pb2.ROLE_QUERY, texts=[text])
            self.server.encoder.Encode(request, timeout=timeout)

    def call_and_count(self, kind: str, call) -> bool:
        """Makes a call, counts its status code and returns whether it succeeded."""
        try:
            call()
        except grpc.RpcError as error:
            self.errors[kind][error.code().name] += 1
            return False
        self.errors[kind]["OK"] += 1
        return True

    def generate(self, count: int, rng: random.Random) -> list:
        """Returns random documents, most of them valid."""
        share = INVALID_SHARE * len(INVALID)
        return [invalid(rng) if rng.random() < share else valid(self.texts, rng) for _ in range(count)]

    def wait_for_permits(self) -> float:
        """Waits until no permits are held; returns the number still held when the timeout expires."""
        deadline = time.monotonic() + PERMITS_TIMEOUT_S
        while True:
            with urllib.request.urlopen(f"http://{self.server.metrics_address}/metrics", timeout=10) as page:
                samples = re.findall(rf"^{PERMITS}{{.*}} (\S+)$", page.read().decode(), re.MULTILINE)
                held = sum(map(float, samples))
            if held == 0 or time.monotonic() > deadline:
                return held
            time.sleep(0.1)


LOCK = threading.Lock()
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "most": 1.0}


def valid(texts: list[str], rng: random.Random) -> document_pb2.Document:
    return documents.document(f"{rng.choice(texts)} {rng.choice(texts)}", rng.randrange(IDS), year=2000)


def blank(_: random.Random) -> document_pb2.Document:
    return documents.document(" \n")


def invalid_utf8(_: random.Random) -> bytes:
    return documents.invalid_utf8()


def long_id(_: random.Random) -> document_pb2.Document:
    document = documents.document("some text")
    document.id.key = "x" * 600
    return document


def unknown_vector(_: random.Random) -> document_pb2.Document:
    document = documents.document("some text")
    document.dense_vectors["sound"].values[:] = [1.0, 2.0]
    return document


# Kinds of invalid document, and the error reason of each.
INVALID = {
    blank: "EMPTY_TEXT",
    invalid_utf8: "MALFORMED_DOCUMENT",
    long_id: "INVALID_ARGUMENT",
    unknown_vector: "INVALID_VECTOR",
}


def invalid(rng: random.Random):
    return rng.choice(list(INVALID))(rng)


def expected_result(document) -> str:
    """Returns the expected error reason of a document; INDEXED for a valid one."""
    if isinstance(document, bytes):
        return INVALID[invalid_utf8]
    if not document.text.strip():
        return INVALID[blank]
    if document.id.key:
        return INVALID[long_id]
    return INVALID[unknown_vector] if document.dense_vectors else "INDEXED"


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024 / MB


def describe_memory(samples: list[tuple[float, float]]) -> dict[str, float]:
    """Returns memory sizes, and the growth rate of the second half: the slope of a least-squares line."""
    half = samples[len(samples) // 2 :]
    mean_x, mean_y = (sum(values) / len(half) for values in zip(*half))
    spread = sum((x - mean_x) ** 2 for x, _ in half)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in half) / spread if spread else 0.0
    sizes = [size for _, size in samples]
    return {"first": sizes[0], "half": half[0][1], "last": sizes[-1], "most": max(sizes), "mb_per_hour": 3600 * slope}


def percentile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def summarize(figures: dict) -> list[str]:
    times, resident = figures["query_ms"], figures["memory_mb"]
    errors = [f"{name}: {counts}" for name, counts in figures["errors"].items()]
    return [
        f"{sum(figures['documents'].values())} documents in {figures['seconds']:.0f} s "
        f"({figures['documents_per_s']:.0f}/s): {figures['documents']}",
        f"{figures['queries']} queries: " + ", ".join(f"{name} {time:.1f} ms" for name, time in times.items()),
        *errors,
        f"memory: {resident['first']:.0f} MB at the start, {resident['half']:.0f} MB at half time, "
        f"{resident['last']:.0f} MB at the end, maximum {resident['most']:.0f} MB; "
        f"second half {resident['mb_per_hour']:+.1f} MB/hour",
        f"permits held at the end: {figures['permits_held_at_the_end']:.0f}; SIGTERM: {figures['exit_status']}",
        *(f"WRONG: {problem}" for problem in figures["wrong"]),
    ]


if __name__ == "__main__":
    main()
