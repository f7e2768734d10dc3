#!/usr/bin/env python3
"""The origin's own scenario, both ways in one run: documents `document {i}` from a Python list, or a file, to an index.

    python benches/peers/origin.py --models splade-tiny --documents 5 1000 100000 --ours BINARY

The original approach is the program `origin_approach.py`. Ours is `serve` with the embedded store, which writes to the
disk, and the CLI's `ingest`, which reads the documents from a file. Each run is a process, or two, of its own, on the
same cores. The time to get ready (programs and model are loaded) and the time for the documents are given apart; memory
is the peak of the process, and with ours of server and client together. A run of the original that takes more memory or
time than it may is ended, and then the table says how far it had come: nothing is extrapolated.

The table goes to the standard error output, all figures to the standard output as one line of JSON.
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
    cores.use(arguments.threads)
    results = []
    say(f"{'':<56}{'ready s':>9}{'then s':>9}{'documents/s':>13}{'peak MB':>9}")
    for name in arguments.models:
        model = checkpoints.folder(name, arguments.work)
        for count in arguments.documents:
            for who, measure in {"original approach": original, "splade-sidecar": ours}.items():
                with tempfile.TemporaryDirectory(prefix="splade-bench-") as scratch:
                    run = measure(model, count, Path(scratch), arguments)
                results.append({"model": model.name, "who": who, "documents": count, **run})
                say(line(results[-1]))
    print(json.dumps(results))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=[checkpoints.TINY], metavar="FOLDER|NAME")
    parser.add_argument("--documents", type=int, nargs="+", default=[5, 1_000, 100_000], metavar="N")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--ours", type=Path, required=True, metavar="BINARY", help="the program splade-sidecar")
    parser.add_argument("--memory-limit", type=float, default=16, metavar="GB", help="of the original")
    parser.add_argument("--time-limit", type=float, default=math.inf, metavar="SECONDS", help="of the original")
    parser.add_argument("--work", type=Path, default=Path("target/bench-peers"), metavar="FOLDER", help="for models")
    return parser.parse_args()


def original(model: Path, count: int, scratch: Path, arguments: argparse.Namespace) -> dict:
    command = [sys.executable, str(APPROACH), "--model", str(model)]
    command += ["--documents", str(count), "--threads", str(arguments.threads)]
    # To a file, since nobody reads a pipe while the process is watched.
    progress, errors = scratch / "progress", scratch / "errors"
    start = time.time()
    with open(progress, "wb") as out, open(errors, "wb") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        peak, stopped = processes.wait(process, arguments.memory_limit * GB, arguments.time_limit)
    if not stopped and process.returncode != 0:
        sys.exit(f"the original approach failed: {errors.read_text()[-2000:]}")
    steps = [json.loads(step) for step in progress.read_text(encoding="utf-8").splitlines()]
    if not steps:
        sys.exit(f"the original approach was stopped for its {stopped} before it was ready")
    ready, last = steps[0], steps[-1]
    run = {"ready_s": ready["time"] - start, "then_s": last["time"] - ready["time"], "peak_mb": peak / MB}
    if stopped:
        run["stopped"] = f"stopped for its {stopped}: {last['documents']} {last['stage']}"
    return run


def ours(model: Path, count: int, scratch: Path, arguments: argparse.Namespace) -> dict:
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
    peak += processes.peak_memory(server.process.pid)
    server.stop()
    if summary["indexed"] != count:
        sys.exit(f"splade-sidecar indexed {summary['indexed']} of {count} documents")
    return {"ready_s": ready - start, "then_s": end - ready, "peak_mb": peak / MB}


def line(run: dict) -> str:
    name = f"{run['model']}, {run['documents']} documents: {run['who']}"
    rate = "" if "stopped" in run else f"{run['documents'] / run['then_s']:.0f}"
    columns = f"{run['ready_s']:>9.2f}{run['then_s']:>9.2f}{rate:>13}{run['peak_mb']:>9.0f}"
    return f"{name:<56}{columns}  {run.get('stopped', '')}".rstrip()


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
