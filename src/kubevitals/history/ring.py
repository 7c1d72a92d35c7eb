"""The last minutes of every series in memory: under 2 kB a container, records and all.

A series belongs to a uid, so that a recreated pod never continues the old one. It must not know where
snapshots come from or who reads it. One thread appends, any number read.
"""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import history, model
from kubevitals import snapshot as snapshots
from kubevitals.history import facts, lanes, sums

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_NEAR = 3  # intervals around a moment in which a snapshot still tells of it


class _Tick(NamedTuple):
    at: datetime
    source: str
    problems: tuple[model.Problem, ...]


class _Object:
    """A node or a pod: its newest record, the older ones that said something else, and its lanes.

    `lane` is the node's or pod's own; a pod of one container shares it with that one, and `parts` is None.
    """

    __slots__ = ("first", "lane", "last", "older", "parts", "record")

    def __init__(self, record: model.Node | model.Pod, now: datetime) -> None:
        self.record = record
        self.first = now
        self.last = now
        self.older: list[tuple[datetime, model.Node | model.Pod]] | None = None  # (last tick of it, record)
        self.lane: lanes.Lane | None = None
        self.parts: dict[str, lanes.Lane] | None = None


class _Cluster:
    """What is held of one cluster."""

    __slots__ = ("nodes", "pods", "ticks")

    def __init__(self) -> None:
        self.nodes: dict[str, _Object] = {}
        self.pods: dict[str, _Object] = {}
        self.ticks: collections.deque[_Tick] = collections.deque()


class Ring:
    """History in memory: `samples` of each series. What has gone leaves once `samples` x `interval` are over.

    Args:
        samples: the most that a series keeps.
        interval: seconds between samples, as they are expected.
    """

    name = "memory"

    def __init__(self, samples: int = 120, interval: float = 15.0) -> None:
        self.samples = samples
        self.interval = interval
        self._clusters: dict[str, _Cluster] = {}
        self._lock = threading.Lock()

    @property
    def window(self) -> float:
        """Seconds that the ring covers."""
        return self.samples * self.interval

    def append(self, snapshot: model.Snapshot) -> None:
        """Keep the samples that are new, and what changed besides them."""
        snapshot = snapshots.without_unlisted(snapshot)
        with self._lock:
            held = self._clusters.setdefault(snapshot.cluster, _Cluster())
            now = snapshot.generated_at
            if held.ticks and now < held.ticks[-1].at:
                _set_back(held, now)
            held.ticks.append(_Tick(now, snapshot.source, snapshot.problems))
            for node in snapshot.nodes:
                self._keep_node(held.nodes, node, now)
            for pod in snapshot.pods:
                self._keep_pod(held.pods, pod, now)
            self._forget(held, now)

    def read(self, query: history.Query) -> list[history.Series]:
        """Return the series with at least one point, as `history.History` says. It raises nothing."""
        step = sums.step_of(query)
        grid = sums.lay_grid(query.since, query.until, step=step or 1)
        after, until = (grid.after, grid.last) if step else (grid.after - 1, grid.last)
        with self._lock:
            found = [
                (series, lane.read(after, until))
                for cluster, held in self._clusters.items()
                for series, lane in _lanes_of(query.kind, cluster, held)
                if lane.newest > after and sums.matches(query, series)
            ]
        if query.kind not in sums.SUMS:
            return sums.sort(
                series._replace(points=sums.points_of(samples, step)) for series, samples in found
            )
        totals: dict[history.Series, sums.Adding] = {}
        for pod, samples in found:
            adding = totals.setdefault(sums.sum_of(query.kind, pod), sums.Adding(grid))
            adding.add(sums.row_of(samples, grid))
        return sums.sort(series._replace(points=adding.points()) for series, adding in totals.items())

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        """Return the newest state that was known at the moment, or None where none is near."""
        with self._lock:
            name = next(iter(self._clusters), "") if cluster is None else cluster
            held = self._clusters.get(name)
            if held is None:
                return None
            tick = next((each for each in reversed(held.ticks) if each.at <= moment), None)
            if tick is None or (moment - tick.at).total_seconds() > _NEAR * self.interval:
                return None
            nodes = [node for each in held.nodes.values() if (node := _node_at(each, tick.at)) is not None]
            pods = [pod for each in held.pods.values() if (pod := _pod_at(each, tick.at)) is not None]
        nodes.sort(key=lambda node: node.name)
        pods.sort(key=lambda pod: (pod.namespace, pod.name))
        return model.Snapshot(
            name, tick.source, tick.at, model.Records(nodes), model.Records(pods), tick.problems
        )

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._clusters.clear()

    def _keep_node(self, nodes: dict[str, _Object], node: model.Node, now: datetime) -> None:
        key = facts.node_key(node)
        held = nodes.get(key)
        if held is None:
            held = nodes[key] = _Object(node, now)
        elif isinstance(held.record, model.Node) and not facts.same_node(held.record, node):
            _set_aside(held)
        held.record, held.last = node, now
        sample = facts.sample_of(node)
        if sample is not None:
            if held.lane is None:
                held.lane = lanes.Lane()
            held.lane.add(*sample, most=self.samples)

    def _keep_pod(self, pods: dict[str, _Object], pod: model.Pod, now: datetime) -> None:
        key = facts.pod_key(pod)
        held = pods.get(key)
        if held is None:
            held = pods[key] = _Object(pod, now)
        elif isinstance(held.record, model.Pod) and not facts.same_pod(held.record, pod):
            _set_aside(held)
        held.record, held.last = pod, now
        sample = facts.sample_of(pod)
        if held.parts is None and not facts.shares_lane(pod) and pod.containers:
            held.parts = {}
            if held.lane is not None:  # it had one container until now
                held.parts[pod.containers[0].name] = held.lane.copy()
        if sample is not None:
            if held.lane is None:
                held.lane = lanes.Lane()
            held.lane.add(*sample, most=self.samples)
        if held.parts is not None:
            for container in pod.containers:
                part = facts.sample_of(container)
                if part is not None:
                    held.parts.setdefault(container.name, lanes.Lane()).add(*part, most=self.samples)

    def _forget(self, held: _Cluster, now: datetime) -> None:
        """Drop what has gone and has nothing within the window."""
        while (now - held.ticks[0].at).total_seconds() > self.window:
            held.ticks.popleft()
        for objects in (held.nodes, held.pods):
            gone = []
            for key, each in objects.items():
                if each.last is not now and (now - each.last).total_seconds() > self.window:
                    gone.append(key)
                elif each.older is not None and (now - each.older[0][0]).total_seconds() > self.window:
                    del each.older[0]
                    each.older = each.older or None
            for key in gone:
                del objects[key]


def _set_back(held: _Cluster, now: datetime) -> None:
    """Forget what was said from `now` on: the clock had been ahead. Nothing is to stay for that long."""
    held.ticks = collections.deque(tick for tick in held.ticks if tick.at < now)
    for each in (*held.nodes.values(), *held.pods.values()):
        each.first, each.last = min(each.first, now), min(each.last, now)
        each.older = [said for said in each.older or () if said[0] < now] or None


def _set_aside(held: _Object) -> None:
    """Keep the record that another one replaces."""
    if held.older is None:
        held.older = []
    held.older.append((held.last, held.record))


def _record_at(held: _Object, at: datetime) -> model.Node | model.Pod | None:
    """Return what was said of the object then."""
    if not held.first <= at <= held.last:
        return None
    return next((record for until, record in held.older or () if at <= until), held.record)


def _sample_at(lane: lanes.Lane | None, at: datetime) -> sums.Sample | None:
    return None if lane is None else lane.last(sums.to_milliseconds(at))


def _node_at(held: _Object, at: datetime) -> model.Node | None:
    record = _record_at(held, at)
    if not isinstance(record, model.Node):
        return None
    return facts.measured(record, _sample_at(held.lane, at), now=at, window=record.window_seconds)


def _pod_at(held: _Object, at: datetime) -> model.Pod | None:
    record = _record_at(held, at)
    if not isinstance(record, model.Pod):
        return None
    sample = _sample_at(held.lane, at)
    containers = tuple(
        facts.measured(
            each,
            sample if held.parts is None else _sample_at(held.parts.get(each.name), at),
            now=at,
            window=each.window_seconds,
        )
        for each in record.containers
    )
    row = facts.measured(record, sample, now=at, window=record.window_seconds)
    return row._replace(containers=containers)


def _lanes_of(kind: str, cluster: str, held: _Cluster) -> Iterator[tuple[history.Series, lanes.Lane]]:
    """Yield the series of one kind with their lanes; for sums, those of the pods."""
    for each in (held.nodes if kind == "node" else held.pods).values():
        record = each.record
        if isinstance(record, model.Node):
            if each.lane is not None:
                yield facts.node_series(cluster, record), each.lane
            continue
        pod = facts.pod_series(cluster, record)
        if kind != "container":
            if each.lane is not None:
                yield pod, each.lane
        elif each.parts is not None:
            for name, lane in each.parts.items():
                yield facts.container_series(pod, name), lane
        elif each.lane is not None and record.containers:
            yield facts.container_series(pod, record.containers[0].name), each.lane
