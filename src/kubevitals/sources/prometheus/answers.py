"""What the queries of one number gave, and why there is nothing where they gave none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from kubevitals import errors, model
from kubevitals.promql import results
from kubevitals.sources.prometheus import conversion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kubevitals import sources
    from kubevitals.sources.prometheus import queries

KeyT = TypeVar("KeyT")
SeriesList = list[results.Series[conversion.Labels]]


class Answer(NamedTuple):
    """What one query gave: series, perhaps of ready numbers; else why there are none, if that was said."""

    series: SeriesList
    query: queries.Query
    ready: bool = False
    failure: errors.PrometheusError | None = None


def note_failure(query: queries.Query, error: errors.PrometheusError, usage: sources.Usage) -> Answer:
    """Note the error of one query of several, which costs its own numbers."""
    cause = error.__cause__
    if isinstance(cause, errors.ClusterError | errors.CredentialsError) and not isinstance(
        cause, errors.RequestTimeoutError
    ):
        raise error  # there is no way to the server: the other queries would find none either
    if query.origin:
        raise error  # it stands in a file of the user's own, who has to mend it
    usage.problems.append(model.Problem.of(error, about=query.family))
    return Answer([], query, failure=error)


def find_reason(found: Iterable[Answer]) -> str:
    """Return why a number is missing where there is no series."""
    failure = next((answer.failure for answer in found if answer.failure is not None), None)
    return "prometheus_empty" if failure is None else failure.code


def first(found: Mapping[int, Answer]) -> Answer:
    """Return the first answer that has series, or the first."""
    answers = list(found.values())
    told = [answer for answer in answers if answer.series]
    return next(iter(told or [answer for answer in answers if answer.failure is not None] or answers))


def check_labels(
    grouped: dict[KeyT, SeriesList], answer: Answer, labels: tuple[str, ...]
) -> dict[KeyT, SeriesList]:
    """Return what was grouped by labels.

    Raises:
        errors.PrometheusError: there are series, and none of them has the labels.
    """
    query = answer.query
    if answer.series and not grouped:
        what = query.origin or query.family
        raise errors.PrometheusError(
            f"the series of {what} lack one of the labels {', '.join(labels)}",
            remedy="docs/prometheus.md says what each query has to give",
        )
    return grouped
