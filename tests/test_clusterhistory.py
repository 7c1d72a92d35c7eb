"""History for callers of the library: rows with the requests of the time, states, and several clusters."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests import connected, made_past

import kubevitals
from kubevitals import cluster as clusters
from kubevitals import clusterhistory, errors
from kubevitals.history import store
from kubevitals.surfaces.view import historydocuments
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

END = made_past.at(3600)


@pytest.fixture
def path(tmp_path: pathlib.Path) -> str:
    made = tmp_path / "usage.db"
    with store.Store.open(made) as held:
        for cluster in ("east", "west"):
            for tick in range(20):
                seconds = tick * 15.0
                pods = [
                    made_past.pod(
                        "web-0", (("app", tick / 10, tick),), seconds=seconds, cpu_request_cores=1.0
                    )
                ]
                held.append(
                    made_past.snapshot(seconds, pods, [made_past.node(seconds=seconds)], cluster=cluster)
                )
                assert held.flush()
    return str(made)


def read(path: str, kind: str = "pods", **query: Any) -> kubevitals.Records[clusterhistory.UsageRow]:
    with kubevitals.open_history(path, cluster=query.pop("cluster", "east")) as history:
        return history.usage(kind, **{"since": made_past.at(-60), "until": END, **query})


def test_rows(path: str) -> None:
    """One row over the range has mean, peak, percentiles and the request of that time."""
    (row,) = read(path, percentiles=(50, 100))
    assert (row.kind, row.cluster, row.namespace, row.name) == ("pod", "east", "shop", "web-0")
    assert row.cpu_usage_cores == pytest.approx(0.95)
    assert (row.cpu_max_cores, row.cpu_request_cores, row.samples) == (1.9, 1.0, 20)
    assert list(row.cpu_percentiles) == pytest.approx([0.9, 1.9])
    assert row.to_dict()["cpu_p100_cores"] == 1.9
    assert set(row.to_dict()) == set(historydocuments.row_types((50, 100)))
    assert len(read(path, step=None)) == 20
    assert len(read(path, step="1m")) == len(read(path, step=60)) == 6


def test_they_are_records(path: str) -> None:
    """Rows slice, sort, choose by a function, print and become frames with the same columns for no rows."""
    pytest.importorskip("pandas")
    rows = read(path, step=None)
    assert rows.sort("cpu_usage_cores")[0].cpu_usage_cores == 1.9
    assert len(rows.where(lambda row: (row.cpu_usage_cores or 0) > (row.cpu_request_cores or 0))) == 9
    assert repr(rows).endswith("20 history")
    none = read(path, step=None, name="nope")
    assert none.to_pandas().dtypes.to_dict() == rows.to_pandas().dtypes.to_dict()
    assert none.to_polars().schema == rows.to_polars().schema
    assert "cpu_p95_cores" in none.to_pandas()
    assert set(rows.to_pandas()["cluster"]) == {"east"}
    with pytest.raises(errors.UsageError, match="filters are about"):
        rows.where("cpu>1")


@pytest.mark.parametrize("kind", ["nodes", "containers", "workloads", "namespaces"])
def test_kinds(path: str, kind: str) -> None:
    """Every kind has its short form."""
    with kubevitals.open_history(path, cluster="west") as history:
        rows = getattr(history, kind)(since=made_past.at(-60), until=END)
    assert len(rows) == 1
    assert rows[0].cluster == "west"


def test_states_and_clusters(path: str) -> None:
    """The state at a time is a snapshot whose rows can be filtered; all clusters are there without a name."""
    assert len(read(path, cluster=None)) == 2
    assert set(read(path, cluster=None).clusters) == {"east", "west"}
    with kubevitals.open_history(path, cluster="east") as history:
        assert history.clusters() == ["east", "west"]
        extent = history.extent()
        assert extent is not None
        assert extent[0] == made_past.at(0)
        found = history.at(made_past.at(100))
        assert found is not None
        assert found.pods.where("ns:shop cpu>0").clusters == ("east",)
        assert history.at(timedelta(seconds=1)) is None


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"since": datetime(2026, 3, 1)},  # noqa: DTZ001 - what is refused
        {"since": END, "until": made_past.at(0)},
        {"step": "soon"},
        {"step": 0},
        {"percentiles": (101,)},
        {"kind": "volumes"},
    ],
)
def test_what_cannot_be_meant(path: str, query: dict[str, Any]) -> None:
    """A wrong argument is a UsageError."""
    with pytest.raises(errors.UsageError):
        read(path, **query)


def test_no_file(tmp_path: pathlib.Path) -> None:
    """A missing file is an error when it is read, and options of a server need one."""
    with kubevitals.open_history(str(tmp_path / "none")) as history, pytest.raises(errors.HistoryError):
        history.pods()
    with pytest.raises(errors.UsageError, match="token_file"):
        kubevitals.open_history("usage.db", token_file="x")


@pytest.fixture
def both() -> Iterator[clusters.Clusters]:
    with (
        simulated.SimulatedCluster(nodes=2, pods=8) as world,
        simulated.SimulatedCluster(nodes=3, pods=9) as other,
        clusters.Clusters([connected.connect(world), connected.connect(other)]) as made,
    ):
        yield made


def test_several_clusters(both: clusters.Clusters) -> None:
    """Rows of all clusters come together; one that is away costs its rows and is a problem."""
    assert (len(both.nodes()), len(both.pods())) == (5, 17)
    assert len(both.containers()) >= 17
    assert both.workloads().clusters == ("simulated",) * len(both.workloads())
    assert len(both.namespaces()) > 0
    assert both.problems().origin.kind == "problems"
    with kubevitals.connect(server="https://127.0.0.1:1") as away:
        left = clusters.Clusters([away, *both.clusters]).pods()
        assert len(left) == 17
        assert left.problems[-1].message.startswith("127.0.0.1:1: ")
        with pytest.raises(errors.ClusterError):
            clusters.Clusters([away]).pods()
    assert clusters.Clusters().pods() == ()


def test_problems_of_a_cluster() -> None:
    """Problems are those of `kubevitals problems`, as Records with a table and a frame."""
    with kubevitals.connect(simulate=True) as cluster:
        found = cluster.problems()
        assert found[0].severity == "critical"
        assert {row.namespace for row in cluster.problems(namespace="shop")} <= {"shop", None}
    assert repr(found).startswith("SEVERITY")
    assert "<table>" in found._repr_html_()
    pytest.importorskip("pandas")
    assert found.to_pandas().dtypes.to_dict() == found[:0].to_pandas().dtypes.to_dict()
    assert [row.severity for row in found.sort("pods")][:1]
