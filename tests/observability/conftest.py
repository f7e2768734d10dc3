"""A server that has worked for half a minute, and the Prometheus that watched it."""

import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "python"), str(ROOT / "scripts" / "grafana"), str(ROOT / "scripts" / "skips")]

from fixtures import binary, model_folder, start  # noqa: E402
from load import Load  # noqa: E402
from prometheus import Prometheus  # noqa: E402
from skips import find_program  # noqa: E402

__all__ = ["binary", "model_folder", "start"]

FOLDER = ROOT / "deploy" / "observability"
SECONDS = 30


@pytest.fixture(scope="session")
def promtool() -> str:
    return find_program("promtool")


@pytest.fixture(scope="session")
def watched(start, tmp_path_factory):
    """The server and the Prometheus, whose queries are of the load's last moment."""
    program = find_program("prometheus")
    server = start(tmp_path_factory.mktemp("watched-store"))
    prometheus = Prometheus(
        program, tmp_path_factory.mktemp("prometheus"), FOLDER / "alerts.yaml", server.metrics_address
    )
    with Load(server):
        prometheus.wait(f"count_over_time(up[5m]) > {SECONDS}", timeout_s=10 * SECONDS)
        prometheus.at = time.time()
    yield server, prometheus
    prometheus.close()
