"""The rounds: everyone in turn, and the machine's matrix products at the end of each."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cores
from contenders import CannotRun, Contender

PRODUCTS = Path(__file__).with_name("products.py")
# A batch size is measured again if it comes as near as this to its peer's best.
NEAR = 1.4


@dataclass
class Rounds:
    """One entry a round each."""

    # By contender, in their order; a contender that was left out of a round has fewer.
    seconds: list[list[float]]
    # GFLOP/s by kind of product.
    products: list[dict[str, float]] = field(default_factory=list)
    # The share of the machine's time that other processes took.
    disturbance: list[float] = field(default_factory=list)


def take(everyone: list[Contender], rounds: int, threads: int, say: Callable[[str], None]) -> Rounds:
    figures = Rounds([[] for _ in everyone])
    seconds = figures.seconds
    left_out: set[int] = set()
    for number in range(1, rounds + 1):
        others = cores.Others()
        for index, contender in enumerate(everyone):
            if index in left_out:
                continue
            try:
                seconds[index].append(contender.measure())
            except CannotRun as reason:
                say(f"NOT MEASURED: {contender}: {reason}")
                left_out.add(index)
                continue
            say(f"round {number}: {contender}: {seconds[index][-1]:.2f} s")
        figures.products.append(measure_products(threads))
        figures.disturbance.append(others.share())
        if number == 1:
            left_out |= far_behind(everyone, seconds)
    return figures


def far_behind(everyone: list[Contender], seconds: list[list[float]]) -> set[int]:
    """Those variants of a peer that no round will make its best."""
    first = [(index, contender, seconds[index][0]) for index, contender in enumerate(everyone) if seconds[index]]
    best: dict[tuple[str, str], float] = {}
    for _, contender, time in first:
        key = (contender.name, contender.dtype)
        best[key] = min(time, best.get(key, time))
    return {
        index
        for index, contender, time in first
        if contender.is_peer and time > NEAR * best[contender.name, contender.dtype]
    }


def measure_products(threads: int) -> dict[str, float]:
    command = [sys.executable, str(PRODUCTS), "--threads", str(threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
