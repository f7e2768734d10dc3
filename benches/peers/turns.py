"""Runs rounds of measurements: all contenders alternately, then the matrix products of the machine."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cores
from contenders import Contender, MeasurementError

PRODUCTS = Path(__file__).with_name("products.py")
# Maximum duration of a batch size, relative to the best one of the same peer, to be measured in further rounds.
MAX_SLOWDOWN = 1.4


@dataclass
class Rounds:
    """Results, with one list entry per round."""

    # Durations by contender; skipped contenders have fewer entries.
    seconds: list[list[float]]
    # GFLOP/s by kind of product.
    products: list[dict[str, float]] = field(default_factory=list)
    # Share of the machine's CPU time that other processes used.
    disturbance: list[float] = field(default_factory=list)


def run_rounds(contenders: list[Contender], rounds: int, threads: int, log: Callable[[str], None]) -> Rounds:
    """Measures all contenders. After the first round, slow variants are skipped."""
    figures = Rounds([[] for _ in contenders])
    seconds = figures.seconds
    skipped: set[int] = set()
    for number in range(1, rounds + 1):
        others = cores.OtherLoad()
        for index, contender in enumerate(contenders):
            if index in skipped:
                continue
            try:
                seconds[index].append(contender.measure())
            except MeasurementError as reason:
                log(f"NOT MEASURED: {contender}: {reason}")
                skipped.add(index)
                continue
            log(f"round {number}: {contender}: {seconds[index][-1]:.2f} s")
        figures.products.append(measure_products(threads))
        figures.disturbance.append(others.share())
        if number == 1:
            skipped |= find_slow_variants(contenders, seconds)
    return figures


def find_slow_variants(contenders: list[Contender], seconds: list[list[float]]) -> set[int]:
    """Returns the indices of variants that are too slow to become the best one of their peer."""
    first = [(index, contender, seconds[index][0]) for index, contender in enumerate(contenders) if seconds[index]]
    best: dict[tuple[str, str], float] = {}
    for _, contender, time in first:
        key = (contender.name, contender.dtype)
        best[key] = min(time, best.get(key, time))
    return {
        index
        for index, contender, time in first
        if contender.is_peer and time > MAX_SLOWDOWN * best[contender.name, contender.dtype]
    }


def measure_products(threads: int) -> dict[str, float]:
    """Runs products.py and returns its results."""
    command = [sys.executable, str(PRODUCTS), "--threads", str(threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
