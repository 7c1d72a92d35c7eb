"""The grid of history, what falls into its steps, sums over pods, and which series a query asks for."""

from __future__ import annotations

import math
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests import made_past as past

from kubevitals import history
from kubevitals.history import aggregation, seriesfilter, sums

TIMES = st.integers(0, 2_000_000_000_000)
STEPS = st.integers(1, 90_000_000)
VALUES = st.lists(st.integers(0, 10**15), min_size=1, max_size=300)
KNOWN = st.none() | st.integers(0, 10**12)
SAMPLES = st.dictionaries(st.integers(1, 10**7), st.tuples(KNOWN, KNOWN), max_size=60).map(
    lambda rows: aggregation.Samples(
        sorted(rows), [rows[time][0] for time in sorted(rows)], [rows[time][1] for time in sorted(rows)]
    )
)


def query(kind: str = "pod", *, since: float = 0, until: float = 3600, **more: object) -> history.Query:
    return history.Query(kind, past.at(since), past.at(until))._replace(**more)  # type: ignore[arg-type]


@given(TIMES, STEPS)
def test_a_time_belongs_to_the_step_that_ends_with_it_or_next(time: int, step: int) -> None:
    """A step covers what is after its start up to and with its end."""
    end = aggregation.end_of(time, step)
    assert end % step == 0
    assert end - step < time <= end


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 10**5))
def test_the_grid_covers_a_range_with_whole_steps(since: int, length: int, step: int) -> None:
    """Every moment of the range is in a step, and each step overlaps the range."""
    begin = past.at(since)
    grid = aggregation.lay_grid(begin, begin + timedelta(seconds=length), step=step)
    start, end = (aggregation.to_milliseconds(past.at(moment)) for moment in (since, since + length))
    assert grid.after <= start < grid.first
    assert grid.last - grid.step < end <= grid.last
    assert grid.first % grid.step == 0


def test_the_whole_range_is_one_step() -> None:
    """Asked for as a whole a range is a step of its own, from its begin to its end."""
    grid = aggregation.lay_grid(past.at(7), past.at(100), step=history.WHOLE)
    assert (grid.first, grid.step) == (grid.last, 93_000)
    assert grid.after == aggregation.to_milliseconds(past.at(7))


@given(VALUES, st.floats(0, 100))
def test_what_is_said_of_values_is_exact(values: list[int], percentile: float) -> None:
    """Mean and extremes are those of the values; a percentile is one of them, by nearest rank."""
    stats = aggregation.describe(values, (percentile, 0, 100))
    assert stats is not None
    assert (stats.number, stats.total) == (len(values), sum(values))
    assert (stats.least, stats.most) == (min(values), max(values))
    found, least, most = stats.percentiles
    assert (least, most) == (min(values), max(values))
    assert found in values
    not_above = sum(value <= found for value in values)
    assert not_above >= percentile * len(values) / 100 * (1 - 1e-12)
    below = [value for value in values if value < found]
    assert not below or len(below) < percentile * len(values) / 100 * (1 + 1e-12)


@given(SAMPLES, st.integers(1, 10**6), st.integers(0, 10**7))
def test_no_sample_is_lost_or_counted_twice(samples: aggregation.Samples, step: int, begin: int) -> None:
    """The steps together hold each known value once, whatever they are, and none is without a sample."""
    for grid in (
        aggregation.Grid(step, aggregation.end_of(10**7, step), step),
        aggregation.Grid(10**7, 10**7, 10**7 - begin),
    ):
        if samples.times and samples.times[0] <= grid.after:
            continue
        points = aggregation.points_of(samples, grid, percentiles=(50,))
        total = sum(each or 0 for each in samples.cpu)
        known = sum(each is not None for each in samples.cpu)
        both = known == len(samples.cpu) and None not in samples.memory
        assert sum(point.samples for point in points) == len(samples.times) or not both
        if both:
            mean = sum((point.cpu_usage_cores or 0) * point.samples for point in points)
            assert math.isclose(mean, total / 1e9, rel_tol=1e-6, abs_tol=1e-6)
        assert [point.timestamp for point in points] == sorted({point.timestamp for point in points})
        ends = {aggregation.to_milliseconds(point.timestamp) for point in points}
        assert all((end - grid.after) % grid.step == 0 for end in ends)


def test_without_a_step_a_point_is_a_sample() -> None:
    """Samples come back in order, extremes and percentiles being the value itself; unknown stays unknown."""
    samples = aggregation.Samples([1_500, 2_000], [250_000_000, None], [5, 7])
    one, two = aggregation.points_of(samples, None, percentiles=(95, 50))
    assert one.timestamp.timestamp() == 1.5
    assert (one.cpu_usage_cores, one.cpu_percentiles, one.memory_max_bytes) == (0.25, (0.25, 0.25), 5)
    assert (one.samples, one.coverage) == (1, 1.0)
    assert (two.cpu_usage_cores, two.cpu_max_cores, two.memory_usage_bytes) == (None, None, 7)


def test_coverage_is_samples_over_expected() -> None:
    """The usual distance between samples says how many a step should have."""
    times = [1000 * second for second in (10, 20, 30, 40, 50, 60, 100, 110)]
    samples = aggregation.Samples(times, [1] * 8, [1] * 8)
    points = aggregation.points_of(samples, aggregation.Grid(60_000, 120_000, 60_000))
    assert [(point.samples, point.coverage) for point in points] == [(6, 1.0), (2, 0.3333)]
    halves = samples._replace(shares=[aggregation.WHOLE_SHARE // 2] * 8)
    points = aggregation.points_of(halves, aggregation.Grid(60_000, 120_000, 60_000))
    assert [point.coverage for point in points] == [0.5, 0.1667]
    (alone,) = aggregation.points_of(
        aggregation.Samples([5], [1], [1]), aggregation.Grid(60_000, 60_000, 60_000)
    )
    assert alone.coverage is None


def test_samples_are_sorted_and_counted_once() -> None:
    """Of a time that comes twice the later row counts."""
    samples = aggregation.Samples([3, 1, 3, 2], [1, 2, 3, 4], [None, 5, 6, 7], [1, 2, 3, 4])
    assert aggregation.sort_samples(samples) == aggregation.Samples(
        [1, 2, 3], [2, 4, 3], [5, 7, 6], [2, 4, 3]
    )


def test_requests_hold_from_their_time_on() -> None:
    """The newest ones that are not later count; before the first ones, these."""
    changes = [aggregation.Resources(10, 1, None, None, None), aggregation.Resources(20, 2, None, None, None)]
    found = [aggregation.resources_at(changes, time) for time in (5, 10, 19, 20, 99)]
    assert [each.cpu_request for each in found if each] == [1, 1, 1, 2, 2]
    assert aggregation.resources_at([], 5) is None


# --- sums


def test_sums_of_pods() -> None:
    """Each namespace and workload has the usage and the requests of its pods."""
    pods = [
        past.pod("web-0", [("app", 0.25, 1024)]),
        past.pod("web-1", [("app", None, 2048)]),
        past.pod("lone", seconds=None, workload_kind=None, workload_name=None),
        past.pod("db-0", [("app", 1.0, 4096)], namespace="data"),
    ]
    found = sums.of_pods(pods)
    assert set(found) == {
        ("shop", "", ""), ("shop", "Deployment", "web"), ("shop", "Pod", "lone"),
        ("data", "", ""), ("data", "Deployment", "db"),
    }  # fmt: skip
    space = found["shop", "", ""]
    assert (space.cpu, space.memory, space.share) == (0.25, 3072, 6667)
    assert space.resources == (1.5, None, None, 3 * 512 * past.MIB)
    lone = found["shop", "Pod", "lone"]
    assert (lone.cpu, lone.memory, lone.share) == (None, None, 0)


# --- which series


def test_a_query_restricts_by_what_it_names() -> None:
    """Each part of a query that is given has to fit."""
    pod = history.Series(
        "pod", "prod", "web-1", namespace="shop", workload_kind="Deployment", workload_name="web"
    )
    container = pod._replace(kind="container", name="app", pod="web-1")
    assert seriesfilter.matches(query(), pod)
    assert seriesfilter.matches(query(name="web-1", namespace="shop", cluster="prod"), pod)
    assert seriesfilter.matches(query(workload="web", workload_kind="Deployment"), pod)
    assert not seriesfilter.matches(query(workload="db"), pod)
    assert not seriesfilter.matches(query("node"), pod)
    assert not seriesfilter.matches(query(namespace="db"), pod)
    assert not seriesfilter.matches(query(cluster="test"), pod)
    assert not seriesfilter.matches(query(name="web-2"), pod)
    assert seriesfilter.matches(query("container", name="app", pod="web-1", workload="web"), container)
    assert not seriesfilter.matches(query("container", pod="web-2"), container)
    workload = seriesfilter.workload_series("prod", "shop", "Deployment", "web")
    assert seriesfilter.matches(query("workload", name="web", workload_kind="Deployment"), workload)
    assert not seriesfilter.matches(query("workload", name="web", workload_kind="StatefulSet"), workload)
    space = seriesfilter.namespace_series("prod", "shop")
    assert seriesfilter.matches(query("namespace", name="shop"), space)
    assert seriesfilter.matches(query("namespace", namespace="shop"), space)
    assert not seriesfilter.matches(query("namespace", name="web"), space)


def test_a_pod_of_its_own_is_of_the_kind_pod() -> None:
    """It is found as one of the kind Pod."""
    pod = history.Series("pod", "prod", "lone", namespace="shop")
    assert seriesfilter.matches(query(workload_kind="Pod", workload="lone"), pod)
    assert not seriesfilter.matches(query(workload_kind="Deployment"), pod)
