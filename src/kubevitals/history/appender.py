"""A snapshot into the file: what is new in it, in one transaction.

A sample is new if its time is, and a fact if it says something else than the last one. Sums over pods get a
sample at each tick.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kubevitals import history, sanitize
from kubevitals.history import aggregation, catalog, factcodec, facts, samples, schema, seriesfilter, sums

if TYPE_CHECKING:
    import sqlite3

    from kubevitals import model

# What a value that nobody foresaw raises: it costs its object alone, never the tick of all others.
_UNWRITABLE = (TypeError, ValueError, OverflowError)
_LOG = logging.getLogger(__name__)
_SET_BACK = 300_000  # milliseconds; a sample that is older by more than this follows a clock that was set
_PLAUSIBLE = 86_400_000  # milliseconds that a sample may be away from its snapshot's time
_FORGET = 240  # ticks that what has gone is remembered for, in case it comes back
_STRIDE = 60_000  # milliseconds that the age clock may advance at the first tick after a start
_LEAVING = ("node", "pod", "workload", "namespace")  # containers leave with their pods


def _tell_left_out(record: model.Node | model.Pod, error: Exception) -> None:
    name = sanitize.shorten(record.name, 120)
    _LOG.warning("%s cannot be recorded: %s", name, type(error).__name__, exc_info=error)


class Appender:
    """Writes snapshots; one for as long as the file is open and nothing failed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._catalog = catalog.Catalog(connection)
        self._state: dict[str, int] = dict(connection.execute("SELECT name, value FROM state").fetchall())
        self._clusters: dict[int, factcodec.Cluster] = {}
        self._ticks: dict[
            int, tuple[int, int]
        ] = {}  # by cluster: time of the last one, and since the one before
        self._fresh: dict[int, list[samples.Sample]] = {}  # of this tick, by group

    @property
    def tick(self) -> int:
        """The number of the newest tick; 0 before the first."""
        return self._state.get("tick", 0)

    @property
    def age_clock(self) -> int:
        """Milliseconds since 1970 as far as they are believed: what is too old by it may go."""
        return self._state.get("age", 0)

    def append(self, snapshot: model.Snapshot) -> int:
        """Keep what is new, and return the tick's number.

        Raises:
            sqlite3.Error: it could not be written. Nothing of it was, and this object is of no more use.
        """
        with schema.transaction(self._connection):
            tick = self.tick + 1
            at = aggregation.to_milliseconds(snapshot.generated_at)
            cluster = self._catalog.cluster(snapshot.cluster)
            self._fresh = {}
            self._append_cluster(cluster, tick, at, snapshot)
            for node in snapshot.nodes:
                try:
                    self._append_node(cluster, tick, at, node, snapshot.cluster)
                except _UNWRITABLE as error:
                    _tell_left_out(node, error)
            for pod in snapshot.pods:
                try:
                    self._append_pod(cluster, tick, at, pod, snapshot.cluster)
                except _UNWRITABLE as error:
                    _tell_left_out(pod, error)
            self._append_sums(cluster, tick, at, snapshot)
            self._leave(cluster, tick, at)
            self._write_samples(tick, at)
            self._advance(cluster, tick, at)
            self._connection.execute(
                "INSERT INTO tick (id, cluster, at, age) VALUES (?, ?, ?, ?)",
                (tick, cluster, at, self.age_clock),
            )
        return tick

    def forget_gone(self) -> None:
        """Look up again in the file what has gone, should it come back: the file may have forgotten it."""
        self._catalog.forget(self.tick + 1)

    def _append_cluster(self, cluster: int, tick: int, at: int, snapshot: model.Snapshot) -> None:
        told = factcodec.Cluster(snapshot.source, snapshot.problems)
        if self._clusters.get(cluster) == told:
            return
        self._clusters[cluster] = told
        known = self._find(cluster, "cluster", "", history.Series("cluster", snapshot.cluster, ""), at)
        self._write_fact(known, tick, factcodec.encode_cluster(told))

    def _append_node(self, cluster: int, tick: int, at: int, node: model.Node, name: str) -> None:
        key = facts.node_key(node)
        there = self._catalog.objects.get((cluster, "node", key))
        before = None if there is None or there.gone else there.record
        changed = before is None or not facts.same_node(before, node)  # type: ignore[arg-type]
        # First, as what cannot be written is not begun either.
        body = factcodec.encode_node(node) if changed else b""
        known = self._find(cluster, "node", key, facts.node_series(name, node), at)
        known.seen = tick
        if changed:
            self._write_fact(known, tick, body)
        known.record = node
        self._append_sample(known, at, node)

    def _append_pod(self, cluster: int, tick: int, at: int, pod: model.Pod, name: str) -> None:
        key = facts.pod_key(pod)
        known = self._catalog.objects.get((cluster, "pod", key))
        before = None if known is None or known.gone else known.record
        changed = before is None or not facts.same_pod(before, pod)  # type: ignore[arg-type]
        body = factcodec.encode_pod(pod) if changed else b""  # first, as of nodes
        if known is None or known.gone:
            known = self._find(cluster, "pod", key, facts.pod_series(name, pod), at)
        known.seen = tick
        if changed:
            self._write_fact(known, tick, body)
            self._catalog.move(known, facts.pod_series(name, pod))
            self._write_resources(known, at, facts.resources_of(pod))
        known.record = pod
        if pod.timestamp is None:
            return
        for container in pod.containers:
            part = known.parts.get(container.name)
            if part is None:
                series = facts.container_series(facts.pod_series(name, pod), container.name)
                part = known.parts[container.name] = self._catalog.add(
                    cluster, "container", f"{key}/{container.name}", series=series, first_at=at
                )
            if changed or part.resources is None:
                self._write_resources(part, at, facts.resources_of(container))
            self._append_sample(part, at, container)
        if not self._is_shared(known, pod):
            self._append_sample(known, at, pod)

    def _append_sums(self, cluster: int, tick: int, at: int, snapshot: model.Snapshot) -> None:
        for (namespace, kind, name), total in sums.of_pods(snapshot.pods).items():
            if kind:
                series = seriesfilter.workload_series(snapshot.cluster, namespace, kind, name)
                known = self._find(cluster, "workload", f"{namespace}/{kind}/{name}", series, at)
            else:
                series = seriesfilter.namespace_series(snapshot.cluster, namespace)
                known = self._find(cluster, "namespace", namespace, series, at)
            known.seen = tick
            self._write_resources(known, at, total.resources)
            if total.cpu is None and total.memory is None:
                continue
            share = None if total.share == aggregation.WHOLE_SHARE else total.share
            cpu = aggregation.to_nanocores(total.cpu)
            self._add(known, samples.Sample(known.id, at, cpu, total.memory, None, share))

    def _find(self, cluster: int, kind: str, key: str, series: history.Series, at: int) -> catalog.Known:
        """Return the object, new or come back if need be."""
        known = self._catalog.find(cluster, kind, key)
        if known is None:
            return self._catalog.add(cluster, kind, key, series=series, first_at=at)
        if known.gone:
            self._catalog.come_back(known)
        return known

    def _is_shared(self, known: catalog.Known, pod: model.Pod) -> bool:
        """Return whether the pod's sample is its only container's, so that it needs none of its own."""
        shares = facts.shares_samples(pod)
        if known.shared is not None:
            if shares:
                return True
            if facts.sample_of(pod) is None:
                return True
            self._catalog.end_sharing(known)
            return False
        if not shares or known.newest >= 0 or facts.sample_of(pod) is None:
            return False
        self._catalog.share(known, known.parts[pod.containers[0].name])
        return True

    def _append_sample(
        self, known: catalog.Known, at: int, record: model.Node | model.Pod | model.Container
    ) -> None:
        sample = facts.sample_of(record)
        if sample is not None:
            window = None if record.window_seconds is None else round(record.window_seconds * 1000)
            if abs(at - sample[0]) <= _PLAUSIBLE:
                self._add(known, samples.Sample(known.id, *sample, window))

    def _add(self, known: catalog.Known, sample: samples.Sample) -> None:
        if known.newest - _SET_BACK < sample.time <= known.newest:
            return
        known.newest = sample.time
        self._fresh.setdefault(schema.group_of(known.id), []).append(sample)

    def _write_fact(self, known: catalog.Known, tick: int, body: bytes) -> None:
        """Write a fact, unless it is what was said last."""
        if self._catalog.newest_fact(known) == body:
            return
        known.body = body
        self._connection.execute(
            "INSERT INTO fact (object, tick, body) VALUES (?, ?, ?)", (known.id, tick, body)
        )

    def _write_resources(self, known: catalog.Known, at: int, resources: catalog.Requests) -> None:
        """Write requests and limits, unless they are what they were."""
        if known.resources == resources:
            return
        row = (
            aggregation.to_nanocores(resources[0]),
            aggregation.to_nanocores(resources[1]),
            *resources[2:],
        )
        if known.resources is None:  # of this process; the file may know better
            last = self._connection.execute(
                "SELECT cpu_request, cpu_limit, memory_request, memory_limit FROM resource"
                " WHERE object = ? ORDER BY at DESC LIMIT 1",
                (known.id,),
            ).fetchone()
            if last == row or (last is None and row == (None, None, None, None)):
                known.resources = resources
                return
        known.resources = resources
        self._connection.execute(
            "INSERT OR REPLACE INTO resource"
            " (object, at, cpu_request, cpu_limit, memory_request, memory_limit)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (known.id, at, *row),
        )

    def _leave(self, cluster: int, tick: int, at: int) -> None:
        """Write of what is no longer there that it is gone."""
        for (owner, kind, _), known in self._catalog.objects.items():
            if owner != cluster or known.seen == tick or known.gone or kind not in _LEAVING:
                continue
            if kind in ("node", "pod"):
                self._write_fact(known, tick, factcodec.GONE)
            self._catalog.leave(known, at=at)
            known.record = None
        if tick % _FORGET == 0:
            self._catalog.forget(tick - _FORGET)

    def _write_samples(self, tick: int, at: int) -> None:
        """Write the new samples, a row a group."""
        rows = []
        for group, fresh in self._fresh.items():
            fresh.sort()
            rows.append((schema.open_key(tick, group), samples.encode_tick(at, fresh)))
        self._connection.executemany("INSERT INTO open (id, body) VALUES (?, ?)", rows)

    def _advance(self, cluster: int, tick: int, at: int) -> None:
        """Move the age clock with the time, but never far ahead of what two ticks in a row agree about.

        A clock that is years ahead for an hour must not make all of the history old.
        """
        before, last = self._ticks.get(cluster, (self._state.get("at", at), _STRIDE))
        gap = max(at - before, 0)
        self._ticks[cluster] = (at, gap)
        age = self._state.get("age", at)
        age = min(at, age + 2 * min(gap, last))
        self._state.update(tick=tick, at=at, age=age)
        self._connection.executemany(
            "INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)",
            [(name, self._state[name]) for name in ("tick", "at", "age")],
        )
