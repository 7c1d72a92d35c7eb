"""Whether anything is wrong, in one line: the same for command line, screen and page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kubevitals import model, problems, verdict

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def pod(name: str, **fields: Any) -> model.Pod:
    facts: dict[str, Any] = {
        "phase": "Running", "status": "Running", "ready": True, "created_at": NOW - timedelta(days=1),
        "cpu_usage_cores": 0.1, "memory_usage_bytes": 1 << 20,
    }  # fmt: skip
    return model.Pod("shop", name)._replace(**{**facts, **fields})


def judge(*pods: model.Pod, namespace: str | None = None, **more: Any) -> verdict.Verdict:
    taken = model.Snapshot("prod", "metrics-server", NOW, model.Records(()), model.Records(pods), **more)
    return verdict.judge(taken, namespace=namespace)


def test_all_is_well_with_what_was_seen() -> None:
    """Without a problem it is said of what was seen that nothing is wrong, and of nothing else."""
    assert judge(pod("a"), pod("b")) == ("ok", 0, 0, 0, 0, 0, "nothing is wrong with 2 pods")
    assert judge(pod("a"), namespace="shop").text == "nothing is wrong with 1 pod in shop"


def test_nothing_seen() -> None:
    """Of nothing nothing is said."""
    assert judge()[::6] == ("unknown", "nothing can be said: no node and no pod was seen")
    assert judge(namespace="shop")[::6] == ("unknown", "nothing can be said of shop: no pod was seen in it")


def test_the_worst_comes_first() -> None:
    """Counts by severity, then the two most serious ones by name."""
    made = judge(
        pod("near", memory_limit_bytes=(1 << 20) * 100 // 90),
        pod("one", status="CrashLoopBackOff"),
        pod("two", status="ImagePullBackOff"),
    )
    assert made[:3] == ("critical", 2, 1)
    assert made.text == "2 critical, 1 warning: shop/one CrashLoopBackOff; shop/two ImagePullBackOff ..."


def test_missing_usage_is_no_all_clear() -> None:
    """A pod that should have usage and has none is counted, and the line says it."""
    made = judge(pod("a"), pod("b", cpu_usage_cores=None, problem="usage_incomplete"))
    assert (made.severity, made.silent_pods) == ("warning", 1)
    assert made.text == "1 warning: 1 pod with a running container that has no sample: shop/b"


def test_a_pod_that_starts_is_no_warning() -> None:
    """A pod too young for a sample is worth a remark, and nothing is wrong."""
    made = judge(pod("a"), pod("b", cpu_usage_cores=None, problem="starting"))
    assert (made.severity, made.info, made.silent_pods) == ("ok", 1, 0)


def test_what_could_not_be_read_counts() -> None:
    """A list that may not be read is a problem of its own: the rest is never the whole."""
    made = judge(pod("a"), problems=(model.Problem("nodes_forbidden", "may not list nodes", "grant it"),))
    assert made[::6] == ("critical", "1 critical: may not list nodes")


def test_problems_that_are_known_are_not_found_again() -> None:
    """Who has the problems hands them over: of those that were left out nothing is said."""
    taken = model.Snapshot(
        "prod", "none", NOW, model.Records(()), model.Records([pod("x", status="CrashLoopBackOff")])
    )
    assert verdict.judge(taken, []).severity == "ok"
    assert verdict.judge(taken, problems.find(taken)).severity == "critical"
