"""All that is wrong as one list: what has one cause is one problem, and two moments can be compared."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from kubevitals import model, problems, severity

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD = NOW - timedelta(hours=3)


def snapshot(*pods: model.Pod, nodes: tuple[model.Node, ...] = (), **more: Any) -> model.Snapshot:
    return model.Snapshot("test", "none", NOW, model.Records(nodes), model.Records(pods), **more)


def pod(name: str, **fields: Any) -> model.Pod:
    facts: dict[str, Any] = {"phase": "Running", "status": "Running", "ready": True, "created_at": OLD}
    return model.Pod("shop", name)._replace(**{**facts, **fields})


def dead_node() -> model.Node:
    condition = model.Condition("Ready", "Unknown", "NodeStatusUnknown", None, OLD)
    return model.Node("one", ready=False, conditions=(condition,), problem="not_ready")


def test_a_healthy_cluster() -> None:
    """Of a cluster in which all is well there is nothing to list."""
    assert problems.find(snapshot(pod("a"), nodes=(model.Node("one", ready=True),))) == []


def test_a_dead_node_is_one_problem() -> None:
    """A node that is lost, its missing usage and that of its pods have one cause: they are one problem."""
    pods = [pod(name, node="one", problem="node_not_ready") for name in "abc"]
    (found,) = problems.find(snapshot(*pods, nodes=(dead_node(),)))
    assert (found.severity, found.code, found.kind, found.name) == ("critical", "NotReady", "Node", "one")
    assert found.since == OLD
    assert found.message == "NodeStatusUnknown, 3 pods on it"


def test_missing_usage_is_counted_by_reason() -> None:
    """Rows without usage are counted by reason: what is to be expected is information, the rest a warning."""
    rows = [pod("a", problem="no_sample"), pod("b", problem="starting"), pod("c", problem="starting")]
    found = [(each.severity, each.code, each.pods) for each in problems.find(snapshot(*rows))]
    assert found == [("warning", "no_sample", 1), ("info", "starting", 2)]


def test_few_rows_without_usage_are_named() -> None:
    """Up to three rows with one reason are named, more are counted; those of which it is expected, too."""

    def say(count: int, reason: str) -> str:
        (found,) = problems.find(snapshot(*(pod(name, problem=reason) for name in "abcd"[:count])))
        return found.message

    assert say(2, "usage_incomplete") == "2 pods with a running container that has no sample: shop/a, shop/b"
    assert say(4, "usage_incomplete") == "4 pods with a running container that has no sample"
    assert say(1, "starting") == "1 pod started less than 2 minutes ago"


def test_what_could_not_be_read_comes_first() -> None:
    """The problems of a snapshot are critical: nothing can be said without them."""
    unread = model.Problem("pods_forbidden", "no right to list pods", "grant it", "pods")
    looping = pod("a", status="CrashLoopBackOff")
    found = problems.find(snapshot(looping, problems=(unread,)))
    assert [each.code for each in found] == ["pods_forbidden", "CrashLoopBackOff"]
    assert {each.severity for each in found} == {severity.CRITICAL}


def test_two_moments() -> None:
    """What was not there before is new, what is not there any more is gone; who goes on is unchanged."""
    before = problems.find(snapshot(pod("a", status="CrashLoopBackOff"), pod("b", status="ErrImagePull")))
    now = problems.find(snapshot(pod("b", status="ErrImagePull"), pod("c", status="CrashLoopBackOff")))
    marked = [(each.name, each.change) for each in problems.compare(now, before)]
    assert marked == [("c", "new"), ("b", None), ("a", "gone")]


def test_a_number_that_changes_is_no_new_problem() -> None:
    """A pod that was at 90 % of its limit and is at 95 % has the problem that it had."""
    before = problems.find(snapshot(pod("a", memory_usage_bytes=90, memory_limit_bytes=100)))
    now = problems.find(snapshot(pod("a", memory_usage_bytes=95, memory_limit_bytes=100)))
    (only,) = problems.compare(now, before)
    assert (only.change, only.value) == (None, 0.95)


def test_wire_form() -> None:
    """A row has every key, its times as text, and no word that is for tables alone."""
    (found,) = problems.find(snapshot(nodes=(dead_node(),)))
    row = found.to_dict()
    assert json.loads(json.dumps(row)) == row
    assert row["since"] == "2026-01-02T00:04:05Z"
    assert "reason" not in row
    assert list(row)[:6] == ["severity", "code", "kind", "namespace", "name", "message"]


def test_a_wrong_clock_is_one_problem() -> None:
    """Rows with samples of another time are explained by the clock that is wrong."""
    rows = [model.Node("a", problem="clock_ahead"), model.Node("b", problem="stale")]
    for code, left in (("own_clock", set()), ("clock_ahead", {"stale"})):
        said = model.Problem(code, "the clock ...", "set it")
        made = model.Snapshot("c", "s", NOW, model.Records(rows), model.Records(()), problems=(said,))
        found = [
            (each.code, each.severity) for each in problems.find(made) if each.kind in ("Snapshot", "Node")
        ]
        assert found[0] == (code, "warning")
        assert {each for each, _ in found[1:]} == left
