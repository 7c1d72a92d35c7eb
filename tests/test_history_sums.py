"""The grid of history, what falls into its steps, and sums over pods."""

from __future__ import annotations

import math
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests import made_past as past

from kubevitals import history
from kubevitals.history import sums

TIMES = st.integers(0, 2_000_000_000_000)
STEPS = st.integers(1, 90_000_000)
VALUES = st.lists(st.integers(0, 10**15), min_size=1, max_size=300)
SAMPLES = st.lists(
    st.tuples(st.integers(0, 10**7), st.none() | st.integers(0, 10**12), st.none() | st.integers(0, 10**12)),
    max_size=60,
)


def query(kind: str = "pod", *, since: float = 0, until: float = 3600, **more: object) -> history.Query:
    return history.Query(kind, past.at(since), past.at(until))._replace(**more)  # type: ignore[arg-type]


@given(TIMES, STEPS)
def test_a_time_belongs_to_the_step_that_ends_with_it_or_next(time: int, step: int) -> None:
    """A step covers what is after its start up to and with its end."""
    end = sums.end_of(time, step)
    assert end % step == 0
    assert end - step < time <= end


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 10**5))
def test_the_grid_covers_a_range_with_whole_steps(since: int, length: int, step: int) -> None:
    """Every moment of the range is in a step, and each step overlaps the range."""
    begin = past.at(since)
    grid = sums.lay_grid(begin, begin + timedelta(seconds=length), step=step * 1000)
    start, end = (sums.to_milliseconds(past.at(moment)) for moment in (since, since + length))
    assert grid.after <= start < grid.first
    assert grid.last - grid.step < end <= grid.last


@given(VALUES)
def test_what_is_said_of_values_is_exact(values: list[int]) -> None:
    """Mean and extremes are those of the values; at most 5 % are above the 95th percentile."""
    stats = sums.describe(values)
    assert (stats.number, stats.total) == (len(values), sum(values))
    assert (stats.least, stats.most) == (min(values), max(values))
    assert stats.p95 in values
    assert sum(value > stats.p95 for value in values) <= 0.05 * len(values)
    below = [value for value in values if value < stats.p95]
    assert not below or sum(value > max(below) for value in values) > 0.05 * len(values)


@given(SAMPLES, st.integers(1, 10**6))
def test_no_sample_is_lost_or_counted_twice(samples: list[sums.Sample], step: int) -> None:
    """The steps together hold each known value once, and a step without one gives no point."""
    folded = sums.fold(samples, step)
    assert sum(sum(cpu) for cpu, _ in folded.values()) == sum(cpu or 0 for _, cpu, _ in samples)
    assert sum(len(memory) for _, memory in folded.values()) == sum(
        memory is not None for *_, memory in samples
    )
    points = sums.points_of(samples, step)
    assert all(point.samples for point in points)
    assert [point.timestamp for point in points] == sorted({point.timestamp for point in points})


@given(SAMPLES, SAMPLES, st.integers(60_000, 10**6))
def test_a_sum_is_that_of_the_means(first: list[sums.Sample], second: list[sums.Sample], step: int) -> None:
    """The order of the pods does not matter, and each step is the sum of their means, to the microcore."""
    grid = sums.Grid(step, sums.end_of(10**7, step), step)
    first, second = ([sample for sample in each if sample[0]] for each in (first, second))
    there, back = sums.Adding(grid), sums.Adding(grid)
    for adding, order in ((there, (first, second)), (back, (second, first))):
        for samples in order:
            adding.add(sums.row_of(samples, grid))
    assert there.points() == back.points()
    alone = [{point.timestamp: point for point in sums.points_of(each, step)} for each in (first, second)]
    for point in there.points():
        parts = [each[point.timestamp] for each in alone if point.timestamp in each]
        known = [part.cpu_usage_cores for part in parts if part.cpu_usage_cores is not None]
        assert 0 < point.samples <= sum(part.samples for part in parts)
        if known:
            assert point.cpu_usage_cores is not None
            assert math.isclose(point.cpu_usage_cores, math.fsum(known), abs_tol=1.1e-6)
        else:
            assert point.cpu_usage_cores is None


def test_without_a_step_a_point_is_a_sample() -> None:
    """Samples come back in order, the extremes being the value itself; unknown stays unknown."""
    one, two = sums.points_of([(2_000, None, 7), (1_500, 250_000_000, 5)], None)
    assert one.timestamp.timestamp() == 1.5
    assert (one.cpu_usage_cores, one.cpu_p95_cores, one.memory_max_bytes, one.samples) == (0.25, 0.25, 5, 1)
    assert (two.cpu_usage_cores, two.cpu_max_cores, two.memory_usage_bytes) == (None, None, 7)


def test_a_query_restricts_by_what_it_names() -> None:
    """Each part of a query that is given has to fit; a workload and a namespace are found in their pods."""
    pod = history.Series(
        "pod", "prod", "web-1", namespace="shop", workload_kind="Deployment", workload_name="web"
    )
    container = pod._replace(kind="container", name="app", pod="web-1")
    assert sums.matches(query(), pod)
    assert sums.matches(query(name="web-1", namespace="shop", cluster="prod"), pod)
    assert not sums.matches(query(namespace="db"), pod)
    assert not sums.matches(query(cluster="test"), pod)
    assert not sums.matches(query(name="web-2"), pod)
    assert sums.matches(query("container", name="app", pod="web-1"), container)
    assert not sums.matches(query("container", pod="web-2"), container)
    assert sums.matches(query("workload", name="web", workload_kind="Deployment"), pod)
    assert not sums.matches(query("workload", name="web", workload_kind="StatefulSet"), pod)
    assert sums.matches(query("namespace", name="shop"), pod)
    assert not sums.matches(query("namespace", name="web"), pod)


def test_a_pod_of_its_own_is_its_own_workload() -> None:
    """It is found as one of the kind Pod under its name."""
    pod = history.Series("pod", "prod", "lone", namespace="shop")
    assert sums.matches(query("workload", name="lone", workload_kind="Pod"), pod)
    total = sums.sum_of("workload", pod)
    assert (total.name, total.workload_kind, total.uid) == ("lone", "Pod", None)
    assert sums.sum_of("namespace", pod).name == "shop"


def test_sums_are_never_finer_than_a_minute() -> None:
    """Below it a sum would flicker with the moments at which its pods are measured."""
    assert sums.step_of(query("workload", step=15.0)) == 60_000
    assert sums.step_of(query("namespace")) == 60_000
    assert sums.step_of(query("namespace", step=300.0)) == 300_000
    assert sums.step_of(query(step=15.0)) == 15_000
    assert sums.step_of(query()) is None
