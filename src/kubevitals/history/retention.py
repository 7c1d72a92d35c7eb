"""What leaves the file: what is older than its tier is kept, and the oldest of all where room is short.

Each tier has an age. Where the file would outgrow its limit, the tier that is the nearest to its own age
gives its oldest hour: the fine ones first, in the end all in proportion. It works in slices, each whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals.history import rollup, schema

if TYPE_CHECKING:
    import sqlite3

_HOUR = 3600.0
_SLICE = 40  # ticks
_THIN = 180_000  # milliseconds; where its samples are gone, one tick in so long keeps its time
FULL = 0.9  # of the limit: from there on the oldest leaves
LONGEST_HOLD = 7 * 24 * _HOUR  # seconds; who has not come back by then may never do
_HELD_SHARE = 0.5  # of the limit that ticks may take which a reader has not taken yet


class Ages(NamedTuple):
    """Seconds that each tier is kept."""

    samples: float = 2 * _HOUR
    minutes: float = 48 * _HOUR
    five_minutes: float = 14 * 24 * _HOUR
    hours: float = 400 * 24 * _HOUR


def bound(connection: sqlite3.Connection, limit: int) -> None:
    """Make SQLite refuse to let the file grow beyond its limit, and its log beyond a part of that.

    Raises:
        sqlite3.Error: it could not be done.
    """
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA max_page_count = {limit // size}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {max(16, min(1000, limit // size // 64))}")
    connection.execute(f"PRAGMA journal_size_limit = {limit // 16}")


def let_age(connection: sqlite3.Connection, ages: Ages) -> bool:
    """Let a slice go of what is too old; return whether there may be more.

    Raises:
        sqlite3.Error: it could not be done.
    """
    now = state_of(connection, "age")
    (tick,) = connection.execute(
        "SELECT max(tick) FROM"
        " (SELECT tick, age FROM moment WHERE tick > ? AND tick <= ? ORDER BY tick LIMIT ?) WHERE age < ?",
        (dropped_until(connection), _free_until(connection), _SLICE, now - round(ages.samples * 1000)),
    ).fetchone()
    if tick is not None:
        _drop_ticks(connection, tick)
        return True
    for tier, age in zip(rollup.TIERS, ages[1:], strict=True):
        oldest = _oldest(connection, tier)
        if oldest is not None and (oldest + 1) * tier.span < now - age * 1000:
            with schema.transaction(connection):
                _drop_span(connection, tier, oldest)
            return True
    return False


def fit(connection: sqlite3.Connection, limit: int, ages: Ages) -> bool:
    """Let the oldest hour of a tier go where the file is near its limit; return whether one went.

    Raises:
        sqlite3.Error, errors.HistoryError: it could not be done.
    """
    if used_bytes(connection) <= FULL * limit:
        return False
    now = state_of(connection, "age")
    shares = []
    for tier, age in zip(rollup.TIERS, ages[1:], strict=True):
        oldest = _oldest(connection, tier)
        if oldest is not None:
            shares.append(((now - oldest * tier.span) / (age * 1000), tier.number))
    first, at, held = connection.execute(
        "SELECT min(tick), min(age), sum(bytes) FROM moment WHERE tick > ?", (dropped_until(connection),)
    ).fetchone()
    rolled = rollup.progress_of(connection).done
    if first is not None and first <= rolled:
        keep = first > _free_until(connection) and (held or 0) < _HELD_SHARE * limit
        if not keep or not shares:
            shares.append(((now - at) / (ages.samples * 1000), 0))
    if not shares:
        return first is not None and rollup.roll(connection, everything=True)
    _, number = max(shares)
    if not number:
        _drop_ticks(connection, min(first + _SLICE, rolled))
        return True
    tier = rollup.TIERS[number - 1]
    oldest = _oldest(connection, tier)
    assert oldest is not None
    with schema.transaction(connection):
        _drop_span(connection, tier, oldest)
    return True


def forget_gone(connection: sqlite3.Connection, ages: Ages) -> None:
    """Forget objects of which nothing is left, and what was said before anything that is left.

    Raises:
        sqlite3.Error: it could not be done.
    """
    now = state_of(connection, "age")
    known = [oldest * tier.span for tier in rollup.TIERS if (oldest := _oldest(connection, tier)) is not None]
    limit = max(now - round(ages.hours * 1000), min(known, default=0))
    (tick,) = connection.execute("SELECT max(tick) FROM moment WHERE at < ?", (limit,)).fetchone()
    with schema.transaction(connection):
        connection.execute(
            "DELETE FROM fact WHERE object IN (SELECT id FROM object WHERE last_at < ?)", (limit,)
        )
        connection.execute("DELETE FROM object WHERE last_at < ?", (limit,))
        if tick is not None:
            connection.execute(
                "DELETE FROM fact WHERE tick <= ? AND EXISTS (SELECT 1 FROM fact AS later"
                " WHERE later.object = fact.object AND later.tick > fact.tick AND later.tick <= ?)",
                (tick, tick),
            )
            connection.execute(
                "DELETE FROM moment WHERE tick < ? AND tick <= ?", (tick, dropped_until(connection))
            )


def shrink(connection: sqlite3.Connection, limit: int) -> None:
    """Give pages that are free back to the disk where the file is larger than it may be.

    Raises:
        sqlite3.Error: it could not be done.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    if pages * size > limit:
        connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return how much of the file holds something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def dropped_until(connection: sqlite3.Connection) -> int:
    """Return the last tick whose samples are gone; 0 while all are there."""
    return state_of(connection, "dropped")


def state_of(connection: sqlite3.Connection, name: str) -> int:
    """Return a number of the table `state`, 0 where it is not set."""
    row = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return 0 if row is None else int(row[0])


def _free_until(connection: sqlite3.Connection) -> int:
    """Return the last tick that is rolled up and that no reader waits for."""
    rolled = rollup.progress_of(connection).done
    (held,) = connection.execute("SELECT min(tick) FROM hold").fetchone()
    if held is None:
        return rolled
    row = connection.execute(
        "SELECT tick FROM moment WHERE tick >= ? AND age >= ? ORDER BY tick LIMIT 1",
        (max(held, dropped_until(connection)), state_of(connection, "age") - round(LONGEST_HOLD * 1000)),
    ).fetchone()
    return min(rolled, int(held if row is None else row[0]) - 1)


def _oldest(connection: sqlite3.Connection, tier: rollup.Tier) -> int | None:
    """Return the oldest span of a tier."""
    (key,) = connection.execute(
        "SELECT min(id) FROM rolled WHERE id >= ? AND id < ?",
        (rollup.key_of(tier.number, 0), rollup.key_of(tier.number + 1, 0)),
    ).fetchone()
    return None if key is None else rollup.start_of(key)


def oldest_time(connection: sqlite3.Connection, tier: rollup.Tier) -> int | None:
    """Return when the oldest span of a tier begins, in milliseconds since 1970."""
    oldest = _oldest(connection, tier)
    return None if oldest is None else oldest * tier.span


def _drop_span(connection: sqlite3.Connection, tier: rollup.Tier, start: int) -> None:
    connection.execute(
        "DELETE FROM rolled WHERE id >= ? AND id < ?",
        (rollup.key_of(tier.number, start), rollup.key_of(tier.number, start + 1)),
    )


def _drop_ticks(connection: sqlite3.Connection, until: int) -> None:
    """Drop the samples of the ticks up to `until`; of the ticks one in a while stays, with its facts."""
    moments = connection.execute(
        "SELECT tick, cluster, at FROM moment WHERE tick > ? AND tick <= ? ORDER BY tick",
        (dropped_until(connection), until),
    ).fetchall()
    last: dict[int, int] = {}
    with schema.transaction(connection):
        for tick, cluster, at in moments:
            if cluster not in last:
                row = connection.execute(
                    "SELECT at FROM moment WHERE tick < ? AND cluster = ? ORDER BY tick DESC LIMIT 1",
                    (tick, cluster),
                ).fetchone()
                last[cluster] = -1 if row is None else row[0] // _THIN
            if at // _THIN == last[cluster]:
                connection.execute("DELETE FROM moment WHERE tick = ?", (tick,))
            last[cluster] = at // _THIN
        connection.execute("DELETE FROM raw WHERE id < ?", ((until + 1) << schema.PAGES,))
        connection.execute("INSERT OR REPLACE INTO state (name, value) VALUES ('dropped', ?)", (until,))
