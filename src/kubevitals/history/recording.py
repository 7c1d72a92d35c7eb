"""A snapshot into the file: what is new in it, in one transaction.

A sample is new if its time is; a fact is if it says something else than the last one. It must not know
threads, nor what becomes of old ticks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import history
from kubevitals.history import blocks, bodies, catalog, facts, schema, sums

if TYPE_CHECKING:
    import sqlite3

    from kubevitals import model

_SET_BACK = 300_000  # milliseconds; a sample that is older by more than this follows a clock that was set
_PLAUSIBLE = 86_400_000  # milliseconds that a sample may be away from its snapshot's time
_FORGET = 240  # ticks that what has gone is remembered for, in case it comes back
_STRIDE = 60_000  # milliseconds that the age clock may advance at the first tick after a start


class Recording:
    """Takes snapshots down; one for as long as the file is open and nothing failed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._catalog = catalog.Catalog(connection)
        self._state: dict[str, int] = dict(connection.execute("SELECT name, value FROM state").fetchall())
        self._kept: dict[int, bodies.Kept] = {}
        self._ticks: dict[
            int, tuple[int, int]
        ] = {}  # by cluster: time of the last one, and since the one before
        self._fresh: dict[int, list[blocks.RawSample]] = {}  # of this tick, by page

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
            at = sums.to_milliseconds(snapshot.generated_at)
            cluster = self._catalog.cluster(snapshot.cluster)
            self._fresh = {}
            self._keep_cluster(cluster, tick, at, snapshot)
            for node in snapshot.nodes:
                self._keep_node(cluster, tick, at, node, snapshot.cluster)
            for pod in snapshot.pods:
                self._keep_pod(cluster, tick, at, pod, snapshot.cluster)
            self._take_leave(cluster, tick, at)
            size = self._write_samples(tick, at)
            self._advance(cluster, tick, at)
            self._connection.execute(
                "INSERT INTO moment (tick, cluster, at, age, bytes) VALUES (?, ?, ?, ?, ?)",
                (tick, cluster, at, self.age_clock, size),
            )
        return tick

    def forget_gone(self) -> None:
        """Look objects that went up in the file again, should they come back: it may have forgotten them."""
        self._catalog.forget(self.tick + 1)

    def _keep_cluster(self, cluster: int, tick: int, at: int, snapshot: model.Snapshot) -> None:
        kept = bodies.Kept(snapshot.source, snapshot.problems)
        if self._kept.get(cluster) == kept:
            return
        self._kept[cluster] = kept
        known = self._catalog.find(cluster, "cluster", "")
        if known is None:
            series = history.Series("cluster", snapshot.cluster, "")
            known = self._catalog.add(cluster, "cluster", "", series=series, first_at=at)
        self._say(known, tick, bodies.encode_kept(kept))

    def _keep_node(self, cluster: int, tick: int, at: int, node: model.Node, name: str) -> None:
        key = facts.node_key(node)
        known = self._catalog.find(cluster, "node", key)
        if known is None:
            series = facts.node_series(name, node)
            known = self._catalog.add(cluster, "node", key, series=series, first_at=at)
        elif known.gone:
            self._catalog.come_back(known, cluster=cluster, namespace=None)
        known.seen = tick
        before = known.record
        if before is None or not facts.same_node(before, node):  # type: ignore[arg-type]
            self._say(known, tick, bodies.encode_node(node))
        known.record = node
        self._keep_sample(known, cluster, at, node, None)

    def _keep_pod(self, cluster: int, tick: int, at: int, pod: model.Pod, name: str) -> None:
        key = facts.pod_key(pod)
        known = self._catalog.find(cluster, "pod", key)
        if known is None:
            series = facts.pod_series(name, pod)
            known = self._catalog.add(cluster, "pod", key, series=series, first_at=at)
        elif known.gone:
            self._catalog.come_back(known, cluster=cluster, namespace=pod.namespace)
        known.seen = tick
        before = known.record
        if before is None or not facts.same_pod(before, pod):  # type: ignore[arg-type]
            self._say(known, tick, bodies.encode_pod(pod))
            self._catalog.move(known, facts.pod_series(name, pod))
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
            self._keep_sample(part, cluster, at, container, pod.namespace)
        if not self._share(known, pod):
            self._keep_sample(known, cluster, at, pod, pod.namespace)

    def _share(self, known: catalog.Known, pod: model.Pod) -> bool:
        """Return whether the pod's sample is its only container's, so that it needs none of its own."""
        if facts.shares_lane(pod) and known.twin is not None:
            return True
        sample = facts.sample_of(pod)
        if known.twin is not None:
            if sample is not None:
                self._connection.execute(
                    "UPDATE object SET twin_until = ? WHERE id = ?", (known.twin.newest - 1, known.id)
                )
                known.twin = None
            return sample is None
        if known.page or sample is None or not facts.shares_lane(pod):
            return False
        twin = known.twin = known.parts[pod.containers[0].name]
        self._connection.execute(
            "UPDATE object SET twin = ?, twin_until = NULL WHERE id = ?", (twin.id, known.id)
        )
        return True

    def _keep_sample(
        self,
        known: catalog.Known,
        cluster: int,
        at: int,
        record: model.Node | model.Pod | model.Container,
        namespace: str | None,
    ) -> None:
        sample = facts.sample_of(record)
        if sample is None:
            return
        time, cpu, memory = sample
        if known.newest - _SET_BACK < time <= known.newest or abs(at - time) > _PLAUSIBLE:
            return
        known.newest = time
        page = known.page or self._catalog.assign_page(known, cluster, namespace)
        window = None if record.window_seconds is None else round(record.window_seconds * 1000)
        self._fresh.setdefault(page, []).append(blocks.RawSample(known.id, time, cpu, memory, window))

    def _say(self, known: catalog.Known, tick: int, body: bytes) -> None:
        """Keep a fact, unless it is what was said last."""
        if self._catalog.newest_fact(known) == body:
            return
        known.body = body
        self._connection.execute(
            "INSERT INTO fact (object, tick, body) VALUES (?, ?, ?)", (known.id, tick, body)
        )

    def _take_leave(self, cluster: int, tick: int, at: int) -> None:
        """Say of what is no longer there that it is gone."""
        for (owner, kind, _), known in self._catalog.objects.items():
            if owner != cluster or known.seen == tick or known.gone or kind not in ("node", "pod"):
                continue
            record = known.record
            namespace = getattr(record, "namespace", None)
            if record is None and kind == "pod":
                namespace = self._namespace_of(known)
            self._say(known, tick, bodies.GONE)
            self._catalog.leave(known, cluster=cluster, namespace=namespace, at=at)
            known.record = None
        if tick % _FORGET == 0:
            self._catalog.forget(tick - _FORGET)

    def _namespace_of(self, known: catalog.Known) -> str | None:
        row = self._connection.execute("SELECT namespace FROM object WHERE id = ?", (known.id,)).fetchone()
        return None if row is None else row[0]

    def _write_samples(self, tick: int, at: int) -> int:
        """Write the new samples, a row a page, and return how many bytes they take."""
        rows = []
        for page, samples in self._fresh.items():
            samples.sort()
            rows.append((tick << schema.PAGES | page, blocks.encode_raw(at, samples)))
        self._connection.executemany("INSERT INTO raw (id, body) VALUES (?, ?)", rows)
        return sum(len(body) + 12 for _, body in rows)

    def _advance(self, cluster: int, tick: int, at: int) -> None:
        """Move the age clock with the time, but never far ahead of what two ticks in a row agree about.

        A clock that is years ahead for an hour must not make all of the history old.
        """
        before, last = self._ticks.get(cluster, (self._state.get("at", at), _STRIDE))
        gap = max(at - before, 0)
        self._ticks[cluster] = (at, gap)
        age = self._state.get("age", at)
        age = min(at, age + 2 * min(gap, last))
        self._state.update(tick=tick, at=at, age=age, first=self._state.get("first", at))
        self._connection.executemany(
            "INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)",
            [(name, self._state[name]) for name in ("tick", "at", "age", "first")],
        )
