"""Generates dashboard.json, the Grafana dashboard, from the panels in panels.py.

    python3 scripts/grafana/dashboard.py

A test checks that the committed file is up to date, and evaluates every query on a real Prometheus.
"""

import json
from pathlib import Path

from panels import GREEN, NO_THRESHOLDS, RED, ROWS, STATS, TABLES

TARGET = Path(__file__).resolve().parents[2] / "deploy" / "observability" / "dashboard.json"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
YES_NO = [{"type": "value", "options": {"0": {"text": "no", "color": RED}, "1": {"text": "yes", "color": GREEN}}}]


def build_queries(pairs: list, **more: object) -> list:
    return [
        {"refId": chr(ord("A") + index), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend, **more}
        for index, (expr, legend) in enumerate(pairs)
    ]


def build_stat(title: str, unit: str, description: str, expr: str, thresholds: dict) -> dict:
    defaults = {"unit": unit, "thresholds": thresholds, "color": {"mode": "thresholds"}, "noValue": "–"}
    if unit == "none":
        defaults["mappings"] = YES_NO
    reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    return {
        "type": "stat",
        "title": title,
        "description": description,
        "targets": build_queries([(expr, title)]),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {"reduceOptions": reduced, "colorMode": "value", "graphMode": "area", "textMode": "value"},
    }


def build_time_series(title: str, unit: str, description: str, pairs: list, thresholds: dict = NO_THRESHOLDS) -> dict:
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
    custom["thresholdsStyle"] = {"mode": "off" if thresholds == NO_THRESHOLDS else "dashed"}
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
        "targets": build_queries(pairs),
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def build_table(title: str, expr: str) -> dict:
    organize = {"excludeByName": {"Time": True}, "renameByName": {"Value": "instances"}}
    return {
        "type": "table",
        "title": title,
        "description": "Number of instances, by label values",
        "targets": build_queries([(expr, "")], instant=True, format="table"),
        "fieldConfig": {"defaults": {"thresholds": NO_THRESHOLDS}, "overrides": []},
        "options": {"showHeader": True},
        "transformations": [{"id": "organize", "options": organize}],
    }


def arrange_panels() -> list:
    """Positions all panels on Grafana's grid, which is 24 columns wide."""
    panels, y = [], 0

    def add_row(row: list, height: int, columns: int) -> None:
        nonlocal y
        for index, panel in enumerate(row):
            position = {
                "x": index % columns * (24 // columns),
                "y": y + index // columns * height,
                "w": 24 // columns,
                "h": height,
            }
            panels.append({"id": len(panels) + 1, "datasource": DATASOURCE, "gridPos": position, **panel})
        y += -(-len(row) // columns) * height

    def add_heading(title: str) -> None:
        nonlocal y
        position = {"x": 0, "y": y, "w": 24, "h": 1}
        panels.append(
            {
                "id": len(panels) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": position,
            }
        )
        y += 1

    add_row([build_stat(*entry) for entry in STATS], 4, 8)
    for title, entries in ROWS.items():
        add_heading(title)
        add_row([build_time_series(*entry) for entry in entries], 8, {2: 2, 4: 4}.get(len(entries), 3))
    add_heading("Versions and models")
    add_row([build_table(*entry) for entry in TABLES], 6, 3)
    return panels


def build_variable(name: str, label: str, matchers: str) -> dict:
    query = (
        f"label_values(splade_build_info{{{matchers}}}, {name})"
        if matchers
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


def build_dashboard() -> dict:
    source = {"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus", "current": {}}
    variables = [
        source,
        build_variable("job", "Job", ""),
        build_variable("instance", "Instance", 'job=~"$job"'),
        build_variable("pod", "Pod", 'job=~"$job", instance=~"$instance"'),
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
        "panels": arrange_panels(),
    }


def text() -> str:
    """Returns the dashboard as JSON."""
    return json.dumps(build_dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
