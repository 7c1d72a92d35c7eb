"""Query parameters of the routes of history: reading them, and saying what is allowed instead. Pure.

What is asked for is checked before anything is read: how many points a series would have at most. It must
not know HTTP, nor where history is kept.
"""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals import errors, sanitize
from kubevitals import history as histories
from kubevitals.surfaces.view import historydocuments, times
from kubevitals.surfaces.web import problemdetails, queries, renderer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Count = Callable[[str, str, "frozenset[str] | None"], int]  # of cluster, kind, namespaces

KINDS = {"nodes": "node", "pods": "pod", "containers": "container", "workloads": "workload",
         "namespaces": "namespace"}  # fmt: skip
"""The word in paths, and the kind of the series."""

LAST = "last"
FORMATS = ("objects", "rows", "columns", "csv")
AGGREGATES = (*historydocuments.AGGREGATES, LAST)
LARGEST = ("cpu_usage_cores", "memory_usage_bytes")
RAW = "raw"
TOGETHER, TOO_MANY = "bad_combination", "too_many_points"
"""Codes of refusals that no single parameter is the reason of."""

MOST_POINTS = 11_000  # of one series, as Prometheus has it
MOST_IN_ALL = 100_000  # points of one answer: 25 MB of JSON, and some seconds of work
_POINTS, _LEAST_POINTS = 360, 12  # about so many of a series, where no step is given
_DEFAULT = timedelta(hours=1)
_UNESCAPED = re.compile(r"(T[0-9:.]+) ([0-9]{2}:?[0-9]{2})$")
_EPOCH = datetime.fromtimestamp(0, UTC)
_MOST_NAMES = 100  # that are asked for one by one
_NAMED = {
    "nodes": ("name",),
    "pods": ("namespace", "name"),
    "containers": ("namespace", "pod", "name"),
    "workloads": ("namespace", "workload_kind", "name"),
    "namespaces": ("name",),
}

PARAMETERS = {
    "since": f"from when: {times.MOMENTS}; UTC where no offset is given; an hour before until, the default",
    "until": "until when, likewise: now, the default",
    "range": "a length, in place of since: so long before until",
    "step": "how much time a point covers: 15s, 5m, 1h; raw: the samples as they were measured; by default "
    "what suits the range and the number of series",
    "aggregate": "what usage is of the samples of a step: mean, the default, min, max, p95 or the last one",
    "largest": "with limit: by which mean usage series are the largest",
}
FORMAT = {
    "description": "objects, the default: an item a series with its points; "
    "rows: one a point, by time; columns; csv",
    "schema": {"type": "string", "enum": list(FORMATS)},
}
"""What the parameter `format` is here, for OpenAPI."""


_TIME = {
    "anyOf": [
        {"type": "string", "pattern": f"^(?:now|-?{times.LENGTH_PATTERN}|[0-9]{{9,14}})?$"},
        {"type": "string", "format": "date-time"},
    ]
}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "since": _TIME,
    "until": _TIME,
    "range": {"type": "string", "pattern": f"^(?:{times.LENGTH_PATTERN})?$"},
    "step": {"type": "string", "pattern": f"^(?:{RAW}|{times.LENGTH_PATTERN})?$"},
    "largest": {"type": "string", "enum": list(LARGEST)},
}


class HistoryRequest(NamedTuple):
    """What is asked for; the queries differ in names only."""

    queries: tuple[histories.Query, ...]
    live: int  # about so many series there are
    aggregate: str
    form: str
    largest: str  # the key by which the `limit` largest series are wanted
    limit: int | None


def parameters_of(kind: str, *, single: bool = False) -> tuple[str, ...]:
    """Return the parameters that a route of that kind has; `single`: its path names the object."""
    names = () if single else _NAMED[kind]
    return ("cluster", *names, *PARAMETERS, *(() if single else ("limit",)), "format")


def schema_of(name: str) -> dict[str, Any]:
    """Return the schema of one of PARAMETERS, for OpenAPI. What is empty is not given."""
    if name == "aggregate":
        return {"type": "string", "enum": list(AGGREGATES)}
    return _SCHEMAS[name]


def parse(
    kind: str,
    text: bytes,
    *,
    now: datetime,
    clusters: Sequence[str],
    count: Count,
    path: tuple[str, ...] = (),
) -> HistoryRequest:
    """Return what the text after the question mark asks for; of the first cluster where it names none.

    Raises:
        problems.Refusal: a parameter is unknown or has a bad value; it says what is allowed.
    """
    given = queries.split(text, parameters_of(kind, single=bool(path)))
    cluster = queries.single(given, "cluster") or clusters[0]
    if cluster not in clusters:
        raise problemdetails.bad_word("cluster", cluster, clusters)
    since, until = _range(given, now)
    whole = histories.Query(
        KINDS[kind], since, until, cluster=cluster, percentiles=historydocuments.PERCENTILES
    )
    if path:
        named: dict[str, Any] = dict(zip(renderer.PATHS[kind], path, strict=True))
        found: tuple[histories.Query, ...] = (whole._replace(**named),)
    else:
        found = _spread(whole, given, kind)
    live = max(1, len(found) if found[0].name else count(cluster, kind, queries.several(given, "namespace")))
    step = _step(given, (until - since).total_seconds(), live=live)
    return HistoryRequest(
        tuple(times.settle(each._replace(step=step)) for each in found),
        live,
        queries.word(given, "aggregate", AGGREGATES),
        queries.word(given, "format", FORMATS),
        queries.word(given, "largest", LARGEST),
        None if path else queries.number(given, "limit"),
    )


def _range(given: Mapping[str, list[str]], now: datetime) -> tuple[datetime, datetime]:
    until = _moment(given, "until", "now", now)
    if queries.single(given, "range"):
        if queries.single(given, "since"):
            raise _bad_together("range", "excludes since", ["either range or since"])
        since = max(_EPOCH, until - timedelta(seconds=_length("range", queries.single(given, "range"))))
    else:
        since = _moment(given, "since", "", now) if queries.single(given, "since") else until - _DEFAULT
    if since >= until:
        said = f"{times.format_moment(since)} is not before until, {times.format_moment(until)}"
        raise _bad_together("since", said, ["a time before until"])
    return since, until


def _bad_together(name: str, detail: str, allowed: list[str]) -> problemdetails.Refusal:
    """Return the refusal of parameters that are good each, but not together."""
    refusal = problemdetails.bad_parameter(name, detail, allowed=allowed)
    refusal.code = TOGETHER
    return refusal


def _moment(given: Mapping[str, list[str]], name: str, default: str, now: datetime) -> datetime:
    text = queries.single(given, name) or default
    try:
        # A plus that was not escaped came as a blank.
        return times.parse_moment(_UNESCAPED.sub(r"\1+\2", text), now=now, zone=UTC)
    except errors.UsageError as error:
        raise problemdetails.bad_parameter(
            name, f"{sanitize.shorten(text, 100)!r} is no time", allowed=[times.MOMENTS]
        ) from error


def _length(name: str, text: str) -> float:
    try:
        return times.parse_length(text)
    except errors.UsageError as error:
        raise problemdetails.bad_parameter(
            name, f"{sanitize.shorten(text, 100)!r} is no length of time", allowed=[times.LENGTHS]
        ) from error


def _step(given: Mapping[str, list[str]], seconds: float, *, live: int) -> float | None:
    text = queries.single(given, "step")
    if text == RAW:
        return None
    points = max(_LEAST_POINTS, min(_POINTS, MOST_IN_ALL // 2 // live))
    step = _length("step", text) if text else times.choose_step(seconds, points=points)
    if seconds / step > MOST_POINTS:
        raise too_many(
            f"{seconds / step:.0f} points of each series", MOST_POINTS, seconds=seconds, fit=MOST_POINTS
        )
    return step


def too_many(what: str, most: int, *, seconds: float, fit: int) -> problemdetails.Refusal:
    """Return the refusal of an answer that is too long; so many points of each series would `fit`."""
    step = times.choose_step(seconds, points=max(1, min(fit, MOST_POINTS)))
    return problemdetails.Refusal(
        422,
        TOO_MANY,
        f"{what} were asked for, and {most} are the most",
        remedy=f"ask for a longer step, say {times.format_length(step)}, a shorter range, or fewer names",
        parameter="step",
        allowed=[f"{times.format_length(step)} or longer"],
    )


def _spread(whole: histories.Query, given: Mapping[str, list[str]], kind: str) -> tuple[histories.Query, ...]:
    """Return a query for each combination of names."""
    keys = _NAMED[kind]
    lists: list[list[Any]] = [sorted(queries.several(given, key) or ()) or [None] for key in keys]
    combined: list[tuple[Any, ...]] = list(itertools.islice(itertools.product(*lists), _MOST_NAMES + 1))
    if len(combined) > _MOST_NAMES:
        raise problemdetails.bad_parameter(
            "name", f"more than {_MOST_NAMES} names in all", allowed=[f"{_MOST_NAMES} names", "none: all"]
        )
    return tuple(whole._replace(**dict(zip(keys, names, strict=True))) for names in combined)
