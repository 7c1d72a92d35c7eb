"""Records as documents: JSON, YAML, CSV, names."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import hypothesis
import pytest
import yaml
from hypothesis import strategies

from kubevitals import kinds, model, sanitize
from kubevitals.surfaces.view import documents

KINDS = {**kinds.KINDS, "groups": kinds.GROUPS}
NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)
POD = model.Pod(
    "shop",
    "web-0",
    labels={"app": "web", "tier": "front"},
    ready=True,
    cpu_usage_cores=0.25,
    memory_usage_bytes=1048576,
    timestamp=NOW,
    created_at=NOW,
)
BARE = model.Pod("shop", "web-1")
ROWS: dict[str, list[Any]] = {
    "nodes": [
        model.Node(
            "n",
            roles=("a", "b"),
            taints=(model.Taint("k", "v", "NoSchedule"),),
            conditions=(model.Condition("Ready", "True", last_transition_at=NOW),),
        ),
        model.Node("m"),
    ],
    "pods": [POD, BARE],
    "containers": [model.Container("shop", "web-0", "app"), model.Container("shop", "web-0", "proxy")],
    "namespaces": [model.Total("shop", "shop")],
    "workloads": [model.Total("web", "shop", "Deployment", "web")],
    "groups": [model.Total("<none>")],
}


def snapshot(**parts: Any) -> model.Snapshot:
    return model.Snapshot("prod", "metrics-server", NOW, **parts)


@pytest.mark.parametrize("kind", ROWS)
def test_json_and_yaml(kind: str) -> None:
    """Both are the one envelope, with every key of every row, in the order of the schema."""
    document = json.loads(documents.render_json(snapshot(), KINDS[kind], ROWS[kind]))
    assert document["kind"] == KINDS[kind].list_item
    assert document["items"] == [row.to_dict() for row in ROWS[kind]]
    assert [list(item) for item in document["items"]] == [list(row.to_dict()) for row in ROWS[kind]]
    assert yaml.safe_load(documents.render_yaml(snapshot(), KINDS[kind], ROWS[kind])) == document


def test_json_is_harmless() -> None:
    """JSON is ASCII: nothing in a message can steer a terminal; it ends with a line end."""
    problem = model.Problem("x", "\x1b[31m\x9b31m\u202e grün")
    text = documents.render_json(snapshot(problems=(problem,)), kinds.PODS, [])
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    assert text.endswith("}\n")
    assert json.loads(text)["problems"][0]["message"] == problem.message


@pytest.mark.parametrize("libyaml", [True, False])
@hypothesis.given(text=strategies.text(max_size=20))
@hypothesis.example(text="\x85")
def test_yaml_comes_back(text: str, *, libyaml: bool) -> None:
    """Any text comes back from YAML as it was, also where PyYAML was built without libyaml."""
    rows = [model.Pod(text, "p", labels={"l": text})]
    hypothesis.assume(not any("\ud800" <= character <= "\udfff" for character in text))
    with pytest.MonkeyPatch.context() as patch:
        if not libyaml:
            patch.delattr(yaml, "CSafeDumper", raising=False)
        shown = documents.render_yaml(snapshot(), kinds.PODS, rows)
    (item,) = yaml.safe_load(shown)["items"]
    assert item == rows[0].to_dict()


def cells(kind: str, rows: list[Any], **options: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(documents.render_csv(KINDS[kind], rows, **options))))


@pytest.mark.parametrize("kind", ROWS)
def test_csv(kind: str) -> None:
    """CSV has the schema's keys as its heading, also without rows, and a line a row."""
    table = cells(kind, ROWS[kind])
    assert table[0] == list(ROWS[kind][0].to_dict())
    assert {len(row) for row in table} == {len(table[0])}
    assert len(table) == 1 + len(ROWS[kind])
    assert cells(kind, []) == table[:1]
    assert cells(kind, ROWS[kind], headers=False) == table[1:]


def test_cells_of_csv() -> None:
    """Numbers are bare, truth is true or false, unknown is empty, lists are joined."""
    heading, first, second = cells("pods", [POD, BARE])
    row = dict(zip(heading, first, strict=True))
    assert (row["cpu_usage_cores"], row["memory_usage_bytes"], row["ready"]) == ("0.25", "1048576", "true")
    assert (row["labels"], row["timestamp"]) == ("app=web;tier=front", "2026-07-30T10:00:00Z")
    bare = dict(zip(heading, second, strict=True))
    assert (bare["cpu_usage_cores"], bare["ready"], bare["restarts"]) == ("", "", "")
    heading, first, _ = cells("nodes", ROWS["nodes"])
    row = dict(zip(heading, first, strict=True))
    assert (row["roles"], row["taints"], row["conditions"]) == ("a;b", "k:NoSchedule", "Ready=True")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0"])
def test_no_formula(text: str) -> None:
    """A text that a spreadsheet would run gets an apostrophe; a negative number stays a number."""
    heading, row = cells(
        "pods", [model.Pod("shop", "p", reason=text, labels={text: "x"}, cpu_usage_cores=-0.5)]
    )
    found = dict(zip(heading, row, strict=True))
    assert found["reason"] == f"'{text}"
    assert found["labels"].startswith("'")
    assert found["cpu_usage_cores"] == "-0.5"


@hypothesis.given(strategies.text(max_size=20))
def test_csv_comes_back(text: str) -> None:
    """Any text stays in its cell, as it was but for the guard and for control characters."""
    heading, row = cells("pods", [model.Pod("shop", "p", reason=text)])
    found = dict(zip(heading, row, strict=True))["reason"]
    assert found.removeprefix("'") == sanitize.printable(text).removeprefix("'")


def test_names() -> None:
    """Names are kind/name, as kubectl prints them; a container's has its pod, a workload's its kind."""
    assert documents.render_names(kinds.PODS, ROWS["pods"]) == "pod/web-0\npod/web-1\n"
    assert documents.render_names(kinds.NODES, ROWS["nodes"]) == "node/n\nnode/m\n"
    assert documents.render_names(kinds.CONTAINERS, ROWS["containers"]) == "pod/web-0/app\npod/web-0/proxy\n"
    assert documents.render_names(kinds.WORKLOADS, ROWS["workloads"]) == "deployment/web\n"
    assert documents.render_names(kinds.NAMESPACES, ROWS["namespaces"]) == "namespace/shop\n"
    assert documents.render_names(kinds.PODS, []) == ""
