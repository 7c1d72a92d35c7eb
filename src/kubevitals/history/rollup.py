"""Ticks become steps of a minute, five minutes and an hour, each sample exactly once.

How far this is done is the number of a tick, moved in the transaction that writes the steps: whatever a clock
did, and whenever a process died, no sample is missing or counted twice. Steps that a boundary has divided are
parts that readers merge. Work comes in slices of a few pages, so that the next tick never waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals.history import blocks, schema

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from kubevitals.history import sums

_HOUR = 3_600_000
_DAY = 24 * _HOUR
_GRACE = 20_000  # milliseconds that samples of the last step may take to arrive
_SLICE = 4  # pages
_PART_BITS, _START_BITS = 10, 24
_PARTS = 1 << _PART_BITS


class Tier(NamedTuple):
    """Steps of one length, and the span of time that a row of them covers; milliseconds."""

    number: int
    step: int
    span: int


TIERS = (Tier(1, 60_000, _HOUR), Tier(2, 300_000, _HOUR), Tier(3, _HOUR, _DAY))


def key_of(tier: int, start: int, page: int = 0, part: int = 0) -> int:
    """Return the key in `rolled`; `start` counts the tier's spans since 1970."""
    return (((tier << _START_BITS | start) << schema.PAGES) | page) << _PART_BITS | part


def start_of(key: int) -> int:
    """Return the span that a key is of."""
    return key >> (schema.PAGES + _PART_BITS) & ((1 << _START_BITS) - 1)


class Progress(NamedTuple):
    """Up to which tick the samples of a page are in `rolled`."""

    done: int  # of all pages
    target: int  # of the pages up to `page`
    page: int

    def of(self, page: int) -> int:
        """Return that tick for one page."""
        return self.target if page <= self.page else self.done


def progress_of(connection: sqlite3.Connection) -> Progress:
    """Return how far the file is rolled up."""
    state = dict(
        connection.execute(
            "SELECT name, value FROM state WHERE name IN ('rolled', 'target', 'page')"
        ).fetchall()
    )
    return Progress(state.get("rolled", 0), state.get("target", 0), state.get("page", 0))


def roll(connection: sqlite3.Connection, *, everything: bool = False) -> bool:
    """Roll a few pages up; return whether there is more to do now.

    It waits for an hour to be over, but for `everything`, where what is there has to go.

    Raises:
        sqlite3.Error, errors.HistoryError: it could not be done. Nothing of the slice was.
    """
    progress = progress_of(connection)
    if progress.target <= progress.done:
        target = _find_target(connection, progress.done, everything=everything)
        if target is None:
            return _compact(connection)
        progress = Progress(progress.done, target, 0)
    (last_page,) = connection.execute("SELECT coalesce(max(id), 0) FROM page").fetchone()
    until = min(progress.page + _SLICE, last_page)
    with schema.transaction(connection):
        for page in range(progress.page + 1, until + 1):
            _roll_page(connection, page, after=progress.done, until=progress.target)
        done = progress.done if until < last_page else progress.target
        _remember(connection, rolled=done, target=progress.target, page=until if until < last_page else 0)
    return True


def _find_target(connection: sqlite3.Connection, done: int, *, everything: bool) -> int | None:
    """Return the last tick of the hour that the first tick behind `done` is in, if that hour is over."""
    first = hour = None
    last = done
    for tick, at in connection.execute("SELECT tick, at FROM moment WHERE tick > ? ORDER BY tick", (done,)):
        this = (at - _GRACE) // _HOUR
        if first is None:
            first, hour = tick, this
        elif this != hour:
            return last
        last = tick
    return last if everything and last > done else None


def _roll_page(connection: sqlite3.Connection, page: int, *, after: int, until: int) -> None:
    rows = connection.execute(
        "SELECT raw.body FROM moment CROSS JOIN raw ON raw.id = (moment.tick << ? | ?)"
        " WHERE moment.tick > ? AND moment.tick <= ?",
        (schema.PAGES, page, after, until),
    )
    samples: dict[int, list[sums.Sample]] = {}
    for (body,) in rows:
        for series, time, cpu, memory, _ in blocks.decode_raw(body):
            samples.setdefault(series, []).append((time, cpu, memory))
    if samples:
        for tier in TIERS:
            for start, block in fold(samples, tier).items():
                _write(connection, tier, start, page, sorted(block.items()))


def fold(samples: dict[int, list[sums.Sample]], tier: Tier) -> dict[int, dict[int, list[blocks.Step]]]:
    """Return the steps of each series by span and series."""
    step, span = tier.step, tier.span
    spans: dict[int, dict[int, list[blocks.Step]]] = {}
    for series, each in samples.items():
        steps: dict[int, tuple[list[int], list[int]]] = {}
        for time, cpu, memory in each:
            number = (time - 1) // step
            held = steps.get(number)
            if held is None:
                held = steps[number] = ([], [])
            if cpu is not None:
                held[0].append((cpu + 500) // 1000)
            if memory is not None:
                held[1].append((memory + 512) >> 10)
        for number in sorted(steps):
            cpus, memories = steps[number]
            start, place = divmod(number * step, span)
            spans.setdefault(start, {}).setdefault(series, []).append(
                blocks.Step(
                    place // step,
                    blocks.cell_of(cpus) if cpus else None,
                    blocks.cell_of(memories) if memories else None,
                )
            )
    return spans


def _write(
    connection: sqlite3.Connection,
    tier: Tier,
    start: int,
    page: int,
    block: Sequence[tuple[int, list[blocks.Step]]],
) -> None:
    first = key_of(tier.number, start, page)
    (newest,) = connection.execute(
        "SELECT max(id) FROM rolled WHERE id >= ? AND id < ?", (first, first + _PARTS)
    ).fetchone()
    key = first if newest is None else newest + 1
    if key >= first + _PARTS:
        compact(connection, first)
        key = first + 1
    connection.execute(
        "INSERT INTO rolled (id, body, sketches) VALUES (?, ?, ?)", (key, *blocks.encode_rolled(block))
    )


def compact(connection: sqlite3.Connection, first: int) -> None:
    """Make one part of all parts of a row whose first key is `first`; the caller's transaction."""
    rows = connection.execute(
        "SELECT body, sketches FROM rolled WHERE id >= ? AND id < ? ORDER BY id", (first, first + _PARTS)
    ).fetchall()
    if len(rows) < 2:
        return
    found: dict[int, list[blocks.Step]] = {}
    for body, sketches in rows:
        for series, steps in blocks.Rolled(body).steps(sketches):
            found.setdefault(series, []).extend(steps)
    whole = [(series, merge(found[series])) for series in sorted(found)]
    connection.execute("DELETE FROM rolled WHERE id >= ? AND id < ?", (first, first + _PARTS))
    connection.execute(
        "INSERT INTO rolled (id, body, sketches) VALUES (?, ?, ?)", (first, *blocks.encode_rolled(whole))
    )


def merge(steps: Iterable[blocks.Step]) -> list[blocks.Step]:
    """Return the steps in order, those of one place made one."""
    places: dict[int, list[blocks.Step]] = {}
    for step in steps:
        places.setdefault(step.place, []).append(step)
    merged = []
    for place in sorted(places):
        same = places[place]
        if len(same) > 1:
            cpu = [step.cpu for step in same if step.cpu is not None]
            memory = [step.memory for step in same if step.memory is not None]
            same = [
                blocks.Step(
                    place, blocks.merge(cpu) if cpu else None, blocks.merge(memory) if memory else None
                )
            ]
        merged += same
    return merged


def _compact(connection: sqlite3.Connection) -> bool:
    """Make one row of the hours of a page's past day; return whether there was one to make."""
    state = dict(connection.execute("SELECT name, value FROM state").fetchall())
    tier = TIERS[-1]
    today = key_of(tier.number, max(state.get("age", 0) - 2 * _HOUR, 0) // tier.span)
    cursor = max(state.get("compacted", 0), key_of(tier.number, 0))
    (key,) = connection.execute(
        "SELECT min(id) FROM rolled WHERE id >= ? AND id < ?", (cursor, today)
    ).fetchone()
    if key is None:
        return False
    first = key - key % _PARTS
    with schema.transaction(connection):
        compact(connection, first)
        _remember(connection, compacted=first + _PARTS)
    return True


def _remember(connection: sqlite3.Connection, **values: int) -> None:
    connection.executemany("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", list(values.items()))
