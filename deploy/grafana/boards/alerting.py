"""The alerts as Grafana's own provisioning has them, made of the rules that Prometheus takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from deploy.grafana.boards.dialects import Json

RULES = Path(__file__).parents[2] / "helm" / "kubevitals" / "files" / "alerts.yaml"
DATA_SOURCE = "kubevitals-prometheus"  # the uid in provisioning/datasources/prometheus.yaml
_HEAD = """\
# For /etc/grafana/provisioning/alerting: the alerts of the chart's files/alerts.yaml, judged by Grafana.
# Made by tools/render-dashboards.
"""


def render() -> str:
    """Return the file."""
    groups = [_group(each) for each in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]]
    text: str = yaml.safe_dump(
        {"apiVersion": 1, "groups": groups}, sort_keys=False, width=120, allow_unicode=True
    )
    return _HEAD + text


def _group(group: Json) -> Json:
    rules = [_rule(each) for each in group["rules"]]
    return {"orgId": 1, "name": group["name"], "folder": "Kubernetes", "interval": "1m", "rules": rules}


def _rule(rule: Json) -> Json:
    """Return a rule that fires where the query of Prometheus' rule has a sample, whatever its value."""
    name = rule["alert"]
    query = {"refId": "A", "expr": rule["expr"].strip(), "instant": True, "range": False}
    there = {"refId": "B", "type": "math", "expression": "$A * 0 + 1"}
    words = {key: text.replace("$value ", "$values.A.Value ") for key, text in rule["annotations"].items()}
    return {
        "uid": name.lower()[:40],
        "title": name,
        "condition": "B",
        "for": rule.get("for", "0s"),
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": rule["labels"],
        "annotations": words,
        "data": [
            {
                "refId": "A",
                "datasourceUid": DATA_SOURCE,
                "relativeTimeRange": {"from": 600, "to": 0},
                "model": query,
            },
            {
                "refId": "B",
                "datasourceUid": "__expr__",
                "relativeTimeRange": {"from": 0, "to": 0},
                "model": there,
            },
        ],
    }
