"""Which cores are used, and whether others use them too."""

import os
import time
from pathlib import Path

# The share of the machine that others may take while something is measured.
QUIET = 0.02
SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def use(count: int) -> None:
    """Keeps this process and those that it starts on so many processors, each a core of its own if there are enough."""
    allowed = sorted(os.sched_getaffinity(0))
    first = {Path(SIBLINGS.format(processor)).read_text(): processor for processor in reversed(allowed)}
    chosen = sorted(first.values()) if len(first) >= count else allowed
    os.sched_setaffinity(0, chosen[:count])


class Others:
    """What processes other than this one and those that it started do meanwhile: they hurt whoever uses every core."""

    def __init__(self) -> None:
        self.start, self.busy, self.own = time.monotonic(), busy(), sum(os.times()[:4])

    def share(self) -> float:
        """Their share of the machine's time so far, time that a hypervisor took away included."""
        theirs = busy() - self.busy - (sum(os.times()[:4]) - self.own)
        return max(0.0, theirs / (time.monotonic() - self.start) / os.cpu_count())


def busy() -> float:
    """Seconds that the processors have not been idle."""
    with open("/proc/stat", encoding="utf-8") as lines:
        user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = map(int, next(lines).split()[1:9])
    return (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")
