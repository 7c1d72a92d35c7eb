"""The grid, and what falls into one of its steps: mean, extremes, 95th percentile, and sums over pods. Pure.

What all histories share, so that the same samples give the same points wherever they were kept. Times are
whole milliseconds since 1970, CPU whole nanocores, memory whole bytes: sums of them are exact.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import history

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Sample = tuple[int, int | None, int | None]  # time, CPU, memory
    Mean = tuple[int, float | None, float | None, int]  # end of the step, CPU, memory, samples

SUMS = ("workload", "namespace")
LEAST_STEP_OF_SUMS = 60_000  # below it some pods have no sample in a step, and the sum would flicker
_NANO = 1e9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Stats(NamedTuple):
    """One quantity within one step."""

    number: int  # of values
    total: int
    least: int
    most: int
    p95: float

    @property
    def mean(self) -> float:
        """The mean of the samples."""
        return self.total / self.number


class Grid(NamedTuple):
    """The steps that overlap a range: those that end at `first`, `first` + `step` ... `last`."""

    first: int
    last: int
    step: int

    @property
    def after(self) -> int:
        """No sample at this time or before belongs to it."""
        return self.first - self.step


def lay_grid(since: datetime, until: datetime, *, step: int) -> Grid:
    """Return the steps of `step` milliseconds that overlap (since, until], whole ones at both ends."""
    return Grid(to_milliseconds(since) // step * step + step, end_of(to_milliseconds(until), step), step)


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


def rank_of_p95(count: int) -> int:
    """Return which value in ascending order is the 95th percentile, from 1: at most 5 % are above it."""
    return -(-95 * count // 100)


def describe(values: Sequence[int]) -> Stats:
    """Return what can be said of the values, exactly. There must be one."""
    ranked = sorted(values)
    return Stats(len(ranked), sum(ranked), ranked[0], ranked[-1], float(ranked[rank_of_p95(len(ranked)) - 1]))


def fold(samples: Iterable[Sample], step: int) -> dict[int, tuple[list[int], list[int]]]:
    """Return the known values of CPU and memory of each step, by its end."""
    folded: dict[int, tuple[list[int], list[int]]] = {}
    for time, cpu, memory in samples:
        end = -(-time // step) * step
        held = folded.get(end)
        if held is None:
            held = folded[end] = ([], [])
        if cpu is not None:
            held[0].append(cpu)
        if memory is not None:
            held[1].append(memory)
    return folded


def sample_point(sample: Sample) -> history.Point:
    """Return one sample as a point."""
    time, cpu, memory = sample
    cores = None if cpu is None else cpu / _NANO
    return history.Point(from_milliseconds(time), cores, memory, cores, cores, cores, memory, memory, memory)


def stats_point(end: int, cpu: Stats | None, memory: Stats | None) -> history.Point:
    """Return one step as a point."""
    point = history.Point(from_milliseconds(end), None, None, samples=0)
    if cpu is not None:
        point = point._replace(
            cpu_usage_cores=round(cpu.mean / _NANO, 9),
            cpu_min_cores=cpu.least / _NANO,
            cpu_max_cores=cpu.most / _NANO,
            cpu_p95_cores=round(cpu.p95 / _NANO, 9),
            samples=cpu.number,
        )
    if memory is not None:
        point = point._replace(
            memory_usage_bytes=round(memory.mean),
            memory_min_bytes=memory.least,
            memory_max_bytes=memory.most,
            memory_p95_bytes=round(memory.p95),
            samples=max(point.samples, memory.number),
        )
    return point


def points_of(samples: Iterable[Sample], step: int | None) -> tuple[history.Point, ...]:
    """Return the samples as points, or the steps they fall into; both in order."""
    if step is None:
        return tuple(sample_point(each) for each in sorted(samples, key=_time_of))
    folded = fold(samples, step)
    return tuple(
        stats_point(end, describe(cpu) if cpu else None, describe(memory) if memory else None)
        for end, (cpu, memory) in sorted(folded.items())
        if cpu or memory
    )


def means_of(samples: Iterable[Sample], step: int) -> list[Mean]:
    """Return the mean of each step, as the sums take it."""
    return [
        (
            end,
            sum(cpu) / len(cpu) if cpu else None,
            sum(memory) / len(memory) if memory else None,
            max(len(cpu), len(memory)),
        )
        for end, (cpu, memory) in fold(samples, step).items()
    ]


class Adding:
    """Adds up means of pods, step by step. A pod without a value is left out of that sum.

    Extremes of a sum are unknown: its parts do not peak together.
    """

    __slots__ = ("_cpu", "_memory", "_samples")

    def __init__(self) -> None:
        self._cpu: dict[int, float] = {}
        self._memory: dict[int, float] = {}
        self._samples: dict[int, int] = {}

    def add(self, means: Iterable[Mean]) -> None:
        """Add one pod's means."""
        all_cpu, all_memory, all_samples = self._cpu, self._memory, self._samples
        for end, cpu, memory, samples in means:
            if cpu is not None:
                all_cpu[end] = all_cpu.get(end, 0.0) + cpu
            if memory is not None:
                all_memory[end] = all_memory.get(end, 0.0) + memory
            all_samples[end] = all_samples.get(end, 0) + samples

    def points(self) -> tuple[history.Point, ...]:
        """Return the sums in order."""
        points = []
        for end in sorted(self._cpu.keys() | self._memory.keys()):
            cpu, memory = self._cpu.get(end), self._memory.get(end)
            points.append(
                history.Point(
                    from_milliseconds(end),
                    None if cpu is None else round(cpu / _NANO, 9),
                    None if memory is None else round(memory),
                    samples=self._samples[end],
                )
            )
        return tuple(points)


def matches(query: history.Query, series: history.Series) -> bool:
    """Return whether the series is asked for; for a sum, whether this pod is a part of it."""
    if query.cluster is not None and series.cluster != query.cluster:
        return False
    if query.namespace is not None and series.namespace != query.namespace:
        return False
    if query.workload_kind is not None and (series.workload_kind or "Pod") != query.workload_kind:
        return False
    if query.pod is not None and series.pod != query.pod and query.kind == "container":
        return False
    if query.name is None:
        return True
    if query.kind == "workload":
        return (series.workload_name or series.name) == query.name
    return (series.namespace if query.kind == "namespace" else series.name) == query.name


def sum_of(kind: str, pod: history.Series) -> history.Series:
    """Return the sum that a pod is a part of, without points; a pod of its own is its own workload."""
    if kind == "namespace":
        return history.Series(kind, pod.cluster, pod.namespace or "", namespace=pod.namespace)
    workload, name = pod.workload_kind or "Pod", pod.workload_name or pod.name
    return history.Series(
        kind, pod.cluster, name, namespace=pod.namespace, workload_kind=workload, workload_name=name
    )


def step_of(query: history.Query) -> int | None:
    """Return the step in milliseconds, at least that of sums for a sum; None for the samples themselves."""
    step = None if query.step is None else max(1, round(query.step * 1000))
    return max(step or 0, LEAST_STEP_OF_SUMS) if query.kind in SUMS else step


def sort(found: Iterable[history.Series]) -> list[history.Series]:
    """Return the series with a point, by cluster, namespace, pod, name and age."""
    return sorted((each for each in found if each.points), key=_place_of)


def _place_of(series: history.Series) -> tuple[str, str, str, str, str, datetime]:
    return (
        series.cluster,
        series.namespace or "",
        series.pod or "",
        series.name,
        series.workload_kind or "",
        series.points[0].timestamp,
    )


def _time_of(sample: Sample) -> int:
    return sample[0]
