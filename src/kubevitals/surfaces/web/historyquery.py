"""The query parameters of the history routes as Pydantic models, and the `HistoryRequest` that they mean.

How many points each series would have at most is checked before anything is read.
"""

from __future__ import annotations

import functools
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import pydantic

from kubevitals import errors, kinds, sanitize
from kubevitals import history as histories
from kubevitals.selection import filters, predicates
from kubevitals.surfaces.view import historydocuments, times
from kubevitals.surfaces.web import descriptions, parameters, problemdetails

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Count = Callable[[str, str, "frozenset[str] | None"], int]  # of cluster, kind, namespaces

LAST = "last"
AGGREGATES = (*historydocuments.AGGREGATES, LAST)
MOST_PERCENTILES = 10
RAW, WHOLE = "raw", "whole"
TOGETHER, TOO_MANY = "bad_combination", "too_many_points"
"""Codes of refusals that no single parameter is the reason of."""

MOST_POINTS = 11_000  # of one series, as Prometheus has it
MOST_IN_ALL = 100_000  # points of one answer: 25 MB of JSON, and some seconds of work
_POINTS, _LEAST_POINTS = 360, 12  # about so many of a series, where no step is given
_DEFAULT = timedelta(hours=1)
_EPOCH = datetime.fromtimestamp(0, UTC)
# What a series is called, by kind: a filter can be about these fields.
_FILTERED = {
    "nodes": ("name",),
    "pods": ("name", "ns", "node", "workload", "kind"),
    "containers": ("name", "ns", "pod", "node", "workload", "kind"),
    "namespaces": ("name",),
    "workloads": ("name", "ns", "workload", "kind"),
}
_MOST_NAMES = 100  # that are asked for one by one


Percentiles = Annotated[
    list[Annotated[float, pydantic.Field(ge=0, le=100)]], pydantic.BeforeValidator(parameters.split_words)
]


class Parameters(parameters.Cluster):
    """What the routes of history of all kinds have in common; `parameters_model` adds the rest of a kind."""

    since: str = pydantic.Field(
        default="",
        description=f"from when: {times.MOMENTS}; UTC where no offset is given; "
        "an hour before until, the default",
        json_schema_extra=parameters.MOMENT_SCHEMA,
    )
    until: str = pydantic.Field(
        default="",
        description="until when, likewise: now, the default",
        json_schema_extra=parameters.MOMENT_SCHEMA,
    )
    range: str = pydantic.Field(
        default="",
        description="a length, in place of since: so long before until",
        json_schema_extra={"pattern": f"^(?:{times.LENGTH_PATTERN})?$"},
    )
    step: str = pydantic.Field(
        default="",
        description="how much time a point covers: 15s, 5m, 1h; raw: the samples as they were measured; "
        "whole: one point over the range; by default what suits the range and the number of series",
        json_schema_extra={"pattern": f"^(?:{RAW}|{WHOLE}|{times.LENGTH_PATTERN})?$"},
    )
    aggregate: Literal["mean", "min", "max", "p95", "last"] = pydantic.Field(
        default="mean",
        description="what usage is of the samples of a step: the mean, the default, or min, max, p95, last",
    )
    percentile: Percentiles = pydantic.Field(
        default=list(historydocuments.PERCENTILES),
        description="which percentiles points have, by nearest rank, separated by commas: 50,99.9 gives them "
        "the keys cpu_p50_cores, memory_p50_bytes, cpu_p99.9_cores and memory_p99.9_bytes",
        min_length=1,
        max_length=MOST_PERCENTILES,
    )
    largest: Literal["cpu_usage_cores", "memory_usage_bytes"] = pydantic.Field(
        default="cpu_usage_cores", description="with limit: by which mean usage series are the largest"
    )
    format: Literal["objects", "rows", "columns", "csv"] = pydantic.Field(
        default="objects",
        description="objects, the default: an item a series with its points; rows: one a point, by time; "
        "columns; csv",
    )


@functools.cache
def parameters_model(kind: str, *, single: bool = False) -> type[Parameters]:
    """Return the parameters of a route of that kind; `single`: its path names the object."""
    more: dict[str, Any] = {}
    if not single:
        for name in kinds.KINDS[kind].path:
            more[name] = (list[str], parameters.words(descriptions.describe(name)))
        about = ", ".join(_FILTERED[kind])
        more["filter"] = (
            str,
            parameters.terms(
                f"conditions on the series, all of which hold, about {about}; docs/filters.md is the grammar",
                example="!kube-*",
            ),
        )
        more["limit"] = (parameters.CountOrAll, pydantic.Field(default=None, description="the most series"))
    word = f"{kind.capitalize()}History{'OfOne' if single else ''}Parameters"
    return pydantic.create_model(word, __base__=Parameters, **more)


class HistoryRequest(NamedTuple):
    """What is asked for; the queries differ in names only."""

    queries: tuple[histories.Query, ...]
    live: int  # about so many series there are
    aggregate: str
    form: str
    largest: str  # the key by which the `limit` largest series are wanted
    limit: int | None
    matches: Callable[[histories.Series], bool] | None = None  # which of the series are meant; None: all


def read(
    kind: str,
    given: Any,
    *,
    cluster: str,
    now: datetime,
    count: Count,
    path: tuple[str, ...] = (),
) -> HistoryRequest:
    """Return what the parameters of a route ask for.

    Raises:
        problemdetails.Refusal: a parameter has a bad value; it says what is allowed.
    """
    since, until = _range(given, now)
    percentiles = dict.fromkeys(given.percentile)
    if given.aggregate == "p95":  # usage is the first one
        percentiles = {95.0: None, **percentiles}
    whole = histories.Query(
        kinds.KINDS[kind].singular, since, until, cluster=cluster, percentiles=tuple(percentiles)
    )
    if path:
        named: dict[str, Any] = dict(zip(kinds.KINDS[kind].path, path, strict=True))
        found: tuple[histories.Query, ...] = (whole._replace(**named),)
    else:
        found = _spread(whole, given, kind)
    namespaces = parameters.among(getattr(given, "namespace", ()))
    live = max(1, len(found) if found[0].name else count(cluster, kind, namespaces))
    step = _step(given.step, (until - since).total_seconds(), live=live)
    return HistoryRequest(
        tuple(times.settle(each._replace(step=step)) for each in found),
        live,
        given.aggregate,
        given.format,
        given.largest,
        getattr(given, "limit", None),
        _filter(getattr(given, "filter", ""), kind, now),
    )


def _filter(text: str, kind: str, now: datetime) -> Callable[[histories.Series], bool] | None:
    """Return whether a series meets a filter, which can be about what a series is called and no more."""
    if not text:
        return None
    terms = parameters.read_filter(text, kind)
    if unknown := filters.find_fields(terms) - set(_FILTERED[kind]):
        raise problemdetails.bad_parameter(
            "filter",
            f"a series of {kind} has no {sanitize.shorten(min(unknown), 40)!r} of its own",
            allowed=[*_FILTERED[kind], "a word of its names"],
        )
    of_pods, of_rows = predicates.compile_filter(terms, kinds.KINDS[kind], now=now)
    conditions = [*of_pods, *of_rows]
    return lambda series: all(meets(series) for meets in conditions)


def _range(given: Parameters, now: datetime) -> tuple[datetime, datetime]:
    until = parameters.read_moment("until", given.until or "now", now)
    if given.range:
        if given.since:
            raise _bad_together("range", "excludes since", ["either range or since"])
        since = max(_EPOCH, until - timedelta(seconds=_length("range", given.range)))
    else:
        since = parameters.read_moment("since", given.since, now) if given.since else until - _DEFAULT
    if since >= until:
        said = f"{times.format_moment(since)} is not before until, {times.format_moment(until)}"
        raise _bad_together("since", said, ["a time before until"])
    return since, until


def _bad_together(name: str, detail: str, allowed: list[str]) -> problemdetails.Refusal:
    """Return the refusal of parameters that are good each, but not together."""
    refusal = problemdetails.bad_parameter(name, detail, allowed=allowed)
    refusal.code = TOGETHER
    return refusal


def _length(name: str, text: str) -> float:
    try:
        return times.parse_length(text)
    except errors.UsageError as error:
        raise problemdetails.bad_parameter(
            name, f"{sanitize.shorten(text, 100)!r} is no length of time", allowed=[times.LENGTHS]
        ) from error


def _step(text: str, seconds: float, *, live: int) -> float | None:
    if text in (RAW, WHOLE):
        return None if text == RAW else histories.WHOLE
    points = max(_LEAST_POINTS, min(_POINTS, MOST_IN_ALL // 2 // live))
    step = _length("step", text) if text else times.choose_step(seconds, points=points)
    if seconds / step > MOST_POINTS:
        raise too_many(
            f"{seconds / step:.0f} points of each series", MOST_POINTS, seconds=seconds, fit=MOST_POINTS
        )
    return step


def most_points(percentiles: Sequence[float]) -> int:
    """Return how many points an answer may have, each with these percentiles."""
    return MOST_IN_ALL * 8 // (7 + len(percentiles))  # a point has 15 values and two a percentile


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


def _spread(whole: histories.Query, given: Any, kind: str) -> tuple[histories.Query, ...]:
    """Return a query for each combination of names."""
    keys = kinds.KINDS[kind].path
    lists: list[list[Any]] = [sorted(parameters.among(getattr(given, key)) or ()) or [None] for key in keys]
    combined: list[tuple[Any, ...]] = list(itertools.islice(itertools.product(*lists), _MOST_NAMES + 1))
    if len(combined) > _MOST_NAMES:
        raise problemdetails.bad_parameter(
            "name", f"more than {_MOST_NAMES} names in all", allowed=[f"{_MOST_NAMES} names", "none: all"]
        )
    return tuple(whole._replace(**dict(zip(keys, names, strict=True))) for names in combined)
