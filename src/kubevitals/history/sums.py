"""The grid, and what falls into one of its steps: mean, extremes, 95th percentile, and sums over pods. Pure.

What all histories share, so that the same samples give the same points wherever they were kept. Times are
whole milliseconds since 1970, CPU whole nanocores, memory whole bytes; in sums over pods microcores and KiB.
"""

from __future__ import annotations

import operator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import history

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Sample = tuple[int, int | None, int | None]  # time, CPU, memory

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


class Grid(NamedTuple):
    """The steps that overlap a range: those that end at `first`, `first` + `step` ... `last`."""

    first: int
    last: int
    step: int

    @property
    def after(self) -> int:
        """No sample at this time or before belongs to it."""
        return self.first - self.step

    @property
    def size(self) -> int:
        """How many steps it has."""
        return (self.last - self.first) // self.step + 1


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


def to_microcores(nanocores: int) -> int:
    """Return the nearest whole microcores."""
    return (nanocores + 500) // 1000


def to_kibibytes(size: int) -> int:
    """Return the nearest whole KiB."""
    return (size + 512) >> 10


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
    cores: tuple[float | None, ...] = (None, None, None, None)
    sizes: tuple[int | None, ...] = (None, None, None, None)
    if cpu is not None:
        cores = (
            round(cpu.total / cpu.number / _NANO, 9),
            cpu.least / _NANO,
            cpu.most / _NANO,
            round(cpu.p95 / _NANO, 9),
        )
    if memory is not None:
        sizes = round(memory.total / memory.number), memory.least, memory.most, round(memory.p95)
    samples = max(cpu.number if cpu else 0, memory.number if memory else 0)
    return history.Point(from_milliseconds(end), cores[0], sizes[0], *cores[1:], *sizes[1:], samples)  # type: ignore[call-arg, arg-type]


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


class Row(NamedTuple):
    """One pod over all steps of a grid: how many samples of each quantity, and their totals.

    CPU in microcores and memory in KiB here, as they are stored.
    """

    cpu_numbers: Sequence[int]
    cpu: Sequence[int]
    memory_numbers: Sequence[int]
    memory: Sequence[int]


def row_of(samples: Iterable[Sample], grid: Grid) -> Row:
    """Return the row of some samples within the grid."""
    cpu_numbers, cpu, memory_numbers, memory = ([0] * grid.size for _ in range(4))
    first, step = grid.after + 1, grid.step
    for time, cores, used in samples:
        place = (time - first) // step
        if cores is not None:
            cpu_numbers[place] += 1
            cpu[place] += to_microcores(cores)
        if used is not None:
            memory_numbers[place] += 1
            memory[place] += to_kibibytes(used)
    return Row(cpu_numbers, cpu, memory_numbers, memory)


class Adding:
    """Adds up the means of pods, step by step. A pod without a value is left out of that sum.

    Extremes of a sum are unknown: its parts do not peak together.
    """

    __slots__ = ("_cpu", "_cpus", "_grid", "_memories", "_memory")

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._cpu = [0.0] * grid.size
        self._cpus = [0] * grid.size  # samples
        self._memory = [0.0] * grid.size
        self._memories = [0] * grid.size

    def add(self, row: Row) -> None:
        """Add one pod. All of it happens in loops of C: namespaces have thousands."""
        self._cpus = list(map(operator.add, self._cpus, row.cpu_numbers))
        self._cpu = list(map(operator.add, self._cpu, _divide(row.cpu, row.cpu_numbers)))
        self._memories = list(map(operator.add, self._memories, row.memory_numbers))
        self._memory = list(map(operator.add, self._memory, _divide(row.memory, row.memory_numbers)))

    def points(self) -> tuple[history.Point, ...]:
        """Return the sums in order."""
        points = []
        end = self._grid.after
        for cpu, cpus, memory, memories in zip(
            self._cpu, self._cpus, self._memory, self._memories, strict=True
        ):
            end += self._grid.step
            if cpus or memories:
                points.append(
                    history.Point(
                        from_milliseconds(end),
                        round(cpu / 1e6, 9) if cpus else None,
                        round(memory * 1024) if memories else None,
                        samples=max(cpus, memories),
                    )
                )
        return tuple(points)


def _divide(totals: Sequence[int], numbers: Sequence[int]) -> Iterable[float]:
    """Return the means, 0 where there is no sample."""
    return map(operator.truediv, totals, [each or 1 for each in numbers] if 0 in numbers else numbers)


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
