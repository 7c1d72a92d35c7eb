"""Each series in one line: how many points, from when to when, and mean, 95th percentile and most of usage.

The mean is weighted by samples and the most is that of all samples, whatever the step. The percentile is of
the points: 95 % of the samples' weight lie in points that are not above it.
"""

from __future__ import annotations

from array import array
from datetime import timedelta

from kubevitals import quantity, sanitize
from kubevitals.history import chunks
from kubevitals.surfaces.view import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Any, NamedTuple

    from kubevitals import history as histories
else:
    from kubevitals.namedtuple import NamedTuple

_SHARE = 0.95


class Summary(NamedTuple):
    """One series in figures; None is unknown."""

    cluster: str
    name: str
    namespace: str | None
    pod: str | None
    uid: str | None
    node: str | None
    workload_kind: str | None
    points: int
    since: datetime
    until: datetime
    cpu_mean_cores: float | None
    cpu_p95_cores: float | None
    cpu_max_cores: float | None
    memory_mean_bytes: float | None
    memory_p95_bytes: float | None
    memory_max_bytes: float | None


class _Figures:
    """One quantity, added up."""

    __slots__ = ("_most", "_values", "_weights")

    def __init__(self) -> None:
        self._values = array("d")
        self._weights = array("d")
        self._most: float | None = None

    def add(self, mean: float | None, most: float | None, samples: int) -> None:
        if mean is None:
            return
        self._values.append(mean)
        self._weights.append(samples)
        most = mean if most is None else most
        self._most = most if self._most is None else max(self._most, most)

    def sum_up(self) -> tuple[float | None, float | None, float | None]:
        """Return mean, 95th percentile and most."""
        if not self._values:
            return None, None, None
        total = sum(self._weights)
        mean = sum(map(float.__mul__, self._values, self._weights)) / total
        reached, percentile = 0.0, self._values[0]
        for value, weight in sorted(zip(self._values, self._weights, strict=True)):
            reached, percentile = reached + weight, value
            if reached >= _SHARE * total:
                break
        return mean, percentile, self._most


class _Line:
    """A series in the making."""

    __slots__ = ("count", "cpu", "latest", "memory", "since", "until")

    def __init__(self, first: histories.Series) -> None:
        self.latest = first
        self.count = 0
        self.since = self.until = first.points[0].timestamp
        self.cpu, self.memory = _Figures(), _Figures()

    def add(self, series: histories.Series) -> None:
        self.latest = series
        self.count += len(series.points)
        self.until = series.points[-1].timestamp
        for point in series.points:
            self.cpu.add(point.cpu_usage_cores, point.cpu_max_cores, point.samples)
            self.memory.add(point.memory_usage_bytes, point.memory_max_bytes, point.samples)

    def sum_up(self) -> Summary:
        latest = self.latest
        cpu, memory = self.cpu.sum_up(), self.memory.sum_up()
        return Summary(
            latest.cluster,
            latest.name,
            latest.namespace,
            latest.pod,
            latest.uid,
            latest.node,
            latest.workload_kind,
            self.count,
            self.since,
            self.until,
            *cpu,
            *memory,
        )


def sum_up(
    parts: Iterable[Sequence[histories.Series]], *, step: float | None = None, now: datetime | None = None
) -> list[Summary]:
    """Return a line a series, of an answer that comes in pieces.

    With the `step` of its points a line begins with the first step, and ends `now` if the last one is not
    over.
    """
    lines: dict[chunks.Key, _Line] = {}
    for part in parts:
        for series in part:
            key = chunks.key_of(series)
            if key not in lines:
                lines[key] = _Line(series)
            lines[key].add(series)
    found = [_whole(line.sum_up(), step, now) for line in lines.values()]
    return sorted(found, key=lambda each: (each.cluster, each.namespace or "", each.pod or "", each.name))


def _whole(line: Summary, step: float | None, now: datetime | None) -> Summary:
    since = line.since if step is None else line.since - timedelta(seconds=step)
    return line._replace(since=since, until=line.until if now is None else min(line.until, now))


def choose_columns(
    kind: str, lines: Sequence[Summary], *, now: datetime, wide: bool = False
) -> list[columns.Column]:
    """Return the columns for lines of that kind; of one cluster and one namespace the names are left out."""
    several = len({line.cluster for line in lines}) > 1
    moment = _moment_form(now)
    cpu, memory = quantity.format_cpu, _memory
    found = [
        columns.Column("CLUSTER", "cluster", _text) if several else None,
        columns.Column("NAMESPACE", "namespace", _text) if kind in _NAMESPACED else None,
        columns.Column("POD", "pod", _text) if kind == "container" else None,
        columns.Column("KIND", "workload_kind", _text, drop=3) if kind == "workload" else None,
        columns.Column("NAME", "name", _text),
        columns.Column("UID", "uid", _text) if wide and kind in ("pod", "container") else None,
        columns.Column("NODE", "node", _text) if wide and kind in ("pod", "container") else None,
        columns.Column("POINTS", "points", numeric=True, drop=5),
        columns.Column("FROM", "since", moment, drop=6),
        columns.Column("TO", "until", moment, drop=7),
        columns.Column("CPU-MEAN", "cpu_mean_cores", cpu, numeric=True),
        columns.Column("CPU-P95", "cpu_p95_cores", cpu, numeric=True, drop=2),
        columns.Column("CPU-MAX", "cpu_max_cores", cpu, numeric=True, drop=1),
        columns.Column("MEM-MEAN", "memory_mean_bytes", memory, numeric=True),
        columns.Column("MEM-P95", "memory_p95_bytes", memory, numeric=True, drop=2),
        columns.Column("MEM-MAX", "memory_max_bytes", memory, numeric=True, drop=1),
    ]
    return [column for column in found if column is not None]


_NAMESPACED = ("pod", "container", "workload")


def _moment_form(now: datetime) -> Callable[[Any], str]:
    """Return how a time is written: the time of day of today, the date before it of other days."""
    today = now.astimezone().date()

    def write(moment: datetime) -> str:
        local = moment.astimezone()
        return local.strftime("%H:%M:%S" if local.date() == today else "%Y-%m-%d %H:%M")

    return write


def _memory(size: float) -> str:
    return quantity.format_memory(round(size))


def _text(value: str) -> str:
    return sanitize.printable(value)
