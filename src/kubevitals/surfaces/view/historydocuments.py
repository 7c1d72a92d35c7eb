"""History as documents for programs: JSON of the one schema, and one row a point for CSV and tables."""

from __future__ import annotations

import json

from kubevitals import model, sanitize
from kubevitals.surfaces.view import times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
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

_POINT_TYPES = {
    "timestamp": "datetime",
    "cpu_usage_cores": "float | None",
    "memory_usage_bytes": "int | None",
    "cpu_min_cores": "float | None",
    "cpu_max_cores": "float | None",
    "memory_min_bytes": "int | None",
    "memory_max_bytes": "int | None",
    "samples": "int",
    "coverage": "float | None",
    "cpu_request_cores": "float | None",
    "cpu_limit_cores": "float | None",
    "memory_request_bytes": "int | None",
    "memory_limit_bytes": "int | None",
}
PERCENTILES = (95.0,)
"""The percentiles of a document where nobody asks for others."""


def point_types(percentiles: Sequence[float] = PERCENTILES) -> dict[str, str]:
    """Return the keys of a point, and their types as the model annotates them."""
    types = dict(_POINT_TYPES)
    for each in percentiles:
        types[f"cpu_p{each:g}_cores"] = "float | None"
        types[f"memory_p{each:g}_bytes"] = "int | None"
    return types


def row_types(percentiles: Sequence[float] = PERCENTILES) -> dict[str, str]:
    """Return the keys of a row, which is a point with the series that it belongs to, and their types."""
    return {"timestamp": "datetime", **SERIES_TYPES, **point_types(percentiles)}


POINT_TYPES = point_types()
ROW_TYPES = row_types()
AGGREGATES = ("mean", "min", "max", "p95")
_PLAIN = len(_POINT_TYPES)


def head(
    query: histories.Query, answer: histories.Answer, *, now: datetime, aggregate: str = "mean"
) -> dict[str, Any]:
    """Return the envelope without its items; `cluster` is null where they are of several."""
    clusters: set[str | None] = {each.cluster for each in answer.series}
    if not clusters:
        clusters.add(query.cluster)
    return {
        "schema": model.SCHEMA,
        "kind": KIND,
        "cluster": clusters.pop() if len(clusters) == 1 else None,
        "source": answer.source,
        "generated_at": times.format_moment(now),
        "problems": [problem.to_dict() for problem in answer.problems],
        "since": times.format_moment(query.since),
        "until": times.format_moment(query.until),
        "step_seconds": answer.step,
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
    """Return the point with an aggregate as its usage: the mean, the extremes or its first percentile.

    Of a single sample all of them are its value.
    """
    if aggregate == "mean" or point.samples == 1:
        return point
    if aggregate == "min":
        cpu, memory = point.cpu_min_cores, point.memory_min_bytes
    elif aggregate == "max":
        cpu, memory = point.cpu_max_cores, point.memory_max_bytes
    else:
        cpu, memory = point.cpu_percentiles[0], point.memory_percentiles[0]
    return point._replace(cpu_usage_cores=cpu, memory_usage_bytes=memory)


def values_of(point: histories.Point) -> tuple[Any, ...]:
    """Return the values of a point in the order of `point_types`, of the percentiles that were asked for."""
    if not point.cpu_percentiles:
        return point[:_PLAIN]
    pairs = zip(point.cpu_percentiles, point.memory_percentiles, strict=True)
    return (*point[:_PLAIN], *[value for pair in pairs for value in pair])


def to_item(
    series: histories.Series, percentiles: Sequence[float] = PERCENTILES, *, text: bool = True
) -> dict[str, Any]:
    """Return a series as an object with its points; times are text, or stay times without `text`."""
    keys = tuple(point_types(percentiles))
    row = series._asdict()
    row["points"] = [dict(zip(keys, values_of(point), strict=True)) for point in series.points]
    if text:
        for point in row["points"]:
            point["timestamp"] = times.format_moment(point["timestamp"])
    return row


def render_json(query: histories.Query, answer: histories.Answer, *, now: datetime) -> str:
    """Return the document as indented JSON, in ASCII: nothing in it steers a terminal."""
    document = {
        **head(query, answer, now=now),
        "items": [to_item(each, query.percentiles) for each in answer.series],
    }
    return json.dumps(document, indent=2) + "\n"


def rows_of(series: Iterable[histories.Series]) -> Iterator[tuple[Any, ...]]:
    """Yield a row a point, its values in the order of `row_types`."""
    for each in series:
        labels = each[:-1]
        for point in each.points:
            time, *values = values_of(point)
            yield (time, *labels, *values)


def write_csv(
    rows: Iterable[tuple[Any, ...]],
    out: Any,
    *,
    percentiles: Sequence[float] = PERCENTILES,
    headers: bool = True,
    end: str = "\n",
) -> None:
    """Write rows as RFC 4180 text; unknown is empty, and no text is one that a spreadsheet would run."""
    import csv

    writer = csv.writer(out, lineterminator=end)
    if headers:
        writer.writerow(row_types(percentiles))
    texts = range(1, 1 + len(SERIES_TYPES))
    for row in rows:
        cells: list[Any] = ["" if value is None else value for value in row]
        cells[0] = times.format_moment(row[0])
        for index in texts:
            cells[index] = sanitize.spreadsheet_cell(cells[index])
        writer.writerow(cells)
