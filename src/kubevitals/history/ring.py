"""The last minutes of every series in memory: under 2 kB a container, records and all.

A series belongs to a uid, so that a recreated pod never continues the old one. One thread appends, any
number read.
"""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import history, model
from kubevitals import snapshot as snapshots
from kubevitals.history import aggregation, facts, ringbuffer, seriesfilter, sums

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    _Found = tuple[
        history.Series,
        ringbuffer.RingBuffer,
        ringbuffer.RingBuffer | None,  # shares
        list[aggregation.Resources],
    ]

_NEAR = 3  # intervals around a moment in which a snapshot still tells of it


class _Tick(NamedTuple):
    at: datetime
    source: str
    problems: tuple[model.Problem, ...]


class _Object:
    """A node or a pod: its newest record, the older ones that said something else, and its samples.

    `samples` are the node's or pod's own; a pod of one container shares them with that one, and `parts` is
    None.
    """

    __slots__ = ("first", "last", "older", "parts", "record", "samples")

    def __init__(self, record: model.Node | model.Pod, now: datetime) -> None:
        self.record = record
        self.first = now
        self.last = now
        self.older: list[tuple[datetime, model.Node | model.Pod]] | None = None  # (last tick of it, record)
        self.samples: ringbuffer.RingBuffer | None = None
        self.parts: dict[str, ringbuffer.RingBuffer] | None = None


class _Sum:
    """A workload or a namespace: its samples, the shares of its pods that were measured, and its requests."""

    __slots__ = ("resources", "samples", "shares")

    def __init__(self) -> None:
        self.samples = ringbuffer.RingBuffer()
        self.shares: ringbuffer.RingBuffer | None = None  # of measured pods, as memory, where it is not whole
        self.resources: list[aggregation.Resources] = []


class _Cluster:
    """What is kept of one cluster."""

    __slots__ = ("nodes", "pods", "sums", "ticks")

    def __init__(self) -> None:
        self.nodes: dict[str, _Object] = {}
        self.pods: dict[str, _Object] = {}
        self.sums: dict[sums.Key, _Sum] = {}
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
            self._keep_sums(held.sums, snapshot)
            self._forget(held, now)

    def read(self, query: history.Query) -> history.Answer:
        """Return the series with at least one point, as `history.History` says. It raises nothing."""
        grid = None
        if query.step is not None:
            grid = aggregation.lay_grid(query.since, query.until, step=query.step)
            after, until = grid.after, grid.last
        else:
            after = aggregation.to_milliseconds(query.since) - 1
            until = aggregation.to_milliseconds(query.until)
        with self._lock:
            found = [
                (series, _read(own, shares, after, until), resources)
                for cluster, held in self._clusters.items()
                for series, own, shares, resources in _series_of(query.kind, cluster, held)
                if own.newest > after and seriesfilter.matches(query, series)
            ]
        series = seriesfilter.sort(
            series._replace(
                points=aggregation.points_of(
                    samples, grid, percentiles=query.percentiles, resources=resources
                )
            )
            for series, samples, resources in found
        )
        return history.Answer(series, self.name, query.step)

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

    def extent(self, now: datetime) -> tuple[datetime, datetime] | None:
        """Return the times of the first and the last snapshot; None where there is none until `now`."""
        with self._lock:
            ticks = [held.ticks for held in self._clusters.values() if held.ticks]
            if not ticks:
                return None
            first, last = min(each[0].at for each in ticks), max(each[-1].at for each in ticks)
        return None if first > now else (first, min(last, now))

    def clusters(self) -> list[str]:
        """Return the names of the clusters that were recorded."""
        with self._lock:
            return sorted(self._clusters)

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
            if held.samples is None:
                held.samples = ringbuffer.RingBuffer()
            held.samples.add(*sample, most=self.samples)

    def _keep_pod(self, pods: dict[str, _Object], pod: model.Pod, now: datetime) -> None:
        key = facts.pod_key(pod)
        held = pods.get(key)
        if held is None:
            held = pods[key] = _Object(pod, now)
        elif isinstance(held.record, model.Pod) and not facts.same_pod(held.record, pod):
            _set_aside(held)
        held.record, held.last = pod, now
        sample = facts.sample_of(pod)
        if held.parts is None and not facts.shares_samples(pod) and pod.containers:
            held.parts = {}
            if held.samples is not None:  # it had one container until now
                held.parts[pod.containers[0].name] = held.samples.copy()
        if sample is not None:
            if held.samples is None:
                held.samples = ringbuffer.RingBuffer()
            held.samples.add(*sample, most=self.samples)
        if held.parts is not None:
            for container in pod.containers:
                part = facts.sample_of(container)
                if part is not None:
                    held.parts.setdefault(container.name, ringbuffer.RingBuffer()).add(
                        *part, most=self.samples
                    )

    def _keep_sums(self, held: dict[sums.Key, _Sum], snapshot: model.Snapshot) -> None:
        at = aggregation.to_milliseconds(snapshot.generated_at)
        for key, total in sums.of_pods(snapshot.pods).items():
            one = held.get(key)
            if one is None:
                one = held[key] = _Sum()
            cpu_request, cpu_limit, memory_request, memory_limit = total.resources
            resources = aggregation.Resources(
                at,
                aggregation.to_nanocores(cpu_request),
                aggregation.to_nanocores(cpu_limit),
                memory_request,
                memory_limit,
            )
            if one.resources:
                one.resources = [each for each in one.resources if each.time < at] or one.resources[:1]
            if not one.resources or one.resources[-1][1:] != resources[1:]:
                one.resources = [*one.resources[-self.samples :], resources]
            if total.cpu is not None or total.memory is not None:
                one.samples.add(at, aggregation.to_nanocores(total.cpu), total.memory, most=self.samples)
                if total.share != aggregation.WHOLE_SHARE:
                    one.shares = one.shares or ringbuffer.RingBuffer()
                    one.shares.add(at, None, total.share << 10, most=self.samples)

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
        oldest = aggregation.to_milliseconds(now) - round(self.window * 1000)
        for name in [name for name, each in held.sums.items() if each.samples.newest < oldest]:
            del held.sums[name]


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


def _sample_at(samples: ringbuffer.RingBuffer | None, at: datetime) -> aggregation.Sample | None:
    return None if samples is None else samples.last(aggregation.to_milliseconds(at))


def _node_at(held: _Object, at: datetime) -> model.Node | None:
    record = _record_at(held, at)
    if not isinstance(record, model.Node):
        return None
    return facts.measured(record, _sample_at(held.samples, at), now=at, window=record.window_seconds)


def _pod_at(held: _Object, at: datetime) -> model.Pod | None:
    record = _record_at(held, at)
    if not isinstance(record, model.Pod):
        return None
    sample = _sample_at(held.samples, at)
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


def _read(
    own: ringbuffer.RingBuffer, shares: ringbuffer.RingBuffer | None, after: int, until: int
) -> aggregation.Samples:
    """Return the samples of the range; those that are not among the `shares` have a whole one."""
    times, cpu, memory = own.read(after, until)
    if shares is None:
        return aggregation.Samples(times, cpu, memory)
    partial = dict(zip(*shares.read(after, until)[::2], strict=True))
    whole = aggregation.WHOLE_SHARE << 10
    return aggregation.Samples(times, cpu, memory, [(partial.get(time) or whole) >> 10 for time in times])


def _series_of(kind: str, cluster: str, held: _Cluster) -> Iterator[_Found]:
    """Yield the series of one kind with their samples, shares, requests and limits."""
    if kind in history.SUMS:
        for (namespace, workload, name), total in held.sums.items():
            if kind == "namespace" and not workload:
                yield seriesfilter.namespace_series(cluster, namespace), *_parts(total)
            elif kind == "workload" and workload:
                yield seriesfilter.workload_series(cluster, namespace, workload, name), *_parts(total)
        return
    for each in (held.nodes if kind == "node" else held.pods).values():
        record = each.record
        if isinstance(record, model.Node):
            if each.samples is not None:
                yield facts.node_series(cluster, record), each.samples, None, []
            continue
        pod = facts.pod_series(cluster, record)
        if kind != "container":
            if each.samples is not None:
                yield pod, each.samples, None, _resources_of(each, held, None)
        elif each.parts is not None:
            for name, part in each.parts.items():
                yield facts.container_series(pod, name), part, None, _resources_of(each, held, name)
        elif each.samples is not None and record.containers:
            name = record.containers[0].name
            yield facts.container_series(pod, name), each.samples, None, _resources_of(each, held, name)


def _parts(
    total: _Sum,
) -> tuple[ringbuffer.RingBuffer, ringbuffer.RingBuffer | None, list[aggregation.Resources]]:
    return total.samples, total.shares, total.resources


def _resources_of(held: _Object, cluster: _Cluster, container: str | None) -> list[aggregation.Resources]:
    """Return the requests and limits of a pod, or of one of its containers, in the order of time."""
    begins = [held.first]
    for until, _ in held.older or ():  # what came behind it was seen with the next tick
        begins.append(next((tick.at for tick in cluster.ticks if tick.at > until), until))
    found: list[aggregation.Resources] = []
    records = [*(record for _, record in held.older or ()), held.record]
    for begin, record in zip(begins, records, strict=True):
        if not isinstance(record, model.Pod):
            continue
        one = next((each for each in record.containers if each.name == container), None)
        if container is not None and one is None:
            continue
        cpu_request, cpu_limit, memory_request, memory_limit = facts.resources_of(one or record)
        requests = (
            aggregation.to_nanocores(cpu_request), aggregation.to_nanocores(cpu_limit),
            memory_request, memory_limit,
        )  # fmt: skip
        if not found or found[-1][1:] != requests:
            found.append(aggregation.Resources(aggregation.to_milliseconds(begin), *requests))
    return found
