"""One shell for all blocks of a page, so that a variable or a server of one is there in the next."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

TIMEOUT_S = 600
MARK = "@@@ the end of block"


def run(texts: list[str], folder: Path, environment: dict[str, str]) -> list[str]:
    """What each of them prints. Raises AssertionError with the end of the log if one fails."""
    script = "\n".join(f"{text}\necho '{MARK}'" for text in texts)
    # A server that still runs would keep the output open.
    script += "\njobs -p | xargs -r kill\nwait"
    with tempfile.TemporaryFile() as log:
        # A session of its own, so that its servers end with it, however it ends.
        shell = subprocess.Popen(
            ["bash", "-eu", "-c", script],
            cwd=folder,
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
        said = log.read().decode(errors="replace")[-4000:]
    parts = out.split(MARK + "\n")
    done = len(parts) - 1
    assert shell.returncode == 0 and done == len(texts), (
        f"this block failed:\n{texts[min(done, len(texts) - 1)]}\n{parts[-1]}\n{said}"
    )
    return parts[:-1]
