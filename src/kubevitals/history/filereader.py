"""Series out of the file: samples in blocks or of open ticks, and hours where samples are gone.

All of it reads one state of the file, whatever is written meanwhile.
"""

from __future__ import annotations

import bisect
import itertools
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import garbage, history
from kubevitals.history import aggregation, compaction, hours, retention, samples, schema, seriesfilter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

_LATE = 600_000  # milliseconds that a sample may be older than the tick it came with
_AHEAD = 60_000  # milliseconds that a node's clock may be ahead
_FEW = 4  # series that are looked for one by one in a tick
_KEYS = 500  # of rows that are read in one go
_NO_SAMPLES = aggregation.Samples([], [], [])


class _Object(NamedTuple):
    """A row of the table `object`."""

    id: int
    cluster: str
    name: str
    namespace: str | None
    pod: str | None
    uid: str | None
    node: str | None
    workload_kind: str | None
    workload_name: str | None
    shared: int | None
    shared_until: int | None


class _Plan(NamedTuple):
    """How a query is answered: in which steps, and from what."""

    grid: aggregation.Grid | None  # None for the samples themselves
    step: float | None  # seconds
    after: int
    last: int
    batches: list[int]
    periods: list[int]  # whose hours are read in place of their samples


def read(
    connection: sqlite3.Connection, query: history.Query
) -> tuple[tuple[history.Series, ...], float | None]:
    """Return the series as `history.History.read` says, and the step they are in.

    Raises:
        sqlite3.Error, errors.HistoryError: it cannot be read.
    """
    with garbage.paused, schema.reading(connection):  # a hundred thousand points contain no cycle
        plan = _make_plan(connection, query)
        found = list(_find(connection, query, plan))
        numbers = {number for _, each in found for number in (each.id, each.shared) if number is not None}
        fresh = _read_open(connection, numbers, plan)
        series = []
        for one, each in found:  # one by one: the samples of all of them would fill much memory
            resources = _read_resources(connection, each.id, plan)
            own = _join_shared(each, _read_samples(connection, each, plan, fresh))
            if plan.periods:
                points = _points_with_hours(
                    own, _read_hours(connection, each, plan), plan, query.percentiles, resources
                )
            else:
                points = aggregation.points_of(
                    own, plan.grid, percentiles=query.percentiles, resources=resources
                )
            if points:
                series.append(one._replace(points=points))
        return seriesfilter.sort(series), plan.step


def extent(connection: sqlite3.Connection) -> tuple[datetime, datetime] | None:
    """Return from when to when something was recorded.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with schema.reading(connection):
        first = retention.oldest_time(connection)
        (last,) = connection.execute("SELECT max(at) FROM tick").fetchone()
    if first is None or last is None:
        return None
    return aggregation.from_milliseconds(first), aggregation.from_milliseconds(max(first, last))


def _make_plan(connection: sqlite3.Connection, query: history.Query) -> _Plan:
    """Decide what answers.

    Where samples are gone the steps are of hours: they get longer rather than leave a hole.
    """
    step, grid = query.step, None
    if step is None:
        after, last = aggregation.to_milliseconds(query.since) - 1, aggregation.to_milliseconds(query.until)
        return _Plan(None, None, after, last, _batches(connection, after, last, ()), [])
    grid = aggregation.lay_grid(query.since, query.until, step=step)
    periods = _periods(connection, grid, gone=True)
    if periods:
        if step == history.WHOLE:
            first = grid.after // hours.HOUR * hours.HOUR
            last = aggregation.end_of(grid.last, hours.HOUR)
            grid = aggregation.Grid(last, last, last - first)
        else:
            step = aggregation.end_of(aggregation.step_milliseconds(step), hours.HOUR) / 1000
            grid = aggregation.lay_grid(query.since, query.until, step=step)
        periods = _periods(connection, grid, gone=True)
    if step != history.WHOLE and grid.step % hours.HOUR == 0 and not query.percentiles:
        periods = _periods(connection, grid, gone=False)  # there is less to read of hours, and as exact
    batches = _batches(connection, grid.after, grid.last, periods)
    return _Plan(grid, step, grid.after, grid.last, batches, periods)


def _periods(connection: sqlite3.Connection, grid: aggregation.Grid, *, gone: bool) -> list[int]:
    """Return the periods that overlap the grid, with `gone` only where samples of the grid are gone."""
    column = "gone_at" if gone else "last_at"
    rows = connection.execute(
        f"SELECT id FROM period WHERE {column} > ? AND first_at <= ? ORDER BY id",  # noqa: S608 - ours
        (grid.after, grid.last),
    )
    return [number for (number,) in rows]


def _batches(connection: sqlite3.Connection, after: int, last: int, periods: Sequence[int]) -> list[int]:
    rows = connection.execute(
        "SELECT id, period FROM batch WHERE last_at > ? AND first_at <= ? ORDER BY id", (after, last)
    )
    return [number for number, period in rows if period not in periods]


def _find(
    connection: sqlite3.Connection, query: history.Query, plan: _Plan
) -> Iterator[tuple[history.Series, _Object]]:
    """Yield the objects that the query asks for, if they were there in its range."""
    wanted = {
        "cluster.name": query.cluster,
        "o.namespace": query.namespace,
        "o.name": query.name,
        "o.pod": query.pod if query.kind == "container" else None,
    }
    given = {column: value for column, value in wanted.items() if value is not None}
    rows = connection.execute(
        "SELECT o.id, cluster.name, o.name, o.namespace, o.pod, o.uid, o.node, o.workload_kind,"  # noqa: S608
        " o.workload_name, o.shared, o.shared_until FROM object AS o JOIN cluster ON cluster.id = o.cluster"
        " WHERE o.kind = ? AND o.first_at <= ? AND (o.last_at IS NULL OR o.last_at >= ?)"
        + "".join(f" AND {column} = ?" for column in given)
        + " ORDER BY o.id",
        (query.kind, plan.last + _LATE, plan.after - _AHEAD, *given.values()),
    )
    for row in rows:
        each = _Object(*row)
        series = history.Series(query.kind, *each[1:9])
        if seriesfilter.matches(query, series):
            yield series, each


def _read_samples(
    connection: sqlite3.Connection,
    each: _Object,
    plan: _Plan,
    fresh: dict[int, list[aggregation.Samples]],
) -> dict[int, aggregation.Samples]:
    """Return the samples of the range of the object's own series and of its shared one, if they have some.

    `fresh` are those that are not in blocks yet.
    """
    known: dict[int, aggregation.Samples] = {}
    for number in (each.id, each.shared):
        if number is None:
            continue
        parts = list(map(samples.decode, _blocks(connection, number, plan.batches)))
        parts += fresh.get(number, ())
        if parts:
            known[number] = _cut(_join(parts), plan.after, plan.last)
    return known


def _blocks(
    connection: sqlite3.Connection, number: int, batches: Sequence[int], table: str = "block"
) -> Iterator[bytes]:
    """Yield the blocks of a series in the order of the batches; of periods where the table is `hour`."""
    for start in range(0, len(batches), _KEYS):
        keys = [schema.block_key(batch, number) for batch in batches[start : start + _KEYS]]
        marks = ",".join("?" * len(keys))
        for (body,) in connection.execute(
            f"SELECT body FROM {table} WHERE id IN ({marks}) ORDER BY id",  # noqa: S608 - marks alone
            keys,
        ):
            yield body


def _read_open(
    connection: sqlite3.Connection, numbers: Iterable[int], plan: _Plan
) -> dict[int, list[aggregation.Samples]]:
    """Return the samples that are not in blocks yet, in parts."""
    groups: dict[int, set[int]] = {}
    for number in numbers:
        groups.setdefault(schema.group_of(number), set()).add(number)
    found: dict[int, list[aggregation.Samples]] = {}
    for group, wanted in groups.items():
        if len(wanted) > _FEW:
            parts = samples.join_ticks(_open_rows(connection, group, plan))
        else:
            parts = samples.find_in_ticks(_open_rows(connection, group, plan), wanted)
        for number, part in parts:
            if number in wanted:
                found.setdefault(number, []).append(part)
    return found


def _open_rows(connection: sqlite3.Connection, group: int, plan: _Plan) -> Iterator[bytes]:
    for (body,) in connection.execute(
        "SELECT open.body FROM tick CROSS JOIN open ON open.id = (tick.id << ? | ?)"
        " WHERE tick.id > ? AND tick.at > ? AND tick.at <= ? ORDER BY tick.id",
        (
            schema.GROUP_BITS, group, compaction.compacted_until(connection),
            plan.after - _AHEAD, plan.last + _LATE,
        ),
    ):  # fmt: skip
        yield body


def _join(parts: Sequence[aggregation.Samples]) -> aggregation.Samples:
    """Return the samples of all parts in the order of time.

    Of a time that several have, the last part's counts.
    """
    if len(parts) == 1:
        return aggregation.sort_samples(parts[0])
    shares = None
    if any(part.shares for part in parts):
        shares = [
            share for part in parts for share in part.shares or [aggregation.WHOLE_SHARE] * len(part.times)
        ]
    chain = itertools.chain.from_iterable
    return aggregation.sort_samples(
        aggregation.Samples(
            list(chain(part.times for part in parts)),
            list(chain(part.cpu for part in parts)),
            list(chain(part.memory for part in parts)),
            shares,
        )
    )


def _cut(found: aggregation.Samples, after: int, last: int) -> aggregation.Samples:
    """Return the samples with after < time <= last."""
    begin, end = bisect.bisect_right(found.times, after), bisect.bisect_right(found.times, last)
    if end - begin == len(found.times):
        return found
    times, cpu, memory, shares = found
    return aggregation.Samples(
        times[begin:end], cpu[begin:end], memory[begin:end], None if shares is None else shares[begin:end]
    )


def _join_shared(each: _Object, known: dict[int, aggregation.Samples]) -> aggregation.Samples:
    """Return the samples of an object, with those it shares with its container."""
    own = known.get(each.id, _NO_SAMPLES)
    shared = known.get(each.shared or 0)
    if shared is None:
        return own
    if each.shared_until is not None:
        shared = _cut(shared, -1, each.shared_until)
    return _join([shared, own]) if own.times else shared


def _read_resources(connection: sqlite3.Connection, number: int, plan: _Plan) -> list[aggregation.Resources]:
    """Return the requests and limits in the range, from those that held when it began."""
    rows = connection.execute(
        "SELECT at, cpu_request, cpu_limit, memory_request, memory_limit FROM resource WHERE object = ?"
        " AND at <= ? AND at >= coalesce((SELECT max(at) FROM resource WHERE object = ? AND at <= ?), 0)"
        " ORDER BY at",
        (number, plan.last, number, plan.after),
    )
    return list(map(aggregation.Resources._make, rows))


def _read_hours(connection: sqlite3.Connection, each: _Object, plan: _Plan) -> list[hours.Hour]:
    """Return the hours of an object that are in the grid, with those it shares with its container."""
    found: dict[int, hours.Hour] = {}
    if each.shared is not None:
        found = {
            hour.number: hour
            for hour in _hours(connection, each.shared, plan)
            if each.shared_until is None or hour.end - hours.HOUR < each.shared_until
        }
    found.update({hour.number: hour for hour in _hours(connection, each.id, plan)})
    return [hour for hour in found.values() if plan.after < hour.end <= plan.last]


def _hours(connection: sqlite3.Connection, number: int, plan: _Plan) -> list[hours.Hour]:
    bodies = _blocks(connection, number, plan.periods, "hour")
    return hours.join(hour for body in bodies for hour in hours.decode(body))


def _points_with_hours(
    own: aggregation.Samples,
    found: Sequence[hours.Hour],
    plan: _Plan,
    percentiles: tuple[float, ...],
    resources: Sequence[aggregation.Resources],
) -> tuple[history.Point, ...]:
    """Return the steps that samples and hours fall into; those of samples alone are exact."""
    grid = plan.grid
    assert grid is not None
    steps: dict[int, list[hours.Hour]] = {}
    for hour in found:
        steps.setdefault(_end_in(grid, hour.end), []).append(hour)
    alone: list[int] = []
    mixed: list[int] = []
    for place, time in enumerate(own.times):
        (mixed if _end_in(grid, time) in steps else alone).append(place)
    for hour in hours.of_samples(_pick(own, mixed)):
        steps[_end_in(grid, min(hour.end, grid.last))].append(hour)
    points = [
        aggregation.step_point(
            end,
            grid.step,
            None if (cpu := hours.merge(hour.cpu for hour in same)) is None else cpu.stats(percentiles),
            None
            if (memory := hours.merge(hour.memory for hour in same)) is None
            else memory.stats(percentiles),
            covered=sum(hour.covered for hour in same),
            resources=aggregation.resources_at(resources, end),
            percentiles=len(percentiles),
        )
        for end, same in steps.items()
    ]
    points += aggregation.points_of(_pick(own, alone), grid, percentiles=percentiles, resources=resources)
    return tuple(sorted(points, key=lambda point: point.timestamp))


def _end_in(grid: aggregation.Grid, time: int) -> int:
    return grid.after - (grid.after - time) // grid.step * grid.step


def _pick(found: aggregation.Samples, places: Sequence[int]) -> aggregation.Samples:
    if len(places) == len(found.times):
        return found
    return aggregation.Samples(
        [found.times[place] for place in places],
        [found.cpu[place] for place in places],
        [found.memory[place] for place in places],
        None if found.shares is None else [found.shares[place] for place in places],
    )
