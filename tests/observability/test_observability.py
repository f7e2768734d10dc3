"""Alerts and dashboard: well formed, and every name, label and query of theirs is there in a real run."""

import json
import re
import subprocess
import urllib.request

import pytest
import yaml

import dashboard
from conftest import FOLDER, ROOT
from load import read_metrics

RULES = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
BOARD = json.loads(dashboard.TARGET.read_text(encoding="utf-8"))
SELECTOR = re.compile(r"\b((?:splade|process)_\w+|up\b)(\{[^}]*\})?")
# Nothing of this happens in a run in which all is well: no call fails by a fault of the server or for want of room, and
# the store is not a server. What they are made of is there.
EMPTY = {
    'splade_calls_total{method=~"splade.*",code=~"INTERNAL|UNKNOWN|DATA_LOSS|UNAVAILABLE|DEADLINE_EXCEEDED"}',
    'splade_calls_total{method=~"splade.*",code="RESOURCE_EXHAUSTED"}',
    'splade_store_info{kind="qdrant"}',
}


def chosen(expr: str) -> str:
    """A query of the dashboard as Grafana sends it when everything is chosen."""
    for name in ("job", "instance", "pod"):
        expr = expr.replace(f"${name}", ".*")
    return expr.replace("$__rate_interval", "30s")


QUERIES = {
    f"{panel['title']} {query['refId']}": query["expr"]
    for panel in BOARD["panels"]
    for query in panel.get("targets", [])
}
SELECTORS = sorted({match.group(0) for rule in RULES for match in SELECTOR.finditer(rule["expr"])})


def promtool_does(promtool: str, *arguments: str, text: "str | None" = None) -> None:
    done = subprocess.run([promtool, *arguments], input=text, capture_output=True, text=True, cwd=FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_are_well_formed(promtool):
    promtool_does(promtool, "check", "rules", "--lint-fatal", "alerts.yaml")


def test_alerts_fire_when_they_should_and_only_then(promtool):
    promtool_does(promtool, "test", "rules", "alerts_test.yaml")


def test_every_alert_has_a_case():
    cases = (FOLDER / "alerts_test.yaml").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in RULES if f'alertname="{rule["alert"]}"' not in cases] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule):
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"]["summary"] and rule["annotations"]["description"]
    page, anchor = rule["annotations"]["runbook_url"].split("#")
    headings = re.findall(r"^#+ (\S+)$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor == rule["alert"].lower() and rule["alert"] in headings


def test_the_dashboard_is_what_its_panels_say():
    assert dashboard.TARGET.read_text(encoding="utf-8") == dashboard.text(), "run python3 scripts/grafana/dashboard.py"


def test_panels_are_described_and_do_not_overlap():
    taken = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or (panel["description"] and panel["targets"]), panel["title"]
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert all(
        query["datasource"]["uid"] == "${datasource}" for panel in BOARD["panels"] for query in panel.get("targets", [])
    )


def test_prometheus_reads_the_text_format(watched):
    """It asks for OpenMetrics first, and takes what it gets."""
    server, prometheus = watched
    (target,) = prometheus.get("targets", state="active")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    asked = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    request = urllib.request.Request(f"http://{server.metrics_address}/metrics", headers={"accept": asked})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    types = {item["metric"]: item["type"] for item in prometheus.get("targets/metadata")}
    kinds = [types.get(name) for name in ("splade_ready", "splade_queue_seconds", "splade_documents_indexed_total")]
    assert kinds == ["gauge", "histogram", "counter"]


def test_the_text_format_is_clean(watched, promtool):
    server, _ = watched
    promtool_does(promtool, "check", "metrics", text=read_metrics(server.metrics_address))


def test_every_name_is_a_metric(watched):
    server, _ = watched
    names = set(re.findall(r"^([a-z_]+)[{ ]", read_metrics(server.metrics_address), re.MULTILINE)) | {"up"}
    variables = [variable["query"]["query"] for variable in BOARD["templating"]["list"] if variable["type"] == "query"]
    used = {match.group(1) for expr in [*QUERIES.values(), *SELECTORS, *variables] for match in SELECTOR.finditer(expr)}
    assert used - names == set()


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_of_the_dashboard_has_data(watched, name):
    _, prometheus = watched
    assert prometheus.query(chosen(QUERIES[name])), QUERIES[name]


@pytest.mark.parametrize("selector", SELECTORS)
def test_an_alert_looks_at_what_is_there(watched, selector):
    _, prometheus = watched
    found = prometheus.query(f"count(last_over_time({selector}[5m]))")
    assert bool(found) == (re.sub(r"\s", "", selector) not in EMPTY), selector


def test_no_alert_fires_when_all_is_well(watched):
    _, prometheus = watched
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == len(RULES)
    assert [(rule["name"], rule["health"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
