"""Checks that alerts and dashboard are valid, and that a real run provides every metric, label and query they use."""

import json
import re
import subprocess
import urllib.request

import pytest
import yaml

import dashboard
from conftest import OBSERVABILITY, ROOT
from load import read_metrics

RULES = [
    rule
    for group in yaml.safe_load((OBSERVABILITY / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
DASHBOARD = json.loads(dashboard.TARGET.read_text(encoding="utf-8"))
SELECTOR = re.compile(r"\b((?:splade|process)_\w+|up\b)(\{[^}]*\})?")
# Selectors of the alerts that match nothing in a run without errors: no call fails because of the server or its
# capacity, and the store is embedded. The metrics themselves exist.
EXPECTED_EMPTY = {
    'splade_calls_total{method=~"splade.*",code=~"INTERNAL|UNKNOWN|DATA_LOSS|UNAVAILABLE|DEADLINE_EXCEEDED"}',
    'splade_calls_total{method=~"splade.*",code="RESOURCE_EXHAUSTED"}',
    'splade_store_info{kind="qdrant"}',
}


def substitute_variables(expr: str) -> str:
    """Returns a query of the dashboard as Grafana sends it if All is selected in each variable."""
    for name in ("job", "instance", "pod"):
        expr = expr.replace(f"${name}", ".*")
    return expr.replace("$__rate_interval", "30s")


QUERIES = {
    f"{panel['title']} {panel['id']}{query['refId']}": query["expr"]
    for panel in DASHBOARD["panels"]
    for query in panel.get("targets", [])
}
SELECTORS = sorted({match.group(0) for rule in RULES for match in SELECTOR.finditer(rule["expr"])})


def run_promtool(promtool: str, *arguments: str, text: "str | None" = None) -> None:
    done = subprocess.run([promtool, *arguments], input=text, capture_output=True, text=True, cwd=OBSERVABILITY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_are_well_formed(promtool):
    run_promtool(promtool, "check", "rules", "--lint-fatal", "alerts.yaml")


def test_rule_tests_of_the_alerts_pass(promtool):
    run_promtool(promtool, "test", "rules", "alerts_test.yaml")


def test_every_alert_has_a_rule_test():
    tests = (OBSERVABILITY / "alerts_test.yaml").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in RULES if f'alertname="{rule["alert"]}"' not in tests] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alert_has_severity_texts_and_runbook(rule):
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"]["summary"] and rule["annotations"]["description"]
    page, anchor = rule["annotations"]["runbook_url"].split("#")
    headings = re.findall(r"^#+ (\S+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor == rule["alert"].lower() and rule["alert"] in headings


def test_dashboard_is_up_to_date():
    assert dashboard.TARGET.read_text(encoding="utf-8") == dashboard.text(), "run python3 scripts/grafana/dashboard.py"


def test_panels_have_descriptions_and_do_not_overlap():
    occupied = set()
    for panel in DASHBOARD["panels"]:
        position = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(position["x"], position["x"] + position["w"])
            for y in range(position["y"], position["y"] + position["h"])
        }
        assert not cells & occupied and position["x"] + position["w"] <= 24, panel["title"]
        occupied |= cells
        assert panel["type"] == "row" or (panel["description"] and panel["targets"]), panel["title"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert all(
        query["datasource"]["uid"] == "${datasource}"
        for panel in DASHBOARD["panels"]
        for query in panel.get("targets", [])
    )


def test_prometheus_reads_the_text_format(scraped):
    """Prometheus prefers OpenMetrics, but the server always responds with the text format."""
    server, prometheus = scraped
    (target,) = prometheus.get("targets", state="active")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    request = urllib.request.Request(f"http://{server.metrics_address}/metrics", headers={"accept": accept})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    types = {item["metric"]: item["type"] for item in prometheus.get("targets/metadata")}
    kinds = [types.get(name) for name in ("splade_ready", "splade_queue_seconds", "splade_documents_indexed_total")]
    assert kinds == ["gauge", "histogram", "counter"]


def test_promtool_accepts_the_metrics(scraped, promtool):
    server, _ = scraped
    run_promtool(promtool, "check", "metrics", text=read_metrics(server.metrics_address))


def test_every_used_metric_exists(scraped):
    server, _ = scraped
    names = set(re.findall(r"^([a-z_]+)[{ ]", read_metrics(server.metrics_address), re.MULTILINE)) | {"up"}
    variables = DASHBOARD["templating"]["list"]
    variables = [variable["query"]["query"] for variable in variables if variable["type"] == "query"]
    used = {match.group(1) for expr in [*QUERIES.values(), *SELECTORS, *variables] for match in SELECTOR.finditer(expr)}
    assert used - names == set()


@pytest.mark.parametrize("name", QUERIES)
def test_dashboard_query_returns_data(scraped, name):
    _, prometheus = scraped
    assert prometheus.query(substitute_variables(QUERIES[name])), QUERIES[name]


@pytest.mark.parametrize("selector", SELECTORS)
def test_selector_of_an_alert_matches_series(scraped, selector):
    _, prometheus = scraped
    found = prometheus.query(f"count(last_over_time({selector}[5m]))")
    assert bool(found) == (re.sub(r"\s", "", selector) not in EXPECTED_EMPTY), selector


def test_no_alert_fires_in_a_run_without_errors(scraped):
    _, prometheus = scraped
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(RULES)
    assert [(rule["name"], rule["health"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
