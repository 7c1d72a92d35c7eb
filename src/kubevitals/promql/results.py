"""Answers of Prometheus' HTTP API: bytes to series.

Times are seconds since 1970, exact to the millisecond; values are exactly what the server holds, NaN and
infinities included: "unknown" is for the caller to say.
"""

from __future__ import annotations

import functools
from typing import Generic, NamedTuple, TypeVar

import msgspec

from kubevitals import errors, model, sanitize

LabelsT = TypeVar("LabelsT")
Labels = dict[str, str]
Point = tuple[float, float]  # time, value
_WARNINGS = 5  # that are told; the rest is counted


class Series(NamedTuple, Generic[LabelsT]):
    """One series: its labels and its points in order. That of an instant vector has one point."""

    labels: LabelsT
    points: list[Point]


class Answer(NamedTuple, Generic[LabelsT]):
    """What a query gave. `form` is vector or matrix; `problems` what the server warned of."""

    form: str
    series: list[Series[LabelsT]]
    problems: tuple[model.Problem, ...] = ()


class BuildInfo(msgspec.Struct, frozen=True):
    """What a server says of itself; not every one does."""

    version: str = ""
    revision: str = ""


class _Series(msgspec.Struct, Generic[LabelsT], gc=False):
    metric: LabelsT
    value: tuple[float, str] | None = None
    values: list[tuple[float, str]] | None = None


class _Data(msgspec.Struct, Generic[LabelsT], gc=False):
    resultType: str = ""  # noqa: N815 - the name on the wire
    result: list[_Series[LabelsT]] | None = None


class _Envelope(msgspec.Struct):
    """What every answer has around its data."""

    status: str = ""
    warnings: list[str] | None = None
    infos: list[str] | None = None  # of Prometheus 3: remarks on the query
    isPartial: bool = False  # noqa: N815 - of VictoriaMetrics' cluster version


class _Result(_Envelope, Generic[LabelsT]):
    data: _Data[LabelsT] | None = None


class _Form(msgspec.Struct):
    resultType: str = ""  # noqa: N815 - the name on the wire


class _Other(_Envelope):
    data: _Form | None = None


class _Build(_Envelope):
    data: BuildInfo | None = None


class _Failure(msgspec.Struct):
    status: str = ""
    errorType: str = ""  # noqa: N815 - the name on the wire
    error: str = ""


def decode(body: bytes, labels: type[LabelsT]) -> Answer[LabelsT]:
    """Return the series of an instant or a range query, their labels decoded as `labels`.

    Raises:
        errors.PrometheusError: the body is no such answer.
    """
    try:
        answer = _decode(body, _Result[labels])  # type: ignore[valid-type]  # a type that is chosen at run time
    except errors.PrometheusError as error:
        if _form_of(body) in ("scalar", "string"):
            raise _no_series() from error
        raise
    data, problems = answer.data, _problems(answer)
    form = "" if data is None else data.resultType
    if data is None and problems:
        raise errors.PrometheusError(
            f"the answer has no data: {problems[0].message}", remedy=problems[0].remedy
        )
    if data is None or form not in ("vector", "matrix"):
        raise _no_series()
    try:
        series = [Series(each.metric, _points(each)) for each in data.result or ()]
    except ValueError as error:
        raise _unreadable(f"a value is no number: {error}") from error
    return Answer(form, series, problems)


def decode_build(body: bytes) -> BuildInfo:
    """Return what a server says of itself. Raises as `decode`."""
    return _decode(body, _Build).data or BuildInfo()


def decode_failure(body: bytes) -> tuple[str, str] | None:
    """Return the kind and the words of an error, cleaned; None if the body is none of Prometheus'."""
    try:
        found = _decoder(_Failure).decode(body)
    except (ValueError, RecursionError):
        return None
    if found.status != "error" and not found.errorType:
        return None
    return sanitize.excerpt(found.errorType, 40), sanitize.excerpt(found.error)


def _points(each: _Series[LabelsT]) -> list[Point]:
    if each.value is not None:
        return [(each.value[0], float(each.value[1]))]
    return [(moment, float(value)) for moment, value in each.values or ()]


def _problems(answer: _Envelope) -> tuple[model.Problem, ...]:
    found = []
    if answer.isPartial:
        found.append(
            model.Problem(
                "prometheus_partial",
                "Prometheus' answer is partial: a part of its storage did not answer",
                "look at the health of its storage nodes",
            )
        )
    said = list(dict.fromkeys(sanitize.excerpt(each) for each in answer.warnings or ()))
    found += [model.Problem("prometheus_warning", f"Prometheus warns: {each}") for each in said[:_WARNINGS]]
    if len(said) > _WARNINGS:
        found.append(
            model.Problem("prometheus_warning", f"Prometheus warns of {len(said) - _WARNINGS} things more")
        )
    noted = list(dict.fromkeys(sanitize.excerpt(each) for each in answer.infos or ()))
    found += [model.Problem("prometheus_info", f"Prometheus remarks: {each}") for each in noted[:_WARNINGS]]
    return tuple(found)


WireT = TypeVar("WireT", bound=_Envelope)


def _decode(body: bytes, kind: type[WireT]) -> WireT:
    try:
        answer: WireT = _decoder(kind).decode(body)
    except msgspec.ValidationError as error:
        raise _unreadable(str(error)) from error
    except (ValueError, RecursionError) as error:  # malformed, not UTF-8, or nested without end
        raise _unreadable("it is not JSON") from error
    if answer.status != "success":
        raise _unreadable(f"its status is {sanitize.excerpt(answer.status, 40) or 'missing'!r}")
    return answer


def _form_of(body: bytes) -> str:
    try:
        data = _decoder(_Other).decode(body).data
    except (ValueError, RecursionError):
        return ""
    return "" if data is None else data.resultType


def _no_series() -> errors.PrometheusError:
    return errors.PrometheusError(
        "the query gives no series", remedy="it has to give a vector, or the samples of a range"
    )


def _unreadable(why: str) -> errors.PrometheusError:
    return errors.PrometheusError(
        f"the server does not answer as Prometheus does: {sanitize.excerpt(why, 120)}",
        remedy="check that --prometheus-url is the address under which /api/v1/query answers",
    )


KindT = TypeVar("KindT")


@functools.cache
def _decoder(kind: type[KindT]) -> msgspec.json.Decoder[KindT]:
    return msgspec.json.Decoder(kind)
