"""Records: slices, filters, orders, sums, tables and frames of rows, of one cluster and of several."""

from __future__ import annotations

import html
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import kubevitals
from kubevitals import dataframes, errors, kinds, model, recordqueries, totals

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\x1b[31m"


def pod(name: str, cpu: float | None = 0.5, **fields: Any) -> model.Pod:
    known = {"namespace": "shop", "phase": "Running", "node": "node-1", "workload_name": "web", **fields}
    containers = tuple(
        model.Container(
            known["namespace"],
            name,
            each,
            cpu_usage_cores=cpu,
            memory_usage_bytes=None if cpu is None else 100,
            node=known["node"],
            phase=known["phase"],
        )
        for each in ("app", "proxy")
    )
    memory = None if cpu is None else 200
    return model.Pod(
        name=name, cpu_usage_cores=cpu, memory_usage_bytes=memory, containers=containers, **known
    )


def snapshot(cluster: str = "prod") -> model.Snapshot:
    pods = [
        pod("web-0", 0.5, labels={"team": "red"}, cpu_limit_cores=0.5),
        pod("web-1", None, labels={"team": "blue"}),
        pod("db-0", 2.0, namespace="data", node="gpu-1", workload_name="db", cpu_limit_cores=4.0),
        pod("old", 1.0, phase="Succeeded"),
    ]
    nodes = [model.Node("node-1", ready=True), model.Node("gpu-1", labels={"team": "red"})]
    taken = model.Snapshot(cluster, "metrics-server", NOW, model.Records(nodes), model.Records(pods))
    return taken.with_origin()


def names(rows: model.Records[Any]) -> list[str]:
    return [row.name for row in rows]


def test_a_slice_is_records() -> None:
    """A slice is Records that know where they come from, and one place is a record."""
    pods = snapshot().pods
    assert names(pods[1:3]) == ["web-1", "db-0"]
    assert isinstance(pods[1:3], model.Records)
    assert names(pods[::-1]) == ["old", "db-0", "web-1", "web-0"]
    assert pods[:2].where("cpu>1m")[0] is pods[0]
    assert pods[-1].name == "old"
    assert pods[:0] == ()


def test_filters() -> None:
    """The grammar of docs/filters.md and functions choose rows, one after the other as well."""
    pods = snapshot().pods
    assert names(pods.where("cpu%limit>80 ns:shop")) == ["web-0"]
    assert names(pods.where(lambda row: row.node == "gpu-1")) == ["db-0"]
    assert names(pods.where("ns:shop").where("usage:none")) == ["web-1"]
    assert names(pods.where("label.team:*")) == ["web-0", "web-1"]
    assert names(snapshot().nodes.where("ready:true")) == ["node-1"]
    assert names(snapshot().containers.where("label.team:red")) == ["app", "proxy"]
    assert names(snapshot().containers[1:].where("label.team:red !app")) == ["proxy"]
    with pytest.raises(errors.UsageError, match="did you mean"):
        pods.where("restart>0")
    with pytest.raises(errors.UsageError):
        pods[:0].where("restart>0")


def test_filters_of_sums_choose_their_pods() -> None:
    """A term on pods adds up the sums again, of the pods that meet it, and of no sum that was left out."""
    sums = snapshot().pods.group("workload")
    assert names(sums) == ["db", "web"]
    assert names(sums.where("node:gpu-*")) == ["db"]
    assert [row.pods for row in sums.where("label.team:red")] == [1]
    assert names(sums.where("cpu>1")) == ["db"]
    assert names(sums[1:].where("node:gpu-*")) == []
    containers = snapshot().containers.group("node")
    with pytest.raises(errors.UsageError, match="made of"):
        containers.where("node:gpu-*")


def test_sort() -> None:
    """Fields have their own names or those of filters; numbers begin with the largest, unknown ones end."""
    pods = snapshot().pods
    assert names(pods.sort("cpu")) == ["db-0", "old", "web-0", "web-1"]
    assert pods.sort("cpu_usage_cores") == pods.sort("cpu")
    assert names(pods.sort("cpu", descending=False)) == ["web-0", "old", "db-0", "web-1"]
    assert names(pods.sort("cpu%limit")) == ["web-0", "db-0", "web-1", "old"]
    assert names(pods.sort("namespace", "name")) == ["db-0", "old", "web-0", "web-1"]
    assert names(pods.sort("name", descending=True)) == ["web-1", "web-0", "old", "db-0"]
    assert names(pods.group("node").sort("namespace", descending=False)) == ["gpu-1", "node-1"]
    with pytest.raises(errors.UsageError, match="did you mean cpu_usage_cores"):
        pods.sort("cpu_usage_core")


def test_group() -> None:
    """Groups are sums: those of `totals` for pods, and by any text for containers too."""
    pods = snapshot().pods
    assert pods.group("namespace") == tuple(totals.total_by_namespace(pods))
    assert pods.group("workload") == tuple(totals.total_by_workload(pods))
    assert pods.group("label.team") == tuple(totals.total_by_label(pods, "team"))
    assert pods.group("node") == tuple(totals.total_by_field(pods, "node"))
    by_name = snapshot().containers.group("name")
    assert [(row.name, row.pods, row.pods_without_usage) for row in by_name] == [
        ("app", 3, 1),
        ("proxy", 3, 1),
    ]
    assert by_name[0].cpu_usage_cores == 2.5
    for rows, by in ((snapshot().nodes, "name"), (pods, "nope"), (pods[:0], "nope"), (pods, "ready")):
        with pytest.raises(errors.UsageError):
            rows.group(by)


def test_several_clusters() -> None:
    """Joined rows keep the cluster of each through slices, orders, filters and sums."""
    joined = recordqueries.join([snapshot("east").pods, snapshot("west").pods[:2]])
    assert joined.clusters == ("east",) * 4 + ("west",) * 2
    assert joined[3:].clusters == ("east", "west", "west")
    assert joined.where("web-0").clusters == ("east", "west")
    sums = joined.group("namespace")
    assert [(*each,) for each in zip(sums.clusters, names(sums), strict=True)] == [
        ("east", "data"), ("east", "shop"), ("west", "shop"),
    ]  # fmt: skip
    assert sums.where("label.team:red").clusters == ("east", "west")
    assert names(joined.group("cluster")) == ["east", "west"]
    assert "CLUSTER" in repr(joined)
    assert recordqueries.containers_of(joined).clusters == ("east",) * 8 + ("west",) * 4


def test_repr() -> None:
    """The text is a table of twenty rows at most, with headings and the number of rows."""
    many = model.Records([pod(f"web-{each}") for each in range(30)])
    lines = repr(many).splitlines()
    assert lines[0].split()[:3] == ["NAMESPACE", "NAME", "STATUS"]
    assert len(lines) == 22
    assert lines[-1] == "30 pods, the first 20 of them"
    assert "500m" in lines[1]
    assert repr(snapshot().nodes).endswith("2 nodes")
    assert repr(snapshot().pods[:0]) == "0 pods"
    assert repr(model.Records(())) == "0 records"


def test_hostile_names_stay_text() -> None:
    """No name becomes markup in a notebook, or steers a terminal."""
    rows = model.Records([pod(HOSTILE, namespace=HOSTILE)])
    shown = rows._repr_html_()
    assert "<script" not in shown
    assert html.escape("<script>alert(1)</script>") in shown
    assert "\x1b" not in shown + repr(rows)
    assert shown.count("<tr>") == 2
    joined = recordqueries.join([snapshot(HOSTILE).pods])
    assert "<script" not in joined._repr_html_()


ALL: dict[str, model.Records[Any]] = {
    "nodes": snapshot().nodes,
    "pods": snapshot().pods,
    "containers": snapshot().containers,
    "workloads": snapshot().pods.group("workload"),
    "namespaces": snapshot().pods.group("namespace"),
    "groups": snapshot().pods.group("node"),
}


@pytest.mark.parametrize("kind", ALL)
def test_frames_do_not_depend_on_rows(kind: str) -> None:
    """Frames have the same columns and types with rows and without, in every library."""
    rows = ALL[kind]
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    full, empty = rows.to_pandas(), rows[:0].to_pandas()
    assert full.dtypes.to_dict() == empty.dtypes.to_dict()
    assert (len(full), len(empty)) == (len(rows), 0)
    assert full["cluster"].tolist() == ["prod"] * len(rows)
    assert full["stale"].dtype == pandas.BooleanDtype()
    assert str(full["timestamp"].dtype) == "datetime64[ns, UTC]"
    assert full["cpu_usage_cores"].dtype == pandas.Float64Dtype()
    assert full["memory_usage_bytes"].dtype == pandas.Int64Dtype()
    assert rows.to_polars().schema == rows[:0].to_polars().schema
    assert rows.to_polars().schema["stale"] == polars.Boolean
    assert rows.to_arrow().schema == rows[:0].to_arrow().schema
    columns = ["cluster", *kinds.KINDS.get(kind, kinds.GROUPS).keys]
    assert list(full.columns) == rows.to_polars().columns == rows.to_arrow().column_names == columns


@pytest.mark.parametrize("kind", ["nodes", "pods", "containers"])
def test_labels_as_columns(kind: str) -> None:
    """Labels that are asked for are columns, alike in all libraries; containers have those of their pods."""
    rows = ALL[kind]
    found = {
        "nodes": [None, "red"],
        "pods": ["red", "blue", None, None],
        "containers": ["red", "red", "blue", "blue", None, None, None, None],
    }[kind]
    frame = rows.to_pandas(labels=["team"])
    assert [None if str(each) == "<NA>" else each for each in frame["label.team"]] == found
    assert rows.to_polars(labels=["team"])["label.team"].to_list() == found
    assert rows.to_arrow(labels=["team"])["label.team"].to_pylist() == found
    with pytest.raises(errors.UsageError, match="no labels"):
        ALL["workloads"].to_pandas(labels=["team"])


def test_values_of_frames() -> None:
    """Unknown is missing, never 0 or False; labels are key=value in all libraries; nested values are kept."""
    pandas = pytest.importorskip("pandas")
    rows = model.Records(
        [model.Node("n", ready=True, taints=(model.Taint("k", None, "e"),)), model.Node("m")]
    )
    frame = rows.to_pandas()
    assert frame["ready"].isna().tolist() == [False, True]
    assert pandas.isna(frame["memory_usage_bytes"].iloc[0])
    assert rows.to_polars()["taints"].to_list() == [[{"key": "k", "value": None, "effect": "e"}], []]
    assert ALL["pods"].to_pandas()["labels"].tolist() == ALL["pods"].to_polars()["labels"].to_list()
    assert len(frame[frame["ready"]]) == 1, "a missing truth value chooses no row"


@pytest.mark.parametrize(
    ("package", "extra"), [("pandas", "pandas"), ("polars", "polars"), ("pyarrow", "parquet")]
)
def test_a_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch, package: str, extra: str) -> None:
    """Without the library the error is an ImportError that says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    make = (
        getattr(ALL["pods"], "to_" + package.removeprefix("py"))
        if package == "pyarrow"
        else getattr(ALL["pods"], f"to_{package}")
    )
    with pytest.raises(ImportError, match=f"{package} is not installed") as caught:
        make()
    assert isinstance(caught.value, errors.MissingPackageError)
    assert caught.value.remedy == f"pip install 'kubevitals[{extra}]'"


@pytest.fixture(scope="module")
def simulated() -> Iterator[kubevitals.Cluster]:
    with kubevitals.connect(simulation={"nodes": 4, "pods": 40, "seed": 5}) as cluster:
        yield cluster


def test_of_a_simulated_cluster(simulated: kubevitals.Cluster) -> None:
    """What a cluster returns can be filtered, sorted, added up and made a frame in every form."""
    pods = simulated.pods()
    assert len(pods) == 40
    assert len(dataframes.list_columns(pods)) == len(kinds.PODS.keys) + 1
    kept = pods.where("cpu>1m").sort("mem")
    assert [row.memory_usage_bytes for row in kept] == sorted(
        (row.memory_usage_bytes for row in kept if row.memory_usage_bytes is not None), reverse=True
    )
    assert set(pods.to_pandas()["cluster"]) == {"simulated"}
    assert simulated.nodes().to_arrow().num_rows == 4
