"""Fixtures: a server after half a minute of load, and the Prometheus that scraped it."""

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

OBSERVABILITY = ROOT / "deploy" / "observability"
LOAD_SECONDS = 30


@pytest.fixture(scope="session")
def promtool() -> str:
    return find_program("promtool")


@pytest.fixture(scope="session")
def scraped(start, tmp_path_factory):
    """Yields the server and its Prometheus, which evaluates queries at the time when the load ended."""
    program = find_program("prometheus")
    server = start(tmp_path_factory.mktemp("scraped-store"))
    prometheus = Prometheus(
        program, tmp_path_factory.mktemp("prometheus"), OBSERVABILITY / "alerts.yaml", server.metrics_address
    )
    with Load(server):
        prometheus.wait(f"count_over_time(up[5m]) > {LOAD_SECONDS}", timeout_s=10 * LOAD_SECONDS)
        prometheus.query_time = time.time()
    yield server, prometheus
    prometheus.close()
