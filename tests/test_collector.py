"""The collector against the simulated cluster and its faults, and its rhythm against a made-up source."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import connected, small_world, waiting

import kubevitals
from kubevitals import collector, errors, model
from kubevitals.collector import composition, schedule
from kubevitals.kube import listwatch
from kubevitals.kube.http import retries
from kubevitals.sources import metricsapi, none
from simcluster import simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import cluster as clusters


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(listwatch, "_LONGEST_DELAY", 0.1)
    monkeypatch.setattr(retries, "_FIRST_DELAY", 0.01)
    monkeypatch.setattr(collector, "_LOOK", 0.02)


class Scene:
    """A small cluster with a clock that is moved by hand, and a collector that ticks by hand."""

    def __init__(self, world: simulation.SimulatedCluster, cluster: clusters.Cluster, **options: Any) -> None:
        self.world = world
        self.moved = 0.0
        self.collector = collector.Collector(
            cluster, clock=lambda: small_world.START + 60 + self.moved, jitter=lambda: 1.0, **options
        )
        self.collector.inventory.start()
        self.published: list[collector.Published] = []
        self.collector.subscribe(self.published.append)

    @property
    def latest(self) -> collector.Published:
        assert self.collector.latest is not None
        return self.collector.latest


@pytest.fixture
def world() -> Iterator[simulation.SimulatedCluster]:
    made = simulation.SimulatedCluster(
        world=small_world.SmallWorld(), tls=False, clock=lambda: small_world.START + 60
    )
    with made:
        yield made


@pytest.fixture
def scene(world: simulation.SimulatedCluster) -> Iterator[Scene]:
    yield from _scene(world)


def _scene(world: simulation.SimulatedCluster, **options: Any) -> Iterator[Scene]:
    user = options.pop("user", "admin")
    with connected.connect(world, user=user, request_timeout=1.0) as cluster:
        made = Scene(world, cluster, **options)
        try:
            yield made
        finally:
            made.collector.stop()


def test_a_tick_publishes_nodes_and_pods_with_usage(scene: Scene) -> None:
    """A good tick publishes one snapshot that equals what the library reads, and says so in the status."""
    delay = scene.collector.tick()
    assert 0 < delay <= 15
    assert [each.number for each in scene.published] == [1]
    made = scene.latest.snapshot
    fresh = scene.collector.cluster.snapshot()
    assert sorted(row._replace(age_seconds=None) for row in made.nodes) == sorted(
        row._replace(age_seconds=None) for row in fresh.nodes
    )
    assert {(pod.namespace, pod.name, pod.cpu_usage_cores) for pod in made.pods} == {
        (pod.namespace, pod.name, pod.cpu_usage_cores) for pod in fresh.pods
    }
    status = scene.collector.status()
    assert status.ready
    assert status.coverage == {"nodes": (2, 2), "pods": (8, 8)}
    assert (status.ticks, status.failures, status.last_error) == (1, {}, None)
    assert status.source == "metrics-server"
    assert made.problems == ()


def test_nothing_is_known_before_the_first_tick(scene: Scene) -> None:
    """Before the first tick there is no snapshot, and the collector is neither live nor ready."""
    assert scene.collector.latest is None
    status = scene.collector.status()
    assert not status.ready
    assert not status.live
    assert status.age_seconds is None


def test_a_named_source_stands_alone(scene: Scene) -> None:
    """The status tells since when the one source that was named answers, or why not."""
    scene.collector.cluster.source = metricsapi.MetricsAPI(scene.collector.cluster.client)
    (before,) = scene.collector.status().sources
    assert (before.answers, before.since) == (False, None)
    scene.collector.tick()
    (good,) = scene.collector.status().sources
    assert (good.name, good.answers, good.problem) == ("metrics-server", True, None)
    assert good.since == scene.latest.snapshot.generated_at
    scene.world.set_faults(["metrics-unavailable"])
    scene.moved = 20
    scene.collector.tick()
    (failed,) = scene.collector.status().sources
    assert not failed.answers
    assert failed.problem is not None
    assert failed.problem.code == "metrics_unavailable"
    assert good.since is not None
    assert failed.since == good.since + timedelta(seconds=20)


def test_none_answers_while_the_cluster_does_not(scene: Scene) -> None:
    """Of several sources the one that was chosen does not answer while the cluster cannot be asked."""
    scene.collector.tick()
    good = scene.collector.status()
    assert [each.answers for each in good.sources] == [True, False]
    scene.world.set_faults(["unauthorized"])
    scene.moved = 20
    scene.collector.tick()
    status = scene.collector.status()
    assert not any(each.answers for each in status.sources)
    assert status.sources[0].problem == status.last_error is not None
    assert good.last_good_at is not None
    assert status.sources[0].since == good.last_good_at + timedelta(seconds=20)


def test_without_a_source_a_tick_is_good(scene: Scene) -> None:
    """With the source none there are requests and health, usage is unknown for that reason, all is well."""
    scene.collector.cluster.source = none.NoSource()
    scene.collector.tick()
    snapshot, status = scene.latest.snapshot, scene.collector.status()
    assert (snapshot.source, status.source, status.failures) == ("none", "none", {})
    assert {node.problem for node in snapshot.nodes} == {"no_source"}
    assert {pod.phase for pod in snapshot.pods} == {"Running"}
    assert {pod.cpu_usage_cores for pod in snapshot.pods} == {None}


def test_tags_tell_publications_and_processes_apart(scene: Scene, world: simulation.SimulatedCluster) -> None:
    """Each publication has a tag of its own, in this process and in the next."""
    scene.collector.tick()
    scene.collector.tick()
    time.sleep(0.002)
    for other in _scene(world):
        other.collector.tick()
        tags = [each.tag for each in (*scene.published, *other.published)]
        assert len(set(tags)) == 3


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("metrics-absent", "metrics_not_installed"),
        ("metrics-unavailable", "metrics_unavailable"),
        ("metrics-empty", "metrics_empty"),
        ("unauthorized", "usage_failed"),
        ("cut-off", "usage_failed"),
        ("forbidden=pods.metrics.k8s.io", None),
    ],
)
def test_the_last_good_snapshot_stays_with_the_problem(scene: Scene, fault: str, code: str | None) -> None:
    """While a source fails, the last good rows stay, the problem is added, and it goes when usage is back."""
    scene.collector.tick()
    good = scene.latest.snapshot
    scene.world.set_faults([fault])
    scene.moved = 20
    scene.collector.tick()
    if code is None:  # a right that is missing for pods alone is no failure: nodes go on
        assert {problem.code for problem in scene.latest.snapshot.problems} >= {"usage_forbidden"}
        assert scene.collector.status().failures == {}
        return
    assert scene.latest.snapshot.nodes == good.nodes
    assert scene.latest.snapshot.pods == good.pods
    assert scene.latest.snapshot.generated_at == good.generated_at
    assert [problem.code for problem in scene.latest.snapshot.problems if problem.code == code] == [code]
    status = scene.collector.status()
    assert status.failures == {code: 1}
    assert status.age_seconds == 20
    assert status.ready
    assert status.last_error is not None
    assert status.last_error.remedy or code == "usage_failed"
    scene.collector.tick()
    assert len(scene.published) == 2, "the same failure again is nothing new"
    scene.world.set_faults([])
    waiting.until(lambda: not scene.collector.inventory.problems)
    scene.collector.tick()
    assert scene.latest.snapshot.problems == ()
    assert scene.collector.status().last_error is None


def test_while_the_api_server_hangs_answers_say_since_when(scene: Scene) -> None:
    """The last good rows stay, with the time since which nodes and pods are unverified, until it answers."""
    scene.collector.tick()
    scene.world.set_faults(["slow=5s"])
    scene.moved = 20
    scene.collector.tick()
    codes = {problem.code: problem.message for problem in scene.latest.snapshot.problems}
    assert re.fullmatch(
        r"nodes and pods are unverified since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ: the API server .*",
        codes["inventory_unverified"],
    )
    assert scene.latest.snapshot.pods
    scene.world.set_faults([])
    waiting.until(lambda: not scene.collector.inventory.problems)
    scene.collector.tick()
    assert "inventory_unverified" not in {problem.code for problem in scene.latest.snapshot.problems}


def test_back_off_grows_and_ends(scene: Scene) -> None:
    """Failures in a row wait longer and longer up to a bound; the first success ends that."""
    scene.collector.tick()
    scene.world.set_faults(["metrics-unavailable"])
    delays = [scene.collector.tick() for _ in range(9)]
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    scene.world.set_faults([])
    assert scene.collector.tick() <= 15


def test_back_off_has_jitter(world: simulation.SimulatedCluster) -> None:
    """The dice decide between half of the delay and the whole."""
    with connected.connect(world) as cluster:
        made = collector.Collector(cluster, jitter=lambda: 0.0)
        made._failures_in_row = 3
        assert made._back_off() == 2


def test_health_without_usage_when_too_old(scene: Scene) -> None:
    """A snapshot older than it may be gives way to rows without usage that say why; it is not hidden."""
    scene.collector.tick()
    scene.world.set_faults(["metrics-unavailable"])
    scene.moved = 301
    assert not scene.collector.status().ready
    scene.collector.tick()
    made = scene.latest.snapshot
    assert made.source == "none"
    assert [problem.code for problem in made.problems] == ["metrics_unavailable"]
    assert {pod.cpu_usage_cores for pod in made.pods} == {None}
    assert {pod.problem for pod in made.pods} == {"metrics_unavailable"}
    assert {node.problem for node in made.nodes} == {"metrics_unavailable"}
    assert len(made.pods) == 8
    assert scene.collector.status().ready, "what it shows is current"


def test_health_without_metrics_from_the_start(scene: Scene) -> None:
    """Without a metrics API there are rows with requests and health, and the reason."""
    scene.world.set_faults(["metrics-absent"])
    scene.collector.tick()
    made = scene.latest.snapshot
    assert len(made.pods) == 8
    assert made.nodes[0].cpu_allocatable_cores == 2
    assert "metrics_not_installed" in {problem.code for problem in made.problems}
    assert scene.collector.status().ticks == 0


@pytest.mark.parametrize("fault", ["unauthorized", "forbidden", "connection-reset"])
def test_no_snapshot_of_nothing(scene: Scene, fault: str) -> None:
    """Where nothing at all can be read there is no snapshot but a reason."""
    scene.world.set_faults([fault])
    with connected.connect(scene.world, request_timeout=0.3) as cluster:
        other = collector.Collector(cluster)
        other.inventory.start()
        other.tick()
        assert other.latest is None
        error = other.status().last_error
        assert error is not None
        assert error.message
        other.stop()


def test_recovers_by_itself(world: simulation.SimulatedCluster, caplog: pytest.LogCaptureFixture) -> None:
    """A collector that begins with a broken cluster has a snapshot once it is mended; both are logged."""
    world.set_faults(["unauthorized"])
    caplog.set_level(logging.INFO)
    waited: list[float] = []
    stop = threading.Event()

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return stop.wait(0.02)

    with connected.connect(world, request_timeout=1.0) as cluster:
        made = collector.Collector(cluster, wait=wait)
        made.start()
        made.start()
        waiting.until(lambda: made.status().failures)
        assert made.status().live
        assert made.latest is None
        world.set_faults([])
        waiting.until(lambda: made.latest is not None)
        stop.set()
        made.stop()
    assert not made.status().live
    events = [getattr(record, "event", "") for record in caplog.records]
    assert "tick_failed" in events
    assert events[-1] == "first_snapshot"


def test_one_namespace(world: simulation.SimulatedCluster) -> None:
    """With rights in one namespace its pods are shown with usage, and nodes are said to be unknown."""
    for scene in _scene(world, user="viewer-shop", namespace="shop"):
        scene.collector.tick()
        made = scene.latest.snapshot
        assert {pod.namespace for pod in made.pods} == {"shop"}
        assert all(pod.cpu_usage_cores is not None for pod in made.pods)
        assert made.nodes == ()
        assert {problem.code for problem in made.problems} == {"nodes_forbidden", "usage_forbidden"}
        rights = {str(problem.right) for problem in made.problems}
        assert rights == {"list nodes", "list nodes.metrics.k8s.io"}
        assert scene.collector.status().failures == {}
        assert scene.collector.status().ready


def test_one_namespace_without_asking_for_nodes(world: simulation.SimulatedCluster) -> None:
    """Told to leave nodes out, it asks for nothing that it may not have."""
    for scene in _scene(world, user="viewer-shop", namespace="shop", nodes=False):
        scene.collector.tick()
        assert scene.latest.snapshot.problems == ()
        assert len(scene.latest.snapshot.pods) == 4


def test_a_part_of_a_cluster_has_no_sums_on_nodes(world: simulation.SimulatedCluster) -> None:
    """With one namespace only, what pods hold of a node is unknown, not a part of it."""
    for scene in _scene(world, namespace="shop"):
        scene.collector.tick()
        assert {node.cpu_request_cores for node in scene.latest.snapshot.nodes} == {None}


def test_usage_alone(world: simulation.SimulatedCluster) -> None:
    """An account that may read metrics alone sees usage, and what is unknown is said."""
    for scene in _scene(world, user="metrics-reader"):
        scene.collector.tick()
        made = scene.latest.snapshot
        assert len(made.pods) == 8
        assert all(pod.cpu_usage_cores is not None for pod in made.pods)
        assert {problem.code for problem in made.problems} == {"nodes_forbidden", "pods_forbidden"}


def test_another_source_is_logged(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """The log says when usage begins to come from elsewhere, and only then."""
    caplog.set_level(logging.INFO)
    scene.collector.tick()
    scene.collector.tick()
    scene.collector.cluster.source = none.NoSource()
    scene.collector.tick()
    scene.collector.tick()
    told = [each.getMessage() for each in caplog.records if getattr(each, "event", "") == "source_changed"]
    assert told == [f"{scene.collector.name}: usage comes from none now, from metrics-server before"]


def test_a_listener_that_fails_silences_nobody(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """One listener's error is logged, the others are called; who has unsubscribed is called no more."""
    seen: list[int] = []

    def fail(_: collector.Published) -> None:
        raise RuntimeError("broken")

    scene.collector.subscribe(fail)
    end = scene.collector.subscribe(lambda published: seen.append(published.number))
    scene.collector.tick()
    end()
    scene.collector.tick()
    assert seen == [1]
    assert len(scene.published) == 2
    assert "a listener failed" in caplog.text


def test_a_bug_does_not_end_the_thread(world: simulation.SimulatedCluster) -> None:
    """An unexpected error in a tick counts as a failure and is tried again."""

    class Broken:
        name = "broken"

        def fetch_usage(self, scope: object) -> Any:
            raise ZeroDivisionError("token=s3cr3t")

    with connected.connect(world, source=Broken()) as cluster:
        made = collector.Collector(cluster, wait=lambda _: made._stopping.wait(0.01))
        with made:
            waiting.until(lambda: sum(made.status().failures.values()) >= 2)
            error = made.status().last_error
    assert error is not None
    assert "ZeroDivisionError" in error.message
    assert "s3cr3t" not in error.message


def test_it_stops_in_time(world: simulation.SimulatedCluster) -> None:
    """Stopping takes no longer than it may, even while the cluster hangs."""
    with connected.connect(world, request_timeout=20.0) as cluster:
        made = collector.Collector(cluster)
        made.start()
        waiting.until(lambda: made.latest is not None)
        world.set_faults(["slow=3s"])
        started = time.monotonic()
        made.stop(timeout=1.0)
        assert time.monotonic() - started < 2.0
        world.set_faults([])


def test_around_is_entered_for_each_tick(world: simulation.SimulatedCluster) -> None:
    """What shall happen around ticks is entered and left once a tick."""
    seen: list[str] = []

    @contextlib.contextmanager
    def around() -> Iterator[None]:
        seen.append("in")
        yield
        seen.append("out")

    with connected.connect(world) as cluster:
        made = collector.Collector(cluster, around=around, wait=lambda _: len(seen) >= 4)
        made.start()
        waiting.until(lambda: len(seen) >= 4)
        made.stop()
    assert seen == ["in", "out"] * 2


def test_snapshots_do_not_change(scene: Scene) -> None:
    """What was published stays as it was, whatever comes later."""
    scene.collector.tick()
    first, before = scene.latest, repr(scene.latest)
    scene.world.set_faults(["metrics-unavailable"])
    scene.moved = 1000
    scene.collector.tick()
    assert repr(first) == before
    assert isinstance(first.snapshot, model.Snapshot)


# --- the rhythm


def _poll(
    period: float, offset: float, lag: float, *, interval: float = 15.0, polls: int = 200
) -> list[float]:
    """The ages that samples have when a source publishes every `period` seconds, `lag` after measuring."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    poller = schedule.PollSchedule(interval)
    now, ages = offset, []
    for _ in range(polls):
        measured = (now - lag) // period * period
        ages.append(now - measured)
        now += poller.next_delay(start + timedelta(seconds=now), start + timedelta(seconds=measured))
    return ages


@given(st.floats(0, 15), st.floats(0, 5))
def test_the_rhythm_finds_fresh_samples(offset: float, lag: float) -> None:
    """Wherever it begins, after a few polls the samples are hardly older than the source makes them."""
    ages = _poll(15.0, 100 + offset, lag)
    assert max(ages[12:]) <= lag + 3.2


@given(st.floats(5, 61), st.floats(0, 15), st.floats(0, 5))
def test_the_rhythm_is_bounded(period: float, offset: float, lag: float) -> None:
    """Whatever the source does, polls come no more often than twice an interval."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    poller = schedule.PollSchedule(15.0)
    now = 100 + offset
    began = now
    for _ in range(100):
        measured = (now - lag) // period * period
        delay = poller.next_delay(start + timedelta(seconds=now), start + timedelta(seconds=measured))
        assert 3.0 <= delay <= 15.0
        now += delay
    assert 100 / ((now - began) / 15.0) <= 2.0


def test_a_source_without_samples_is_polled_plainly() -> None:
    """Without a sample there is no rhythm to find."""
    assert schedule.PollSchedule(15.0).next_delay(datetime(2026, 1, 1, tzinfo=UTC), None) == 15.0


def test_public_errors_only() -> None:
    """A problem of a failure has its code, its words and what to do."""
    problem = composition.problem_of(errors.UnreachableError("nobody there", remedy="look"))
    assert problem == model.Problem("usage_failed", "nobody there", "look")
    assert kubevitals.__version__
