"""Which cores are used."""

import os
from pathlib import Path

SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"


def use(count: int) -> None:
    """Keeps this process and those that it starts on so many processors, each a core of its own if there are enough."""
    allowed = sorted(os.sched_getaffinity(0))
    first = {Path(SIBLINGS.format(processor)).read_text(): processor for processor in reversed(allowed)}
    chosen = sorted(first.values()) if len(first) >= count else allowed
    os.sched_setaffinity(0, chosen[:count])
