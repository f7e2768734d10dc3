"""Pins the benchmark to cores, and measures the load of other processes."""

import os
import time
from pathlib import Path

# Maximum share of the machine's CPU time that other processes may use during a measurement.
MAX_OTHER_LOAD = 0.02
SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def pin_to_cores(count: int) -> None:
    """Pins this process and its children to `count` processors, on separate physical cores if there are enough."""
    allowed = sorted(os.sched_getaffinity(0))
    first = {Path(SIBLINGS.format(processor)).read_text(): processor for processor in reversed(allowed)}
    chosen = sorted(first.values()) if len(first) >= count else allowed
    os.sched_setaffinity(0, chosen[:count])


class OtherLoad:
    """Measures the CPU time of processes other than this one and its children, which distorts the results."""

    def __init__(self) -> None:
        self.start, self.busy, self.own = time.monotonic(), read_busy_seconds(), sum(os.times()[:4])

    def share(self) -> float:
        """Returns their share of the machine's CPU time since creation, including time stolen by a hypervisor."""
        others = read_busy_seconds() - self.busy - (sum(os.times()[:4]) - self.own)
        return max(0.0, others / (time.monotonic() - self.start) / os.cpu_count())


def read_busy_seconds() -> float:
    """Returns the non-idle time of all processors since boot, in seconds."""
    with open("/proc/stat", encoding="utf-8") as lines:
        user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = map(int, next(lines).split()[1:9])
    return (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")
