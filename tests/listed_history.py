"""A small history for tests: a list of samples, asked as the real ones are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kubevitals import history as histories
from kubevitals.history import sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubevitals import model

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def samples(
    name: str,
    values: Sequence[float | None],
    *,
    kind: str = "pod",
    until: datetime = NOW,
    interval: float = 15.0,
    **labels: str,
) -> histories.Series:
    """A series with a sample every interval, the last one at `until`; memory is a MiB a millicore."""
    start = until - timedelta(seconds=interval * (len(values) - 1))
    namespace = None if kind in ("node", "namespace") else labels.pop("namespace", "shop")
    points = tuple(
        histories.Point(
            start + timedelta(seconds=interval * index),
            value,
            None if value is None else round(value * 1000) << 20,
        )
        for index, value in enumerate(values)
    )
    cluster = labels.pop("cluster", "prod")
    return histories.Series(kind, cluster, name, namespace, points=points, **labels)


class Listed:
    """Histories of samples; `asked` are the queries so far."""

    name = "listed"

    def __init__(self, *series: histories.Series, snapshot: model.Snapshot | None = None) -> None:
        self.series = list(series)
        self.snapshot = snapshot
        self.asked: list[histories.Query] = []

    def read(self, query: histories.Query) -> list[histories.Series]:
        self.asked.append(query)
        return sums.sort(_cut(each, query) for each in self.series if _matches(each, query))

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        return self.snapshot

    def close(self) -> None:
        pass


def _matches(series: histories.Series, query: histories.Query) -> bool:
    return series.kind == query.kind and all(
        getattr(query, key) is None or getattr(query, key) == getattr(series, key)
        for key in ("name", "namespace", "pod", "workload_kind", "cluster")
    )


def _cut(series: histories.Series, query: histories.Query) -> histories.Series:
    inside = [each for each in series.points if query.since < each.timestamp <= query.until]
    step = sums.step_of(query)
    if step is None:
        return series._replace(points=tuple(inside))
    found = [
        (sums.to_milliseconds(each[0]), sums.to_nanocores(each.cpu_usage_cores), each.memory_usage_bytes)
        for each in inside
    ]
    return series._replace(points=sums.points_of(found, step))
