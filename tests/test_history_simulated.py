"""The past of a simulated cluster: a week at once, which joins the present."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

import kubevitals
from kubevitals import cli, history
from kubevitals.history import ring
from simcluster.world import world

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 21, 14, 30, tzinfo=UTC)
SETTINGS: dict[str, Any] = {"nodes": 6, "pods": 72, "tls": False, "clock": NOW.timestamp, "speed": 0}


@pytest.fixture(scope="module")
def simulated() -> Iterator[kubevitals.Cluster]:
    """A cluster whose clock, and ours, stand still."""
    with kubevitals.connect(simulation=SETTINGS) as cluster:
        cluster._clock = NOW.timestamp
        yield cluster


@pytest.mark.parametrize("kind", ["node", "pod", "container", "workload", "namespace"])
def test_week(simulated: kubevitals.Cluster, kind: str) -> None:
    """Each kind has a week of usage, whole for what was there all the time, and none after now."""
    query = history.Query(kind, NOW - timedelta(days=7), NOW, step=history.WHOLE, percentiles=(95.0,))
    answer = simulated.past().read(query)
    whole = [each for each in answer.series if (each.points[0].coverage or 0) > 0.95]
    assert len(whole) > 3
    for each in whole:
        (point,) = each.points
        assert point.samples >= 400
        assert point.timestamp == NOW
        least, most, (p95,) = point.memory_min_bytes, point.memory_max_bytes, point.memory_percentiles
        assert least is not None
        assert most is not None
        assert p95 is not None
        assert 0 < least < p95 <= most


@pytest.mark.parametrize("kind", ["node", "pod", "container"])
def test_joins_present(simulated: kubevitals.Cluster, kind: str) -> None:
    """The newest sample of the past is what the metrics API answers now."""
    query = history.Query(kind, NOW - timedelta(minutes=2), NOW)
    taken = simulated.snapshot()
    past = {
        (each.namespace, each.pod, each.name): each.points[-1] for each in simulated.past().read(query).series
    }
    rows: Any = {"node": taken.nodes, "pod": taken.pods, "container": taken.containers}[kind]
    measured = [row for row in rows if row.timestamp is not None]
    assert len(measured) > 4
    for row in measured:
        point = past[getattr(row, "namespace", None), getattr(row, "pod", None), row.name]
        assert point.cpu_usage_cores == pytest.approx(row.cpu_usage_cores)
        assert point.memory_usage_bytes == row.memory_usage_bytes
        assert abs((point.timestamp - row.timestamp).total_seconds()) < 1


def test_joins_what_is_recorded() -> None:
    """What is asked about the time since recording began, the recording answers; the past the rest."""
    with kubevitals.connect(simulation=SETTINGS) as cluster:
        cluster._clock = NOW.timestamp
        held = ring.Ring()
        held.append(cluster.snapshot())
        past = cluster.past(recorded=held)
        since = history.Query("node", NOW, NOW + timedelta(seconds=1), step=history.WHOLE)
        assert past.read(since).source == "memory"
        assert past.read(since._replace(since=NOW - timedelta(hours=1))).source == "simulation"
        assert past.snapshot_at(NOW) == held.snapshot_at(NOW)


def test_ordinary_hour(simulated: kubevitals.Cluster) -> None:
    """An hour ago nothing was there that came later, no node was lost yet, and usage was another."""
    then, now = simulated.past().snapshot_at(NOW - timedelta(hours=1)), simulated.snapshot()
    assert then is not None
    assert not [pod for pod in then.pods if pod.created_at and pod.created_at > then.generated_at]
    ended = [pod.last_termination_at for pod in then.pods if pod.last_termination_at]
    assert ended
    assert max(ended) <= then.generated_at
    assert [node.name for node in now.nodes if not node.ready] != []
    assert all(node.ready and node.cpu_usage_cores for node in then.nodes)
    assert {node.cpu_usage_cores for node in then.nodes}.isdisjoint(
        node.cpu_usage_cores for node in now.nodes
    )


def test_beyond(simulated: kubevitals.Cluster) -> None:
    """Before the week, after now and of another cluster there is nothing."""
    past = simulated.past()
    assert past.snapshot_at(NOW - timedelta(days=8)) is None
    assert past.snapshot_at(NOW + timedelta(hours=1)) is None
    assert past.snapshot_at(NOW, cluster="other") is None
    early = history.Query("node", NOW - timedelta(days=9), NOW - timedelta(days=8))
    assert past.read(early).series == ()
    assert past.read(history.Query("node", NOW - timedelta(hours=1), NOW, cluster="other")).series == ()


def test_real_cluster_has_none(simulated: kubevitals.Cluster) -> None:
    """Only a simulated cluster has a past without a recording."""
    with pytest.raises(kubevitals.UsageError):
        kubevitals.Cluster(simulated.client).past()


def test_leak() -> None:
    """A container that leaks fills up again and again: its memory falls as often as it is killed."""
    made = world.World(start=NOW.timestamp())
    sizes = []
    for minutes in range(360, -1, -2):
        _, pods = made.past_usage(NOW.timestamp() - minutes * 60)
        sizes += [each.containers[0][2] for each in pods if each.name.startswith("order-worker")][:1]
    falls = [after for before, after in itertools.pairwise(sizes) if after < before * 0.7]
    assert 5 <= len(falls) <= 8


def test_same_whatever_was_asked() -> None:
    """The past does not depend on what was asked before, and asking changes nothing of the present."""
    one, other = (world.World(start=NOW.timestamp()) for _ in range(2))
    moment = NOW.timestamp() - 7200
    one.past_usage(moment - 999)
    assert one.past_usage(moment) == other.past_usage(moment)
    assert one.node_usage(NOW.timestamp()) == other.node_usage(NOW.timestamp())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("history", "nodes", "--simulate", "--since", "7d"), "control-1"),
        (("history", "pods", "search-0", "--simulate", "-o", "csv"), "search-0"),
        (("top", "nodes", "--simulate", "--at", "1h"), "Ready"),
        (("problems", "--simulate", "--since", "1h"), "NEW"),
    ],
)
def test_commands(words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that looks back does so with --simulate, without a recording."""
    assert cli.main(words) in (0, 1)
    shown = capsys.readouterr()
    assert expected in shown.out
    assert "error" not in shown.err
