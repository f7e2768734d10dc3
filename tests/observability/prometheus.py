"""A real Prometheus, that scrapes one target every second and evaluates the alerts of `deploy/`."""

import json
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
    def __init__(self, program: str, folder: Path, rules: Path, target: str) -> None:
        config = folder / "prometheus.yaml"
        config.write_text(CONFIG.format(rules=rules, target=target))
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.log = folder / "prometheus.log"
        # The time that queries are of, if it is not now.
        self.at: float | None = None
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*command, f"--web.listen-address={self.address}"], stdout=log, stderr=subprocess.STDOUT, cwd=folder
            )
        try:
            self.wait("up")
        except BaseException:
            self.close()
            raise

    def get(self, path: str, **params: str) -> dict:
        """What the HTTP API answers; a query that can't be read fails."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(params)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{params}: {error.read().decode()}") from error

    def query(self, expr: str) -> list[float]:
        """The values of an instant query, without those that are no number."""
        data = self.get("query", query=expr, **({} if self.at is None else {"time": str(self.at)}))
        samples = [data["result"]] if data["resultType"] == "scalar" else [item["value"] for item in data["result"]]
        values = [float(value) for _, value in samples]
        return [value for value in values if value == value]

    def wait(self, expr: str, timeout_s: float = START_TIMEOUT_S) -> None:
        """Until a query has a result: Prometheus tells nobody when it has scraped."""
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
