"""The alerts: promtool takes them, each fires when it shall and not before, over metrics that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.grafana.boards import alerting
from tests import prometheus

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "deploy" / "helm" / "kubevitals" / "files" / "alerts.yaml"
GRAFANA = ROOT / "deploy" / "grafana" / "provisioning" / "alerting" / "prometheus.yaml"
CASES = ROOT / "tests" / "alert_cases.yaml"
_MINUTES = {  # how long what is wrong has to last
    "KubevitalsSilent": 5,
    "KubevitalsUsageMissing": 5,
    "KubevitalsLayerSilent": 10,
    "KubevitalsNodeNotReady": 2,
    "KubevitalsNodePressure": 2,
    "KubevitalsNodeMemoryHigh": 10,
    "KubevitalsPodCannotStart": 5,
    "KubevitalsPodNotReady": 15,
    "KubevitalsContainerOutOfMemory": 0,
    "KubevitalsContainerMemoryNearLimit": 10,
}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def run_promtool(*words: str | Path) -> str:
    done = subprocess.run(
        [prometheus.program("promtool"), *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_are_taken() -> None:
    """`promtool check rules` finds nothing in the file, its lint included."""
    assert "10 rules found" in run_promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_alerts_fire(tmp_path: Path) -> None:
    """Each alert fires after its time, not a minute earlier, and not at all where nothing is wrong."""
    cases = yaml.safe_load(CASES.read_text())
    cases["rule_files"] = [str(RULES)]
    assert {each["alertname"] for each in cases["tests"][0]["alert_rule_test"]} == set(_MINUTES)
    wrong = cases["tests"][1]
    wrong["promql_expr_test"] = [
        {
            "expr": f'count by (alertname, alertstate) (ALERTS{{alertname="{name}"}})',
            "eval_time": f"{minute}m",
            "exp_samples": [
                {"labels": f'{{alertname="{name}",alertstate="{state}"}}', "value": 1},
            ],
        }
        for name, length in _MINUTES.items()
        for minute, state in ((length, "firing"), (length - 1, "pending"))
        if minute >= 0
    ]
    made = tmp_path / "cases.yaml"
    made.write_text(yaml.safe_dump(cases))
    assert "SUCCESS" in run_promtool("test", "rules", made)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_documented(rule: dict[str, Any]) -> None:
    """Each alert has a severity, words, its line in the documentation, and metrics that are documented."""
    row = f"| `{rule['alert']}` | {rule['labels']['severity']} |"
    assert row in (ROOT / "docs" / "grafana.md").read_text()
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"]
    documented = (ROOT / "docs" / "metrics.md").read_text()
    for name in re.findall(r"kubevitals_\w+", rule["expr"]):
        assert f"| `{name}` |" in documented


def test_grafana_has_the_same_alerts() -> None:
    """The file for Grafana is made of the rules, and has each with its query, time and labels."""
    assert GRAFANA.read_text() == alerting.render(), "run tools/render-dashboards"
    made = {
        rule["title"]: rule
        for group in yaml.safe_load(GRAFANA.read_text())["groups"]
        for rule in group["rules"]
    }
    assert len({rule["uid"] for rule in made.values()}) == len(made)
    for rule in rules():
        one = made.pop(rule["alert"])
        assert one["data"][0]["model"]["expr"] == rule["expr"].strip()
        assert one["data"][0]["datasourceUid"] == alerting.DATA_SOURCE
        assert (one["for"], one["labels"]) == (rule.get("for", "0s"), rule["labels"])
        assert (one["condition"], one["noDataState"]) == ("B", "OK")
        assert "$value " not in str(one["annotations"])
    assert not made


def test_the_queries_of_grafana_are_understood(tmp_path: Path) -> None:
    """Promtool takes each query as Grafana would send it."""
    groups = yaml.safe_load(GRAFANA.read_text())["groups"]
    records = [
        {"record": f"check:{number}", "expr": rule["data"][0]["model"]["expr"]}
        for number, rule in enumerate(groups[0]["rules"])
    ]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": records}]}))
    assert f"{len(records)} rules found" in run_promtool("check", "rules", path)
