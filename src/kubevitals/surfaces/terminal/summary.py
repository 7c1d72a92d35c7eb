"""Each series in one line: samples, the part of the range that they cover, mean, percentiles and most.

All figures are over the samples of the range, whatever step a plot or a document has.
"""

from __future__ import annotations

from kubevitals import quantity, sanitize
from kubevitals.surfaces.view import columns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, NamedTuple

    from kubevitals import history as histories
else:
    from kubevitals.namedtuple import NamedTuple


class Line(NamedTuple):
    """One series in figures; None is unknown."""

    cluster: str
    name: str
    namespace: str | None
    pod: str | None
    uid: str | None
    node: str | None
    workload_kind: str | None
    samples: int
    coverage: float | None
    cpu_mean_cores: float | None
    cpu_max_cores: float | None
    memory_mean_bytes: int | None
    memory_max_bytes: int | None
    cpu_percentiles: tuple[float | None, ...]
    memory_percentiles: tuple[int | None, ...]


def lines_of(answer: histories.Answer) -> list[Line]:
    """Return a line a series, of an answer whose series have one point over the whole range."""
    found = []
    for series in answer.series:
        (point,) = series.points
        found.append(
            Line(
                series.cluster,
                series.name,
                series.namespace,
                series.pod,
                series.uid,
                series.node,
                series.workload_kind,
                point.samples,
                point.coverage,
                point.cpu_usage_cores,
                point.cpu_max_cores,
                point.memory_usage_bytes,
                point.memory_max_bytes,
                point.cpu_percentiles,
                point.memory_percentiles,
            )
        )
    return found


def choose_columns(
    kind: str, lines: Sequence[Line], percentiles: Sequence[float], *, wide: bool = False
) -> list[columns.Column]:
    """Return the columns for lines of that kind; a single cluster is not named."""
    several = len({line.cluster for line in lines}) > 1
    cpu, memory = quantity.format_cpu, quantity.format_memory
    found = [
        columns.Column("CLUSTER", "cluster", _text) if several else None,
        columns.Column("NAMESPACE", "namespace", _text) if kind in _NAMESPACED else None,
        columns.Column("POD", "pod", _text) if kind == "container" else None,
        columns.Column("KIND", "workload_kind", _text, drop=3) if kind == "workload" else None,
        columns.Column("NAME", "name", _text),
        columns.Column("UID", "uid", _text) if wide and kind in ("pod", "container") else None,
        columns.Column("NODE", "node", _text) if wide and kind in ("pod", "container") else None,
        columns.Column("SAMPLES", "samples", numeric=True, drop=6),
        columns.Column("COVERAGE", "coverage", _share, numeric=True, drop=5),
        columns.Column("CPU-MEAN", "cpu_mean_cores", cpu, numeric=True),
        *[
            columns.Column(f"CPU-P{each:g}", "cpu_percentiles", _of(place, cpu), numeric=True, drop=2)
            for place, each in enumerate(percentiles)
        ],
        columns.Column("CPU-MAX", "cpu_max_cores", cpu, numeric=True, drop=1),
        columns.Column("MEM-MEAN", "memory_mean_bytes", memory, numeric=True),
        *[
            columns.Column(f"MEM-P{each:g}", "memory_percentiles", _of(place, memory), numeric=True, drop=2)
            for place, each in enumerate(percentiles)
        ],
        columns.Column("MEM-MAX", "memory_max_bytes", memory, numeric=True, drop=1),
    ]
    return [column for column in found if column is not None]


_NAMESPACED = ("pod", "container", "workload")


def _of(place: int, form: Any) -> Callable[[Any], str]:
    """Return how one of several percentiles is written."""

    def write(values: Sequence[Any]) -> str:
        value = values[place]
        return "-" if value is None else str(form(value))

    return write


def _share(coverage: float) -> str:
    return f"{coverage:.0%}"


def _text(value: str) -> str:
    return sanitize.printable(value)
