"""Other processes: their memory, and their end."""

import math
import re
import subprocess
import time
from pathlib import Path

INTERVAL_S = 0.01


def peak_memory(pid: int) -> int:
    """The most bytes that a running process had in memory; 0 if it has ended.

    `wait4` would tell it after the end, but that figure begins with the memory of this process, of which the other is
    a fork.
    """
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(line[1]) * 1024 if line else 0


def wait(process: subprocess.Popen, bytes_limit: float = math.inf, time_limit: float = math.inf) -> tuple[int, str]:
    """Waits for the end of a process: its peak memory, and what it was killed for; empty if it ended by itself."""
    peak, start = 0, time.monotonic()
    while process.poll() is None:
        peak = max(peak, peak_memory(process.pid))
        over = {"memory": peak > bytes_limit, "time": time.monotonic() - start > time_limit}
        if any(over.values()):
            process.kill()
            process.wait()
            return peak, " and ".join(name for name, is_over in over.items() if is_over)
        time.sleep(INTERVAL_S)
    return peak, ""
