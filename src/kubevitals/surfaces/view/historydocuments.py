"""History as documents for programs: JSON of the one schema, and one row a point for CSV and tables."""

from __future__ import annotations

import json

from kubevitals import model, sanitize
from kubevitals.surfaces.view import times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime
    from typing import Any

    from kubevitals import history as histories

KIND = "HistoryList"
SERIES_TYPES = {
    "kind": "str",
    "cluster": "str",
    "name": "str",
    "namespace": "str | None",
    "pod": "str | None",
    "uid": "str | None",
    "node": "str | None",
    "workload_kind": "str | None",
    "workload_name": "str | None",
}
"""Keys of a series beside its points, and their types as the model annotates them."""

POINT_TYPES = {
    "timestamp": "datetime",
    "cpu_usage_cores": "float | None",
    "memory_usage_bytes": "int | None",
    "cpu_min_cores": "float | None",
    "cpu_max_cores": "float | None",
    "cpu_p95_cores": "float | None",
    "memory_min_bytes": "int | None",
    "memory_max_bytes": "int | None",
    "memory_p95_bytes": "int | None",
    "samples": "int",
}
ROW_TYPES = {"timestamp": "datetime", **SERIES_TYPES, **POINT_TYPES}
"""Keys of a row, which is a point with the series that it belongs to."""

_PICKED: dict[str, Callable[[histories.Point], tuple[float | None, int | None]]] = {
    "min": lambda point: (point.cpu_min_cores, point.memory_min_bytes),
    "max": lambda point: (point.cpu_max_cores, point.memory_max_bytes),
    "p95": lambda point: (point.cpu_p95_cores, point.memory_p95_bytes),
}
AGGREGATES = ("mean", *_PICKED)


def head(
    query: histories.Query,
    series: Sequence[histories.Series],
    *,
    source: str,
    now: datetime,
    aggregate: str = "mean",
) -> dict[str, Any]:
    """Return the envelope without its items; `cluster` is null where they are of several."""
    clusters: set[str | None] = {each.cluster for each in series}
    if not clusters:
        clusters.add(query.cluster)
    return {
        "schema": model.SCHEMA,
        "kind": KIND,
        "cluster": clusters.pop() if len(clusters) == 1 else None,
        "source": source,
        "generated_at": times.format_moment(now),
        "problems": [],
        "since": times.format_moment(query.since),
        "until": times.format_moment(query.until),
        "step_seconds": query.step,
        "aggregate": aggregate,
    }


HEAD_TYPES = {
    "cluster": "str | None",
    "source": "str",
    "generated_at": "datetime",
    "since": "datetime",
    "until": "datetime",
    "step_seconds": "float | None",
    "aggregate": "str",
}


def pick(point: histories.Point, aggregate: str) -> histories.Point:
    """Return the point with that aggregate as its usage: the mean, the least, the most or the p95.

    Of a single sample all of them are its value.
    """
    if aggregate == "mean" or point.samples == 1:
        return point
    cpu, memory = _PICKED[aggregate](point)
    return point._replace(cpu_usage_cores=cpu, memory_usage_bytes=memory)


def to_item(series: histories.Series) -> dict[str, Any]:
    """Return a series as an object with its points."""
    row = series._asdict()
    row["points"] = [
        {**point._asdict(), "timestamp": times.format_moment(point.timestamp)} for point in series.points
    ]
    return row


def render_json(
    query: histories.Query, series: Sequence[histories.Series], *, source: str, now: datetime
) -> str:
    """Return the document as indented JSON, in ASCII: nothing in it steers a terminal."""
    document = {
        **head(query, series, source=source, now=now),
        "items": [to_item(each) for each in series],
    }
    return json.dumps(document, indent=2) + "\n"


def rows_of(series: Iterable[histories.Series]) -> Iterator[tuple[Any, ...]]:
    """Yield a row a point, its values in the order of ROW_TYPES."""
    for each in series:
        labels = each[:-1]
        for point in each.points:
            yield (point[0], *labels, *point[1:])


def write_csv(rows: Iterable[tuple[Any, ...]], out: Any, *, headers: bool = True, end: str = "\n") -> None:
    """Write rows as RFC 4180 text; unknown is empty, and no text is one that a spreadsheet would run."""
    import csv

    writer = csv.writer(out, lineterminator=end)
    if headers:
        writer.writerow(ROW_TYPES)
    texts = range(1, 1 + len(SERIES_TYPES))
    for row in rows:
        cells: list[Any] = ["" if value is None else value for value in row]
        cells[0] = times.format_moment(row[0])
        for index in texts:
            cells[index] = sanitize.spreadsheet_cell(cells[index])
        writer.writerow(cells)
