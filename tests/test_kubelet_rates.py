"""Counters made into rates: real windows, restarts, repetitions, and what is remembered."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies

from kubevitals.sources.kubelet import rates, resource

T = 1_760_000_000.0
KEY = ("shop", "web-0", "app")
POD = KEY[:2]


def reading(
    *,
    cpu: float | None = 10.0,
    at: float | None = T,
    memory: int | None = 64,
    start: float | None = T - 5000,
    node: float | None = 100.0,
    more: dict[resource.Key, resource.Point] | None = None,
) -> resource.Reading:
    return resource.Reading(node, at, 1024, {KEY: (cpu, at, memory, start), **(more or {})})


def test_first_reading() -> None:
    """Of what was read once, memory is known and CPU is not."""
    usage = rates.NodeRates().update(reading())
    assert usage == rates.NodeUsage(
        (T, "", None, 1024), {POD: (T, "", [("app", None, 64)])}, {POD: "first_sample"}, "first_sample"
    )


def test_rate_over_the_real_window() -> None:
    """Two readings give the cores used between the kubelet's own times, whatever the interval of polls."""
    state = rates.NodeRates()
    state.update(reading())
    usage = state.update(reading(cpu=14.0, at=T + 16.0, node=180.0))
    assert usage == rates.NodeUsage((T + 16, 16.0, 5.0, 1024), {POD: (T + 16, 16.0, [("app", 0.25, 64)])}, {})


def test_same_reading_twice() -> None:
    """A reading of the same time is no new sample: rate, time and window stand."""
    state = rates.NodeRates()
    state.update(reading())
    before = state.update(reading(cpu=14.0, at=T + 16.0, node=180.0))
    assert state.update(reading(cpu=14.0, at=T + 16.0, node=180.0)) == before
    after = state.update(reading(cpu=15.0, at=T + 26.0, node=190.0))
    assert after.pods == {POD: (T + 26, 10.0, [("app", 0.1, 64)])}


def test_idle_container() -> None:
    """A counter that stands still while time goes on is a rate of zero, which is known."""
    state = rates.NodeRates()
    state.update(reading())
    assert state.update(reading(at=T + 10)).pods[POD] == (T + 10, 10.0, [("app", 0.0, 64)])


@pytest.mark.parametrize(
    "second",
    [
        reading(cpu=2.0, at=T + 15),
        reading(cpu=2.0, at=T + 15, start=None),
        reading(cpu=12.0, at=T + 15, start=T + 9),
        reading(cpu=12.0, at=T - 15),
        reading(cpu=12.0, at=T, start=T - 1),
    ],
    ids=["counter fell", "fell, start unknown", "start moved", "time fell", "start moved, time did not"],
)
def test_restart(second: resource.Reading) -> None:
    """After a restart CPU is unknown, neither zero nor negative, until the next reading."""
    state = rates.NodeRates()
    state.update(reading())
    usage = state.update(second)
    assert usage.pods[POD][2] == [("app", None, 64)]
    assert usage.pod_reasons == {POD: "first_sample"}
    cpu, at, _, start = second.containers[KEY]
    assert cpu is not None
    assert at is not None
    usage = state.update(reading(cpu=cpu + 5.0, at=at + 10, start=start))
    assert usage.pods[POD] == (at + 10, 10.0, [("app", 0.5, 64)])
    assert usage.pod_reasons == {}


def test_young_container() -> None:
    """What began 10 to 60 s before its first reading counted from zero: that is a rate."""
    usage = rates.NodeRates().update(reading(cpu=3.0, start=T - 12))
    assert usage.pods[POD] == (T, 12.0, [("app", 0.25, 64)])
    for start in (T - 9, T - 60, T + 5):
        assert rates.NodeRates().update(reading(start=start)).pods[POD][2][0][1] is None


def test_restarted_and_young() -> None:
    """A container that restarted at least 10 s before the reading has a rate since its start."""
    state = rates.NodeRates()
    state.update(reading())
    assert state.update(reading(cpu=3.0, at=T + 15, start=T + 3)).pods[POD] == (
        T + 15,
        12.0,
        [("app", 0.25, 64)],
    )


def test_pod_is_as_old_as_its_oldest_container() -> None:
    """Time and window of a pod are those of its oldest container, as in metrics-server."""
    other = ("shop", "web-0", "sidecar")
    state = rates.NodeRates()
    state.update(reading(more={other: (1.0, T - 3, 8, None)}))
    usage = state.update(reading(cpu=14.0, at=T + 16, more={other: (2.0, T + 7, 8, None)}))
    assert usage.pods == {POD: (T + 7, 10.0, [("app", 0.25, 64), ("sidecar", 0.1, 8)])}


def test_container_without_a_previous_point() -> None:
    """A new container leaves the others' rates as they are, and its pod is told to be seen once."""
    state = rates.NodeRates()
    state.update(reading())
    usage = state.update(
        reading(cpu=14.0, at=T + 16, more={("shop", "web-0", "new"): (1.0, T + 16, 8, None)})
    )
    assert usage.pods[POD][2] == [("app", 0.25, 64), ("new", None, 8)]
    assert usage.pod_reasons == {POD: "first_sample"}


@pytest.mark.parametrize("cpu", [0.0, None])
def test_counter_that_nobody_keeps(cpu: float | None) -> None:
    """A counter of zero, as on a machine with the wrong cgroup version, is unknown and no first sample."""
    state = rates.NodeRates()
    state.update(reading(cpu=cpu, memory=0, node=cpu))
    usage = state.update(reading(cpu=cpu, memory=0, node=cpu, at=T + 15))
    assert usage.pods[POD][2] == [("app", None, None)]
    assert (usage.pod_reasons, usage.node_code) == ({POD: "no_sample"}, "no_sample")
    assert usage.node == (T + 15, "", None, 1024)


@pytest.mark.parametrize("first", [True, False])
def test_a_counter_that_nobody_keeps_beside_a_new_one(first: bool) -> None:
    """A pod with a counter that is not there says so, whichever of its containers was seen only once."""
    points: dict[resource.Key, resource.Point] = {
        ("shop", "db-0", "a"): (None if first else 5.0, T, 8, None),
        ("shop", "db-0", "b"): (5.0 if first else None, T, 8, None),
    }
    usage = rates.NodeRates().update(reading(more=points))
    assert usage.pod_reasons == {POD: "first_sample", ("shop", "db-0"): "no_sample"}


def test_without_a_time() -> None:
    """A sample without a time that can be read shows memory alone."""
    usage = rates.NodeRates().update(reading(at=None))
    assert usage.pods == {POD: ("", "", [("app", None, 64)])}
    assert usage.node is None


def test_vanished_containers_are_forgotten() -> None:
    """What is not in a reading takes no memory, and begins anew when it comes back."""
    state = rates.NodeRates()
    state.update(reading(more={("shop", f"job-{number}", "app"): (1.0, T, 8, None) for number in range(50)}))
    state.update(reading(at=T + 15))
    assert list(state._containers) == [KEY]
    usage = state.update(reading(at=T + 30, more={("shop", "job-1", "app"): (2.0, T + 30, 8, None)}))
    assert usage.pod_reasons == {("shop", "job-1"): "first_sample"}


points = strategies.tuples(
    strategies.one_of(strategies.none(), strategies.floats(0, 1e300)),
    strategies.one_of(strategies.none(), strategies.floats(0.001, 2e11)),
    strategies.one_of(strategies.none(), strategies.integers(0, 2**62)),
    strategies.one_of(strategies.none(), strategies.floats(0, 2e11)),
)


@hypothesis.given(strategies.lists(points, min_size=1, max_size=12))
def test_whatever_is_told(told: list[resource.Point]) -> None:
    """No sequence of readings gives a rate that is negative or infinite, or a window that is not positive."""
    state = rates.NodeRates()
    for point in told:
        usage = state.update(resource.Reading(point[0], point[1], point[2], {KEY: point}))
        samples = [(usage.pods[POD][1], usage.pods[POD][2][0][1])]
        samples += [(usage.node[1], usage.node[2])] if usage.node else []
        for window, cores in samples:
            assert (cores is None) == (window == "")
            assert cores is None or 0 <= cores < float("inf")
            assert isinstance(window, str) or window >= 0
