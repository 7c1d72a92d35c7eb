"""Samples into points: the grid of steps, means, extremes, percentiles and coverage. Pure.

All histories share it, so that the same samples give the same points wherever they are kept. Times are whole
milliseconds since 1970, CPU whole nanocores, memory whole bytes.
"""

from __future__ import annotations

import bisect
import itertools
import math
import operator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import history

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Sample = tuple[int, int | None, int | None]  # time, CPU, memory
    _Tail = tuple[float | None, float | None, int | None, int | None]

_NANO = 1e9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NO_TAIL = (None, None, None, None)
WHOLE_SHARE = 10_000  # the share of a sum of which all pods were measured


class Grid(NamedTuple):
    """The steps that overlap a range: those that end at `first`, `first` + `step` ... `last`."""

    first: int
    last: int
    step: int

    @property
    def after(self) -> int:
        """No sample at this time or before belongs to it."""
        return self.first - self.step


class Resources(NamedTuple):
    """Requests and limits from a time on, in nanocores and bytes; None is none, or unknown."""

    time: int
    cpu_request: int | None
    cpu_limit: int | None
    memory_request: int | None
    memory_limit: int | None


class Stats(NamedTuple):
    """One quantity within one step."""

    number: int  # of values
    total: int
    least: int
    most: int
    percentiles: tuple[float, ...] = ()


class Samples(NamedTuple):
    """The samples of one series in the order of time, as columns.

    `shares` is None where every share is whole.
    """

    times: list[int]
    cpu: list[int | None]
    memory: list[int | None]
    shares: list[int] | None = None


def lay_grid(since: datetime, until: datetime, *, step: float) -> Grid:
    """Return the steps of so many seconds that overlap (since, until].

    With WHOLE the range is the only one.
    """
    begin, end = to_milliseconds(since), to_milliseconds(until)
    if step == history.WHOLE:
        end = max(end, begin + 1)
        return Grid(end, end, end - begin)
    width = step_milliseconds(step)
    return Grid(begin // width * width + width, end_of(end, width), width)


def step_milliseconds(step: float) -> int:
    """Return a step that is not WHOLE in milliseconds, one at least."""
    return max(1, round(step * 1000))


def end_of(time: int, step: int) -> int:
    """Return the end of the step that the time falls into: the time itself if it is one."""
    return -(-time // step) * step


def to_milliseconds(moment: datetime) -> int:
    """Return milliseconds since 1970, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def from_milliseconds(time: int) -> datetime:
    """Return the aware UTC time."""
    return _EPOCH + time * _MILLISECOND


def to_nanocores(cores: float | None) -> int | None:
    """Return whole nanocores."""
    return None if cores is None else round(cores * _NANO)


def to_microcores(nanocores: int) -> int:
    """Return the nearest whole microcores."""
    return (nanocores + 500) // 1000


def to_kibibytes(size: int) -> int:
    """Return the nearest whole KiB."""
    return (size + 512) >> 10


def rank_of(percentile: float, count: int) -> int:
    """Return which of `count` values in ascending order is the percentile by nearest rank, from 1."""
    return max(1, min(count, math.ceil(percentile * count / 100)))


def sort_samples(samples: Samples) -> Samples:
    """Return the samples in the order of time, each time once."""
    times, cpu, memory, shares = samples
    if all(map(operator.lt, times, itertools.islice(times, 1, None))):
        return samples
    places = {time: place for place, time in enumerate(times)}
    order = [places[time] for time in sorted(places)]
    return Samples(
        [times[place] for place in order],
        [cpu[place] for place in order],
        [memory[place] for place in order],
        None if shares is None else [shares[place] for place in order],
    )


def interval_of(times: Sequence[int]) -> int | None:
    """Return the usual distance between samples, in milliseconds; None of a single sample."""
    if len(times) < 2:
        return None
    gaps: list[int] = list(map(operator.sub, itertools.islice(times, 1, None), times))
    gaps.sort()
    return gaps[len(gaps) // 2]


def points_of(
    samples: Samples,
    grid: Grid | None,
    *,
    percentiles: tuple[float, ...] = (),
    resources: Sequence[Resources] = (),
) -> tuple[history.Point, ...]:
    """Return the samples as points, or the steps of the grid that they fall into, in order."""
    times = samples.times
    if grid is None or not times:
        return _sample_points(samples, times, len(percentiles), resources, 1.0)
    step, after = grid.step, grid.after
    interval = interval_of(times)
    if interval is None or interval * 2 > step:  # most steps have a single sample, perhaps all of them
        ends = [after - (after - time) // step * step for time in times]
        if len(set(ends)) == len(ends):
            share = None if interval is None else interval / step
            return _sample_points(samples, ends, len(percentiles), resources, share)
    of_cpu = describe if None in samples.cpu else _describe_known
    of_memory = describe if None in samples.memory else _describe_known
    points = []
    begin, count = 0, len(times)
    while begin < count:
        end = after - (after - times[begin]) // step * step
        stop = bisect.bisect_right(times, end, begin)
        if samples.shares is None:
            whole: float = stop - begin
        else:
            whole = sum(samples.shares[begin:stop]) / WHOLE_SHARE
        covered = None if interval is None else whole * interval
        points.append(
            step_point(
                end,
                step,
                of_cpu(samples.cpu[begin:stop], percentiles),
                of_memory(samples.memory[begin:stop], percentiles),
                covered=covered,
                resources=resources_at(resources, end),
                percentiles=len(percentiles),
            )
        )
        begin = stop
    return tuple(points)


def describe(values: Sequence[int | None], percentiles: tuple[float, ...]) -> Stats | None:
    """Return what can be said of the known values, exactly; None if there is none."""
    known = [value for value in values if value is not None]
    return _describe_known(known, percentiles) if known else None


def _describe_known(values: Sequence[int | None], percentiles: tuple[float, ...]) -> Stats:
    """Return the same of values that are all known, one at least."""
    known: Sequence[int] = values  # type: ignore[assignment]
    count = len(known)
    if not percentiles:
        return Stats(count, sum(known), min(known), max(known))
    ranked = sorted(known)
    return Stats(
        count,
        sum(ranked),
        ranked[0],
        ranked[-1],
        tuple([ranked[rank_of(each, count) - 1] for each in percentiles]),
    )


def step_point(
    end: int,
    step: int,
    cpu: Stats | None,
    memory: Stats | None,
    *,
    covered: float | None,
    resources: Resources | None = None,
    percentiles: int = 0,
) -> history.Point:
    """Return one step as a point; `covered` is how many of its milliseconds were measured."""
    coverage = None if covered is None else 1.0 if covered >= step else round(covered / step, 4)
    cores = least_cores = most_cores = size = least_size = most_size = None
    cpu_percentiles: tuple[float | None, ...] = (None,) * percentiles
    memory_percentiles: tuple[int | None, ...] = cpu_percentiles  # type: ignore[assignment]
    samples = 0
    if cpu is not None:
        samples, total, least, most, ranked = cpu
        cores, least_cores, most_cores = round(total / samples) / _NANO, least / _NANO, most / _NANO
        cpu_percentiles = tuple([round(each) / _NANO for each in ranked]) if ranked else ()
    if memory is not None:
        number, total, least_size, most_size, ranked = memory
        size = round(total / number)
        memory_percentiles = tuple([round(each) for each in ranked]) if ranked else ()
        samples = max(samples, number)
    tail = _NO_TAIL if resources is None else _tail_of(resources)
    return history.Point._make(
        (
            _EPOCH + end * _MILLISECOND, cores, size, least_cores, most_cores, least_size, most_size,
            samples, coverage, *tail, cpu_percentiles, memory_percentiles,
        )
    )  # fmt: skip


def resources_at(resources: Sequence[Resources], time: int) -> Resources | None:
    """Return the requests and limits as of a time; the first ones before there were any."""
    if not resources:
        return None
    if len(resources) == 1:
        return resources[0]
    place = bisect.bisect_right(resources, time, key=operator.itemgetter(0))
    return resources[max(place - 1, 0)]


def _tail_of(resources: Resources) -> _Tail:
    _, cpu_request, cpu_limit, memory_request, memory_limit = resources
    return (
        None if cpu_request is None else cpu_request / _NANO,
        None if cpu_limit is None else cpu_limit / _NANO,
        memory_request,
        memory_limit,
    )


def _sample_points(
    samples: Samples,
    ends: Sequence[int],
    percentiles: int,
    resources: Sequence[Resources],
    share: float | None,
) -> tuple[history.Point, ...]:
    """Return a point a sample, at the times `ends`; `share` is the part of its step that a sample covers."""
    cpus = [None if value is None else value / _NANO for value in samples.cpu]
    coverages: Iterable[float | None] = itertools.repeat(None if share is None else min(1.0, round(share, 4)))
    if samples.shares is not None and share is not None:
        coverages = [min(1.0, round(share * each / WHOLE_SHARE, 4)) for each in samples.shares]
    tails: Iterable[_Tail] = itertools.repeat(_tail_of(resources[0]) if resources else _NO_TAIL)
    if len(resources) > 1:
        tails = [_tail_of(resources_at(resources, end) or resources[0]) for end in ends]
    make, epoch, millisecond = history.Point._make, _EPOCH, _MILLISECOND
    rows = zip(ends, cpus, samples.memory, coverages, tails, strict=False)
    return tuple(
        [
            make(
                (
                    epoch + end * millisecond, cpu, memory, cpu, cpu, memory, memory, 1, coverage, *tail,
                    (cpu,) * percentiles, (memory,) * percentiles,
                )
            )
            for end, cpu, memory, coverage, tail in rows
        ]
    )  # fmt: skip
