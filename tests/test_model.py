"""The records: their names on the wire, unknown as None, ratios, data frames."""

from __future__ import annotations

import json
import pathlib
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from kubevitals import details, model, snapshot
from kubevitals.kube import resourceattributes

NOW = datetime(2026, 7, 30, 10, 0, 0, 250000, tzinfo=UTC)
SCHEMA = pathlib.Path(__file__).parent.parent / "docs" / "schema.md"

ROW = {
    "timestamp",
    "window_seconds",
    "age_seconds",
    "stale",
    "cpu_usage_cores",
    "memory_usage_bytes",
    "problem",
}
OF_NODE = {
    "name", "ip", "addresses", "provider_id", "labels", "roles", "created_at", "ready", "status",
    "unschedulable", "taints", "conditions",
    "pods", "pods_allocatable",
} | {
    f"{resource}_{what}_{unit}"
    for resource, unit in (("cpu", "cores"), ("memory", "bytes"))
    for what in ("capacity", "allocatable", "request", "limit")
} | {
    f"{resource}_{ratio}"
    for resource in ("cpu", "memory")
    for ratio in ("of_allocatable", "of_capacity", "request_of_allocatable", "limit_of_allocatable")
}  # fmt: skip
RATIOS = {f"{resource}_of_{whole}" for resource in ("cpu", "memory") for whole in ("request", "limit")}
AMOUNTS = {"cpu_request_cores", "cpu_limit_cores", "memory_request_bytes", "memory_limit_bytes"}
OF_BOTH = RATIOS | AMOUNTS | {
    "namespace", "name", "uid", "node", "ip", "qos", "created_at", "app", "workload_kind", "workload_name",
    "phase", "status", "reason", "ready", "restarts", "last_termination_reason", "last_termination_exit_code",
    "last_termination_at",
}  # fmt: skip
OF_TOTAL = RATIOS | AMOUNTS | {
    "name", "namespace", "workload_kind", "workload_name", "pods", "pods_without_usage",
    "pods_without_request", "restarts",
}  # fmt: skip
KEYS: dict[str, tuple[model.Row, set[str]]] = {
    "node": (model.Node("n"), ROW | OF_NODE | {"detail"}),
    "pod": (
        model.Pod("ns", "p"),
        ROW | OF_BOTH | {"containers_ready", "containers_total", "labels", "deletion_at", "resize", "detail"},
    ),
    "container": (model.Container("ns", "p", "c"), ROW | OF_BOTH | {"pod", "type", "message", "detail"}),
    "total": (model.Total("t"), ROW | OF_TOTAL),
}


@pytest.mark.parametrize("kind", KEYS)
def test_keys(kind: str) -> None:
    """Every documented key is there, in rows of which nothing is known too, and no other."""
    record, keys = KEYS[kind]
    assert set(record.to_dict()) == keys


@pytest.mark.parametrize("kind", KEYS)
def test_every_key_is_documented(kind: str) -> None:
    """The schema's document names every key, or the pattern that it follows."""
    text = SCHEMA.read_text()
    for key in KEYS[kind][0].to_dict():
        patterned = key.replace("memory_", "cpu_", 1)
        assert f"`{key}`" in text or f"`{patterned}`" in text, key


def test_every_reason_is_documented() -> None:
    """The schema's document names every problem code of a row."""
    text = SCHEMA.read_text()
    for code in snapshot.REASONS:
        assert f"`{code}`" in text, code


def test_keys_of_details() -> None:
    """A row's details are an object of their own with documented keys, and null where none were asked for."""
    text = SCHEMA.read_text()
    told = details.Detail(oom_events=2)
    for row in (model.Node("n", detail=told), pod(detail=told), model.Container("a", "b", "c", detail=told)):
        assert row.to_dict()["detail"] == {**dict.fromkeys(details.Detail._fields), "oom_events": 2}
    for key in details.Detail._fields:
        assert f"`{key.replace('memory_', 'cpu_', 1).replace('io_', 'cpu_', 1)}`" in text, key


@pytest.mark.parametrize("kind", KEYS)
def test_unknown_is_null(kind: str) -> None:
    """What is unknown is None, and null in JSON; no number is zero by default, but the counts of a total."""
    row = KEYS[kind][0].to_dict()
    counts = {"pods", "pods_without_usage", "pods_without_request"} if kind == "total" else set()
    numbers = {key for key in row if key.endswith(("_cores", "_bytes", "_seconds")) or "_of_" in key}
    assert {row[key] for key in numbers | {"restarts", "ready"} & set(row)} == {None}
    assert {row[key] for key in counts} <= {0}
    assert json.loads(json.dumps(row)) == row


def pod(**facts: Any) -> model.Pod:
    return model.Pod("shop", "web-0", **facts)


def test_ratios() -> None:
    """A ratio is unrounded, and None where a number is unknown or there is nothing to divide by."""
    assert pod(cpu_usage_cores=0.1, cpu_request_cores=0.3).cpu_of_request == 0.1 / 0.3
    assert pod(cpu_usage_cores=0.0, cpu_limit_cores=1.0).cpu_of_limit == 0.0
    assert pod(memory_usage_bytes=3, memory_limit_bytes=2).memory_of_limit == 1.5
    assert pod(memory_usage_bytes=3).memory_of_request is None
    assert pod(cpu_request_cores=1.0).cpu_of_request is None
    assert pod(cpu_usage_cores=1.0, cpu_request_cores=0.0).cpu_of_request is None


def test_ratios_of_nodes() -> None:
    """A node's usage and promises are shares of allocatable, or of capacity."""
    node = model.Node(
        "n",
        cpu_usage_cores=1.0,
        cpu_allocatable_cores=4.0,
        cpu_capacity_cores=5.0,
        cpu_request_cores=2.0,
        cpu_limit_cores=8.0,
        memory_usage_bytes=1,
        memory_allocatable_bytes=10,
        memory_capacity_bytes=20,
        memory_request_bytes=5,
        memory_limit_bytes=15,
    )
    assert (node.cpu_of_allocatable, node.cpu_of_capacity) == (0.25, 0.2)
    assert (node.cpu_request_of_allocatable, node.cpu_limit_of_allocatable) == (0.5, 2.0)
    assert (node.memory_of_allocatable, node.memory_of_capacity) == (0.1, 0.05)
    assert (node.memory_request_of_allocatable, node.memory_limit_of_allocatable) == (0.5, 1.5)


def test_times() -> None:
    """Times are RFC 3339 in UTC."""
    row = pod(timestamp=NOW, created_at=NOW, last_termination_at=None).to_dict()
    assert (row["timestamp"], row["created_at"]) == (
        "2026-07-30T10:00:00.250000Z",
        "2026-07-30T10:00:00.250000Z",
    )
    assert row["last_termination_at"] is None


def test_nested_values() -> None:
    """Conditions, taints, roles and labels become plain JSON; containers are rows of their own."""
    node = model.Node(
        "n",
        roles=("worker",),
        taints=(model.Taint("k", None, "NoSchedule"),),
        conditions=(model.Condition("Ready", "True", last_transition_at=NOW),),
        labels={"a": "b"},
    )
    row = json.loads(json.dumps(node.to_dict()))
    assert row["roles"] == ["worker"]
    assert row["taints"] == [{"key": "k", "value": None, "effect": "NoSchedule"}]
    assert row["conditions"][0]["last_transition_at"] == "2026-07-30T10:00:00.250000Z"
    assert row["labels"] == {"a": "b"}
    assert "containers" not in pod(containers=(model.Container("shop", "web-0", "app"),)).to_dict()


@pytest.mark.parametrize(
    ("phase", "ended"),
    [("Succeeded", True), ("Failed", True), ("Running", False), ("Pending", False), (None, False)],
)
def test_terminated(phase: str | None, ended: bool) -> None:
    """A pod has ended if it succeeded or failed."""
    assert pod(phase=phase).terminated is ended


def test_snapshot_envelope() -> None:
    """The envelope holds where the rows are from, when, and what is wrong."""
    problem = model.Problem(
        "stale", "old", "wait", "node-1", resourceattributes.ResourceAttributes("list", "nodes")
    )
    taken = model.Snapshot("prod", "metrics-server", NOW, pods=model.Records([pod()]), problems=(problem,))
    document = json.loads(json.dumps(taken.to_dict("PodList", taken.pods)))
    assert document.pop("items") == model.Records([pod()]).to_dicts()
    assert document == {
        "schema": "kubevitals/v1",
        "kind": "PodList",
        "cluster": "prod",
        "source": "metrics-server",
        "generated_at": "2026-07-30T10:00:00.250000Z",
        "problems": [{"code": "stale", "message": "old", "remedy": "wait", "object": "node-1"}],
    }


def test_containers_of_a_snapshot() -> None:
    """The containers of a snapshot are those of its pods, in their order."""
    names = ("b", "a")
    pods = [pod(containers=tuple(model.Container("shop", "web-0", each) for each in names))]
    taken = model.Snapshot("c", "s", NOW, pods=model.Records(pods))
    assert [each.name for each in taken.containers] == ["b", "a"]
    assert isinstance(taken.containers, model.Records)


def rows() -> model.Records[model.Pod]:
    known = pod(cpu_usage_cores=0.25, restarts=2, timestamp=NOW, created_at=NOW, labels={"a": "b"})
    return model.Records([known, pod(labels={"c": "d"})])


def test_pandas() -> None:
    """A frame has a column a key; unknown numbers are missing, times are in UTC."""
    pandas = pytest.importorskip("pandas")
    frame = rows().to_pandas()
    assert list(frame.columns) == ["cluster", *pod().to_dict()]
    assert frame["cpu_usage_cores"].sum() == 0.25
    assert frame["cpu_usage_cores"].isna().tolist() == [False, True]
    assert re.fullmatch(r"datetime64\[\ws, UTC\]", str(frame["timestamp"].dtype))
    assert frame["timestamp"][0] == NOW
    assert pandas.isna(frame["timestamp"][1])
    assert model.Records([model.Node("n", created_at=NOW)]).to_pandas()["created_at"][0] == NOW
    assert len(model.Records[model.Pod](()).to_pandas()) == 0
    silent = model.Records([pod(), pod()]).to_pandas()
    for column in ("cpu_usage_cores", "memory_usage_bytes", "cpu_of_limit", "age_seconds"):
        assert pandas.isna(silent[column].mean())


def test_polars() -> None:
    """And so has polars' frame, with labels as key=value."""
    pytest.importorskip("polars")
    frame = rows().to_polars()
    assert frame.columns == ["cluster", *pod().to_dict()]
    assert frame["cpu_usage_cores"].to_list() == [0.25, None]
    assert frame["timestamp"].to_list() == [NOW, None]
    assert frame["labels"].to_list() == [["a=b"], ["c=d"]]
    taken = model.Records(
        [model.Node("n", taints=(model.Taint("k", "v", "e"),)), model.Node("m")]
    ).to_polars()
    assert taken["name"].to_list() == ["n", "m"]
    assert len(model.Records[model.Pod](()).to_polars()) == 0
    silent = model.Records([pod(), pod()]).to_polars()
    assert silent.schema["memory_usage_bytes"] == frame.schema["memory_usage_bytes"]
    assert silent["cpu_usage_cores"].mean() is None


def test_problems_that_say_the_same_are_one() -> None:
    """Of problems with one code, message and object the one that advises more stays, in its place."""
    first, other = model.Problem("a", "said"), model.Problem("a", "said", object="x")
    advised = first._replace(remedy="do")
    assert model.distinct([first, other, advised, first]) == (advised, other)
