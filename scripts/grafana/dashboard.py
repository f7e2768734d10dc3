"""Generates dashboard.json, the Grafana dashboard, from the panels in panels.py.

    python3 scripts/grafana/dashboard.py

A test checks that the committed file is up to date, and evaluates every query on a real Prometheus.
"""

import json
from pathlib import Path

from panels import GREEN, NO_STEPS, RED, ROWS, STATS, TABLES

TARGET = Path(__file__).resolve().parents[2] / "deploy" / "observability" / "dashboard.json"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
YES_NO = [{"type": "value", "options": {"0": {"text": "no", "color": RED}, "1": {"text": "yes", "color": GREEN}}}]


def queries(pairs: list, **more: object) -> list:
    return [
        {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend, **more}
        for index, (expr, legend) in enumerate(pairs)
    ]


def stat(title: str, unit: str, description: str, expr: str, thresholds: dict) -> dict:
    defaults = {"unit": unit, "thresholds": thresholds, "color": {"mode": "thresholds"}, "noValue": "–"}
    if unit == "none":
        defaults["mappings"] = YES_NO
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    return {
        "type": "stat",
        "title": title,
        "description": description,
        "targets": queries([(expr, title)]),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"reduceOptions": reduced, "colorMode": "value", "graphMode": "area", "textMode": "value"},
    }


def series(title: str, unit: str, description: str, pairs: list, thresholds: dict = NO_STEPS) -> dict:
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
    custom["thresholdsStyle"] = {"mode": "off" if thresholds == NO_STEPS else "dashed"}
    defaults = {
        "unit": unit,
        "min": 0,
        "thresholds": thresholds,
        "color": {"mode": "palette-classic"},
        "custom": custom,
    }
    return {
        "type": "timeseries",
        "title": title,
        "description": description,
        "targets": queries(pairs),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def table(title: str, expr: str) -> dict:
    organize = {"excludeByName": {"Time": True}, "renameByName": {"Value": "instances"}}
    return {
        "type": "table",
        "title": title,
        "description": "Number of instances, by label values",
        "targets": queries([(expr, "")], instant=True, format="table"),
        "fieldConfig": {"defaults": {"thresholds": NO_STEPS}, "overrides": []},
        "options": {"showHeader": True},
        "transformations": [{"id": "organize", "options": organize}],
    }


def layout() -> list:
    """Positions all panels on Grafana's grid, which is 24 columns wide."""
    panels, y = [], 0

    def row(made: list, height: int, across: int) -> None:
        nonlocal y
        for index, panel in enumerate(made):
            place = {
                "x": index % across * (24 // across),
                "y": y + index // across * height,
                "w": 24 // across,
                "h": height,
            }
            panels.append({"id": len(panels) + 1, "datasource": DATASOURCE, "gridPos": place, **panel})
        y += -(-len(made) // across) * height

    def heading(title: str) -> None:
        nonlocal y
        place = {"x": 0, "y": y, "w": 24, "h": 1}
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": place}
        )
        y += 1

    row([stat(*entry) for entry in STATS], 4, 8)
    for title, entries in ROWS.items():
        heading(title)
        row([series(*entry) for entry in entries], 8, {2: 2, 4: 4}.get(len(entries), 3))
    heading("Versions and models")
    row([table(*entry) for entry in TABLES], 6, 3)
    return panels


def variable(name: str, label: str, of_labels: str) -> dict:
    query = (
        f"label_values(splade_build_info{{{of_labels}}}, {name})"
        if of_labels
        else f"label_values(splade_build_info, {name})"
    )
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        # `.*` instead of a list of all values: it also matches targets without the label, such as `pod` outside
        # Kubernetes.
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "refresh": 2,
        "sort": 1,
    }


def dashboard() -> dict:
    source = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus", "current": {}}
    variables = [
        source,
        variable("job", "Job", ""),
        variable("instance", "Instance", 'job=~"$job"'),
        variable("pod", "Pod", 'job=~"$job", instance=~"$instance"'),
    ]
    return {
        "uid": "splade-sidecar",
        "title": "splade-sidecar",
        "tags": ["splade-sidecar"],
        "schemaVersion": 42,
        "editable": True,
        "description": "Pipeline from received to indexed, stage by stage. Runbook: docs/alerts.md.",
        "graphTooltip": 1,
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "timezone": "browser",
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": variables},
        "panels": layout(),
    }


def text() -> str:
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
