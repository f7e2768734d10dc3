"""The rounds: everyone in turn, and the machine's matrix products at the end of each."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from contenders import CannotRun, Contender

PRODUCTS = Path(__file__).with_name("products.py")
# A batch size is measured again if it comes as near as this to its peer's best.
NEAR = 1.4


def take(
    everyone: list[Contender], rounds: int, threads: int, say: Callable[[str], None]
) -> tuple[list[list[float]], list[dict[str, float]]]:
    """The seconds of each contender, one a round, and the rates of matrix products, also one a round."""
    seconds: list[list[float]] = [[] for _ in everyone]
    products = []
    left_out: set[int] = set()
    for number in range(1, rounds + 1):
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
        products.append(measure_products(threads))
        if number == 1:
            left_out |= far_behind(everyone, seconds)
    return seconds, products


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
