"""Snapshots out of the file: the state as it was at a moment, and every tick in order.

Facts are those of the tick. Usage is the newest sample that had come by then; where samples are gone it is
the mean of the hour, which its window says.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import model
from kubevitals.history import aggregation, compaction, factcodec, facts, hours, retention, samples, schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    Measured = tuple[aggregation.Sample, float | None]  # and its window in seconds

_NEAR = 300_000  # milliseconds around a moment in which a tick still tells of it
_LOOK_BACK = 900_000  # milliseconds in which the newest sample of a series is looked for
_AT_ONCE = 20  # ticks that are read in one go
_SERIES = (1 << schema.SERIES_BITS) - 1


class _Tick(NamedTuple):
    number: int
    cluster: int
    at: int


class _State:
    """One cluster at a tick: the records without usage, and the newest samples by series."""

    def __init__(self, cluster: int, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.facts = factcodec.Cluster("none", ())
        self.nodes: dict[int, model.Node] = {}
        self.pods: dict[int, model.Pod] = {}
        self.shared: dict[int, tuple[int, int | None]] = {}  # of pods: the container and until when
        self.parts: dict[str, int] = {}  # containers by key
        self.samples: dict[int, Measured] = {}

    def apply(self, number: int, kind: str, body: bytes) -> None:
        """Take over what is said of an object from now on."""
        if kind == "cluster":
            self.facts = factcodec.decode_cluster(body)
        elif kind == "node":
            self.nodes.pop(number, None)
            if body != factcodec.GONE:
                self.nodes[number] = factcodec.decode_node(body)
        elif kind == "pod":
            self.pods.pop(number, None)
            if body != factcodec.GONE:
                self.pods[number] = factcodec.decode_pod(body)

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
            shared, until = self.shared.get(number, (0, None))
            if not shared or until is not None:
                measured.add(number)
        return measured

    def snapshot(self, at: int) -> model.Snapshot:
        """Return the state, with the samples as usage."""
        now = aggregation.from_milliseconds(at)
        nodes = [self._measure(node, self.samples.get(number), now) for number, node in self.nodes.items()]
        pods = [self._pod(number, pod, at, now) for number, pod in self.pods.items()]
        nodes.sort(key=lambda node: node.name)
        pods.sort(key=lambda pod: (pod.namespace, pod.name))
        return model.Snapshot(
            self.name, self.facts.source, now, model.Records(nodes), model.Records(pods), self.facts.problems
        )

    def _pod(self, number: int, pod: model.Pod, at: int, now: datetime) -> model.Pod:
        key = facts.pod_key(pod)
        containers = tuple(
            self._measure(each, self.samples.get(self.parts.get(f"{key}/{each.name}", 0)), now)
            for each in pod.containers
        )
        shared, until = self.shared.get(number, (0, None))
        own = self.samples.get(number)
        if shared and (until is None or own is None or at <= until):
            own = self.samples.get(shared)
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
    with schema.reading(connection):
        row = connection.execute(
            "SELECT id, name FROM cluster WHERE name = coalesce(?, name) ORDER BY id LIMIT 1", (cluster,)
        ).fetchone()
        tick = None if row is None else _tick_at(connection, row[0], aggregation.to_milliseconds(moment))
        if tick is None:
            return None
        state = _State(*row)
        _load(connection, state, tick)
        if tick.number > retention.dropped_until(connection):
            _load_samples(connection, state, tick)
        else:
            _load_means(connection, state, tick.at)
        return state.snapshot(tick.at)


def _tick_at(connection: sqlite3.Connection, cluster: int, at: int) -> _Tick | None:
    row = connection.execute(
        "SELECT id, cluster, at FROM tick WHERE cluster = ? AND at <= ? ORDER BY id DESC LIMIT 1",
        (cluster, at),
    ).fetchone()
    if row is None or at - row[2] > _NEAR:
        return None
    return _Tick(*row)


def _load(connection: sqlite3.Connection, state: _State, tick: _Tick) -> None:
    """Load what was said up to the tick."""
    rows = connection.execute(
        "SELECT o.id, o.kind, o.key, o.shared, o.shared_until,"
        " (SELECT body FROM fact WHERE fact.object = o.id AND fact.tick <= ? ORDER BY fact.tick DESC LIMIT 1)"
        " FROM object AS o"
        " WHERE o.cluster = ? AND o.kind IN ('cluster', 'node', 'pod', 'container')"
        " AND (o.last_at IS NULL OR o.last_at >= ?) AND o.first_at <= ?",
        (tick.number, state.cluster, tick.at, tick.at),
    )
    for number, kind, key, shared, until, body in rows:
        if kind == "container":
            state.parts[key] = number
            continue
        if shared is not None:
            state.shared[number] = (shared, until)
        if body is not None:
            state.apply(number, kind, body)


def _load_samples(connection: sqlite3.Connection, state: _State, tick: _Tick) -> None:
    """Load the newest samples that had come by the tick: of open ticks, or else of blocks."""
    wanted = state.series()
    compacted = compaction.compacted_until(connection)
    for (number,) in connection.execute(
        "SELECT id FROM tick WHERE id <= ? AND id > ? AND cluster = ? AND at > ? ORDER BY id DESC",
        (tick.number, compacted, state.cluster, tick.at - _LOOK_BACK),
    ):
        for sample in _open_samples(connection, number):
            if sample.series in wanted:
                wanted.remove(sample.series)
                state.samples[sample.series] = _measured(sample)
        if not wanted:
            return
    for (batch,) in connection.execute(
        "SELECT id FROM batch WHERE first_tick <= ? AND last_at > ? ORDER BY id DESC",
        (tick.number, tick.at - _LOOK_BACK),
    ).fetchall():
        for series in list(wanted):
            block = _block(connection, batch, series)
            last = 0 if block is None else bisect.bisect_right(block.ticks, tick.number)
            if block is not None and last and block.times[last - 1] > tick.at - _LOOK_BACK:
                wanted.remove(series)
                state.samples[series] = _measured(_sample(series, block, last - 1))


def _open_samples(connection: sqlite3.Connection, tick: int) -> Iterator[samples.Sample]:
    for (body,) in connection.execute(
        "SELECT body FROM open WHERE id >= ? AND id < ?", (schema.open_key(tick), schema.open_key(tick + 1))
    ):
        yield from samples.decode_tick(body)


def _block(connection: sqlite3.Connection, batch: int, series: int) -> samples.Block | None:
    row = connection.execute(
        "SELECT body FROM block WHERE id = ?", (schema.block_key(batch, series),)
    ).fetchone()
    return None if row is None else samples.decode_whole(row[0])


def _sample(series: int, block: samples.Block, place: int) -> samples.Sample:
    return samples.Sample(
        series, block.times[place], block.cpu[place], block.memory[place], block.windows[place]
    )


def _measured(sample: samples.Sample) -> Measured:
    return sample[1:4], None if sample.window is None else sample.window / 1000


def _load_means(connection: sqlite3.Connection, state: _State, at: int) -> None:
    """Load the means of the hour around the time."""
    number = (at - 1) // hours.HOUR
    periods = connection.execute(
        "SELECT id FROM period WHERE last_at > ? AND first_at <= ? ORDER BY id",
        (number * hours.HOUR, (number + 1) * hours.HOUR),
    ).fetchall()
    for series in state.series():
        parts = []
        for (period,) in periods:
            row = connection.execute(
                "SELECT body FROM hour WHERE id = ?", (schema.block_key(period, series),)
            ).fetchone()
            parts += [] if row is None else [hour for hour in hours.decode(row[0]) if hour.number == number]
        for hour in hours.join(parts):
            sample = (hour.end, _mean(hour.cpu), _mean(hour.memory))
            state.samples[series] = (sample, hours.HOUR / 1000)


def _mean(cell: hours.Cell | None) -> int | None:
    return None if cell is None else round(cell.total / cell.number)


class Replay:
    """Every tick behind a number, in order; it can be gone on with where it ended."""

    def __init__(self, after: int) -> None:
        self.position = after
        self._states: dict[int, _State] = {}

    def run(self, connection: sqlite3.Connection) -> list[tuple[int, model.Snapshot]]:
        """Return some ticks more; none where there is none yet.

        Raises:
            sqlite3.Error, errors.HistoryError: it cannot be read.
        """
        with schema.reading(connection):
            dropped = retention.dropped_until(connection)
            if dropped > self.position:  # they are gone, and so is what had been said in them
                self.position, self._states = dropped, {}
            ticks = [
                _Tick(*row)
                for row in connection.execute(
                    "SELECT id, cluster, at FROM tick WHERE id > ? ORDER BY id LIMIT ?",
                    (self.position, _AT_ONCE),
                )
            ]
            compacted = _compacted_samples(connection, ticks)
            return [(tick.number, self._step(connection, tick, compacted)) for tick in ticks]

    def _step(
        self, connection: sqlite3.Connection, tick: _Tick, compacted: dict[int, list[samples.Sample]]
    ) -> model.Snapshot:
        state = self._states.get(tick.cluster)
        if state is None:
            (name,) = connection.execute("SELECT name FROM cluster WHERE id = ?", (tick.cluster,)).fetchone()
            state = self._states[tick.cluster] = _State(tick.cluster, name)
            _load(connection, state, tick)
            _load_samples(connection, state, tick)
        else:
            found = compacted.get(tick.number)
            self._advance(
                connection, state, tick, _open_samples(connection, tick.number) if found is None else found
            )
        self.position = tick.number
        return state.snapshot(tick.at)

    def _advance(
        self, connection: sqlite3.Connection, state: _State, tick: _Tick, fresh: Iterable[samples.Sample]
    ) -> None:
        """Take over what is new with the tick."""
        for number, kind, key, shared, until, body in connection.execute(
            "SELECT o.id, o.kind, o.key, o.shared, o.shared_until, fact.body FROM fact"
            " JOIN object AS o ON o.id = fact.object WHERE fact.tick = ?",
            (tick.number,),
        ).fetchall():
            state.apply(number, kind, body)
            if shared is not None:
                state.shared[number] = (shared, until)
            if kind == "pod":
                self._find_parts(connection, state, key)
        for sample in fresh:
            state.samples[sample.series] = _measured(sample)
        if len(state.samples) > 4096:
            for number in state.samples.keys() - {*state.nodes, *state.pods, *state.parts.values()}:
                del state.samples[number]

    @staticmethod
    def _find_parts(connection: sqlite3.Connection, state: _State, key: str) -> None:
        for part, number in connection.execute(
            "SELECT key, id FROM object WHERE cluster = ? AND kind = 'container' AND key > ? AND key < ?",
            (state.cluster, f"{key}/", f"{key}0"),  # "0" follows "/"
        ):
            state.parts[part] = number


def _compacted_samples(connection: sqlite3.Connection, ticks: list[_Tick]) -> dict[int, list[samples.Sample]]:
    """Return the samples of those ticks that are in blocks."""
    compacted = compaction.compacted_until(connection)
    found: dict[int, list[samples.Sample]] = {tick.number: [] for tick in ticks if tick.number <= compacted}
    if not found:
        return found
    first, last = min(found), max(found)
    for (batch,) in connection.execute(
        "SELECT id FROM batch WHERE first_tick <= ? AND last_tick >= ?", (last, first)
    ).fetchall():
        for key, body in connection.execute(
            "SELECT id, body FROM block WHERE id >= ? AND id < ?",
            (schema.block_key(batch), schema.block_key(batch + 1)),
        ):
            block = samples.decode_whole(body)
            for place in range(
                bisect.bisect_left(block.ticks, first), bisect.bisect_right(block.ticks, last)
            ):
                number = block.ticks[place]
                if number in found:
                    found[number].append(_sample(key & _SERIES, block, place))
    return found
