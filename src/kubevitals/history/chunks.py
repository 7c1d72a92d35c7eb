"""Reading a long history a piece at a time, so that memory holds a part of it whatever was asked for."""

from __future__ import annotations

import math
from datetime import timedelta

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from kubevitals import history as histories

    Key = tuple[str | None, ...]

_AT_ONCE = 100_000  # points; about 50 MB of records
_FIRST = 16  # steps of the first piece, when nobody knows yet how many series there are
_GROWTH = 4  # a piece is at most so many times as long as the one before
_SAMPLE = 15.0  # seconds between samples, where there is no step


def read(
    history: histories.History, query: histories.Query, *, at_once: int = _AT_ONCE, series: int = 1
) -> Iterator[list[histories.Series]]:
    """Yield the answer in the order of time, about `at_once` points in each piece; the range must be aligned.

    `series` is how many there are at least, where that is known.

    Raises:
        errors.HistoryError: it cannot be read.
    """
    unit = query.step or _SAMPLE
    width = float(min(_FIRST, max(1, at_once // max(1, series))))
    since, last = query.since, None
    while since < query.until:
        until = min(query.until, since + timedelta(seconds=width * unit))
        found = history.read(query._replace(since=since, until=until))
        if last is not None:  # whoever counts the first moment in has given it already
            found = [_after(each, last) for each in found]
        found = [each for each in found if each.points]
        if found:
            yield found
        count = sum(len(each.points) for each in found)
        fits = at_once / max(len(found), series, 1)
        dense = width * at_once / count if count else math.inf
        width = max(1.0, math.floor(min(width * _GROWTH, fits, dense)))
        since = last = until


def _after(series: histories.Series, moment: datetime) -> histories.Series:
    points = series.points
    if not points or points[0].timestamp > moment:
        return series
    return series._replace(points=tuple(point for point in points if point.timestamp > moment))


def key_of(series: histories.Series) -> Key:
    """Return what makes it this series, whatever piece it came in."""
    return (
        series.kind, series.cluster, series.namespace, series.pod, series.name, series.uid,
        series.workload_kind if series.kind == "workload" else None,
    )  # fmt: skip


def join(pieces: Iterator[Sequence[histories.Series]]) -> list[histories.Series]:
    """Return the whole series, in the order in which a history tells them."""
    latest: dict[Key, histories.Series] = {}
    points: dict[Key, list[histories.Point]] = {}
    for piece in pieces:
        for series in piece:
            key = key_of(series)
            latest[key] = series
            points.setdefault(key, []).extend(series.points)
    whole = [series._replace(points=tuple(points[key])) for key, series in latest.items()]
    return sorted(whole, key=order_of)


def order_of(series: histories.Series) -> tuple[str, str, str, str, float]:
    """Return what series are sorted by: cluster, namespace, names and age."""
    return (
        series.cluster, series.namespace or "", series.pod or "", series.name,
        series.points[0].timestamp.timestamp() if series.points else 0.0,
    )  # fmt: skip
