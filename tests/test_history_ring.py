"""History in memory: which samples count, whose they are, what they cost, and the state as it was."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import made_past as past

from kubevitals import details, history, model
from kubevitals.history import ring, ringbuffer


def read(held: ring.Ring, kind: str = "pod", **more: Any) -> list[history.Series]:
    return list(held.read(history.Query(kind, past.at(-86400), past.at(86400), **more)).series)


def filled(count: int, **options: Any) -> ring.Ring:
    made = ring.Ring()
    for each in past.ticks(count, **options):
        made.append(each)
    return made


def test_each_sample_is_a_point() -> None:
    """Nodes, pods and containers come back with every sample, in order and with its own time."""
    held = filled(10)
    (node,) = read(held, "node")
    assert [point.cpu_usage_cores for point in node.points] == [past.cores(tick, 50) for tick in range(10)]
    first, second = read(held)
    assert (first.name, first.namespace, first.uid, first.node) == (
        "web-0", "shop", "uid-shop-web-0", "node-1",
    )  # fmt: skip
    assert [point.timestamp for point in first.points] == [past.at(tick * 15 - 2) for tick in range(10)]
    assert [point.memory_usage_bytes for point in second.points] == [
        past.memory(tick, 1) for tick in range(10)
    ]
    container, _ = read(held, "container")
    assert (container.name, container.pod, container.points) == ("app", "web-0", first.points)


def test_the_newest_samples_stay() -> None:
    """A series keeps as many samples as were asked for."""
    held = ring.Ring(samples=20)
    for each in past.ticks(55, pods=1):
        held.append(each)
    (pod,) = read(held)
    assert [point.cpu_usage_cores for point in pod.points] == [past.cores(tick) for tick in range(35, 55)]


def test_a_sample_that_is_seen_again_counts_once() -> None:
    """Polling faster than the source measures adds nothing."""
    held = ring.Ring()
    for tick in range(6):
        held.append(past.snapshot(tick * 15, [past.pod("web-0", seconds=tick // 3 * 45)]))
    (pod,) = read(held)
    assert [point.timestamp for point in pod.points] == [past.at(0), past.at(45)]


def test_a_gap_stays_a_gap() -> None:
    """While nothing was measured there is no point, neither 0 nor the last value."""
    held = ring.Ring()
    for tick in range(12):
        held.append(
            past.snapshot(tick * 15, [past.pod("web-0", seconds=None if 3 < tick < 9 else tick * 15)])
        )
    (pod,) = read(held, step=15.0)
    assert [(point.timestamp - past.START).total_seconds() / 15 for point in pod.points] == [
        0, 1, 2, 3, 9, 10, 11,
    ]  # fmt: skip


def test_a_recreated_pod_is_another_series() -> None:
    """The same name with another uid does not continue the old series; the older comes first."""
    held = ring.Ring()
    held.append(past.snapshot(0, [past.pod("db-0", uid="old")]))
    held.append(past.snapshot(15, [past.pod("db-0", uid="new", seconds=15)]))
    assert [(pod.uid, len(pod.points)) for pod in read(held)] == [("old", 1), ("new", 1)]


def test_a_node_that_was_made_anew_is_another_series() -> None:
    """A node of the same name with another time of creation is not the one that was."""
    held = ring.Ring()
    held.append(past.snapshot(0, nodes=[past.node()]))
    held.append(past.snapshot(15, nodes=[past.node(seconds=15)._replace(created_at=past.at(5))]))
    assert [len(node.points) for node in read(held, "node")] == [1, 1]


def test_what_has_gone_leaves_after_the_window() -> None:
    """A pod that is no more stays as long as its samples are within the window, and not longer."""
    held = ring.Ring(samples=4, interval=15.0)
    held.append(past.snapshot(0, [past.pod("job-1"), past.pod("web-0")]))
    held.append(past.snapshot(45, [past.pod("web-0", seconds=45)]))
    assert len(read(held)) == 2
    held.append(past.snapshot(75, [past.pod("web-0", seconds=75)]))
    assert [pod.name for pod in read(held)] == ["web-0"]


def test_containers_of_one_pod_have_their_own_series() -> None:
    """A pod of two containers is their sum, and each has its own points."""
    held = ring.Ring()
    for tick in range(3):
        held.append(
            past.snapshot(
                tick * 15,
                [past.pod("web-0", [("app", 0.2, past.MIB), ("proxy", 0.05, past.MIB)], seconds=tick * 15)],
            )
        )
    app, proxy = read(held, "container")
    (pod,) = read(held)
    assert (app.points[0].cpu_usage_cores, proxy.points[0].cpu_usage_cores) == (0.2, 0.05)
    assert [point.cpu_usage_cores for point in pod.points] == [0.25] * 3
    assert [point.memory_usage_bytes for point in pod.points] == [2 * past.MIB] * 3


def test_a_second_container_ends_the_sharing() -> None:
    """A pod that gets another container keeps its points, and so does the first container."""
    held = ring.Ring()
    held.append(past.snapshot(0, [past.pod("web-0", [("app", 0.2, 1024)])]))
    held.append(
        past.snapshot(15, [past.pod("web-0", [("app", 0.3, 1024), ("debug", 0.1, 1024)], seconds=15)])
    )
    (pod,) = read(held)
    app, debug = read(held, "container")
    assert [point.cpu_usage_cores for point in pod.points] == [0.2, 0.4]
    assert [point.cpu_usage_cores for point in app.points] == [0.2, 0.3]
    assert [point.cpu_usage_cores for point in debug.points] == [0.1]


def test_an_unknown_part_stays_unknown() -> None:
    """Of a sample without CPU the memory is kept, and the CPU is None."""
    held = ring.Ring()
    held.append(past.snapshot(0, [past.pod("web-0", [("app", None, 2048)])]))
    (pod,) = read(held)
    assert (pod.points[0].cpu_usage_cores, pod.points[0].memory_usage_bytes) == (None, 2048)


def test_workloads_and_namespaces_are_sums_of_their_pods() -> None:
    """Each tick has the sum of the pods, and each step mean, extremes and percentiles of the sums."""
    held = filled(8, pods=3)
    sums = [sum(past.cores(tick, number) for number in range(3)) for tick in range(8)]
    (total,) = read(held, "workload", name="web")
    assert (total.workload_kind, total.namespace, total.uid) == ("Deployment", "shop", None)
    assert [point.cpu_usage_cores for point in total.points] == pytest.approx(sums)
    assert [point.timestamp for point in total.points] == [past.at(15 * tick) for tick in range(8)]
    (whole,) = read(held, "workload", step=history.WHOLE, percentiles=(50,))
    assert whole.points[0].cpu_usage_cores == pytest.approx(sum(sums) / 8)
    assert whole.points[0].cpu_max_cores == pytest.approx(max(sums))
    assert whole.points[0].cpu_percentiles[0] == pytest.approx(sorted(sums)[3])
    (space,) = read(held, "namespace")
    assert (space.name, space.points) == ("shop", total.points)


def test_a_workload_that_is_gone_leaves_after_the_window() -> None:
    """The sums of what has gone stay as long as their samples are within the window."""
    held = ring.Ring(samples=4, interval=15.0)
    held.append(past.snapshot(0, [past.pod("job-1"), past.pod("web-0")]))
    held.append(past.snapshot(45, [past.pod("web-0", seconds=45)]))
    assert [each.name for each in read(held, "workload")] == ["job", "web"]
    held.append(past.snapshot(75, [past.pod("web-0", seconds=75)]))
    assert [each.name for each in read(held, "workload")] == ["web"]


def test_requests_are_those_of_the_time() -> None:
    """A point has the requests that held when it ended."""
    held = ring.Ring()
    for tick in range(1, 5):
        request = 0.5 if tick < 3 else 0.75
        held.append(
            past.snapshot(tick * 15, [past.pod("web-0", seconds=tick * 15, cpu_request_cores=request)])
        )
    for kind in ("pod", "container", "workload", "namespace"):
        (series,) = read(held, kind)
        assert [point.cpu_request_cores for point in series.points] == [0.5, 0.5, 0.75, 0.75]


def test_from_when_to_when() -> None:
    """The first and the last snapshot, and the names of the clusters; none before there is one."""
    held = ring.Ring()
    assert (held.extent(past.at(0)), held.clusters()) == (None, [])
    for each in past.ticks(4):
        held.append(each)
    assert held.extent(past.at(100)) == (past.at(0), past.at(45))
    assert held.extent(past.at(20)) == (past.at(0), past.at(20))
    assert held.extent(past.at(-20)) is None
    assert held.clusters() == ["prod"]


def test_clusters_are_told_apart() -> None:
    """Two clusters with the same names, and even the same uids, keep two series."""
    held = ring.Ring()
    for cluster in ("prod", "test"):
        held.append(past.snapshot(0, [past.pod("web-0")], cluster=cluster))
    assert [pod.cluster for pod in read(held)] == ["prod", "test"]
    assert [pod.cluster for pod in read(held, cluster="test")] == ["test"]
    found = held.snapshot_at(past.at(1), cluster="test")
    assert found is not None
    assert found.cluster == "test"
    assert held.snapshot_at(past.at(1), cluster="other") is None


def test_the_state_as_it_was() -> None:
    """A snapshot of the past has the facts, the usage and the ages of that time."""
    held = ring.Ring()
    made = []
    for tick in range(6):
        facts: dict[str, Any] = {
            "restarts": tick // 2,
            "status": "Running" if tick % 2 else "CrashLoopBackOff",
        }
        pods = [past.pod("web-0", [("app", past.cores(tick), 2048)], seconds=tick * 15 - 2, **facts)]
        if tick > 3:
            pods.append(past.pod("web-1", seconds=None))
        made.append(past.snapshot(tick * 15, pods, [past.node(seconds=tick * 15 - 2)]))
        held.append(made[-1])
    for tick, snapshot in enumerate(made):
        assert held.snapshot_at(past.at(tick * 15 + 3)) == snapshot
    assert held.snapshot_at(past.at(-1)) is None
    assert held.snapshot_at(past.at(75 + 46)) is None


def test_an_old_sample_gets_older() -> None:
    """A sample that the source repeats has its age at that moment, and is stale when it was."""
    held = ring.Ring()
    for tick in range(5):
        stale = tick * 15 > 45
        pod = past.pod("web-0")._replace(
            age_seconds=tick * 15.0, stale=stale, problem="stale" if stale else None
        )
        held.append(past.snapshot(tick * 15, [pod._replace(containers=())]))
    rows = [held.snapshot_at(past.at(tick * 15)) for tick in range(5)]
    told = [(row.pods[0].age_seconds, row.pods[0].stale, row.pods[0].problem) for row in rows if row]
    assert told == [
        (0.0, False, None),
        (15.0, False, None),
        (30.0, False, None),
        (45.0, False, None),
        (60.0, True, "stale"),
    ]


def test_details_are_not_kept() -> None:
    """What only `--detail` measures changes with every tick: it is no fact, and the past has none."""
    held = ring.Ring()
    for tick in range(4):
        pod = past.pod("web-0", seconds=tick * 15)
        held.append(past.snapshot(tick * 15, [pod._replace(detail=details.Detail(oom_events=tick))]))
    found = held.snapshot_at(past.at(45))
    assert found is not None
    assert found.pods[0].detail is None
    (known,) = held._clusters["prod"].pods.values()
    assert known.older is None


def test_a_clock_that_is_set_back_does_not_silence_a_series() -> None:
    """Samples go on at once from the new time; those dated in what is now the future go."""
    held = ring.Ring()
    for seconds in (0, 3600, 3615, 30, 45):
        held.append(past.snapshot(seconds, [past.pod("web-0", seconds=seconds)]))
    (pod,) = read(held)
    assert [point.timestamp for point in pod.points] == [past.at(0), past.at(30), past.at(45)]
    late = held.snapshot_at(past.at(46))
    assert late is not None
    assert late.generated_at == past.at(45)


def test_what_was_dated_in_the_future_does_not_stay_there() -> None:
    """After the clock is set back, records hold from the new time on, and what has gone leaves in time."""
    held = ring.Ring(samples=4, interval=15.0)
    year = 365 * 86_400
    for seconds in (year, year + 15):
        pods = [past.pod("web-0", seconds=seconds), past.pod("job-1", seconds=seconds)]
        phase = "Pending" if seconds == year else "Running"
        held.append(past.snapshot(seconds, [pod._replace(phase=phase) for pod in pods]))
    for seconds in (0, 15, 30, 45, 60, 75):
        held.append(past.snapshot(seconds, [past.pod("web-0", seconds=seconds)]))
    found = held.snapshot_at(past.at(76))
    assert found is not None
    assert [(pod.name, pod.phase) for pod in found.pods] == [("web-0", "Running")]
    assert [pod.name for pod in held.read(history.Query("pod", past.at(0), past.at(2 * year))).series] == [
        "web-0"
    ]


def test_a_pod_that_has_only_its_usage_left_begins_no_other_series() -> None:
    """What the metrics remember of a pod that the list has no more is no sample; nor of a node."""
    held = ring.Ring()
    listed = past.pod("web-0")
    held.append(past.snapshot(0, [listed], nodes=[past.node()]))
    bare = past.pod("web-0", uid=None, node=None, phase=None, seconds=15)._replace(problem="gone")
    node = past.node(seconds=15)._replace(created_at=None, status=None, problem="gone")
    held.append(past.snapshot(15, [bare], nodes=[node, past.node("node-2", seconds=15)]))
    assert [(pod.uid, len(pod.points)) for pod in read(held)] == [(listed.uid, 1)]
    assert [(each.name, len(each.points)) for each in read(held, "node")] == [("node-1", 1), ("node-2", 1)]


def test_where_no_list_may_be_read_usage_alone_is_kept() -> None:
    """Rows that only have a sample, none of them called gone, are series by their names."""
    held = ring.Ring()
    held.append(past.snapshot(0, [past.pod("web-0", uid=None, node=None, phase=None)]))
    assert [(pod.name, len(pod.points)) for pod in read(held)] == [("web-0", 1)]


def test_nothing_is_left_after_close() -> None:
    """A closed ring is empty and takes no offence."""
    held = filled(3)
    held.close()
    assert read(held) == []
    assert held.snapshot_at(past.at(30)) is None


def test_a_container_takes_less_than_two_kilobytes() -> None:
    """120 samples of a pod of one container, with all that is held for it beside the newest snapshot."""
    count = 200
    held = ring.Ring()
    newest = None
    gc.collect()
    tracemalloc.start()
    try:
        for newest in past.ticks(130, pods=count):
            held.append(newest)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        assert len(read(held)[0].points) == 120
        del held
        gc.collect()
        freed = before - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert newest is not None
    assert 120 * 12 < freed / count < 2000


def test_readers_never_see_half_a_sample() -> None:
    """Any number of threads reads while one writes: times go up, and values are those of their times."""
    held = ring.Ring(samples=30)
    faults: list[object] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for pod in read(held):
                number = int(pod.name[-1])
                for point in pod.points:
                    tick = round((point.timestamp - past.START).total_seconds() + 2) // 15
                    if point.cpu_usage_cores != past.cores(tick, number):
                        faults.append(point)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for each in past.ticks(150):
        held.append(each)
    done.set()
    for thread in threads:
        thread.join()
    assert faults == []


@given(
    st.lists(
        st.tuples(
            st.integers(1, 10**7), st.none() | st.integers(0, 10**13), st.none() | st.integers(0, 2**50)
        ),
        max_size=60,
    ),
    st.integers(1, 40),
)
def test_a_buffer_returns_what_was_added(steps: list[tuple[int, int | None, int | None]], most: int) -> None:
    """The newest samples come back in order: CPU to the microcore, memory to the KiB or 0.00005 %."""
    buffer = ringbuffer.RingBuffer()
    given_samples = []
    time = 1_772_000_000_000
    for pause, cpu, memory in steps:
        time += pause
        assert buffer.add(time, cpu, memory, most=most)
        assert not buffer.add(time, 1, 1, most=most)
        given_samples.append((time, cpu, memory))
    found = list(zip(*buffer.read(0, time), strict=True))
    assert [each[0] for each in found] == [each[0] for each in given_samples[-most:]]
    assert buffer.last(time) == (found[-1] if found else None)
    for (_, cpu, memory), (_, known_cpu, known_memory) in zip(given_samples[-most:], found, strict=True):
        assert (cpu is None) == (known_cpu is None)
        assert (memory is None) == (known_memory is None)
        if cpu is not None and known_cpu is not None:
            assert abs(min(cpu, 4_294_967_294_000) - known_cpu) <= 500
        if memory is not None and known_memory is not None:
            assert abs(memory - known_memory) <= max(512, memory * 5e-7)


def test_a_buffer_copies_itself() -> None:
    """A copy goes on by itself."""
    buffer = ringbuffer.RingBuffer()
    buffer.add(1, 1000, 1024, most=5)
    other = buffer.copy()
    other.add(2, 2000, 2048, most=5)
    assert (len(buffer.read(0, 9)[0]), len(other.read(0, 9)[0])) == (1, 2)


def test_it_is_a_history_and_a_recorder() -> None:
    """What fits the protocols can be handed to every surface."""
    held: history.History = ring.Ring()
    recorder: history.Recorder = ring.Ring()
    recorder.append(model.Snapshot("prod", "none", past.START))
    assert held.name == "memory"
