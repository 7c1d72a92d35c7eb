"""Usage over time of what a page of details is about, as history has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from kubevitals import errors, history, kinds

RANGES = (("15m", 900.0), ("1h", 3600.0), ("6h", 21600.0), ("24h", 86400.0), ("7d", 604800.0))
_COLUMNS = 120  # points of a range, about as many as a chart has columns
_LEAST_STEP = 15.0  # seconds


class Asked(NamedTuple):
    """What is wanted: the singular of a kind, what names the object, and which of `RANGES`."""

    kind: str
    path: tuple[str, ...]
    span: int


class Past(NamedTuple):
    """The points in order, from when to when was asked, the step in seconds, and which history answered."""

    asked: Asked
    since: datetime
    until: datetime
    points: tuple[history.Point, ...] = ()
    step: float = _LEAST_STEP
    source: str = ""
    problem: str = ""


def read(recorded: history.History, asked: Asked, *, cluster: str, now: datetime) -> Past:
    """Return the past of an object; what history cannot read is said in it. A recreated pod is one line."""
    seconds = RANGES[asked.span][1]
    since, step = now - timedelta(seconds=seconds), max(_LEAST_STEP, seconds / _COLUMNS)
    names = dict(zip(kinds.KINDS[f"{asked.kind}s"].path, asked.path, strict=True))
    try:
        answer = recorded.read(
            history.Query(asked.kind, since, now, cluster=cluster, step=step, **names)  # type: ignore[arg-type]
        )
    except errors.HistoryError as error:
        return Past(asked, since, now, problem=error.message)
    points = sorted((point for series in answer.series for point in series.points), key=lambda each: each[0])
    problem = answer.problems[0].message if answer.problems else ""
    return Past(asked, since, now, tuple(points), answer.step or step, answer.source, problem)
