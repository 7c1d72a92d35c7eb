"""Sums of pods and containers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
from hypothesis import strategies

from kubevitals import model, totals

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)


def pod(name: str = "a", namespace: str = "shop", **facts: Any) -> model.Pod:
    return model.Pod(namespace, name, **{"phase": "Running", **facts})


def test_totals_of_namespaces() -> None:
    """A namespace has the sums of its pods, by name, and counts those of which a number is missing."""
    rows = totals.total_by_namespace(
        [
            pod("a", cpu_usage_cores=0.1, memory_usage_bytes=10, cpu_request_cores=0.2),
            pod(
                "b", cpu_usage_cores=0.2, memory_usage_bytes=20, cpu_request_cores=1.0, memory_request_bytes=5
            ),
            pod("c"),
            pod("z", "db", cpu_usage_cores=1.0, memory_usage_bytes=1),
        ]
    )
    db, shop = rows
    assert (db.name, db.namespace, shop.name) == ("db", "db", "shop")
    assert (shop.pods, shop.pods_without_usage, shop.pods_without_request) == (3, 1, 2)
    assert (shop.cpu_usage_cores, shop.memory_usage_bytes) == (0.3, 30)
    assert (shop.cpu_request_cores, shop.memory_request_bytes) == (1.2, 5)
    assert (shop.problem, db.problem) == ("usage_incomplete", None)
    assert (db.cpu_request_cores, db.memory_limit_bytes) == (None, None)


def test_ended_pods_count_nowhere() -> None:
    """A pod that has ended holds nothing: it is in no sum and no count, and its namespace stays."""
    ended = [
        pod(phase=phase, cpu_request_cores=1.0, cpu_usage_cores=1.0) for phase in ("Succeeded", "Failed")
    ]
    (row,) = totals.total_by_namespace(ended)
    assert (row.pods, row.cpu_request_cores, row.cpu_usage_cores, row.pods_without_usage) == (
        0,
        None,
        None,
        0,
    )


def test_ratios_compare_like_with_like() -> None:
    """A total's ratio is over the pods of which both numbers are known, or it would compare strangers."""
    row = totals.total_all(
        [
            pod("a", cpu_usage_cores=0.5, cpu_request_cores=1.0),
            pod("b", cpu_usage_cores=9.0),
            pod("c", cpu_request_cores=9.0),
            pod("d", cpu_usage_cores=1.0, cpu_request_cores=0.0),
        ]
    )
    assert row.cpu_of_request == 0.5
    assert row.memory_of_request is None


def test_the_oldest_sample_counts() -> None:
    """A total is as old as its oldest member, whose window and staleness it takes."""
    row = totals.total_all(
        [
            pod("a", timestamp=NOW, window_seconds=15.0, age_seconds=0.0, stale=False),
            pod("b", timestamp=NOW - timedelta(hours=1), window_seconds=10.0, age_seconds=3600.0, stale=True),
            pod("c"),
        ]
    )
    assert row.timestamp == NOW - timedelta(hours=1)
    assert (row.window_seconds, row.age_seconds, row.stale) == (10.0, 3600.0, True)


def test_workloads() -> None:
    """Pods add up by what controls them, told apart by namespace and kind; a bare pod is its own workload."""
    owner = {"workload_kind": "Deployment", "workload_name": "web"}
    rows = totals.total_by_workload(
        [
            pod("web-1", **owner),
            pod("web-2", **owner),
            pod("web-3", "other", **owner),
            pod("web-0", workload_kind="StatefulSet", workload_name="web"),
            pod("bare"),
        ]
    )
    assert [(row.namespace, row.workload_kind, row.name, row.pods) for row in rows] == [
        ("other", "Deployment", "web", 1),
        ("shop", "Pod", "bare", 1),
        ("shop", "Deployment", "web", 2),
        ("shop", "StatefulSet", "web", 1),
    ]


def test_labels_and_fields() -> None:
    """Pods add up by a label's value or a field, across namespaces; those without it are <none>."""
    pods = [
        pod("a", labels={"team": "red"}, node="n1"),
        pod("b", "db", labels={"team": "red"}),
        pod("c", node="n1"),
    ]
    rows = totals.total_by_label(pods, "team")
    assert [(row.name, row.namespace, row.pods) for row in rows] == [("<none>", None, 1), ("red", None, 2)]
    rows = totals.total_by_field(pods, "node")
    assert [(row.name, row.pods) for row in rows] == [("<none>", 1), ("n1", 2)]


def test_restarts_add_up() -> None:
    """Restarts are summed where they are known."""
    assert totals.total_all([pod("a", restarts=2), pod("b"), pod("c", restarts=3)]).restarts == 5
    assert totals.total_all([pod("a")]).restarts is None


def test_nothing_at_all() -> None:
    """The total of nothing has no usage, rather than a usage of zero."""
    row = totals.total_all([])
    assert (row.pods, row.cpu_usage_cores, row.timestamp, row.problem) == (0, None, None, None)
    assert totals.total_by_namespace([]) == []


@hypothesis.given(strategies.lists(strategies.integers(0, 10**12), min_size=1))
def test_totals_are_exact(nanocores: list[int]) -> None:
    """Cores add up to the nanocore, in any order."""
    pods = [pod(str(index), cpu_usage_cores=each / 10**9) for index, each in enumerate(nanocores)]
    expected = sum(nanocores) / 10**9
    assert totals.total_all(pods).cpu_usage_cores == expected
    assert totals.total_all(reversed(pods)).cpu_usage_cores == expected
    assert totals.total_rows(pods).cpu_usage_cores == expected


# --- order


def test_problems_are_counted() -> None:
    """Problems are counted, the most frequent first."""
    rows = [
        pod("a", problem="stale"),
        pod("b", problem="ended"),
        pod("c", problem="stale"),
        pod("d"),
    ]
    assert list(totals.count_problems(rows).items()) == [("stale", 2), ("ended", 1)]


@hypothesis.given(
    strategies.lists(
        strategies.tuples(
            strategies.one_of(strategies.none(), strategies.floats(0, 1e6)),
            strategies.one_of(strategies.none(), strategies.floats(0, 1e6)),
        )
    )
)
def test_ratios_of_many_rows_are_those_of_each(pairs: list[tuple[float | None, float | None]]) -> None:
    """Dividing whole columns gives what the records' own properties give, for pods and for nodes."""
    records: list[tuple[Any, dict[str, tuple[str, str]]]] = [
        (pod(), model.POD_RATIOS),
        (model.Node("n"), model.NODE_RATIOS),
    ]
    for record, table in records:
        for ratio, (part, whole) in table.items():
            rows = [record._replace(**{part: one, whole: other}) for one, other in pairs]
            expected = [getattr(row, ratio) for row in rows]
            assert totals.divide([one for one, _ in pairs], [other for _, other in pairs]) == expected
