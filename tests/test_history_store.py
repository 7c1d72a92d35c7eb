"""History in a file: what comes back of what was appended, how it is rolled up, and what leaves it."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests import made_past as past

from kubevitals import details, errors, history, kinds, model
from kubevitals.history import aggregation, factcodec, paths, retention, ring, samples, sketch
from kubevitals.history import store as stores
from kubevitals.kube import resourceattributes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FAR = 40 * 86400


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def store(path: Path) -> Iterator[stores.Store]:
    with opened(path) as made:
        yield made


def opened(path: Path, **options: Any) -> stores.Store:
    return stores.Store.open(path, **{"pause": 0.0, **options})


def fill(store: stores.Store, snapshots: Iterable[model.Snapshot]) -> list[model.Snapshot]:
    """Append them as fast as they are taken."""
    appended = []
    for number, each in enumerate(snapshots):
        store.append(each)
        appended.append(each)
        if number % 6 == 5:
            assert store.flush()
    assert store.flush()
    assert store.status().dropped == 0, store.status()
    return appended


def read(
    held: history.History, kind: str = "pod", *, since: float = -FAR, until: float = FAR, **more: Any
) -> list[history.Series]:
    return list(held.read(history.Query(kind, past.at(since), past.at(until), **more)).series)


def query(path: Path, sql: str, *values: object) -> list[Any]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, values).fetchall()


def test_it_answers_as_memory_does(store: stores.Store) -> None:
    """Of ticks of which most are in blocks it has the same points as memory, percentiles too."""
    memory = ring.Ring(samples=1000)
    for each in fill(store, past.ticks(420, pods=3)):
        memory.append(each)
    for kind in kinds.SINGULARS:
        for step in (None, 15.0, 60.0, 120.0, 300.0, 420.0, 3600.0, history.WHOLE):
            asked: dict[str, Any] = {"step": step, "percentiles": (0, 50, 95, 100)}
            assert read(store, kind, **asked) == read(memory, kind, **asked)


def test_percentiles_do_not_depend_on_the_step(store: stores.Store) -> None:
    """The percentile of a range is that of its samples by nearest rank, whichever others are asked for."""
    fill(store, past.ticks(58, pods=1))
    exact = sorted(past.cores(tick) for tick in range(58))
    (pod,) = read(store, step=history.WHOLE, percentiles=(95, 50.0, 99.9))
    (alone,) = read(store, step=history.WHOLE, percentiles=(95,))
    (day,) = read(store, step=86_400.0 * 40, percentiles=(95,))
    assert pod.points[0].cpu_percentiles == (exact[55], exact[28], exact[57])
    assert alone.points[0].cpu_percentiles == day.points[0].cpu_percentiles == (exact[55],)
    assert pod.points[0].samples == 58


def test_a_gap_is_seen_in_the_coverage(store: stores.Store) -> None:
    """Samples over those that were to be expected: half of a step without samples halves it."""
    fill(store, past.ticks(20, pods=1, first=1))
    fill(store, past.ticks(10, pods=1, first=31))
    (pod,) = read(store, since=0, until=600, step=300.0)
    assert [(point.samples, point.coverage) for point in pod.points] == [(20, 1.0), (10, 0.5)]
    (space,) = read(store, "namespace", since=0, until=600, step=history.WHOLE)
    assert (space.points[0].samples, space.points[0].coverage) == (30, 0.75)


def test_a_sum_says_which_part_of_its_pods_was_measured(store: stores.Store) -> None:
    """A pod without usage is missing in the coverage of the sum; one that has ended is not."""
    for tick in range(1, 5):
        pods = [
            past.pod("web-0", seconds=tick * 15),
            past.pod("web-1", seconds=tick * 15 if tick > 2 else None),
        ]
        pods.append(past.pod("job-0", seconds=None, phase="Succeeded"))
        fill(store, [past.snapshot(tick * 15, pods)])
    (space,) = read(store, "namespace", since=0, until=60, step=60.0)
    assert (space.points[0].samples, space.points[0].coverage) == (4, 0.75)
    assert (space.points[0].cpu_min_cores, space.points[0].cpu_max_cores) == (0.25, 0.5)
    assert [point.coverage for point in read(store, "namespace")[0].points] == [0.5, 0.5, 1.0, 1.0]


def test_a_sum_peaks_where_its_pods_peak_together(store: stores.Store) -> None:
    """Extremes and percentiles of a workload are of the sums at each tick, not sums of the pods' extremes."""
    for tick in range(1, 9):
        one, other = (0.9, 0.1) if tick % 2 else (0.1, 0.8)
        pods = [
            past.pod(f"web-{place}", [("app", cpu, 2048)], seconds=tick * 15)
            for place, cpu in enumerate((one, other))
        ]
        fill(store, [past.snapshot(tick * 15, pods)])
    (total,) = read(store, "workload", step=history.WHOLE, percentiles=(50, 95))
    assert (total.points[0].cpu_max_cores, total.points[0].cpu_percentiles) == (1.0, (0.9, 1.0))


def test_requests_and_limits_of_the_time(store: stores.Store) -> None:
    """Each point has the requests and limits that held when it ended, of a sum those of its pods."""
    for tick in range(1, 9):
        request = 0.5 if tick < 5 else 0.75
        pods = [past.pod(f"web-{place}", seconds=tick * 15, cpu_request_cores=request) for place in range(2)]
        fill(store, [past.snapshot(tick * 15, pods)])
    for kind, factor in (("pod", 1), ("container", 1), ("workload", 2), ("namespace", 2)):
        series = read(store, kind, step=60.0)[0]
        assert [point.cpu_request_cores for point in series.points] == [0.5 * factor, 0.75 * factor]
        assert {point.memory_limit_bytes for point in series.points} == {512 * past.MIB * factor}
        assert {point.cpu_limit_cores for point in series.points} == {None}


def test_samples_come_back_as_they_were(store: stores.Store) -> None:
    """Without a step each sample is there with its own time, to the nanocore and the byte."""
    cpu, memory = 0.123456789, 123_456_789
    first = past.pod("web-0", [("app", cpu, memory)], seconds=-1.234)
    fill(store, [past.snapshot(0, [first]), past.snapshot(15, [past.pod("web-0", seconds=14)])])
    (pod,) = read(store)
    assert pod.points[0] == history.Point(
        past.at(-1.234), cpu, memory, cpu, cpu, memory, memory, 1, 1.0, 0.5, None, None, 512 * past.MIB
    )
    assert len(pod.points) == 2
    (container,) = read(store, "container", name="app", pod="web-0")
    assert container.points == pod.points


def test_every_sample_is_in_one_block_and_one_hour(store: stores.Store, path: Path) -> None:
    """Ticks that come at odd times, with clocks that jump, are all counted, and none twice."""
    jumps = [0.0, 0.0, 5000.0, -3000.0, 90_000.0, -86_000.0, 0.0, 40.0, 1000.0]
    seconds = 0.0
    for round_number, jump in enumerate(jumps * 12):
        seconds += 7.3 + (jump if round_number % 5 == 0 else 0.0)
        fill(store, [past.snapshot(seconds, [past.pod("web-0", seconds=seconds - 1 - round_number / 100)])])
    samples = sum(len(pod.points) for pod in read(store))
    assert samples > 80
    for step in (60.0, 300.0, 3600.0, 86_400.0, history.WHOLE):
        (pod,) = read(store, step=step)
        assert sum(point.samples for point in pod.points) == samples
    for table in ("block", "hour", "period"):
        assert query(path, f"SELECT count(*) FROM {table}") != [(0,)]


def test_a_restart_continues_the_series(path: Path) -> None:
    """The same sample is not taken twice, what did not change is not said again, and numbers go on."""
    snapshots = list(past.ticks(6))
    with opened(path) as store:
        fill(store, snapshots[:4])
        before = query(path, "SELECT count(*) FROM fact")
    with opened(path) as store:
        fill(store, [snapshots[3], *snapshots[4:]])
        assert [len(pod.points) for pod in read(store)] == [6, 6]
        assert [tick for tick, _ in store.snapshots(0)] == [1, 2, 3, 4, 5, 6, 7]
    assert query(path, "SELECT count(*) FROM fact") == before


def test_a_pod_that_goes_and_comes_is_one_series(store: stores.Store) -> None:
    """While it is away it is in no snapshot; the same uid goes on, another one begins anew."""
    seen = [
        past.pod("db-0", seconds=0),
        None,
        past.pod("db-0", seconds=30),
        past.pod("db-0", uid="new", seconds=45),
    ]
    fill(store, [past.snapshot(15 * tick, [pod] if pod else []) for tick, pod in enumerate(seen)])
    assert [(pod.uid, len(pod.points)) for pod in read(store)] == [("uid-shop-db-0", 2), ("new", 1)]
    found = [store.snapshot_at(past.at(15 * tick)) for tick in range(4)]
    assert [[pod.uid for pod in each.pods] for each in found if each] == [
        ["uid-shop-db-0"], [], ["uid-shop-db-0"], ["new"],
    ]  # fmt: skip


def test_a_pod_with_one_container_keeps_its_samples_once(store: stores.Store, path: Path) -> None:
    """Pod and container share them, until a second container comes; then each has its own."""
    one, two = [("app", 0.2, 2048)], [("app", 0.3, 2048), ("debug", 0.1, 1024)]
    usage = [one, one, two, two, one]
    fill(
        store,
        [
            past.snapshot(15 * tick, [past.pod("web-0", each, seconds=15 * tick)])
            for tick, each in enumerate(usage)
        ],
    )
    (pod,) = read(store)
    app, debug = read(store, "container")
    assert [point.cpu_usage_cores for point in pod.points] == [0.2, 0.2, 0.4, 0.4, 0.2]
    assert [point.cpu_usage_cores for point in app.points] == [0.2, 0.2, 0.3, 0.3, 0.2]
    assert [point.memory_usage_bytes for point in debug.points] == [1024, 1024]
    assert query(path, "SELECT count(*) FROM object WHERE kind = 'pod' AND shared_until IS NOT NULL") == [
        (1,)
    ]
    (total,) = read(store, "workload", name="web", step=300.0)
    (whole,) = read(store, step=300.0)
    assert total.points[1].cpu_usage_cores == whole.points[1].cpu_usage_cores


def test_a_pod_is_not_its_container_any_more(store: stores.Store) -> None:
    """Where the pod has no sample after a second container came, none of its container stands in."""
    one, two = [("app", 0.2, 2048)], [("app", 0.3, 2048), ("debug", 0.1, 1024)]
    half: list[Any] = [("app", 0.3, 2048), ("debug", None, None)]
    for tick, usage in enumerate((one, two, half, two)):
        fill(store, [past.snapshot(15 * tick, [past.pod("web-0", usage, seconds=15 * tick)])])
    (pod,) = read(store)
    assert [point.cpu_usage_cores for point in pod.points] == [0.2, 0.4, 0.4]
    app, _ = read(store, "container")
    assert len(app.points) == 4


def test_a_restart_when_an_hour_is_over_takes_no_sample_twice(path: Path) -> None:
    """A sample that is in a block by now, and that the source repeats, is known after a restart."""
    with opened(path) as store:
        for seconds in (3570, 3585, 3600, 3615, 3630):
            fill(store, [past.snapshot(seconds, [past.pod("web-0", seconds=min(seconds, 3590))])])
        assert query(path, "SELECT count(*) FROM block") != [(0,)]
    with opened(path) as store:
        fill(store, [past.snapshot(3645, [past.pod("web-0", seconds=3590)])])
    ((container,),) = query(path, "SELECT id FROM object WHERE kind = 'container'")
    rows = query(path, "SELECT body FROM open ORDER BY id DESC LIMIT 1")
    assert container not in [sample.series for sample in samples.decode_tick(rows[0][0])]


def test_the_state_as_it_was(store: stores.Store) -> None:
    """Any tick comes back whole: facts, usage, ages, problems, whatever changed since."""
    made = []
    for tick in range(12):
        problem = (model.Problem("pods_forbidden", "no", None, None),) if tick % 3 == 2 else ()
        facts: dict[str, Any] = {
            "restarts": tick // 2,
            "ready": tick % 2 == 0,
            "labels": {"app": "web", "version": str(tick)},
            "last_termination_at": past.at(tick * 15 - 7),
        }
        parts = [("app", past.cores(tick), 2048), ("proxy", None if tick == 4 else 0.01, 4096)]
        pods = [past.pod("web-0", parts, seconds=tick * 15 - 2, **facts), past.pod("zero-0", seconds=None)]
        if tick == 4:
            pods[0] = pods[0]._replace(problem="bad_quantity")
        made.append(
            past.snapshot(
                tick * 15, pods[tick % 4 == 3 :], [past.node(seconds=tick * 15 - 2)], problems=problem
            )
        )
    fill(store, made)
    for tick, snapshot in enumerate(made):
        assert store.snapshot_at(past.at(tick * 15 + 4)) == snapshot
    assert [each for _, each in store.snapshots(0)] == made
    assert store.snapshot_at(past.at(-1)) is None
    assert store.snapshot_at(past.at(12 * 15 + 600)) is None


def test_a_missing_right_is_not_recorded(store: stores.Store) -> None:
    """A recorded problem is its wire form: code, message, remedy and object."""
    problem = model.Problem(
        "pods_forbidden", "no", "ask", "a/b", resourceattributes.ResourceAttributes("list", "pods")
    )
    fill(store, [past.snapshot(0, [], problems=(problem,))])
    found = store.snapshot_at(past.at(0))
    assert found is not None
    assert found.problems == (problem._replace(right=None),)


def test_the_state_where_samples_are_gone(path: Path) -> None:
    """When samples are too old usage is the mean of the hour, and its window says so; facts stay exact."""
    with opened(path, ages=retention.Ages(samples=3600.0)) as store:
        made = fill(store, past.ticks(900))
        found = store.snapshot_at(past.at(600))
        assert found is not None
        assert found.generated_at == past.at(540)  # one tick in three minutes keeps its time
        assert (found.pods[0].window_seconds, found.pods[0].timestamp) == (3600.0, past.at(3600))
        exact = [past.cores(tick) for tick in range(1, 241)]
        assert found.pods[0].cpu_usage_cores == pytest.approx(sum(exact) / 240)
        assert found.pods[0].labels == made[36].pods[0].labels
        assert found.pods[0].restarts == made[36].pods[0].restarts


def test_a_repeated_sample_stays_and_gets_older(store: stores.Store) -> None:
    """What the source repeats is one sample, and the state of each tick shows it with its age then."""
    made = []
    for tick in range(5):
        stale = tick * 15.0 > 45
        tail: dict[str, Any] = {
            "age_seconds": tick * 15.0,
            "stale": stale,
            "problem": "stale" if stale else None,
        }
        pod = past.pod("web-0", seconds=0)
        made.append(
            past.snapshot(
                tick * 15,
                [pod._replace(**tail, containers=tuple(each._replace(**tail) for each in pod.containers))],
            )
        )
    fill(store, made)
    assert [store.snapshot_at(each.generated_at) for each in made] == made
    assert [len(pod.points) for pod in read(store)] == [1]


def test_a_clock_that_is_ahead_says_no_age(store: stores.Store) -> None:
    """A sample that counts as measured when it was read comes back with that time, and without an age."""
    tail: dict[str, Any] = {"age_seconds": None, "stale": None, "problem": "clock_ahead"}
    pod = past.pod("web-0", seconds=0)
    pod = pod._replace(**tail, containers=tuple(each._replace(**tail) for each in pod.containers))
    (made,) = fill(store, [past.snapshot(0, [pod])])
    assert [each for _, each in store.snapshots(0)] == [made]


def test_ticks_are_a_queue(store: stores.Store) -> None:
    """A reader goes on behind the tick it took last, sees new ones, and gets nothing twice."""
    made = list(past.ticks(50))
    fill(store, made[:45])
    first = list(store.snapshots(0))
    assert [tick for tick, _ in first] == list(range(1, 46))
    assert list(store.snapshots(45)) == []
    fill(store, made[45:])
    assert [each for _, each in store.snapshots(45)] == made[45:]
    assert [each for _, each in store.snapshots(44)] == made[44:]


def test_a_held_tick_stays(path: Path) -> None:
    """Samples that a reader has not taken outlive their age, over restarts, until it lets them go."""
    with opened(path, ages=retention.Ages(samples=3600.0)) as store:
        assert store.held("remote-write") is None
        store.hold("remote-write", 10)
        assert store.held("remote-write") == 10
        fill(store, past.ticks(300, interval=60.0))
        assert next(store.snapshots(0))[0] <= 10
    with opened(path, ages=retention.Ages(samples=3600.0)) as store:
        assert store.held("remote-write") == 10
        store.hold("remote-write", 200)
        fill(store, past.ticks(10, first=300, interval=60.0))
        assert 100 < next(store.snapshots(0))[0] <= 200


def test_a_reader_that_never_comes_back_holds_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a week ticks go their way, even where the recorder has that reader."""
    monkeypatch.setattr(retention, "LONGEST_WAIT", 7200.0)
    with opened(path, ages=retention.Ages(samples=3600.0)) as store:
        store.hold("remote-write", 10)
        fill(store, past.ticks(400, interval=60.0))
        assert 100 < next(store.snapshots(0))[0] <= 300


def test_a_reader_that_the_recorder_does_not_have_is_forgotten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that the recorder was not started with holds ticks back for a day."""
    monkeypatch.setattr(stores, "_TIDY", 10)
    ages = retention.Ages(samples=3600.0)
    with opened(path, ages=ages) as store:
        store.hold("gone", 1)
        store.hold("there", 5)
        fill(store, past.ticks(20, interval=600.0))
    with opened(path, ages=ages) as store:
        assert store.held("there") == 5
        fill(store, past.ticks(100, first=20, interval=600.0))
        assert query(path, "SELECT name FROM position ORDER BY name") == [("gone",), ("there",)]
        fill(store, past.ticks(60, first=120, interval=600.0))
        assert query(path, "SELECT name FROM position") == [("there",)]
        assert next(store.snapshots(0))[0] <= 5
        store.hold("there", 170)
        fill(store, past.ticks(12, first=180, interval=600.0))
        assert next(store.snapshots(0))[0] > 150


def test_samples_and_hours_have_an_age(path: Path) -> None:
    """What is too old goes; a query as far back is answered in hours, and its percentiles are within 1 %."""
    with opened(path, ages=retention.Ages(samples=6 * 3600.0, hours=86_400.0)) as store:
        fill(store, past.ticks(600, pods=1, interval=120.0))  # 20 hours
        (samples,) = read(store)
        assert past.at(12 * 3600) < samples.points[0].timestamp < past.at(14 * 3600)
        answer = store.read(
            history.Query("pod", past.at(0), past.at(20 * 3600), step=60.0, percentiles=(95,))
        )
        assert answer.step == 3600.0
        (hourly,) = answer.series
        assert [point.timestamp for point in hourly.points] == [past.at(3600 * hour) for hour in range(1, 21)]
        for hour, point in enumerate(hourly.points[:-1]):
            exact = sorted(past.cores(tick) for tick in range(30 * hour + 1, 30 * hour + 31))
            assert (point.samples, point.coverage) == (30, 1.0)
            assert point.cpu_usage_cores == pytest.approx(sum(exact) / 30)
            assert (point.cpu_min_cores, point.cpu_max_cores) == (exact[0], exact[-1])
            assert point.cpu_percentiles[0] == pytest.approx(exact[28], rel=sketch.ERROR)
        (whole,) = read(store, since=0, until=20 * 3600, step=history.WHOLE, percentiles=(0, 95, 100))
        exact = sorted(past.cores(tick) for tick in range(1, 600))
        assert whole.points[0].samples == 599
        assert whole.points[0].cpu_usage_cores == pytest.approx(sum(exact) / 599)
        least, near, most = whole.points[0].cpu_percentiles
        assert (least, most) == (exact[0], exact[-1])
        assert near == pytest.approx(exact[aggregation.rank_of(95, 599) - 1], rel=sketch.ERROR)
        (minutes,) = read(store, since=15 * 3600.0, step=120.0)
        assert minutes.points[1].timestamp - minutes.points[0].timestamp == timedelta(minutes=2)
        fill(store, past.ticks(1200, pods=1, first=600, interval=120.0))
        (late,) = read(store, step=3600.0)
        assert late.points[0].timestamp > past.at((60 - 24 - 8) * 3600)


def test_percentiles_are_exact_while_there_are_samples(store: stores.Store, path: Path) -> None:
    """Hours that are made already answer for mean and extremes alone; percentiles are of the samples."""
    fill(store, past.ticks(400, pods=1, interval=120.0))  # over midnight
    assert query(path, "SELECT count(*) FROM hour") != [(0,)]
    (exact,) = read(store, since=3600.0, until=6 * 3600.0, step=3600.0, percentiles=(50, 95))
    (plain,) = read(store, since=3600.0, until=6 * 3600.0, step=3600.0)
    for hour, (one, other) in enumerate(zip(exact.points, plain.points, strict=True), 1):
        ranked = sorted(past.cores(tick) for tick in range(30 * hour + 1, 30 * hour + 31))
        assert one.cpu_percentiles == (ranked[14], ranked[28])
        assert one._replace(cpu_percentiles=(), memory_percentiles=()) == other


def test_the_file_respects_its_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never grows beyond, the newest is there all the same, and what is left is whole."""
    limit = 250_000
    monkeypatch.setattr(stores, "LEAST_SIZE", limit)
    with opened(path, size_limit=limit) as store:
        for each in past.ticks(400, pods=50, interval=30.0):
            store.append(each)
            assert store.flush()
            assert path.stat().st_size <= limit
        assert path.stat().st_size > 0.8 * limit
        assert store.status().dropped == 0
        assert len(read(store)) == 50
        newest = store.snapshot_at(past.at(399 * 30))
        assert newest is not None
        assert newest.pods[0].cpu_usage_cores == past.cores(399)
        (pod,) = read(store, name="web-7", step=3600.0)
        assert pod.points[-1].timestamp >= past.at(399 * 30)
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_smaller_limit_makes_the_file_smaller(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is larger than it may be by now gives room back to the disk."""
    limit = 220_000
    monkeypatch.setattr(stores, "LEAST_SIZE", limit)
    with opened(path) as store:
        fill(store, past.ticks(600, pods=50, interval=30.0))
    assert path.stat().st_size > 1.2 * limit
    with opened(path, size_limit=limit) as store:
        fill(store, past.ticks(2, pods=50, first=600, interval=30.0))
        assert store.status().problem is None
        assert len(read(store)) == 50
    assert path.stat().st_size <= limit


def test_a_limit_has_to_make_sense(path: Path) -> None:
    """A file of a few kilobytes could not hold a tick."""
    with pytest.raises(errors.UsageError, match="too small"):
        opened(path, size_limit=1000)


def test_what_has_gone_is_forgotten_with_its_points(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods of jobs come and go for years: who has no point left is no longer in the file."""
    monkeypatch.setattr(stores, "_TIDY", 1)
    ages = retention.Ages(samples=7200.0, hours=86_400.0)
    with opened(path, ages=ages) as store:
        for hour in range(60):
            seconds = hour * 3600.0
            fill(
                store,
                [
                    past.snapshot(
                        seconds + 1200 * part, [past.pod(f"job-{hour}", seconds=seconds + 1200 * part)]
                    )
                    for part in range(3)
                ],
            )
        assert [pod.name for pod in read(store, since=59 * 3600.0)] == ["job-59"]
    ((objects,),) = query(path, "SELECT count(*) FROM object WHERE kind = 'pod'")
    ((facts,),) = query(path, "SELECT count(*) FROM fact")
    ((ticks,),) = query(path, "SELECT count(*) FROM tick")
    assert 24 <= objects <= 50
    assert facts <= 2 * objects + 5
    assert ticks <= 3 * 50


def test_a_wrong_clock_makes_nothing_old(path: Path) -> None:
    """Years ahead for a few ticks, and back: all that was recorded is still there, and so is what comes."""
    with opened(path) as store:
        fill(store, past.ticks(60, pods=1))
        fill(store, past.ticks(4, pods=1, first=10_000_000))
        fill(store, past.ticks(60, pods=1, first=60))
        assert len(read(store)[0].points) == 120
        found = store.snapshot_at(past.at(30 * 15))
        assert found is not None
        assert found.pods[0].cpu_usage_cores == past.cores(30)


def test_details_are_no_facts(store: stores.Store, path: Path) -> None:
    """What only `--detail` measures is not kept, and makes no new version of what is."""
    pods = [
        past.pod("web-0", seconds=15 * tick)._replace(detail=details.Detail(oom_events=tick))
        for tick in range(5)
    ]
    fill(store, [past.snapshot(15 * tick, [pod]) for tick, pod in enumerate(pods)])
    assert query(path, "SELECT count(*) FROM fact") == [(2,)]  # of the cluster and of the pod
    found = store.snapshot_at(past.at(60))
    assert found is not None
    assert (found.pods[0].detail, found.pods[0].timestamp) == (None, past.at(60))


def test_clusters_are_told_apart(store: stores.Store) -> None:
    """Several clusters share a file; names and uids may be the same in all of them."""
    for tick in range(3):
        for cluster in ("prod", "test"):
            cpu = 0.1 if cluster == "prod" else 0.2
            pod = past.pod("web-0", [("app", cpu, 2048)], seconds=15 * tick)
            fill(store, [past.snapshot(15 * tick, [pod], cluster=cluster)])
    assert [(pod.cluster, pod.points[0].cpu_usage_cores, len(pod.points)) for pod in read(store)] == [
        ("prod", 0.1, 3), ("test", 0.2, 3),
    ]  # fmt: skip
    assert [pod.cluster for pod in read(store, cluster="test")] == ["test"]
    found = store.snapshot_at(past.at(30), cluster="test")
    assert found is not None
    assert found.pods[0].cpu_usage_cores == 0.2
    assert [each.cluster for _, each in store.snapshots(0)] == ["prod", "test"] * 3
    assert [total.cluster for total in read(store, "namespace")] == ["prod", "test"]


def test_a_gap_stays_a_gap(store: stores.Store) -> None:
    """Where nothing was recorded no tier has a point."""
    fill(store, past.ticks(40, pods=1))
    fill(store, past.ticks(100, pods=1, first=1000))
    (pod,) = read(store, step=60.0)
    times = [(point.timestamp - past.START).total_seconds() for point in pod.points]
    assert max(time for time in times if time < 10_000) == 600
    assert min(time for time in times if time > 600) == 15_000


def test_a_reader_without_a_writer(path: Path) -> None:
    """A file that nobody writes can be read, and one that is not there is an error that says what to do."""
    with opened(path) as store:
        fill(store, past.ticks(3))
    with opened(path, write=False) as store:
        assert len(read(store)) == 2
        assert store.status().role == "reads"
        store.append(past.snapshot(100))  # ignored
        assert store.flush()
    with opened(path.with_name("other.db"), write=False) as store:
        with pytest.raises(errors.HistoryError, match="nothing has been recorded") as caught:
            read(store)
        assert "kubevitals record" in str(caught.value.remedy)
        assert store.held("remote-write") is None
    assert not path.with_name("other.db").exists()


def test_an_empty_file_has_no_series(store: stores.Store) -> None:
    """Before the first tick there is nothing, and that is no error."""
    assert read(store) == []
    assert read(store, "namespace", step=300.0) == []
    assert store.snapshot_at(past.at(0)) is None
    assert list(store.snapshots(0)) == []
    assert store.status().role == "writes"


def test_the_default_place_is_the_platforms() -> None:
    """Linux has XDG_STATE_HOME, others what is usual there; a path that is not absolute counts as none."""
    home = Path("/home/ada")
    assert paths.default_path({"XDG_STATE_HOME": "/var/state"}, platform="linux", home=home) == Path(
        "/var/state/kubevitals/history.db"
    )
    for environment in ({}, {"XDG_STATE_HOME": "state"}):
        assert paths.default_path(environment, platform="linux", home=home) == Path(
            "/home/ada/.local/state/kubevitals/history.db"
        )
    assert paths.default_path({}, platform="darwin", home=home) == Path(
        "/home/ada/Library/Application Support/kubevitals/history.db"
    )
    assert paths.default_path({"LOCALAPPDATA": "/c"}, platform="win32", home=home) == Path(
        "/c/kubevitals/history.db"
    )


def test_facts_of_another_version_are_understood() -> None:
    """A field that is not known is left out, one that is missing is unknown."""
    pod = past.pod("web-0", [("app", 0.1, 2), ("proxy", 0.1, 2)], labels={"app": "wéb"})
    told = factcodec.decode_pod(factcodec.encode_pod(pod))
    assert (told.name, told.labels, told.cpu_request_cores) == ("web-0", {"app": "wéb"}, 0.5)
    assert [each.name for each in told.containers] == ["app", "proxy"]
    assert told.containers[0].node == "node-1"
    newer = factcodec._pack(
        {**factcodec._unpack(factcodec.encode_node(past.node())), "gpus": 8, "roles": None}
    )
    with pytest.raises(errors.HistoryError, match="damaged"):
        factcodec.decode_pod(b"\x00nothing")
    assert factcodec._unpack(newer)["gpus"] == 8
