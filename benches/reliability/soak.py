#!/usr/bin/env python3
"""Runs the server under mixed load for a while, and says what became of its memory, its queries and its errors.

    python benches/reliability/soak.py --ours BINARY --minutes 20

Beside each other, on the embedded store:

- bulk: `Ingest` streams, whose ids come from a bounded set, so that the store does not grow without end; of each
  hundred documents some are bad: blank, no UTF-8, an id too long, a dense vector that the collection doesn't have. Each
  document must have one result, the right one, and `durable_through` must be right.
- queries: `Encode` and `Search` in turn, at a steady rate.
- clients that cancel an ingest after its first results.
- calls with a deadline of a millisecond.

At the end the permits that are held must be 0 and SIGTERM must end with status 0. The summary goes to the standard
error output, all figures to the standard output as one line of JSON. Memory grows until the set of ids is full, so a
run of a minute says nothing of its slope.
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
# Ids that documents may have.
IDS = 20_000
STREAM_DOCUMENTS = 400
# Each of these is sent so often among a hundred documents; what it is refused for.
BAD_SHARE = 0.01
HASTE_S = 0.001
PERMITS = "splade_permits_held"
PERMITS_PATIENCE_S = 30
MB = 1e6


def main() -> None:
    arguments = parse_arguments()
    model = arguments.model or fetched_model()
    with tempfile.TemporaryDirectory(prefix="splade-soak-") as folder:
        server = Sidecar(
            str(arguments.ours.resolve()), model, Path(folder) / "store", "--threads", str(arguments.threads)
        )
        try:
            figures = Soak(server, arguments).figures()
        finally:
            server.kill()
    for line in summary(figures):
        print(line, file=sys.stderr)
    print(json.dumps(figures))
    if figures["permits_held_at_the_end"] or figures["exit_status"] or figures["wrong"]:
        sys.exit(1)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ours", type=Path, required=True, metavar="BINARY", help="the program splade-sidecar")
    parser.add_argument("--minutes", type=float, default=20, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--model", metavar="FOLDER", help="(default: splade-tiny, which is fetched)")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="encoder threads (default: %(default)s)")
    parser.add_argument(
        "--bulk", type=int, default=2, metavar="N", help="ingest streams at once (default: %(default)s)"
    )
    parser.add_argument("--rate", type=float, default=20, metavar="N", help="queries a second (default: %(default)s)")
    return parser.parse_args()


def fetched_model() -> str:
    fetch = [sys.executable, str(ROOT / "scripts" / "fetch_model.py")]
    return subprocess.run(fetch, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Soak:
    """One server under load."""

    def __init__(self, server: Sidecar, arguments: argparse.Namespace) -> None:
        self.server, self.seconds, self.rate, self.bulk = server, 60 * arguments.minutes, arguments.rate, arguments.bulk
        self.texts = [document.text for document in documents.corpus(240)]
        self.settings = documents.options(COLLECTION)
        self.over = threading.Event()
        # Counters are changed by one thread each, and times are only appended.
        self.documents: Counter = Counter()
        self.errors: dict[str, Counter] = {name: Counter() for name in ("query", "cancelled ingest", "hasty call")}
        self.query_ms: list[float] = []
        self.memory: list[tuple[float, float]] = []
        self.wrong: list[str] = []

    def figures(self) -> dict[str, object]:
        documents.ingest(self.server, self.settings, self.some(STREAM_DOCUMENTS, random.Random(0)))
        start = time.monotonic()
        parts = [self.ingest] * self.bulk + [self.query, self.cancel, self.hurry]
        threads = [threading.Thread(target=self.run, args=(part, seed)) for seed, part in enumerate(parts)]
        for thread in threads:
            thread.start()
        while time.monotonic() < start + self.seconds and not self.wrong:
            self.memory.append((time.monotonic() - start, resident_mb(self.server.process.pid)))
            self.over.wait(1)
        self.over.set()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - start
        permits = self.permits()
        return {
            "seconds": seconds,
            "documents": dict(self.documents),
            "documents_per_s": sum(self.documents.values()) / seconds,
            "queries": len(self.query_ms),
            "query_ms": {name: percentile(self.query_ms, share) for name, share in SHARES.items()},
            "errors": {name: dict(errors) for name, errors in self.errors.items()},
            "memory_mb": memory(self.memory),
            "permits_held_at_the_end": permits,
            "exit_status": self.server.stop(),
            "wrong": self.wrong,
        }

    def run(self, part, seed: int) -> None:
        try:
            part(random.Random(seed))
        except Exception as error:
            self.wrong.append(f"{part.__name__}: {error!r}")

    def ingest(self, dice: random.Random) -> None:
        while not self.over.is_set():
            sent = self.some(STREAM_DOCUMENTS, dice)
            results = documents.ingest(self.server, self.settings, sent)
            for bad, result in zip(map(reason, sent), results):
                got = result.error.reason if result.HasField("error") else "INDEXED"
                if got != bad:
                    self.wrong.append(f"a document was to be {bad} and is {got}: {result}")
            counted = Counter(result.error.reason or "INDEXED" for result in results)
            with LOCK:
                self.documents.update(counted)

    def query(self, dice: random.Random) -> None:
        due = time.monotonic()
        while not self.over.is_set():
            due += 1 / self.rate
            self.over.wait(max(0.0, due - time.monotonic()))
            text = " ".join(dice.choice(self.texts).split()[:8])
            start = time.monotonic()
            if self.counted("query", lambda text=text: self.ask(len(self.query_ms), text)):
                self.query_ms.append(1000 * (time.monotonic() - start))

    def cancel(self, dice: random.Random) -> None:
        while not self.over.wait(0.5):
            sent = documents.serialize_requests(self.settings, self.some(200, dice), 20)
            parse = index_service_pb2.IngestResponse.FromString
            call = self.server.channel.stream_stream(documents.INGEST, response_deserializer=parse)(sent)
            # `opened`, then the first results.
            self.counted("cancelled ingest", lambda call=call: (next(call), next(call)))
            call.cancel()

    def hurry(self, dice: random.Random) -> None:
        while not self.over.wait(0.2):
            text, some = dice.choice(self.texts), [good(self.texts, dice) for _ in range(50)]
            request = index_service_pb2.UpsertRequest(options=self.settings, documents=some)
            self.counted("hasty call", lambda text=text: self.ask(0, text, HASTE_S))
            self.counted("hasty call", lambda text=text: self.ask(1, text, HASTE_S))
            self.counted("hasty call", lambda request=request: self.server.index.Upsert(request, timeout=HASTE_S))

    def ask(self, number: int, text: str, timeout: float = 60) -> None:
        """`Encode` and `Search` in turn."""
        if number % 2:
            request = index_service_pb2.SearchRequest(collection=COLLECTION, query=query_pb2.Query(text=text))
            self.server.index.Search(request, timeout=timeout)
        else:
            request = encoder_service_pb2.EncodeRequest(role=encoding_pb2.ROLE_QUERY, texts=[text])
            self.server.encoder.Encode(request, timeout=timeout)

    def counted(self, kind: str, call) -> bool:
        """Makes a call, and counts its code; whether it was answered."""
        try:
            call()
        except grpc.RpcError as error:
            self.errors[kind][error.code().name] += 1
            return False
        self.errors[kind]["OK"] += 1
        return True

    def some(self, count: int, dice: random.Random) -> list:
        """Documents, most of them good."""
        return [bad(dice) if dice.random() < BAD_SHARE * len(BAD) else good(self.texts, dice) for _ in range(count)]

    def permits(self) -> float:
        """How many permits are held when nothing is under way any more."""
        deadline = time.monotonic() + PERMITS_PATIENCE_S
        while True:
            with urllib.request.urlopen(f"http://{self.server.metrics_address}/metrics", timeout=10) as page:
                samples = re.findall(rf"^{PERMITS}{{.*}} (\S+)$", page.read().decode(), re.MULTILINE)
                held = sum(map(float, samples))
            if held == 0 or time.monotonic() > deadline:
                return held
            time.sleep(0.1)


LOCK = threading.Lock()
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "most": 1.0}


def good(texts: list[str], dice: random.Random) -> document_pb2.Document:
    return documents.document(f"{dice.choice(texts)} {dice.choice(texts)}", dice.randrange(IDS), year=2000)


def blank(_: random.Random) -> document_pb2.Document:
    return documents.document(" \n")


def invalid_utf8(_: random.Random) -> bytes:
    return documents.invalid_utf8()


def long_id(_: random.Random) -> document_pb2.Document:
    made = documents.document("some text")
    made.id.key = "x" * 600
    return made


def unknown_vector(_: random.Random) -> document_pb2.Document:
    made = documents.document("some text")
    made.dense_vectors["sound"].values[:] = [1.0, 2.0]
    return made


# What is bad, and the reason for which it is refused.
BAD = {
    blank: "EMPTY_TEXT",
    invalid_utf8: "MALFORMED_DOCUMENT",
    long_id: "INVALID_ARGUMENT",
    unknown_vector: "INVALID_VECTOR",
}


def bad(dice: random.Random):
    return dice.choice(list(BAD))(dice)


def reason(document) -> str:
    """What must become of a document."""
    if isinstance(document, bytes):
        return BAD[invalid_utf8]
    if not document.text.strip():
        return BAD[blank]
    if document.id.key:
        return BAD[long_id]
    return BAD[unknown_vector] if document.dense_vectors else "INDEXED"


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)[1]) * 1024 / MB


def memory(samples: list[tuple[float, float]]) -> dict[str, float]:
    """At moments, and how fast it grew in the second half: the slope of a straight line, by least squares."""
    half = samples[len(samples) // 2 :]
    mean_x, mean_y = (sum(values) / len(half) for values in zip(*half))
    spread = sum((x - mean_x) ** 2 for x, _ in half)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in half) / spread if spread else 0.0
    sizes = [size for _, size in samples]
    return {"first": sizes[0], "half": half[0][1], "last": sizes[-1], "most": max(sizes), "mb_per_hour": 3600 * slope}


def percentile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def summary(figures: dict) -> list[str]:
    times, resident = figures["query_ms"], figures["memory_mb"]
    errors = [f"{name}: {counts}" for name, counts in figures["errors"].items()]
    return [
        f"{sum(figures['documents'].values())} documents in {figures['seconds']:.0f} s "
        f"({figures['documents_per_s']:.0f}/s): {figures['documents']}",
        f"{figures['queries']} queries: " + ", ".join(f"{name} {time:.1f} ms" for name, time in times.items()),
        *errors,
        f"memory: {resident['first']:.0f} MB at first, {resident['half']:.0f} MB at half time, "
        f"{resident['last']:.0f} MB at last, at most {resident['most']:.0f} MB; "
        f"second half {resident['mb_per_hour']:+.1f} MB/hour",
        f"permits held at the end: {figures['permits_held_at_the_end']:.0f}; SIGTERM: {figures['exit_status']}",
        *(f"WRONG: {what}" for what in figures["wrong"]),
    ]


if __name__ == "__main__":
    main()
