"""Moments and lengths of time, as people and Grafana write them. Pure: the clock and the place are given."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from kubevitals import errors, quantity
from kubevitals.history import aggregation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import tzinfo

    from kubevitals import history as histories

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_LONGEST = 1e10  # seconds; three centuries are nobody's history
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_SHOWN = 60  # characters of what somebody wrote
LENGTHS = "a length like 90s, 15m, 6h or 2d12h"
LENGTH_PATTERN = "[1-9][0-9]{0,3}[smhdw]?"
"""The usual form of a length, as a regular expression."""

MOMENTS = "a time like 6h (ago), 14:30, 2026-11-21, 2026-11-21T14:30:00Z, seconds since 1970, or now"

# What a step may be where nobody says: lengths that people know.
_STEPS = (15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)


def parse_length(text: str) -> float:
    """Return seconds: "90s", "15m", "2d12h"; a bare number is seconds.

    Raises:
        errors.UsageError: it is none, or none that makes sense.
    """
    seconds = _read_length(text)
    if seconds is None or not 0 < seconds <= _LONGEST:
        raise errors.UsageError(f"{text[:_SHOWN]!r} is not {LENGTHS}")
    return seconds


def _read_length(text: str) -> float | None:
    if len(text) <= _SHOWN and text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    return quantity.parse_length(text)


def parse_moment(text: str, *, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Return an aware UTC time.

    A length is so long ago, with a minus before it or without; a time of day is the last one that has
    passed; what has no offset is in `zone`, which is where this machine is if None. Digits alone are
    seconds since 1970, or milliseconds if there are 12 or more of them. No time is before 1970 or after 2200.

    Raises:
        errors.UsageError: it is none.
    """
    try:
        found = _read_moment(text.strip(), now, zone)
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None:
        raise errors.UsageError(f"{text[:_SHOWN]!r} is not {MOMENTS}")
    return min(max(found, _FIRST), _LAST)


def _read_moment(text: str, now: datetime, zone: tzinfo | None) -> datetime | None:
    if text == "now":
        return now
    if text.isascii() and text.isdigit() and 9 <= len(text) <= 14:
        seconds = int(text) / 1000 if len(text) >= 12 else int(text)
        return datetime.fromtimestamp(seconds, UTC)
    length = _read_length(text.removeprefix("-"))
    if length is not None:
        return now - timedelta(seconds=min(length, (now - _FIRST).total_seconds()))
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        hour, minute, second = (int(each or 0) for each in clock.groups())
        today = now.astimezone(zone)
        moment = _place(datetime(today.year, today.month, today.day, hour, minute, second), zone)  # noqa: DTZ001 - placed there
        if moment <= now:
            return moment
        before = today - timedelta(days=1)
        return _place(datetime(before.year, before.month, before.day, hour, minute, second), zone)  # noqa: DTZ001 - likewise
    return _place(datetime.fromisoformat(text), zone)


def _place(moment: datetime, zone: tzinfo | None) -> datetime:
    if not _FIRST.year <= moment.year < _LAST.year:  # an offset might lead beyond what a calendar has
        return _FIRST if moment.year < _FIRST.year else _LAST
    if moment.tzinfo is None and zone is not None:
        moment = moment.replace(tzinfo=zone)
    return moment.astimezone(UTC)


def choose_step(seconds: float, *, points: int) -> float:
    """Return the shortest usual step at which so long a range has no more than about so many points."""
    least = seconds / points
    return float(next((step for step in _STEPS if step >= least), math.ceil(least / 604_800) * 604_800))


def align(since: datetime, until: datetime, *, step: float | None) -> tuple[datetime, datetime]:
    """Return the range grown to whole steps since 1970: no point is of a part of what was asked for."""
    if step is None:
        return since, until
    first = math.floor(since.timestamp() / step) * step
    last = math.ceil(until.timestamp() / step) * step
    return datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)


def settle(query: histories.Query) -> histories.Query:
    """Return the question with its step in whole milliseconds, and its range grown to whole steps."""
    if query.step is None or query.step == math.inf:
        return query
    step = aggregation.step_milliseconds(query.step) / 1000
    since, until = align(query.since, query.until, step=step)
    return query._replace(since=since, until=until, step=step)


def format_moment(moment: datetime) -> str:
    """Return RFC 3339 in UTC, as all documents have it."""
    return moment.isoformat().replace("+00:00", "Z")


def format_length(seconds: float) -> str:
    """Return a length in the largest unit in which it is a whole number: 15s, 5m, 6h, 2d."""
    for unit in ("d", "h", "m"):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{seconds / _UNITS[unit]:.0f}{unit}"
    return f"{seconds:g}s"
