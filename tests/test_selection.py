"""Which rows are meant, and their order."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from kubevitals import kinds, model, selection
from kubevitals.selection import filters, selectors

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)


def pod(name: str = "a", namespace: str = "shop", **facts: Any) -> model.Pod:
    return model.Pod(namespace, name, **{"phase": "Running", **facts})


def names(rows: list[model.Pod]) -> str:
    return "".join(row.name for row in rows)


def test_unknown_comes_last_in_either_direction() -> None:
    """Rows without the number stand at the end, whichever way one sorts."""
    pods = [
        pod("a"),
        pod("b", cpu_usage_cores=1.0),
        pod("c", cpu_usage_cores=2.0),
        pod("d", cpu_usage_cores=0.0),
    ]
    assert names(selection.rank(pods, [("cpu_usage_cores", None)])) == "cbda"
    assert names(selection.rank(pods, [("cpu_usage_cores", True)])) == "cbda"
    assert names(selection.rank(pods, [("cpu_usage_cores", False)])) == "dbca"


def test_several_keys() -> None:
    """The first key decides, the next one where it is equal; text goes from a to z."""
    pods = [
        pod("b", restarts=1, node="n2"),
        pod("a", restarts=1, node="n2"),
        pod("c", restarts=5, node="n2"),
        pod("d", restarts=1, node="n1"),
    ]
    assert names(selection.rank(pods, [("restarts", None), ("node", None), ("name", None)])) == "cdab"
    assert names(selection.rank(pods, [("node", True), ("restarts", False), ("name", True)])) == "bacd"
    assert names(selection.rank(pods, [])) == "bacd"


def test_by_ratio() -> None:
    """Ratios order rows as fields do."""
    pods = [
        pod("a", cpu_usage_cores=1.0, cpu_limit_cores=4.0),
        pod("b", cpu_usage_cores=0.5, cpu_limit_cores=1.0),
    ]
    assert names(selection.rank(pods, [("cpu_of_limit", None)])) == "ba"


@hypothesis.given(
    strategies.lists(strategies.one_of(strategies.none(), strategies.floats(0, 100)), max_size=20)
)
def test_order_is_complete_and_stable(values: list[float | None]) -> None:
    """Nobody is lost, the known are in order, equal rows keep their places."""
    pods = [pod(str(index), cpu_usage_cores=value) for index, value in enumerate(values)]
    rows = selection.rank(pods, [("cpu_usage_cores", None)])
    assert sorted(rows, key=lambda row: int(row.name)) == pods
    keys = [(-1.0 if row.cpu_usage_cores is None else row.cpu_usage_cores, -int(row.name)) for row in rows]
    assert keys == sorted(keys, reverse=True)
    assert not any(math.isnan(key[0]) for key in keys)


# --- rows of a snapshot


def with_containers(row: model.Pod, *names: str) -> model.Pod:
    containers = [
        model.Container(row.namespace, row.name, each, node=row.node, status="Running") for each in names
    ]
    return row._replace(containers=tuple(containers))


WEB = pod("web", node="n1", app="web", labels={"tier": "front"}, cpu_usage_cores=0.2, workload_name="web-d")
DATABASE = pod("db", node="n2", app="db", labels={"tier": "back"}, cpu_usage_cores=0.5)
ENDED = pod("job", node="n1", phase="Succeeded", labels={"tier": "back"})
OTHER = pod("web", "pay", node="n2", app="web", labels={"tier": "front"}, cpu_usage_cores=0.4)
SNAPSHOT = model.Snapshot(
    "here",
    "metrics-server",
    NOW,
    model.Records([
        model.Node("n1", ready=True, labels={"pool": "a"}, status="Ready", cpu_usage_cores=1.0),
        model.Node("n2", ready=False, labels={"pool": "b"}, status="NotReady"),
    ]),
    model.Records([
        with_containers(WEB, "app", "proxy"), with_containers(DATABASE, "app"), ENDED,
        with_containers(OTHER, "app"),
    ]),
)  # fmt: skip


def select(kind: str, **conditions: Any) -> list[str]:
    """The rows as the words of their paths; `labels`, `fields` and `filter` are text here."""
    found = kinds.KINDS.get(kind, kinds.GROUPS)
    if "labels" in conditions:
        conditions["labels"] = selectors.parse_labels(conditions["labels"])
    if "fields" in conditions:
        conditions["fields"] = selectors.parse_fields(conditions["fields"], found.selectable)
    if "filter" in conditions:
        conditions["filter"] = filters.parse(conditions["filter"], found)
    chosen = selection.Selection(kind, **conditions)
    assert hash(chosen) == hash(selection.Selection(kind, **conditions))
    return ["/".join(getattr(row, key) for key in found.path) for row in selection.select(SNAPSHOT, chosen)]


def test_all_rows_of_each_kind() -> None:
    """Without a condition all rows of the kind are meant, in the snapshot's order."""
    assert select("nodes") == ["n1", "n2"]
    assert select("pods") == ["shop/web", "shop/db", "shop/job", "pay/web"]
    assert select("containers") == ["shop/web/app", "shop/web/proxy", "shop/db/app", "pay/web/app"]
    assert select("namespaces") == ["pay", "shop"]
    assert select("workloads") == ["pay/Pod/web", "shop/Pod/db", "shop/Pod/job", "shop/Pod/web-d"]
    assert select("groups", group_by=("field", "app")) == ["<none>", "db", "web"]
    assert select("groups", group_by=("label", "tier")) == ["back", "front"]


@pytest.mark.parametrize(
    ("kind", "conditions", "expected"),
    [
        ("pods", {"namespaces": frozenset(["pay", "none"])}, ["pay/web"]),
        ("pods", {"pods": (("node", frozenset(["n1"])), ("app", frozenset(["web"])))}, ["shop/web"]),
        ("pods", {"names": frozenset(["db"])}, ["shop/db"]),
        ("pods", {"labels": "tier=front", "namespaces": frozenset(["shop"])}, ["shop/web"]),
        ("pods", {"fields": "spec.nodeName=n1,status.phase!=Succeeded"}, ["shop/web"]),
        ("pods", {"filter": "cpu>300m"}, ["shop/db", "pay/web"]),
        ("pods", {"pods": (("workload", frozenset(["web-d", "db"])),)}, ["shop/web", "shop/db"]),
        ("containers", {"names": frozenset(["proxy"])}, ["shop/web/proxy"]),
        ("containers", {"labels": "tier=back"}, ["shop/db/app"]),
        ("containers", {"fields": "metadata.name=web,name!=proxy"}, ["shop/web/app", "pay/web/app"]),
        ("containers", {"filter": "label.tier:front !pod:db ns:shop"}, ["shop/web/app", "shop/web/proxy"]),
        ("nodes", {"names": frozenset(["n2"])}, ["n2"]),
        ("nodes", {"labels": "pool in (a)"}, ["n1"]),
        ("nodes", {"fields": "ready=false"}, ["n2"]),
        ("nodes", {"filter": "!ready:true"}, ["n2"]),
        ("nodes", {"namespaces": frozenset(["pay"])}, ["n2"]),
        ("nodes", {"pods": (("phase", frozenset(["Succeeded"])),)}, []),
        ("namespaces", {"labels": "tier=back"}, ["shop"]),
        ("namespaces", {"names": frozenset(["pay"])}, ["pay"]),
        ("namespaces", {"filter": "cpu>500m"}, ["shop"]),
        ("namespaces", {"filter": "node:n2 cpu>=500m"}, ["shop"]),
        ("namespaces", {"filter": "!node:n2"}, ["shop"]),
        ("workloads", {"filter": "kind:pod web"}, ["pay/Pod/web", "shop/Pod/web-d"]),
        ("groups", {"group_by": ("field", "app"), "filter": "pods>1"}, ["web"]),
    ],
)
def test_conditions(kind: str, conditions: dict[str, Any], expected: list[str]) -> None:
    """Rows meet every condition; of sums, conditions on pods choose the pods that are added up."""
    assert select(kind, **conditions) == expected


def test_order_offset_and_limit() -> None:
    """The rows are ordered first, then those before the offset and behind the limit are left out."""
    by_cpu = (("cpu_usage_cores", True),)
    assert select("pods", order=by_cpu, limit=2) == ["shop/db", "pay/web"]
    assert select("pods", order=by_cpu, limit=2, offset=1) == ["pay/web", "shop/web"]
    assert select("pods", order=by_cpu, offset=3) == ["shop/job"]
    assert select("pods", limit=0) == select("pods", offset=9) == []


def test_places_are_those_of_the_rows_that_match() -> None:
    """Who writes rows as they lie gets their places in the order that was asked for."""
    chosen = selection.Selection("pods", order=(("cpu_usage_cores", True),), limit=3)
    rows = selection.match(SNAPSHOT, chosen)
    assert len(rows) == 4
    assert selection.find_places(rows, chosen) == [1, 3, 0]


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_one_row_is_found_by_its_path(kind: str) -> None:
    """Each row is found by the fields that name it, and no other path leads anywhere."""
    for row in selection.match(SNAPSHOT, selection.Selection(kind)):
        path = [getattr(row, key) for key in kinds.KINDS[kind].path]
        assert selection.find(SNAPSHOT, kind, path) == row
        for index in range(len(path)):
            assert selection.find(SNAPSHOT, kind, [*path[:index], "nothing", *path[index + 1 :]]) is None


def test_pods_behind_sums() -> None:
    """The pods behind rows are those that were added up in them."""
    chosen = selection.Selection("namespaces", filter=filters.parse("cpu>500m node:n2", kinds.NAMESPACES))
    assert selection.match(SNAPSHOT, chosen) == []
    chosen = selection.Selection("namespaces", filter=filters.parse("cpu>=500m node:n2", kinds.NAMESPACES))
    rows = selection.match(SNAPSHOT, chosen)
    assert [each.name for each in selection.find_pods(SNAPSHOT, chosen, rows)] == ["db"]
    chosen = selection.Selection("workloads", names=frozenset(["web-d", "db"]))
    rows = selection.match(SNAPSHOT, chosen)
    assert [each.name for each in selection.find_pods(SNAPSHOT, chosen, rows)] == ["web", "db"]
    chosen = selection.Selection("groups", group_by=("label", "tier"))
    rows = selection.match(SNAPSHOT, chosen)[1:]
    assert [each.namespace for each in selection.find_pods(SNAPSHOT, chosen, rows)] == ["shop", "pay"]
