"""A real Prometheus that scrapes one target every second and evaluates the alerts in `deploy/`."""

import json
import math
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from sidecar import free_ports

START_TIMEOUT_S = 60
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: splade
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    def __init__(self, program: str, directory: Path, rules: Path, target: str) -> None:
        config = directory / "prometheus.yaml"
        config.write_text(CONFIG.format(rules=rules, target=target))
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.log = directory / "prometheus.log"
        # Evaluation time of queries; None means now.
        self.query_time: float | None = None
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*command, f"--web.listen-address={self.address}"], stdout=log, stderr=subprocess.STDOUT, cwd=directory
            )
        try:
            self.wait("up")
        except BaseException:
            self.close()
            raise

    def get(self, path: str, **params: str) -> dict:
        """Returns the data of a response of the HTTP API; raises AssertionError if Prometheus rejects the request."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(params)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{params}: {error.read().decode()}") from error

    def query(self, expr: str) -> list[float]:
        """Evaluates an instant query and returns the values, without NaN."""
        data = self.get("query", query=expr, **({} if self.query_time is None else {"time": str(self.query_time)}))
        samples = [data["result"]] if data["resultType"] == "scalar" else [item["value"] for item in data["result"]]
        values = [float(value) for _, value in samples]
        return [value for value in values if not math.isnan(value)]

    def wait(self, expr: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Waits until a query has a result, because Prometheus does not notify about scrapes."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.query(expr):
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise TimeoutError(f"no result of {expr}\n{self.log.read_text(errors='replace')[-4000:]}")

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
