"""Which series a query asks for, and in which order an answer has them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import history

if TYPE_CHECKING:
    from collections.abc import Iterable


def matches(query: history.Query, series: history.Series) -> bool:
    """Return whether the series is asked for."""
    if query.kind != series.kind:
        return False
    wanted = (
        (query.cluster, series.cluster),
        (query.namespace, series.namespace),
        (query.name, series.name),
        (query.pod if query.kind == "container" else None, series.pod),
        (query.workload, workload_of(series)[1]),
        (query.workload_kind, workload_of(series)[0]),
    )
    return all(value is None or value == known for value, known in wanted)


def workload_of(series: history.Series) -> tuple[str, str]:
    """Return kind and name of the workload.

    A pod that nothing controls is its own workload, of the kind Pod.
    """
    return series.workload_kind or "Pod", series.workload_name or series.pod or series.name


def workload_series(cluster: str, namespace: str, kind: str, name: str) -> history.Series:
    """Return the series of a workload, without points."""
    return history.Series(
        "workload", cluster, name, namespace=namespace, workload_kind=kind, workload_name=name
    )


def namespace_series(cluster: str, name: str) -> history.Series:
    """Return the series of a namespace, without points."""
    return history.Series("namespace", cluster, name, namespace=name)


def sort(found: Iterable[history.Series]) -> tuple[history.Series, ...]:
    """Return the series with a point, by cluster, namespace, pod, name, kind of workload, age and uid."""
    return tuple(sorted((each for each in found if each.points), key=order_of))


def order_of(series: history.Series) -> tuple[str, str, str, str, str, float, str]:
    """Return what series are sorted by."""
    return (
        series.cluster,
        series.namespace or "",
        series.pod or "",
        series.name,
        series.workload_kind or "",
        series.points[0].timestamp.timestamp() if series.points else 0.0,
        series.uid or "",
    )
