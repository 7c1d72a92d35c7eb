"""What leaves the file: samples and hours that are too old, and the oldest ones where room is short.

Where the file would outgrow its limit, what is the nearest to its own age gives its oldest part: first
samples, in the end both in proportion. It works in slices, each of them whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals.history import compaction, hours, schema

if TYPE_CHECKING:
    import sqlite3

_HOUR = 3600.0
_DAY = 24 * _HOUR
_THIN = 180_000  # milliseconds; where its samples are gone, one tick in so long keeps its time
_SPARE = 64  # pages
FULL = 0.9  # of the limit: from there on the oldest leaves
LONGEST_WAIT = 7 * _DAY  # seconds that ticks wait for a reader of all of them
FORGOTTEN = _DAY  # seconds after which a reader is forgotten that no recorder was started with
_WAITING_SHARE = 0.5  # of the limit that samples may take which a reader has not taken yet


class Ages(NamedTuple):
    """Seconds that samples and hours are kept."""

    samples: float = 7 * _DAY
    hours: float = 400 * _DAY


def bound(connection: sqlite3.Connection, limit: int) -> None:
    """Make SQLite refuse to let the file grow beyond its limit, and its log beyond a part of that.

    Raises:
        sqlite3.Error: it could not be done.
    """
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    # A file that is larger than it may be by now needs some room until it is made smaller.
    most = limit // size if pages < limit // size else pages + _SPARE
    connection.execute(f"PRAGMA max_page_count = {most}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {max(16, min(1000, limit // size // 64))}")
    connection.execute(f"PRAGMA journal_size_limit = {limit // 16}")


def oldest_samples(connection: sqlite3.Connection, ages: Ages) -> int:
    """Return the time, by the age clock, before which samples are too old.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    return schema.state_of(connection, "age") - round(ages.samples * 1000)


def drop_old(connection: sqlite3.Connection, ages: Ages) -> bool:
    """Drop a slice of what is too old; return whether there may be more.

    Raises:
        sqlite3.Error: it could not be done.
    """
    row = connection.execute(
        "SELECT id, age, last_tick FROM batch WHERE period IS NOT NULL ORDER BY id LIMIT 1"
    ).fetchone()
    if row is not None and row[1] < oldest_samples(connection, ages) and row[2] < _waiting_from(connection):
        _drop_batch(connection, row[0])
        return True
    row = connection.execute("SELECT id, age FROM period WHERE gone_at ORDER BY id LIMIT 1").fetchone()
    if row is not None and row[1] < schema.state_of(connection, "age") - ages.hours * 1000:
        _drop_period(connection, row[0])
        return True
    return False


def is_full(connection: sqlite3.Connection, limit: int) -> bool:
    """Return whether the file is near its limit.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    return used_bytes(connection) > FULL * limit


def drop_oldest(connection: sqlite3.Connection, limit: int, ages: Ages) -> bool:
    """Drop the oldest samples or hours for the sake of room; return whether there were any.

    Raises:
        sqlite3.Error, errors.HistoryError: it could not be done.
    """
    now = schema.state_of(connection, "age")
    period = connection.execute("SELECT id, age FROM period WHERE gone_at ORDER BY id LIMIT 1").fetchone()
    batch = connection.execute("SELECT id, age, last_tick, period FROM batch ORDER BY id LIMIT 1").fetchone()
    if batch is not None and batch[2] >= _waiting_from(connection):
        (held,) = connection.execute("SELECT sum(bytes) FROM batch").fetchone()
        if held < _WAITING_SHARE * limit and period is not None:
            batch = None
    if batch is not None and (
        period is None or (now - batch[1]) / ages.samples >= (now - period[1]) / ages.hours
    ):
        if batch[3] is None:
            return _finish(compaction.find_period(connection, everything=True))
        _drop_batch(connection, batch[0])
        return True
    if batch is None and _finish(compaction.find_batch(connection, everything=True)):
        return True
    if period is not None:
        _drop_period(connection, period[0])
        return True
    return False


def _finish(work: compaction.Work | None) -> bool:
    """Do all of a piece of work; return whether there was one."""
    if work is None:
        return False
    while work.step():
        pass
    return True


def forget_gone(connection: sqlite3.Connection) -> None:
    """Forget objects of which nothing is left, and what was said before anything that is left.

    Raises:
        sqlite3.Error: it could not be done.
    """
    first = oldest_time(connection)
    if first is None:
        return
    limit = first - hours.HOUR
    (tick,) = connection.execute("SELECT max(id) FROM tick WHERE at < ?", (limit,)).fetchone()
    with schema.transaction(connection):
        for table in ("fact", "resource"):
            connection.execute(
                f"DELETE FROM {table} WHERE object IN (SELECT id FROM object WHERE last_at < ?)",  # noqa: S608 - ours
                (limit,),
            )
        connection.execute("DELETE FROM object WHERE last_at < ?", (limit,))
        connection.execute(
            "DELETE FROM resource WHERE at < ? AND EXISTS (SELECT 1 FROM resource AS later"
            " WHERE later.object = resource.object AND later.at > resource.at AND later.at <= ?)",
            (limit, limit),
        )
        if tick is not None:
            connection.execute(
                "DELETE FROM fact WHERE tick <= ? AND EXISTS (SELECT 1 FROM fact AS later"
                " WHERE later.object = fact.object AND later.tick > fact.tick AND later.tick <= ?)",
                (tick, tick),
            )
            connection.execute("DELETE FROM tick WHERE id < ? AND id <= ?", (tick, dropped_until(connection)))


def remember_readers(connection: sqlite3.Connection, names: set[str]) -> None:
    """Note that a recorder has readers of those names now, and forget others that none had for a day.

    Raises:
        sqlite3.Error: it could not be done.
    """
    now = schema.state_of(connection, "age")
    with schema.transaction(connection):
        connection.executemany("UPDATE position SET age = ? WHERE name = ?", [(now, name) for name in names])
        connection.execute("DELETE FROM position WHERE age < ?", (now - round(FORGOTTEN * 1000),))


def shrink(connection: sqlite3.Connection, limit: int) -> None:
    """Give pages that are free back to the disk where the file is larger than it may be, and bound it again.

    Raises:
        sqlite3.Error: it could not be done.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    if pages * size > limit:
        connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")
        bound(connection, limit)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return how much of the file holds something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def dropped_until(connection: sqlite3.Connection) -> int:
    """Return the last tick whose samples are gone; 0 while all are there."""
    return schema.state_of(connection, "dropped")


def oldest_time(connection: sqlite3.Connection) -> int | None:
    """Return the time of the first sample, or of the first tick where none is in blocks yet.

    None in an empty file.
    """
    known = [
        connection.execute(f"SELECT min({column}) FROM {table}").fetchone()[0]  # noqa: S608 - ours
        for table, column in (("period", "first_at"), ("batch", "first_at"))
    ]
    (tick,) = connection.execute(
        "SELECT min(at) FROM tick WHERE id > ?", (compaction.compacted_until(connection),)
    ).fetchone()
    return min((each for each in (*known, tick) if each is not None), default=None)


def _waiting_from(connection: sqlite3.Connection) -> int:
    """Return the first tick that a reader of all of them has not taken, within the longest wait."""
    (position,) = connection.execute("SELECT min(tick) FROM position").fetchone()
    if position is None:
        return 1 << 62
    row = connection.execute(
        "SELECT id FROM tick WHERE id >= ? AND age >= ? ORDER BY id LIMIT 1",
        (position, schema.state_of(connection, "age") - round(LONGEST_WAIT * 1000)),
    ).fetchone()
    return int(position if row is None else row[0])


def _drop_period(connection: sqlite3.Connection, number: int) -> None:
    with schema.transaction(connection):
        connection.execute(
            "DELETE FROM hour WHERE id >= ? AND id < ?",
            (schema.block_key(number), schema.block_key(number + 1)),
        )
        connection.execute("DELETE FROM period WHERE id = ?", (number,))


def _drop_batch(connection: sqlite3.Connection, number: int) -> None:
    """Drop the samples of a batch; of its ticks one in a while stays, with its facts."""
    until, last_at, period = connection.execute(
        "SELECT last_tick, last_at, period FROM batch WHERE id = ?", (number,)
    ).fetchone()
    ticks = connection.execute(
        "SELECT id, cluster, at FROM tick WHERE id > ? AND id <= ? ORDER BY id",
        (dropped_until(connection), until),
    ).fetchall()
    last: dict[int, int] = {}
    with schema.transaction(connection):
        for tick, cluster, at in ticks:
            if cluster not in last:
                row = connection.execute(
                    "SELECT at FROM tick WHERE id < ? AND cluster = ? ORDER BY id DESC LIMIT 1",
                    (tick, cluster),
                ).fetchone()
                last[cluster] = -1 if row is None else row[0] // _THIN
            if at // _THIN == last[cluster]:
                connection.execute("DELETE FROM tick WHERE id = ?", (tick,))
            last[cluster] = at // _THIN
        connection.execute("UPDATE period SET gone_at = max(gone_at, ?) WHERE id = ?", (last_at, period))
        connection.execute(
            "DELETE FROM block WHERE id >= ? AND id < ?",
            (schema.block_key(number), schema.block_key(number + 1)),
        )
        connection.execute("DELETE FROM batch WHERE id = ?", (number,))
        schema.set_state(connection, dropped=until)
