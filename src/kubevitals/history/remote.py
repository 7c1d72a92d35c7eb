"""History by PromQL: the families of the exporter, asked back from the database that keeps them.

The same samples give the same points as in the other histories: a step covers (t - step, t], whatever the
server thinks of the ends of a window. Replicas that hold the same series count once.
"""

from __future__ import annotations

import bisect
import collections
import itertools
import math
import time
from typing import TYPE_CHECKING

from kubevitals import errors, history, parallel
from kubevitals.history import aggregation, remote_queries, remote_state, seriesfilter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from kubevitals import model
    from kubevitals.promql import client, results

    Identity = tuple[str, ...]  # the values of the labels of a kind
    Step = tuple[Identity, int]  # of a series, and the end of it
    Values = dict[Step, float]

_QUANTITIES = ("cpu_usage_cores", "memory_usage_bytes")
_MOST_STEPS = 10_000  # of one request; Prometheus gives no more than 11,000
_MOST_RANKS = 16  # different shares that are asked for a percentile; steps of a rare size take the next one
_GAP = 2.5  # distances between samples after which a replica's samples fill in
_MINUTE = 60_000  # milliseconds
_LASTING = ("kubevitals_node_ready", "kubevitals_pod_phase")  # of each node or pod, whatever its usage
_DAY = 86_400  # seconds
_NEEDS_WORKLOADS = "export with --labels workload, or send by remote-write, which has these labels"


class Remote:
    """What was used, as a Prometheus-compatible server remembers it; `close()` lets go of it."""

    name = "prometheus"

    def __init__(self, prometheus: client.Prometheus) -> None:
        self._prometheus = prometheus

    def read(self, query: history.Query) -> history.Answer:
        """Return the series with at least one point, as `history.History` says.

        Raises:
            errors.HistoryError: the server does not answer, or its series lack the labels of workloads.
        """
        try:
            if query.step is None and query.kind not in history.SUMS:
                series = self._read_samples(query)
            else:
                series = self._read_steps(query)
        except errors.PrometheusError as error:
            raise _unreadable(error) from error
        return history.Answer(seriesfilter.sort(series), self.name, query.step)

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        """Return the state at that time, as far as the families tell it; None where nothing is near.

        Raises: as `read`.
        """
        try:
            return remote_state.read(self._prometheus, moment, cluster=cluster)
        except errors.PrometheusError as error:
            raise _unreadable(error) from error

    def extent(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return from when to when there are samples, to the minute; None if there are none.

        One family is looked at every hour of the last 400 days, or else every minute of the last week: to
        read every sample for that would be much to ask of a large database.

        Raises: as `read`.
        """
        end = aggregation.end_of(aggregation.to_milliseconds(now), _MINUTE) // 1000
        try:
            for family in _LASTING:
                found = self._find_times(family, end - 9600 * 3600, end, 3600) or self._find_times(
                    family, end - 10_000 * 60, end, 60
                )
                if found:
                    first = self._find_times(family, found[0] - 3600, found[0], 60) or found
                    last = self._find_times(family, found[-1] - 3600, min(found[-1] + 3600, end), 60)
                    return (
                        aggregation.from_milliseconds((first[0] - 60) * 1000),
                        min(
                            aggregation.from_milliseconds((last or found)[-1] * 1000),
                            now.replace(microsecond=0),
                        ),
                    )
        except errors.PrometheusError as error:
            raise _unreadable(error) from error
        return None

    def _find_times(self, family: str, start: int, end: int, step: int) -> list[int]:
        """Return at which of the times, in seconds, the server knows something of the family.

        Where it refuses so long a range, that of its newer half, down to a day.
        """
        while True:
            try:
                answer = self._prometheus.query_range(f"count({family})", start=start, end=end, step=step)
                break
            except errors.PrometheusError as error:
                if not error.too_much or end - start <= _DAY:
                    raise
                start = end - (end - start) // 2 // step * step
        return [round(moment) for each in answer.series for moment, _ in each.points]

    def close(self) -> None:
        """Close the connection to the server."""
        self._prometheus.close()

    def clusters(self) -> list[str]:
        """Return the names of the clusters of which there were nodes or pods in the last day.

        Raises: as `read`.
        """
        try:
            names = {
                each.labels.get("cluster", "")
                for family in _LASTING
                for each in self._prometheus.query(
                    f"count by (cluster) (last_over_time({family}[1d]))", at=time.time()
                ).series
            }
        except errors.PrometheusError as error:
            raise _unreadable(error) from error
        return sorted(names - {""})

    def _read_samples(self, query: history.Query) -> list[history.Series]:
        """Return samples as they are. The window begins a millisecond early where it is open there."""
        since, until = aggregation.to_milliseconds(query.since), aggregation.to_milliseconds(query.until)
        length = max(until - since, 0) + (1 if self._prometheus.is_left_open() else 0)
        labels = remote_queries.LABELS[query.kind]
        found: dict[Identity, tuple[list[results.Point], list[results.Point]]] = {}
        for place, quantity in enumerate(_QUANTITIES):
            samples, _ = remote_queries.samples_of(query, quantity, f"{max(length, 1)}ms")
            answer = self._prometheus.query(samples, at=until / 1000)
            for identity, replicas in _group(answer.series, labels).items():
                points = [each for each in merge(replicas) if since <= _milliseconds(each[0]) <= until]
                found.setdefault(identity, ([], []))[place].extend(points)
        resources = self._read_resources(query, aggregation.Grid(until, until, max(length, 1)), 0)
        return [
            _series(query.kind, identity)._replace(
                points=_join_samples(
                    *quantities,
                    percentiles=len(query.percentiles),
                    resources=resources.get((identity, until)),
                )
            )
            for identity, quantities in found.items()
        ]

    def _read_steps(self, query: history.Query) -> list[history.Series]:
        """Return mean, extremes and percentiles of each step.

        Of a sum without a step, each time at which pods were sampled.
        """
        left_open = self._prometheus.is_left_open()
        since, until = aggregation.to_milliseconds(query.since), aggregation.to_milliseconds(query.until)
        interval = self._find_interval(query, until, until - since)
        if interval is None:
            return []
        if query.step is None:
            grid = aggregation.Grid(
                aggregation.end_of(since, interval), until // interval * interval, interval
            )
        else:
            grid = aggregation.lay_grid(query.since, query.until, step=query.step)

        def write(place: int, function: str) -> str:
            quantity = _QUANTITIES[place]
            if query.kind in history.SUMS:
                window = remote_queries.window_of(interval, left_open=left_open)
                total = remote_queries.of_sum(query, quantity, "sum_over_time({})", window)
                whole = remote_queries.window_of(grid.step, left_open=left_open)
                return function.format(f"({total})[{whole}:{interval}ms]")
            window = remote_queries.window_of(grid.step, left_open=left_open)
            return remote_queries.of_step(function, *remote_queries.samples_of(query, quantity, window))

        found: tuple[dict[str, Values], dict[str, Values]] = ({}, {})
        percentiles: tuple[list[Values], list[Values]] = ([], [])

        def ask(place: int) -> None:
            for name, function in remote_queries.OF_STEPS.items():
                found[place][name] = self._ask(query.kind, write(place, function), grid)
            for percentile in query.percentiles:
                percentiles[place].append(
                    self._ask_percentile(
                        query.kind, lambda function: write(place, function), grid, found[place], percentile
                    )
                )

        parallel.run([lambda: ask(0), lambda: ask(1)])
        resources = self._read_resources(query, grid, interval)
        shares: Values = {}
        if query.kind in history.SUMS:
            window = remote_queries.window_of(interval, left_open=left_open)
            whole = remote_queries.window_of(grid.step, left_open=left_open)
            share = remote_queries.share_of_sum(query, window)
            shares = self._ask(query.kind, f"avg_over_time(({share})[{whole}:{interval}ms])", grid)
        points: dict[Identity, list[history.Point]] = {}
        for identity, end in sorted({*found[0]["count"], *found[1]["count"]}):
            step = identity, end
            stats = [
                _stats(found[place], percentiles[place], step, unit) for place, unit in enumerate((1e9, 1.0))
            ]
            counted = max(each.number for each in stats if each is not None)
            point = aggregation.step_point(
                end,
                grid.step,
                stats[0],
                stats[1],
                covered=counted * interval * shares.get(step, 1.0),
                resources=resources.get(step),
                percentiles=len(query.percentiles),
            )
            points.setdefault(identity, []).append(point)
        series = [
            _series(query.kind, identity)._replace(points=tuple(each)) for identity, each in points.items()
        ]
        if query.kind == "workload" and all(each.workload_kind == "Pod" for each in series):
            self._insist_on_workloads(query, grid)
        return series

    def _find_interval(self, query: history.Query, until: int, length: int) -> int | None:
        """Return how far samples are apart, in milliseconds; None where there are none."""
        left_open = self._prometheus.is_left_open()
        for expression in remote_queries.counts_of_samples(query, length, left_open=left_open):
            found = self._prometheus.query(expression, at=until / 1000).series
            if found:
                return remote_queries.interval_of(found[0].points[0][1])
        return None

    def _ask(self, kind: str, expression: str, grid: aggregation.Grid) -> Values:
        """Return the value of an expression in each step of each series."""
        labels, values = remote_queries.LABELS[kind], {}
        for first in range(grid.first, grid.last + 1, grid.step * _MOST_STEPS):
            last = min(first + grid.step * (_MOST_STEPS - 1), grid.last)
            answer = self._prometheus.query_range(
                expression, start=first / 1000, end=last / 1000, step=grid.step / 1000
            )
            for each in answer.series:
                identity = _identify(each.labels, labels)
                for moment, value in each.points:
                    values[identity, _milliseconds(moment)] = value
        return values

    def _ask_percentile(
        self,
        kind: str,
        write: Callable[[str], str],
        grid: aggregation.Grid,
        known: Mapping[str, Values],
        percentile: float,
    ) -> Values:
        """Return the percentile by nearest rank in each step.

        PromQL puts it between two samples. Asked for the share at which a sample of that rank is, it
        returns that sample: the share depends on how many samples a step has.
        """
        values: Values = {}
        shares: dict[Step, float] = {}
        for step, number in known["count"].items():
            count = round(number)
            rank = aggregation.rank_of(percentile, count)
            if rank in (1, count):
                values[step] = known["least" if rank == 1 else "most"][step]
            else:
                shares[step] = (rank - 1) / (count - 1)
        usual = [share for share, _ in collections.Counter(shares.values()).most_common(_MOST_RANKS)]
        asked = {
            share: self._ask(kind, write(f"quantile_over_time({share!r}, {{}})"), grid) for share in usual
        }
        for step, share in shares.items():
            near = share if share in asked else min(asked, key=lambda each: abs(each - share))
            values[step] = asked[near].get(step, known["most"][step])
        return values

    def _read_resources(
        self, query: history.Query, grid: aggregation.Grid, interval: int
    ) -> dict[Step, aggregation.Resources]:
        """Return requests and limits in each step, as they were in the end."""
        if query.kind == "node":
            return {}
        left_open = self._prometheus.is_left_open()
        window = remote_queries.window_of(grid.step, left_open=left_open)
        short = remote_queries.window_of(interval, left_open=left_open)
        found: list[Values] = []
        for quantity in remote_queries.RESOURCES:
            if query.kind in history.SUMS:
                total = remote_queries.of_sum(query, quantity, "last_over_time({})", short)
                expression = f"last_over_time(({total})[{window}:{interval}ms])"
            else:
                expression = remote_queries.of_step(
                    "last_over_time({})", *remote_queries.samples_of(query, quantity, window)
                )
            found.append(self._ask(query.kind, expression, grid))

        def whole(place: int, step: Step, unit: float) -> int | None:
            value = found[place].get(step)
            return None if value is None else round(value * unit)

        return {
            step: aggregation.Resources(
                step[1], whole(0, step, 1e9), whole(1, step, 1e9), whole(2, step, 1), whole(3, step, 1)
            )
            for step in {step for values in found for step in values}
        }

    def _insist_on_workloads(self, query: history.Query, grid: aggregation.Grid) -> None:
        """Refuse to take every pod for a workload of its own, where only the labels are missing."""
        parts = [
            remote_queries.match("cluster", query.cluster),
            remote_queries.match("namespace", query.namespace),
        ]
        family = remote_queries.family("pod", _QUANTITIES[1])
        length = f"{grid.last - grid.after}ms"

        def count(matcher: str) -> bool:
            selector = f"{family}{{{','.join(filter(None, [matcher, *parts]))}}}"
            return bool(self._prometheus.query(f"count(last_over_time({selector}[{length}]))", at=end).series)

        end = grid.last / 1000
        if not count('workload!=""') and count(""):
            raise errors.HistoryError(
                "the series of pods have no label `workload`: which pods belong together is unknown",
                remedy=_NEEDS_WORKLOADS,
            )


def merge(replicas: Sequence[Sequence[results.Point]]) -> list[results.Point]:
    """Return the samples of one object that several series hold: of replicas, or of one after another.

    The series with the most samples counts. Others fill in where it has none for longer than its samples are
    apart; a sample that several hold counts once.
    """
    ordered = sorted(replicas, key=lambda points: (-len(points), points[:1]))
    if len(ordered) < 2:
        return list(ordered[0]) if ordered else []
    merged = list(ordered[0])
    patience = _GAP * _spacing(merged)
    for points in ordered[1:]:
        known = [moment for moment, _ in merged]
        merged += [each for each in points if _is_lonely(each[0], known, patience)]
        merged.sort()
    return merged


def _is_lonely(moment: float, known: Sequence[float], patience: float) -> bool:
    """Return whether no known sample is near."""
    place = bisect.bisect_left(known, moment)
    before = known[place - 1] if place else None
    after = known[place] if place < len(known) else None
    if after == moment:
        return False
    if before is not None and after is not None:
        return after - before > patience
    return before is not None or after is not None or not known


def _spacing(points: Sequence[results.Point]) -> float:
    """Return the median distance between samples."""
    gaps = sorted(after[0] - before[0] for before, after in itertools.pairwise(points))
    return gaps[len(gaps) // 2] if gaps else 0.0


def _group(
    series: Iterable[results.Series[results.Labels]], labels: tuple[str, ...]
) -> dict[Identity, list[list[results.Point]]]:
    found: dict[Identity, list[list[results.Point]]] = {}
    for each in series:
        points = [point for point in each.points if not math.isnan(point[1])]  # NaN may mark an end
        if points:
            found.setdefault(_identify(each.labels, labels), []).append(points)
    return found


def _identify(found: Mapping[str, str], labels: tuple[str, ...]) -> Identity:
    return tuple([found.get(label, "") for label in labels])


def _series(kind: str, identity: Identity) -> history.Series:
    """Return the series without points. A pod on its own has no workload here, as in the snapshot."""
    found = dict(zip(remote_queries.LABELS[kind], identity, strict=True))
    name = {"node": "node", "pod": "pod", "container": "container", "workload": "workload"}.get(
        kind, "namespace"
    )
    return history.Series(
        kind,
        found["cluster"],
        found[name],
        namespace=found.get("namespace") or None,
        pod=(found.get("pod") or None) if kind == "container" else None,
        uid=found.get("uid") or None,
        node=(found.get("node") or None) if kind != "node" else None,
        workload_kind=found.get("workload_kind") or None,
        workload_name=found.get("workload") or None,
    )


def _join_samples(
    cpu: Iterable[results.Point],
    memory: Iterable[results.Point],
    *,
    percentiles: int,
    resources: aggregation.Resources | None,
) -> tuple[history.Point, ...]:
    """Return one point a moment at which either was measured."""
    cores = {_milliseconds(moment): aggregation.to_nanocores(value) for moment, value in cpu}
    sizes = {_milliseconds(moment): round(value) for moment, value in memory}
    times = sorted({*cores, *sizes})
    samples = aggregation.Samples(times, list(map(cores.get, times)), list(map(sizes.get, times)))
    return aggregation.points_of(
        samples, None, percentiles=(0.0,) * percentiles, resources=[resources] if resources else ()
    )


def _stats(
    found: Mapping[str, Values], percentiles: Sequence[Values], step: Step, unit: float
) -> aggregation.Stats | None:
    """Return what the server said of a quantity, in units so many times as small."""
    count = found["count"].get(step)
    if count is None:
        return None
    return aggregation.Stats(
        round(count),
        round(found["mean"][step] * count * unit),
        round(found["least"][step] * unit),
        round(found["most"][step] * unit),
        tuple(round(values[step] * unit) for values in percentiles),
    )


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _unreadable(error: errors.PrometheusError) -> errors.HistoryError:
    remedy = error.remedy and error.remedy.replace("--prometheus-url", "--history")
    unreadable = errors.HistoryError(f"history cannot be read: {error.message}", remedy=remedy)
    unreadable.too_much = error.too_much
    return unreadable
