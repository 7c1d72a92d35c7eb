"""A small history for tests: a list of samples, asked as the real ones are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from kubevitals import history as histories
from kubevitals.history import aggregation, seriesfilter

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
        self.problems: tuple[model.Problem, ...] = ()

    def read(self, query: histories.Query) -> histories.Answer:
        self.asked.append(query)
        found = seriesfilter.sort(
            _cut(each, query) for each in self.series if seriesfilter.matches(query, each)
        )
        return histories.Answer(found, self.name, query.step, self.problems)

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        return self.snapshot

    def extent(self, now: datetime) -> tuple[datetime, datetime] | None:
        times = [point.timestamp for each in self.series for point in each.points]
        return (min(times), max(times)) if times else None

    def clusters(self) -> list[str]:
        return sorted({each.cluster for each in self.series})

    def close(self) -> None:
        pass


def _cut(series: histories.Series, query: histories.Query) -> histories.Series:
    grid = None
    if query.step is not None:
        grid = aggregation.lay_grid(query.since, query.until, step=query.step)
    begin = query.since - timedelta(microseconds=0 if grid else 1)  # samples at the begin are in the range
    inside = [each for each in series.points if begin < each.timestamp <= query.until]
    found = aggregation.Samples(
        [aggregation.to_milliseconds(each.timestamp) for each in inside],
        [aggregation.to_nanocores(each.cpu_usage_cores) for each in inside],
        [each.memory_usage_bytes for each in inside],
    )
    return series._replace(points=aggregation.points_of(found, grid, percentiles=query.percentiles))
