"""The past of a simulated cluster: usage there is a function of time, so that nothing has to be recorded.

It knows the objects of now: what is gone has no past here. It does not know the simulated cluster, which
hands it the function.
"""

from __future__ import annotations

import math
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from kubevitals import history, model, sources
from kubevitals.history import aggregation, facts, seriesfilter, sums

if TYPE_CHECKING:
    from collections.abc import Callable

    _Key = tuple[str, ...]  # which series

    class _Usage(Protocol):
        """What a simulated cluster used at a time: nodes and pods, in nanocores and KiB."""

        def __call__(self, epoch: float, /) -> tuple[list[Any], list[Any]]: ...


LENGTH = timedelta(days=7)
"""How far the past goes back."""

_TICK = 15.0  # seconds between two samples at least
_MOST, _LEAST = 480, 60  # samples of a series in one answer
_PRESENT = timedelta(seconds=5)
_REMEMBERED = timedelta(minutes=1)
_ROWS = 40_000  # samples of all pods in one answer: what a second is enough for


class _Remembered:
    """The usage at each time, worked out once a minute: a page asks for the same hour again and again.

    Threads may share it. Not more is kept than one answer has.
    """

    def __init__(self, usage_at: _Usage, clock: Callable[[], datetime]) -> None:
        self._usage_at = usage_at
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[float, tuple[list[Any], list[Any]]] = {}
        self._rows = 0
        self._until: datetime | None = None

    def __call__(self, epoch: float, /) -> tuple[list[Any], list[Any]]:
        """Return nodes and pods, as `usage_at` does."""
        with self._lock:
            now = self._clock()
            if self._until is None or now >= self._until or self._rows > _ROWS:
                self._known, self._rows, self._until = {}, 0, now + _REMEMBERED
            found = self._known.get(epoch)
        if found is None:
            found = self._usage_at(epoch)
            with self._lock:
                self._known[epoch] = found
                self._rows += len(found[0]) + len(found[1])
        return found


class Simulated:
    """The last week of a simulated cluster, up to now.

    Args:
        cluster: its name.
        usage_at: returns the usage of nodes and pods at an epoch.
        read: returns a snapshot with the usage of a source, as of a time.
        clock: returns the time.
        recorded: what is recorded meanwhile; it answers what lies within it.
        close: is called by `close`.
    """

    name = "simulation"

    def __init__(
        self,
        cluster: str,
        *,
        usage_at: _Usage,
        read: Callable[[sources.Source, datetime], model.Snapshot],
        clock: Callable[[], datetime],
        recorded: history.History | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        self._cluster = cluster
        self._usage_at = _Remembered(usage_at, clock)
        self._read = read
        self._clock = clock
        self._recorded = recorded
        self._kept: model.Snapshot | None = None
        self._close = close

    def read(self, query: history.Query) -> history.Answer:
        """Return the series with at least one point, as `history.History` says."""
        now = self._clock()
        recorded = self._recorded_since(query.since, now)
        if recorded is not None:
            return recorded.read(query)
        grid = None
        since, until = query.since, query.until
        if query.step is not None:
            grid = aggregation.lay_grid(since, until, step=query.step)
            since = aggregation.from_milliseconds(grid.after)
            until = aggregation.from_milliseconds(grid.last)
        since, until = max(since, now - LENGTH), min(until, now)
        if since >= until or query.cluster not in (None, self._cluster):
            return history.Answer((), self.name, query.step)
        taken = self._present(now)
        stride = _stride_of((until - since).total_seconds(), pods=len(taken.pods))
        if query.step is not None and query.step < stride:  # finer than it is told here
            grid = aggregation.lay_grid(since, until, step=stride)
        known = _series_of(query, taken, self._cluster)
        begin, end = aggregation.to_milliseconds(since), aggregation.to_milliseconds(until)
        columns: dict[_Key, aggregation.Samples] = {key: aggregation.Samples([], [], []) for key in known}
        for number in range(
            math.ceil(since.timestamp() / stride), math.floor(until.timestamp() / stride) + 2
        ):
            self._add(columns, query.kind, taken, min(number * stride, until.timestamp()), (begin, end))
        series = seriesfilter.sort(
            each._replace(
                points=aggregation.points_of(
                    aggregation.sort_samples(columns[key]),
                    grid,
                    percentiles=query.percentiles,
                    resources=[aggregation.Resources(0, *_whole(resources))] if resources else [],
                )
            )
            for key, (each, resources) in known.items()
        )
        step = query.step if grid is None or query.step is None else max(query.step, grid.step / 1000)
        return history.Answer(series, self.name, query.step if query.step == history.WHOLE else step)

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        """Return what the objects of now used then, without those that were not there yet."""
        now = self._clock()
        recorded = self._recorded_since(moment, now)
        if recorded is not None:
            return recorded.snapshot_at(moment, cluster=cluster)
        if cluster not in (None, self._cluster) or not now - LENGTH <= moment <= now:
            return None
        return self._snapshot(moment)

    def extent(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return a week ago, and now."""
        last = min(now, self._clock())
        return last - LENGTH, last

    def clusters(self) -> list[str]:
        """Return the name of the simulated cluster."""
        return [self._cluster]

    def close(self) -> None:
        """Close the cluster, if this history is all that it was opened for."""
        if self._close is not None:
            self._close()

    def _recorded_since(self, moment: datetime, now: datetime) -> history.History | None:
        """Return what is recorded, if it goes back so far."""
        extent = None if self._recorded is None else self._recorded.extent(now)
        return self._recorded if extent is not None and extent[0] <= moment else None

    def _present(self, now: datetime) -> model.Snapshot:
        """Return what is there now, read again after a few seconds."""
        kept = self._kept
        if kept is None or not kept.generated_at <= now < kept.generated_at + _PRESENT:
            kept = self._kept = self._snapshot(now)
        return kept

    def _snapshot(self, moment: datetime) -> model.Snapshot:
        found = self._read(_Source(self._usage_at, moment.timestamp()), moment)
        nodes = [_node_at(node, moment) for node in found.nodes if not _is_later(node.created_at, moment)]
        lost = {node.name for node in found.nodes if node.ready is False}
        back = frozenset(lost & {node.name for node in nodes if node.ready})
        pods = [_pod_at(pod, moment, back) for pod in found.pods if not _is_later(pod.created_at, moment)]
        return found._replace(nodes=model.Records(nodes), pods=model.Records(pods))

    def _add(
        self,
        columns: dict[_Key, aggregation.Samples],
        kind: str,
        taken: model.Snapshot,
        epoch: float,
        within: tuple[int, int],
    ) -> None:
        """Add the samples of one tick."""
        nodes, pods = self._usage_at(epoch)
        found: dict[_Key, list[int]] = {}  # time, nanocores, bytes
        if kind == "node":
            for each in nodes:
                found[each.name,] = [
                    round(each.timestamp * 1000), each.cpu_nanocores, each.memory_kibibytes << 10
                ]  # fmt: skip
        else:
            owners = {} if kind in ("pod", "container") else _owners(taken, kind)
            for each in pods:
                time = round(each.timestamp * 1000)
                if kind == "container":
                    for name, cpu, memory in each.containers:
                        found[each.namespace, each.name, name] = [time, cpu, memory << 10]
                    continue
                cpu = sum([part[1] for part in each.containers])
                memory = sum([part[2] for part in each.containers]) << 10
                if kind == "pod":
                    found[each.namespace, each.name] = [time, cpu, memory]
                    continue
                owner = owners.get((each.namespace, each.name))
                if owner is not None:
                    total = found.setdefault(owner, [round(epoch * 1000), 0, 0])
                    total[1] += cpu
                    total[2] += memory
        for key, (time, cpu, memory) in found.items():
            column = columns.get(key)
            if column is not None and within[0] < time <= within[1]:
                column.times.append(time)
                column.cpu.append(cpu)
                column.memory.append(memory)


class _Source:
    """The usage of one time, as a source that is asked for nothing else."""

    name = sources.METRICS_API

    def __init__(self, usage_at: _Usage, epoch: float) -> None:
        self._nodes, self._pods = usage_at(epoch)

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        """Return all of it, of nodes and of pods as `scope` asks."""
        usage = sources.Usage(self.name)
        if scope.nodes:
            usage.nodes = {
                each.name: (
                    each.timestamp,
                    each.window,
                    each.cpu_nanocores / 1e9,
                    each.memory_kibibytes << 10,
                )
                for each in self._nodes
            }
        if scope.pods:
            usage.pods = {
                (each.namespace, each.name): (
                    each.timestamp,
                    each.window,
                    [(name, cpu / 1e9, memory << 10) for name, cpu, memory in each.containers],
                )
                for each in self._pods
            }
        return usage


def _stride_of(seconds: float, *, pods: int) -> float:
    """Return how far apart the samples of a range are, in seconds: a multiple of the tick."""
    ticks = max(_LEAST, min(_MOST, _ROWS // max(pods, 1)))
    return max(1, math.ceil(seconds / ticks / _TICK)) * _TICK


def _series_of(
    query: history.Query, taken: model.Snapshot, cluster: str
) -> dict[_Key, tuple[history.Series, tuple[Any, ...]]]:
    """Return the series that are asked for, without points, with requests and limits."""
    found: dict[_Key, tuple[history.Series, tuple[Any, ...]]] = {}
    if query.kind == "node":
        found = {(node.name,): (facts.node_series(cluster, node), ()) for node in taken.nodes}
    elif query.kind in history.SUMS:
        for (namespace, kind, name), total in sums.of_pods(taken.pods).items():
            if query.kind == "workload" and kind:
                series = seriesfilter.workload_series(cluster, namespace, kind, name)
                found[namespace, kind, name] = series, total.resources
            elif query.kind == "namespace" and not kind:
                found[namespace,] = seriesfilter.namespace_series(cluster, namespace), total.resources
    else:
        for pod in taken.pods:
            series = facts.pod_series(cluster, pod)
            if query.kind == "pod":
                found[pod.namespace, pod.name] = series, facts.resources_of(pod)
                continue
            for part in pod.containers:
                key = pod.namespace, pod.name, part.name
                found[key] = facts.container_series(series, part.name), facts.resources_of(part)
    return {key: each for key, each in found.items() if seriesfilter.matches(query, each[0])}


def _owners(taken: model.Snapshot, kind: str) -> dict[_Key, _Key]:
    """Return the key of the sum that each pod belongs to."""
    if kind == "namespace":
        return {(pod.namespace, pod.name): (pod.namespace,) for pod in taken.pods}
    return {
        (pod.namespace, pod.name): (pod.namespace, pod.workload_kind or "Pod", pod.workload_name or pod.name)
        for pod in taken.pods
    }


def _whole(resources: tuple[Any, ...]) -> tuple[int | None, int | None, int | None, int | None]:
    cpu_request, cpu_limit, memory_request, memory_limit = resources
    return (
        aggregation.to_nanocores(cpu_request), aggregation.to_nanocores(cpu_limit), memory_request,
        memory_limit,
    )  # fmt: skip


def _is_later(created: datetime | None, moment: datetime) -> bool:
    return created is not None and created > moment


def _node_at(node: model.Node, moment: datetime) -> model.Node:
    """Return the node as it was: one that had a sample was ready, whatever happened since then."""
    if node.timestamp is None or node.ready is not False:
        return node
    return node._replace(
        ready=True,
        status="Ready",
        conditions=tuple(
            [each for each in node.conditions if not _is_later(each.last_transition_at, moment)]
        ),
        taints=tuple([each for each in node.taints if not each.key.startswith("node.kubernetes.io/")]),
    )


def _pod_at(pod: model.Pod, moment: datetime, back: frozenset[str]) -> model.Pod:
    """Return the pod without what happened to it since then; `back` are nodes that were ready then."""
    containers = tuple([_rewind(each, moment) for each in pod.containers])
    if pod.node in back and pod.timestamp is not None and pod.phase == "Running":
        pod = pod._replace(ready=True, status="Running", reason=None, deletion_at=None)
    rewound: model.Pod = _rewind(pod, moment)
    return rewound._replace(containers=containers)


def _rewind(record: Any, moment: datetime) -> Any:
    """Return a pod or container without its last termination, if that came later."""
    ended = record.last_termination_at
    if ended is None or ended <= moment:
        return record
    return record._replace(
        restarts=max((record.restarts or 0) - 1, 0),
        last_termination_reason=None,
        last_termination_exit_code=None,
        last_termination_at=None,
    )
