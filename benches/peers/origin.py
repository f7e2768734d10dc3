#!/usr/bin/env python3
"""Compares indexing of documents `document {i}` with splade-sidecar and with the original script of the project.

    python benches/peers/origin.py --models splade-tiny --documents 5 1000 100000 --ours BINARY

The original approach is the script `origin_approach.py`, which indexes documents of a list in memory. splade-sidecar
runs `serve` with the embedded store, which writes to disk, and `ingest`, which reads documents from a file. Each run
uses new processes on the same cores. Startup time (loading programs and model) and indexing time are reported
separately. Memory is the peak of the process, for splade-sidecar the sum of server and client. If the original script
exceeds its memory or time limit, it is killed and the table has its progress; nothing is extrapolated.

Prints a table to standard error, and all figures to standard output as one line of JSON.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import checkpoints
import cores
import processes

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "python"))
from stubs import generate_stubs

STUBS = generate_stubs()
from sidecar import Sidecar, clean_environment  # noqa: E402

APPROACH = Path(__file__).with_name("origin_approach.py")
COLLECTION = "documents"
MB, GB = 1e6, 1e9


def main() -> None:
    arguments = parse_arguments()
    cores.pin_to_cores(arguments.threads)
    results = []
    log(f"{'':<56}{'start s':>9}{'index s':>9}{'documents/s':>13}{'peak MB':>9}")
    for name in arguments.models:
        model = checkpoints.prepare_model(name, arguments.work)
        for count in arguments.documents:
            for contender, measure in {"original approach": measure_original, "splade-sidecar": measure_ours}.items():
                with tempfile.TemporaryDirectory(prefix="splade-bench-") as scratch:
                    run = measure(model, count, Path(scratch), arguments)
                results.append({"model": model.name, "who": contender, "documents": count, **run})
                log(format_row(results[-1]))
    print(json.dumps(results))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--models", nargs="+", default=[checkpoints.TINY], metavar="DIR|NAME", help="models to benchmark"
    )
    parser.add_argument(
        "--documents", type=int, nargs="+", default=[5, 1_000, 100_000], metavar="N", help="numbers of documents"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=len(os.sched_getaffinity(0)),
        metavar="N",
        help="threads (default: all processors)",
    )
    parser.add_argument("--ours", type=Path, required=True, metavar="BINARY", help="path of the splade-sidecar binary")
    parser.add_argument(
        "--memory-limit",
        type=float,
        default=16,
        metavar="GB",
        help="memory limit of the original script (default: %(default)s)",
    )
    parser.add_argument(
        "--time-limit", type=float, default=math.inf, metavar="SECONDS", help="time limit of the original script"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("target/bench-peers"), metavar="DIR", help="directory for models"
    )
    return parser.parse_args()


def measure_original(model: Path, count: int, scratch: Path, arguments: argparse.Namespace) -> dict:
    """Runs the original script."""
    command = [sys.executable, str(APPROACH), "--model", str(model)]
    command += ["--documents", str(count), "--threads", str(arguments.threads)]
    # Writes to files, because a pipe is not read while the process is monitored.
    progress, errors = scratch / "progress", scratch / "errors"
    start = time.time()
    with open(progress, "wb") as out, open(errors, "wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        peak, stopped = processes.wait(process, arguments.memory_limit * GB, arguments.time_limit)
    if not stopped and process.returncode != 0:
        sys.exit(f"the original script failed: {errors.read_text()[-2000:]}")
    steps = [json.loads(step) for step in progress.read_text(encoding="utf-8").splitlines()]
    if not steps:
        sys.exit(f"the original script exceeded its limit of {stopped} before it was ready; raise the limit")
    ready, last = steps[0], steps[-1]
    run = {"ready_s": ready["time"] - start, "then_s": last["time"] - ready["time"], "peak_mb": peak / MB}
    if stopped:
        run["stopped"] = f"killed at its limit of {stopped}, with {last['documents']} documents {last['stage']}"
    return run


def measure_ours(model: Path, count: int, scratch: Path, arguments: argparse.Namespace) -> dict:
    """Runs `serve` and `ingest` of splade-sidecar."""
    file = scratch / "documents.jsonl"
    with open(file, "w", encoding="utf-8") as lines:
        for number in range(count):
            print(json.dumps({"id": number, "text": f"document {number}"}), file=lines)
    binary = str(arguments.ours.resolve())
    start = time.perf_counter()
    server = Sidecar(binary, str(model), scratch / "store", "--threads", str(arguments.threads))
    ready = time.perf_counter()
    command = [binary, "ingest", str(file), "--collection", COLLECTION, "--create-collection"]
    command += ["--server", f"http://{server.address}", "--output", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment()) as client:
        peak, _ = processes.wait(client)
        summary = json.loads(client.stdout.read())
    end = time.perf_counter()
    peak += processes.read_peak_memory(server.process.pid)
    server.stop()
    if summary["indexed"] != count:
        sys.exit(f"splade-sidecar indexed {summary['indexed']} of {count} documents")
    return {"ready_s": ready - start, "then_s": end - ready, "peak_mb": peak / MB}


def format_row(run: dict) -> str:
    """Returns a row of the table."""
    name = f"{run['model']}, {run['documents']} documents: {run['who']}"
    rate = "" if "stopped" in run else f"{run['documents'] / run['then_s']:.0f}"
    columns = f"{run['ready_s']:>9.2f}{run['then_s']:>9.2f}{rate:>13}{run['peak_mb']:>9.0f}"
    return f"{name:<56}{columns}  {run.get('stopped', '')}".rstrip()


def log(message: str) -> None:
    """Prints a message to standard error."""
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
