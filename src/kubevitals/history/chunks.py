"""Reading a long history a piece at a time, so that memory holds a part of it whatever was asked for."""

from __future__ import annotations

import math
from datetime import timedelta

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from kubevitals import history as histories

    Key = tuple[str | None, ...]

_AT_ONCE = 100_000  # points; about 50 MB of records
_FIRST = 16  # steps of the first piece, when nobody knows yet how many series there are
_GROWTH = 4  # a piece is at most so many times as long as the one before
_SAMPLE = 15.0  # seconds between samples, where there is no step


def read(
    history: histories.History, query: histories.Query, *, at_once: int = _AT_ONCE, series: int = 1
) -> Iterator[histories.Answer]:
    """Yield the answer in the order of time, about `at_once` points in each piece; the range must be aligned.

    `series` is how many there are at least, where that is known. There is one piece at least. What a database
    refuses as too much is asked for in shorter pieces.

    Raises:
        errors.HistoryError: it cannot be read.
    """
    if query.step == math.inf:
        yield history.read(query)
        return
    unit = query.step or _SAMPLE
    width, widest = float(min(_FIRST, max(1, at_once // max(1, series)))), math.inf
    since, last = query.since, None
    told = False
    while since < query.until or not told:
        until = min(query.until, since + timedelta(seconds=width * unit))
        try:
            answer = history.read(query._replace(since=since, until=until))
        except errors.HistoryError as error:
            if not error.too_much or width <= 1:
                raise
            width = widest = max(1.0, width // 2)
            continue
        if last is not None:  # whoever counts the first moment in has given it already
            found = tuple(_after(each, last) for each in answer.series)
            answer = answer._replace(series=tuple(each for each in found if each.points))
        if (
            answer.step is not None and answer.step != query.step
        ):  # finer points are gone: all that follows is as coarse
            unit = answer.step
            query = query._replace(step=unit)
            until += timedelta(seconds=-until.timestamp() % unit)
        if answer.series or not told:
            told = True
            yield answer
        count = sum(len(each.points) for each in answer.series)
        fits = at_once / max(len(answer.series), series, 1)
        dense = width * at_once / count if count else math.inf
        width = max(1.0, math.floor(min(width * _GROWTH, widest, fits, dense)))
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


def join(pieces: Iterable[histories.Answer]) -> histories.Answer:
    """Return one answer of all pieces, its series whole and in the order in which a history gives them.

    The source and the problems are those of the last piece, and the step is the longest one. There must be
    a piece.
    """
    from kubevitals.history import seriesfilter

    latest: dict[Key, histories.Series] = {}
    points: dict[Key, list[histories.Point]] = {}
    answer, steps = None, []
    for answer in pieces:
        steps += [answer.step] if answer.step is not None else []
        for series in answer.series:
            key = key_of(series)
            latest[key] = series
            points.setdefault(key, []).extend(series.points)
    assert answer is not None
    whole = [series._replace(points=tuple(points[key])) for key, series in latest.items()]
    return answer._replace(series=seriesfilter.sort(whole), step=max(steps, default=None))
