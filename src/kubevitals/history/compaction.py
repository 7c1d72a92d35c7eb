"""Samples of ticks become blocks of an hour, and these become hours: each sample exactly once.

Both are made in memory, a slice of series at a time, so that the next tick never waits, and stored in one
transaction with the mark of how far it is done: whatever a clock did and whenever a process died, no sample
is missing or counted twice. A batch is a run of ticks of one hour, a period a run of batches of one day.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kubevitals.history import aggregation, hours, samples, schema

if TYPE_CHECKING:
    import sqlite3

_GRACE = 20_000  # milliseconds that the last samples of an hour may take to arrive
_DAY = 24 * hours.HOUR
_GROUPS = 2  # of series, in a slice of work
_SERIES = 32  # in a slice of work


class Work(Protocol):
    """A piece of work that is done in slices."""

    def step(self) -> bool:
        """Do a slice; return whether there is more.

        Raises:
            sqlite3.Error, errors.HistoryError: it could not be done. Nothing of it was.
        """
        ...


def find_work(connection: sqlite3.Connection, *, oldest: int) -> Work | None:
    """Return what is to be done now; the hours of samples of before `oldest` are made early.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    return find_batch(connection) or find_period(connection, oldest=oldest)


def compacted_until(connection: sqlite3.Connection) -> int:
    """Return the last tick whose samples are in blocks."""
    return schema.state_of(connection, "compacted")


def find_batch(connection: sqlite3.Connection, *, everything: bool = False) -> Batch | None:
    """Return the work of the next hour of ticks that is over; with `everything` also of one that is not.

    Raises: as `find_work`.
    """
    done = compacted_until(connection)
    batch, last = None, done
    for tick, at in connection.execute("SELECT id, at FROM tick WHERE id > ? ORDER BY id", (done,)):
        this = (at - _GRACE) // hours.HOUR
        if batch is None:
            batch = this
        elif this != batch:
            return Batch(connection, done + 1, last)
        last = tick
    return Batch(connection, done + 1, last) if everything and last > done else None


class Batch:
    """Makes the blocks of the ticks from `first` to `last`."""

    def __init__(self, connection: sqlite3.Connection, first: int, last: int) -> None:
        self._connection = connection
        self._first, self._last = first, last
        mask = (1 << schema.GROUP_BITS) - 1
        self._groups = [
            group
            for (group,) in connection.execute(
                "SELECT DISTINCT id & ? FROM open WHERE id < ?", (mask, schema.open_key(last + 1))
            )
        ]
        self._blocks: list[tuple[int, bytes]] = []
        self._times: list[int] = []  # first and last ones

    def step(self) -> bool:
        """Make the blocks of some groups, or store all blocks; return whether there is more to do."""
        for _ in range(_GROUPS):
            if not self._groups:
                self._store()
                return False
            self._add_group(self._groups.pop())
        return True

    def _add_group(self, group: int) -> None:
        rows = self._connection.execute(
            "SELECT tick.id, open.body FROM tick CROSS JOIN open ON open.id = (tick.id << ? | ?)"
            " WHERE tick.id >= ? AND tick.id <= ? ORDER BY tick.id",
            (schema.GROUP_BITS, group, self._first, self._last),
        )
        found: dict[int, list[tuple[int, samples.Sample]]] = {}
        for tick, body in rows:
            for sample in samples.decode_tick(body):
                found.setdefault(sample.series, []).append((tick, sample))
        for series, each in found.items():
            ticks, own = zip(*each, strict=True)
            _, *columns = zip(*own, strict=True)
            block = samples.Block(list(ticks), *map(list, columns))
            self._blocks.append((series, samples.encode(block)))
            self._times += min(block.times), max(block.times)

    def _store(self) -> None:
        blocks = sorted(self._blocks)
        with schema.transaction(self._connection) as connection:
            (age,) = connection.execute("SELECT age FROM tick WHERE id = ?", (self._last,)).fetchone()
            connection.execute("DELETE FROM open WHERE id < ?", (schema.open_key(self._last + 1),))
            number = schema.state_of(connection, "batch") + 1
            connection.executemany(
                "INSERT INTO block (id, body) VALUES (?, ?)",
                [(schema.block_key(number, series), body) for series, body in blocks],
            )
            if blocks:
                connection.execute(
                    "INSERT INTO batch (id, first_at, last_at, first_tick, last_tick, age, bytes)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        number, min(self._times), max(self._times), self._first, self._last, age,
                        sum(len(body) + 12 for _, body in blocks),
                    ),
                )  # fmt: skip
            schema.set_state(connection, batch=number, compacted=self._last)


def find_period(
    connection: sqlite3.Connection, *, oldest: int = 0, everything: bool = False
) -> Period | None:
    """Return the work of the next day of batches that is over, or begins before `oldest` by the age clock.

    Raises: as `find_work`.
    """
    day, run = None, []
    over = everything
    for number, first_at, age in connection.execute(
        "SELECT id, first_at, age FROM batch WHERE period IS NULL ORDER BY id"
    ):
        this = first_at // _DAY
        if day is None:
            day = this
            over = over or age < oldest
        elif this != day:
            over = True
            break
        run.append(number)
    return Period(connection, run) if over and run else None


class Period:
    """Makes the hours of some batches."""

    def __init__(self, connection: sqlite3.Connection, batches: list[int]) -> None:
        self._connection = connection
        self._batches = batches
        mask = (1 << schema.SERIES_BITS) - 1
        series: set[int] = set()
        for batch in batches:
            series.update(
                number
                for (number,) in connection.execute(
                    "SELECT id & ? FROM block WHERE id >= ? AND id < ?",
                    (mask, schema.block_key(batch), schema.block_key(batch + 1)),
                )
            )
        self._series = sorted(series, reverse=True)
        self._blocks: list[tuple[int, bytes]] = []

    def step(self) -> bool:
        """Make the hours of some series, or store all of them; return whether there is more to do."""
        for _ in range(_SERIES):
            if not self._series:
                self._store()
                return False
            self._add_series(self._series.pop())
        return True

    def _add_series(self, series: int) -> None:
        found: list[hours.Hour] = []
        for batch in self._batches:
            row = self._connection.execute(
                "SELECT body FROM block WHERE id = ?", (schema.block_key(batch, series),)
            ).fetchone()
            if row is not None:
                found += hours.of_samples(aggregation.sort_samples(samples.decode(row[0])))
        self._blocks.append((series, hours.encode(hours.join(found))))

    def _store(self) -> None:
        first, last = self._batches[0], self._batches[-1]
        with schema.transaction(self._connection) as connection:
            number = schema.state_of(connection, "period") + 1
            begin, end, age = connection.execute(
                "SELECT min(first_at), max(last_at), max(age) FROM batch WHERE id >= ? AND id <= ?",
                (first, last),
            ).fetchone()
            connection.executemany(
                "INSERT INTO hour (id, body) VALUES (?, ?)",
                [(schema.block_key(number, series), body) for series, body in self._blocks],
            )
            connection.execute(
                "INSERT INTO period (id, first_at, last_at, age, gone_at) VALUES (?, ?, ?, ?, 0)",
                (number, begin, end, age),
            )
            connection.execute("UPDATE batch SET period = ? WHERE id >= ? AND id <= ?", (number, first, last))
            schema.set_state(connection, period=number)
