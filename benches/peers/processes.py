"""Monitors the memory of child processes."""

import math
import re
import subprocess
import time
from pathlib import Path

INTERVAL_S = 0.01


def read_peak_memory(pid: int) -> int:
    """Returns the peak resident memory of a running process, in bytes; 0 if it has exited.

    `wait4` reports a peak after the exit, but it includes the memory of this process, from which the child was forked.
    """
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(line[1]) * 1024 if line else 0


def wait(process: subprocess.Popen, bytes_limit: float = math.inf, time_limit: float = math.inf) -> tuple[int, str]:
    """Waits for a process, which is killed if it exceeds a limit.

    Returns its peak memory in bytes, and the names of the exceeded limits; empty if it exited itself.
    """
    peak, start = 0, time.monotonic()
    while process.poll() is None:
        peak = max(peak, read_peak_memory(process.pid))
        exceeded = {"memory": peak > bytes_limit, "time": time.monotonic() - start > time_limit}
        if any(exceeded.values()):
            process.kill()
            process.wait()
            return peak, " and ".join(name for name, is_exceeded in exceeded.items() if is_exceeded)
        time.sleep(INTERVAL_S)
    return peak, ""
