"""Runs all blocks of a page in one shell, so that blocks can use variables and servers of previous blocks."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

TIMEOUT_S = 600
END_MARKER = "@@@ end of block"


def run_blocks(texts: list[str], directory: Path, environment: dict[str, str]) -> list[str]:
    """Runs shell blocks and returns the output of each. Raises AssertionError with the end of the log if one fails."""
    script = "\n".join(f"{text}\necho '{END_MARKER}'" for text in texts)
    # Servers that are still running would keep the output pipe open.
    script += "\njobs -p | xargs -r kill\nwait"
    with tempfile.TemporaryFile() as log:
        # A new session, so that its servers are killed with it.
        shell = subprocess.Popen(
            ["bash", "-eu", "-c", script],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            out, _ = shell.communicate(timeout=TIMEOUT_S)
        finally:
            try:
                os.killpg(shell.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        log.seek(0)
        log_tail = log.read().decode(errors="replace")[-4000:]
    parts = out.split(END_MARKER + "\n")
    completed = len(parts) - 1
    assert shell.returncode == 0 and completed == len(texts), (
        f"this block failed:\n{texts[min(completed, len(texts) - 1)]}\n{parts[-1]}\n{log_tail}"
    )
    return parts[:-1]
