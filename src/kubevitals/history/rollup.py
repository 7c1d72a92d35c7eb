"""Ticks become steps of a minute, five minutes and an hour, each sample exactly once.

How far this is done is the number of a tick, moved in the transaction that writes the steps: whatever a clock
did, and whenever a process died, no sample is missing or counted twice. Steps that a boundary has divided are
parts that readers merge. Work comes in slices of a few pages, so that the next tick never waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals.history import blocks, schema, sums

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

_HOUR = 3_600_000
_BATCH = 900_000  # milliseconds of ticks that are rolled up together
_GRACE = 20_000  # milliseconds that samples of the last step may take to arrive
_SLICE = 4  # pages
_PART_BITS, _START_BITS = 10, 24
_PARTS = 1 << _PART_BITS
_MOST_PARTS = 16  # of a row; more would make it dear to read


class Tier(NamedTuple):
    """Steps of one length, and the span of time that a row of them covers; milliseconds."""

    number: int
    step: int
    span: int


TIERS = (Tier(1, 60_000, _HOUR), Tier(2, 300_000, 2 * _HOUR), Tier(3, _HOUR, 24 * _HOUR))


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

    It waits for a quarter of an hour to be over, but for `everything`, where what is there has to go.

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
    """Return the last tick of the batch that the first tick behind `done` is in, if that batch is whole."""
    first = batch = None
    last = done
    for tick, at in connection.execute("SELECT tick, at FROM moment WHERE tick > ? ORDER BY tick", (done,)):
        this = (at - _GRACE) // _BATCH
        if first is None:
            first, batch = tick, this
        elif this != batch:
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
        for series, time, cpu, memory in blocks.decode_raw(body):
            samples.setdefault(series, []).append((time, cpu, memory))
    steps = {series: fold(each, TIERS[0].step) for series, each in samples.items()}
    for index, tier in enumerate(TIERS):
        if index:  # of the tier before
            finer = TIERS[index - 1].step
            steps = {series: coarsen(each, tier.step // finer) for series, each in steps.items()}
        _write(connection, tier, page, steps)


def fold(samples: Iterable[sums.Sample], step: int) -> list[blocks.Step]:
    """Return one series' steps in order; their places count from 1970."""
    folded: dict[int, tuple[list[int], list[int]]] = {}
    for time, cpu, memory in samples:
        place = (time - 1) // step
        held = folded.get(place)
        if held is None:
            held = folded[place] = ([], [])
        if cpu is not None:
            held[0].append(sums.to_microcores(cpu))
        if memory is not None:
            held[1].append(sums.to_kibibytes(memory))
    return [
        blocks.Step(
            place, blocks.cell_of(cpus) if cpus else None, blocks.cell_of(memories) if memories else None
        )
        for place, (cpus, memories) in sorted(folded.items())
    ]


def coarsen(steps: Iterable[blocks.Step], times: int) -> list[blocks.Step]:
    """Return the steps in order, so many times as long; of those of one place one is made."""
    places: dict[int, list[blocks.Step]] = {}
    for step in steps:
        places.setdefault(step.place // times, []).append(step)
    coarse = []
    for place, same in sorted(places.items()):
        if len(same) == 1:
            coarse.append(same[0]._replace(place=place))
            continue
        cpu = [step.cpu for step in same if step.cpu is not None]
        memory = [step.memory for step in same if step.memory is not None]
        coarse.append(
            blocks.Step(place, blocks.merge(cpu) if cpu else None, blocks.merge(memory) if memory else None)
        )
    return coarse


def _write(
    connection: sqlite3.Connection, tier: Tier, page: int, steps: Mapping[int, Sequence[blocks.Step]]
) -> None:
    """Write a part of each row that the steps belong to."""
    in_row = tier.span // tier.step
    rows: dict[int, dict[int, list[blocks.Step]]] = {}
    for series in sorted(steps):
        for step in steps[series]:
            start, place = divmod(step.place, in_row)
            row = rows.setdefault(start, {})
            row.setdefault(series, []).append(step._replace(place=place))
    for start, row in rows.items():
        _write_row(connection, tier, start, page, list(row.items()))


def _write_row(
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
    if key >= first + _MOST_PARTS:
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
    whole = [(series, coarsen(found[series], 1)) for series in sorted(found)]
    connection.execute("DELETE FROM rolled WHERE id >= ? AND id < ?", (first, first + _PARTS))
    connection.execute(
        "INSERT INTO rolled (id, body, sketches) VALUES (?, ?, ?)", (first, *blocks.encode_rolled(whole))
    )


def _compact(connection: sqlite3.Connection) -> bool:
    """Make one row of the parts of a page's past span of time; return whether there was one to make."""
    state = dict(connection.execute("SELECT name, value FROM state").fetchall())
    for tier in TIERS:
        name = f"compacted {tier.number}"
        over = key_of(tier.number, max(state.get("age", 0) - _BATCH - 2 * _GRACE, 0) // tier.span)
        cursor = max(state.get(name, 0), key_of(tier.number, 0))
        (key,) = connection.execute(
            "SELECT min(id) FROM rolled WHERE id >= ? AND id < ?", (cursor, over)
        ).fetchone()
        if key is not None:
            first = key - key % _PARTS
            with schema.transaction(connection):
                compact(connection, first)
                _remember(connection, **{name: first + _PARTS})
            return True
    return False


def _remember(connection: sqlite3.Connection, **values: int) -> None:
    connection.executemany("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", list(values.items()))
