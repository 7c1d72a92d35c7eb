"""Snapshots out of the file: the state as it was at a moment, and every tick in order.

Facts are those of the tick. Usage is the newest sample that had come by then; where samples are gone it is
the mean of the finest step that is left, which its window tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import model
from kubevitals.history import blocks, bodies, facts, retention, rollup, schema, sums

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    Measured = tuple[sums.Sample, float | None]  # and its window in seconds

_NEAR = 300_000  # milliseconds around a moment in which a tick still tells of it
_LOOK_BACK = 900_000  # milliseconds in which the newest sample of a series is looked for
_AT_ONCE = 20  # ticks that are read in one go


class _Tick(NamedTuple):
    number: int
    cluster: int
    at: int


class _Scene:
    """One cluster at a tick: the records without usage, and the newest samples by series."""

    def __init__(self, cluster: int, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.kept = bodies.Kept("none", ())
        self.nodes: dict[int, model.Node] = {}
        self.pods: dict[int, model.Pod] = {}
        self.twins: dict[int, tuple[int, int | None]] = {}  # of pods: the container and until when
        self.parts: dict[str, int] = {}  # containers by key
        self.samples: dict[int, Measured] = {}

    def say(self, number: int, kind: str, body: bytes) -> None:
        """Take in what is said of an object from now on."""
        if kind == "cluster":
            self.kept = bodies.decode_kept(body)
        elif kind == "node":
            self.nodes.pop(number, None)
            if body != bodies.GONE:
                self.nodes[number] = bodies.decode_node(body)
        elif kind == "pod":
            self.pods.pop(number, None)
            if body != bodies.GONE:
                self.pods[number] = bodies.decode_pod(body)

    def series(self) -> set[int]:
        """Return the numbers of the series that were measured."""
        measured = {number for number, node in self.nodes.items() if node.timestamp is not None}
        for number, pod in self.pods.items():
            if pod.timestamp is None:
                continue
            key = facts.pod_key(pod)
            for container in pod.containers:
                part = self.parts.get(f"{key}/{container.name}")
                if part is not None and container.timestamp is not None:
                    measured.add(part)
            twin, until = self.twins.get(number, (0, None))
            if not twin or until is not None:
                measured.add(number)
        return measured

    def snapshot(self, at: int) -> model.Snapshot:
        """Return the state, with the samples as usage."""
        now = sums.from_milliseconds(at)
        nodes = [self._measure(node, self.samples.get(number), now) for number, node in self.nodes.items()]
        pods = [self._pod(number, pod, at, now) for number, pod in self.pods.items()]
        nodes.sort(key=lambda node: node.name)
        pods.sort(key=lambda pod: (pod.namespace, pod.name))
        return model.Snapshot(
            self.name, self.kept.source, now, model.Records(nodes), model.Records(pods), self.kept.problems
        )

    def _pod(self, number: int, pod: model.Pod, at: int, now: datetime) -> model.Pod:
        key = facts.pod_key(pod)
        containers = tuple(
            self._measure(each, self.samples.get(self.parts.get(f"{key}/{each.name}", 0)), now)
            for each in pod.containers
        )
        twin, until = self.twins.get(number, (0, None))
        own = self.samples.get(number)
        if twin and (until is None or own is None or at <= until):
            own = self.samples.get(twin)
        return self._measure(pod, own, now)._replace(containers=containers)

    @staticmethod
    def _measure(record: facts.RecordT, measured: Measured | None, now: datetime) -> facts.RecordT:
        if measured is None:
            return facts.measured(record, None, now=now, window=None)
        return facts.measured(record, measured[0], now=now, window=measured[1])


def snapshot_at(
    connection: sqlite3.Connection, moment: datetime, *, cluster: str | None = None
) -> model.Snapshot | None:
    """Return the state at the moment, or None where no tick is near.

    Raises:
        sqlite3.Error, errors.HistoryError: it cannot be read.
    """
    connection.execute("BEGIN")
    try:
        row = connection.execute(
            "SELECT id, name FROM cluster WHERE name = coalesce(?, name) ORDER BY id LIMIT 1", (cluster,)
        ).fetchone()
        tick = None if row is None else _tick_at(connection, row[0], sums.to_milliseconds(moment))
        if tick is None:
            return None
        scene = _Scene(*row)
        _set(connection, scene, tick)
        if tick.number > retention.dropped_until(connection):
            _recall(connection, scene, tick)
        else:
            _approximate(connection, scene, tick.at)
        return scene.snapshot(tick.at)
    finally:
        connection.execute("ROLLBACK")


def _tick_at(connection: sqlite3.Connection, cluster: int, at: int) -> _Tick | None:
    row = connection.execute(
        "SELECT tick, cluster, at FROM moment WHERE cluster = ? AND at <= ? ORDER BY tick DESC LIMIT 1",
        (cluster, at),
    ).fetchone()
    if row is None or at - row[2] > _NEAR:
        return None
    return _Tick(*row)


def _set(connection: sqlite3.Connection, scene: _Scene, tick: _Tick) -> None:
    """Fill the scene with what was said up to the tick."""
    rows = connection.execute(
        "SELECT o.id, o.kind, o.key, o.twin, o.twin_until, (SELECT body FROM fact WHERE fact.object = o.id"
        " AND fact.tick <= ? ORDER BY fact.tick DESC LIMIT 1) FROM object AS o"
        " WHERE o.cluster = ? AND (o.last_at IS NULL OR o.last_at >= ?) AND o.first_at <= ?",
        (tick.number, scene.cluster, tick.at, tick.at),
    )
    for number, kind, key, twin, until, body in rows:
        if kind == "container":
            scene.parts[key] = number
            continue
        if twin is not None:
            scene.twins[number] = (twin, until)
        if body is not None:
            scene.say(number, kind, body)


def _recall(connection: sqlite3.Connection, scene: _Scene, tick: _Tick) -> None:
    """Fill in the newest samples that had come by the tick."""
    wanted = scene.series()
    for (number,) in connection.execute(
        "SELECT tick FROM moment WHERE tick <= ? AND tick > ? AND cluster = ? AND at > ? ORDER BY tick DESC",
        (tick.number, retention.dropped_until(connection), scene.cluster, tick.at - _LOOK_BACK),
    ):
        for sample in _samples_of(connection, number):
            if sample.series in wanted:
                wanted.remove(sample.series)
                scene.samples[sample.series] = _measured(sample)
        if not wanted:
            break


def _samples_of(connection: sqlite3.Connection, tick: int) -> Iterator[blocks.RawSample]:
    for (body,) in connection.execute(
        "SELECT body FROM raw WHERE id >= ? AND id < ?", (tick << schema.PAGES, (tick + 1) << schema.PAGES)
    ):
        yield from blocks.decode_raw_whole(body)


def _measured(sample: blocks.RawSample) -> Measured:
    return sample[1:4], None if sample.window is None else sample.window / 1000


def _approximate(connection: sqlite3.Connection, scene: _Scene, at: int) -> None:
    """Fill in the means of the step around the time, of the finest tier that has it."""
    for tier in rollup.TIERS:
        end = sums.end_of(at, tier.step)
        start, place = divmod(end - tier.step, tier.span)
        bodies_of = connection.execute(
            "SELECT body FROM rolled WHERE id >= ? AND id < ?",
            (rollup.key_of(tier.number, start), rollup.key_of(tier.number, start + 1)),
        ).fetchall()
        found: dict[int, list[list[int]]] = {}
        for (body,) in bodies_of:
            totals = blocks.Rolled(body).totals()
            for number, (first, last) in totals.spans.items():
                for index in range(first, last):
                    if totals.places[index] == place // tier.step:
                        parts = [column[index] for column in totals[2:]]
                        found.setdefault(number, []).append(parts)
        if found:
            scene.samples = {
                number: ((end, *_mean(parts)), tier.step / 1000) for number, parts in found.items()
            }
            return


def _mean(parts: Iterable[Sequence[int]]) -> tuple[int | None, int | None]:
    cpus, cpu, memories, memory = (sum(column) for column in zip(*parts, strict=True))
    return (
        round(cpu * 1000 / cpus) if cpus else None,
        round(memory * 1024 / memories) if memories else None,
    )


class Replay:
    """Every tick behind a number, in order; it can be gone on with where it ended."""

    def __init__(self, after: int) -> None:
        self.position = after
        self._scenes: dict[int, _Scene] = {}

    def run(self, connection: sqlite3.Connection) -> list[tuple[int, model.Snapshot]]:
        """Return some ticks more; none where there is none yet.

        Raises:
            sqlite3.Error, errors.HistoryError: it cannot be read.
        """
        connection.execute("BEGIN")
        try:
            dropped = retention.dropped_until(connection)
            if dropped > self.position:  # they are gone, and so is what had been said in them
                self.position, self._scenes = dropped, {}
            ticks = [
                _Tick(*row)
                for row in connection.execute(
                    "SELECT tick, cluster, at FROM moment WHERE tick > ? ORDER BY tick LIMIT ?",
                    (self.position, _AT_ONCE),
                )
            ]
            return [(tick.number, self._step(connection, tick)) for tick in ticks]
        finally:
            connection.execute("ROLLBACK")

    def _step(self, connection: sqlite3.Connection, tick: _Tick) -> model.Snapshot:
        scene = self._scenes.get(tick.cluster)
        if scene is None:
            (name,) = connection.execute("SELECT name FROM cluster WHERE id = ?", (tick.cluster,)).fetchone()
            scene = self._scenes[tick.cluster] = _Scene(tick.cluster, name)
            _set(connection, scene, tick)
            _recall(connection, scene, tick)
        else:
            self._move(connection, scene, tick)
        self.position = tick.number
        return scene.snapshot(tick.at)

    def _move(self, connection: sqlite3.Connection, scene: _Scene, tick: _Tick) -> None:
        """Take in what is new with the tick."""
        for number, kind, key, twin, until, body in connection.execute(
            "SELECT o.id, o.kind, o.key, o.twin, o.twin_until, fact.body FROM fact"
            " JOIN object AS o ON o.id = fact.object WHERE fact.tick = ?",
            (tick.number,),
        ).fetchall():
            scene.say(number, kind, body)
            if twin is not None:
                scene.twins[number] = (twin, until)
            if kind == "pod":
                self._find_parts(connection, scene, key)
        for sample in _samples_of(connection, tick.number):
            scene.samples[sample.series] = _measured(sample)
        gone = scene.samples.keys() - self._series_of(scene) if len(scene.samples) > 4096 else ()
        for number in list(gone):
            del scene.samples[number]

    @staticmethod
    def _series_of(scene: _Scene) -> set[int]:
        return {*scene.nodes, *scene.pods, *scene.parts.values()}

    @staticmethod
    def _find_parts(connection: sqlite3.Connection, scene: _Scene, key: str) -> None:
        for part, number in connection.execute(
            "SELECT key, id FROM object WHERE cluster = ? AND kind = 'container' AND key > ? AND key < ?",
            (scene.cluster, f"{key}/", f"{key}0"),  # "0" follows "/"
        ):
            scene.parts[part] = number
