"""History by PromQL: the families of the exporter, asked back from the database that keeps them.

The same samples give the same points as in the other histories: a step covers (t - step, t], whatever the
server thinks of the ends of a window. Replicas that hold the same series count once. It must not know how the
samples got there: scraped, or by remote-write.
"""

from __future__ import annotations

import bisect
import itertools
import math
from typing import TYPE_CHECKING

from kubevitals import errors, history, parallel
from kubevitals.history import remote_queries, remote_state, sums

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from kubevitals import model
    from kubevitals.promql import client, results

    Identity = tuple[str, ...]  # the values of the labels of a kind
    Cells = dict[Identity, dict[int, dict[str, float]]]  # of each series, by the end of a step, by quantity

_QUANTITIES = ("cpu_usage_cores", "memory_usage_bytes")
_MOST_STEPS = 10_000  # of one request; Prometheus gives no more than 11,000
_EXACT_P95 = 20  # with fewer samples the 95th percentile is the largest of them
_GAP = 2.5  # distances between samples after which a replica's samples fill in
_MINUTE = 60_000  # milliseconds
_LASTING = ("kubevitals_node_ready", "kubevitals_pod_phase")  # of each node or pod, whatever its usage
_NEEDS_WORKLOADS = "export with --labels workload, or send by remote-write, which has these labels"


class Remote:
    """What was used, as a Prometheus-compatible server remembers it; `close()` lets go of it."""

    name = "prometheus"

    def __init__(self, prometheus: client.Prometheus) -> None:
        self._prometheus = prometheus

    def read(self, query: history.Query) -> list[history.Series]:
        """Return the series with at least one point, as `history.History` says.

        Raises:
            errors.HistoryError: the server does not answer, or its series lack the labels of workloads.
        """
        try:
            step = sums.step_of(query)
            if step is None:
                return sums.sort(self._read_samples(query))
            grid = sums.lay_grid(query.since, query.until, step=step)
            if query.kind in sums.SUMS:
                return sums.sort(self._read_sums(query, grid))
            return sums.sort(self._read_steps(query, grid))
        except errors.PrometheusError as error:
            raise _unreadable(error) from error

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        """Return the state at that time, as far as the families tell it; None where nothing is near.

        Raises: as `read`.
        """
        try:
            return remote_state.read(self._prometheus, moment, cluster=cluster)
        except errors.PrometheusError as error:
            raise _unreadable(error) from error

    def find_extent(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return from when to when there are samples, to the minute; None if there are none.

        One family is looked at every hour of the last 400 days, or else every minute of the last week: to
        read every sample for that would be much to ask of a large database.

        Raises: as `read`.
        """
        end = sums.end_of(sums.to_milliseconds(now), _MINUTE) // 1000
        try:
            for family in _LASTING:
                found = self._find_times(family, end - 9600 * 3600, end, 3600) or self._find_times(
                    family, end - 10_000 * 60, end, 60
                )
                if found:
                    first = self._find_times(family, found[0] - 3600, found[0], 60) or found
                    last = self._find_times(family, found[-1] - 3600, min(found[-1] + 3600, end), 60)
                    return (
                        sums.from_milliseconds((first[0] - 60) * 1000),
                        min(sums.from_milliseconds((last or found)[-1] * 1000), now.replace(microsecond=0)),
                    )
        except errors.PrometheusError as error:
            raise _unreadable(error) from error
        return None

    def _find_times(self, family: str, start: int, end: int, step: int) -> list[int]:
        """Return at which of the times, in seconds, the server knows something of the family."""
        answer = self._prometheus.query_range(f"count({family})", start=start, end=end, step=step)
        return [round(moment) for each in answer.series for moment, _ in each.points]

    def close(self) -> None:
        """Close the connection to the server."""
        self._prometheus.close()

    def _read_samples(self, query: history.Query) -> list[history.Series]:
        """Return samples as they are. The window begins a millisecond early where it is open there."""
        since, until = sums.to_milliseconds(query.since), sums.to_milliseconds(query.until)
        length = max(until - since, 0) + (1 if self._prometheus.is_left_open() else 0)
        labels = remote_queries.LABELS[query.kind]
        found: dict[Identity, tuple[list[results.Point], list[results.Point]]] = {}
        for place, quantity in enumerate(_QUANTITIES):
            selector = f"{remote_queries.family(query.kind, quantity)}{{{remote_queries.matchers(query)}}}"
            answer = self._prometheus.query(f"{selector}[{max(length, 1)}ms]", at=until / 1000)
            for identity, replicas in _group(answer.series, labels).items():
                points = [each for each in merge(replicas) if since <= _milliseconds(each[0]) <= until]
                found.setdefault(identity, ([], []))[place].extend(points)
        return [
            _series(query.kind, identity)._replace(points=_join_samples(*quantities))
            for identity, quantities in found.items()
        ]

    def _read_steps(self, query: history.Query, grid: sums.Grid) -> list[history.Series]:
        """Return mean, extremes and percentile of each step."""
        by = ", ".join(remote_queries.LABELS[query.kind])
        cells = self._ask_steps(
            query,
            grid,
            lambda quantity, name: remote_queries.of_step(
                name,
                f"{remote_queries.family(query.kind, quantity)}{{{remote_queries.matchers(query)}}}",
                self._length(grid),
                by,
            ),
            remote_queries.OF_STEPS,
        )
        return [
            _series(query.kind, identity)._replace(points=_points(steps, with_extremes=True))
            for identity, steps in cells.items()
        ]

    def _read_sums(self, query: history.Query, grid: sums.Grid) -> list[history.Series]:
        """Return the sums over pods, added up by the server."""
        length = self._length(grid)
        cells = self._ask_steps(
            query,
            grid,
            lambda quantity, name: remote_queries.of_sum(query, quantity, name, length),
            remote_queries.OF_SUMS,
        )
        found = [
            _series(query.kind, identity)._replace(points=_points(steps, with_extremes=False))
            for identity, steps in cells.items()
        ]
        if query.kind == "workload" and all(each.workload_kind == "Pod" for each in found):
            self._insist_on_workloads(query, grid)
        return found

    def _length(self, grid: sums.Grid) -> str:
        """Return the window that holds exactly the milliseconds of a step."""
        return f"{grid.step if self._prometheus.is_left_open() else max(grid.step - 1, 1)}ms"

    def _ask_steps(
        self,
        query: history.Query,
        grid: sums.Grid,
        write: Callable[[str, str], str],
        names: Iterable[str],
    ) -> Cells:
        """Return what `write(quantity, name)` gives in each step, CPU and memory asked at the same time."""
        cells: tuple[Cells, Cells] = ({}, {})
        labels, wanted = remote_queries.LABELS[query.kind], tuple(names)
        self._prometheus.is_left_open()  # before the threads begin

        def ask(place: int) -> None:
            for name in wanted:
                expression = write(_QUANTITIES[place], name)
                for first in range(grid.first, grid.last + 1, grid.step * _MOST_STEPS):
                    last = min(first + grid.step * (_MOST_STEPS - 1), grid.last)
                    answer = self._prometheus.query_range(
                        expression, start=first / 1000, end=last / 1000, step=grid.step / 1000
                    )
                    for each in answer.series:
                        steps = cells[place].setdefault(_identify(each.labels, labels), {})
                        for moment, value in each.points:
                            steps.setdefault(_milliseconds(moment), {})[f"{place}{name}"] = value

        parallel.run([lambda: ask(0), lambda: ask(1)])
        return _merge_cells(*cells)

    def _insist_on_workloads(self, query: history.Query, grid: sums.Grid) -> None:
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


def _join_samples(cpu: Iterable[results.Point], memory: Iterable[results.Point]) -> tuple[history.Point, ...]:
    """Return one point a moment at which either was measured."""
    cores = {_milliseconds(moment): sums.to_nanocores(value) for moment, value in cpu}
    sizes = {_milliseconds(moment): round(value) for moment, value in memory}
    return sums.points_of([(at, cores.get(at), sizes.get(at)) for at in {**cores, **sizes}], None)


def _merge_cells(cpu: Cells, memory: Cells) -> Cells:
    for identity, steps in memory.items():
        into = cpu.setdefault(identity, {})
        for end, values in steps.items():
            into.setdefault(end, {}).update(values)
    return cpu


def _points(steps: Mapping[int, Mapping[str, float]], *, with_extremes: bool) -> tuple[history.Point, ...]:
    return tuple(_point(end, steps[end], with_extremes=with_extremes) for end in sorted(steps))


def _point(end: int, values: Mapping[str, float], *, with_extremes: bool) -> history.Point:
    cpu, memory = values.get("0mean"), values.get("1mean")
    point = history.Point(
        sums.from_milliseconds(end),
        None if cpu is None else round(cpu, 9),
        None if memory is None else round(memory),
        samples=round(max(values.get("0number", 0.0), values.get("1number", 0.0))),
    )
    if with_extremes and cpu is not None:
        point = point._replace(
            cpu_min_cores=values["0least"],
            cpu_max_cores=values["0most"],
            cpu_p95_cores=round(_p95(values, "0"), 9),
        )
    if with_extremes and memory is not None:
        point = point._replace(
            memory_min_bytes=round(values["1least"]),
            memory_max_bytes=round(values["1most"]),
            memory_p95_bytes=round(_p95(values, "1")),
        )
    return point


def _p95(values: Mapping[str, float], place: str) -> float:
    """Return the 95th percentile by rank, where PromQL would interpolate between few samples."""
    few = values[f"{place}number"] < _EXACT_P95
    return values[f"{place}most"] if few else values[f"{place}p95"]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _unreadable(error: errors.PrometheusError) -> errors.HistoryError:
    remedy = error.remedy and error.remedy.replace("--prometheus-url", "--history")
    return errors.HistoryError(f"history cannot be read: {error.message}", remedy=remedy)
