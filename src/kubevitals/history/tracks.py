"""Series out of the file: which tier answers, and its steps joined with the ticks that are not rolled up yet.

All of it reads one state of the file, whatever is written meanwhile. It must not know who asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import history
from kubevitals.history import blocks, pagesums, retention, rollup, schema, sums

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    Cells = tuple[list[blocks.Cell], list[blocks.Cell]]  # CPU, memory

_MINUTE = 60_000
_LATE = 600_000  # milliseconds that a sample may be older than the tick it came with
_AHEAD = 60_000  # milliseconds that a node's clock may be ahead
_NANO, _KIB = 1000, 1024  # nanocores in a microcore, bytes in a KiB
_EXACT = 19  # samples at most of which the largest is the 95th percentile, so that no sketch is needed


class _Object(NamedTuple):
    """A row of the table `object`, with the page of its twin."""

    id: int
    page: int | None
    cluster: str
    name: str
    namespace: str | None
    pod: str | None
    uid: str | None
    node: str | None
    workload_kind: str | None
    workload_name: str | None
    twin: int | None
    twin_until: int | None
    twin_page: int | None

    def lanes(self) -> Iterator[tuple[int, int, int | None]]:
        """Yield number, page and last time of the series that its samples are in, the newest first."""
        if self.page:
            yield self.id, self.page, None
        if self.twin is not None and self.twin_page:
            yield self.twin, self.twin_page, self.twin_until


class Plan(NamedTuple):
    """How a query is answered: from the steps of a tier and newer samples, or from samples alone."""

    tier: rollup.Tier | None
    step: int | None  # milliseconds; None for the samples themselves
    after: int
    last: int

    @property
    def grid(self) -> sums.Grid:
        """The steps of the range; there must be a step."""
        step = self.step or 1
        return sums.Grid(self.after + step, self.last, step)


def read(connection: sqlite3.Connection, query: history.Query) -> list[history.Series]:
    """Return the series as `history.History.read` says.

    Raises:
        sqlite3.Error, errors.HistoryError: it cannot be read.
    """
    connection.execute("BEGIN")
    try:
        plan = make_plan(connection, query)
        found = list(_find(connection, query, plan))
        if plan.tier is None:
            return _read_samples(connection, query.kind, found, plan)
        if query.kind in sums.SUMS:
            return _read_sums(connection, query.kind, found, plan)
        return _read_steps(connection, query.kind, found, plan)
    finally:
        connection.execute("ROLLBACK")


def make_plan(connection: sqlite3.Connection, query: history.Query) -> Plan:
    """Return how the query is answered.

    A step is widened to what was kept as far back as `since`, so that all of an answer has one step.
    """
    step = sums.step_of(query)
    if step is None:
        return Plan(None, None, sums.to_milliseconds(query.since) - 1, sums.to_milliseconds(query.until))
    first = max(sums.to_milliseconds(query.since), retention.state_of(connection, "first"))
    reach = {tier: retention.oldest_time(connection, tier) for tier in rollup.TIERS}
    need = max(first, min((each for each in reach.values() if each is not None), default=first))
    tier: rollup.Tier | None = None
    if step % _MINUTE == 0 or not _reaches_raw(connection, need):
        step = sums.end_of(step, _MINUTE)
        covering = [each for each, oldest in reach.items() if oldest is not None and oldest <= need]
        tier = next((each for each in reversed(covering) if step % each.step == 0), None)
        if tier is None and covering:
            tier = covering[0]
            step = sums.end_of(step, tier.step)
        tier = tier or rollup.TIERS[0]
    grid = sums.lay_grid(query.since, query.until, step=step)
    return Plan(tier, step, grid.after, grid.last)


def _reaches_raw(connection: sqlite3.Connection, need: int) -> bool:
    dropped = retention.dropped_until(connection)
    row = connection.execute(
        "SELECT at FROM moment WHERE tick > ? ORDER BY tick LIMIT 1", (dropped,)
    ).fetchone()
    return not dropped or (row is not None and row[0] - _MINUTE <= need)


def _find(
    connection: sqlite3.Connection, query: history.Query, plan: Plan
) -> Iterator[tuple[history.Series, _Object]]:
    """Yield the objects that the query asks for, of sums the pods, if they were there in its range."""
    kind = "pod" if query.kind in sums.SUMS else query.kind
    wanted = {
        "cluster.name": query.cluster,
        "o.namespace": query.name if query.kind == "namespace" and query.name else query.namespace,
        "o.name": query.name if query.kind not in sums.SUMS else None,
        "o.pod": query.pod if query.kind == "container" else None,
    }
    given = {column: value for column, value in wanted.items() if value is not None}
    rows = connection.execute(
        "SELECT o.id, o.page, cluster.name, o.name, o.namespace, o.pod, o.uid, o.node, o.workload_kind,"  # noqa: S608
        " o.workload_name, o.twin, o.twin_until, twin.page"
        " FROM object AS o JOIN cluster ON cluster.id = o.cluster"
        " LEFT JOIN object AS twin ON twin.id = o.twin"
        " WHERE o.kind = ? AND o.first_at <= ? AND (o.last_at IS NULL OR o.last_at >= ?)"
        + "".join(f" AND {column} = ?" for column in given)
        + " ORDER BY o.id",
        (kind, plan.last + _LATE, plan.after - _AHEAD, *given.values()),
    )
    for row in rows:
        each = _Object(*row)
        series = history.Series(
            kind,
            each.cluster,
            each.name,
            namespace=each.namespace,
            pod=each.pod,
            uid=each.uid,
            node=each.node,
            workload_kind=each.workload_kind,
            workload_name=each.workload_name,
        )
        if sums.matches(query, series):
            yield series, each


def _pages(found: Iterable[tuple[history.Series, _Object]]) -> dict[int, set[int]]:
    """Return the numbers of the series that are wanted of each page."""
    pages: dict[int, set[int]] = {}
    for _, each in found:
        for number, page, _ in each.lanes():
            pages.setdefault(page, set()).add(number)
    return pages


def _read_samples(
    connection: sqlite3.Connection, kind: str, found: Sequence[tuple[history.Series, _Object]], plan: Plan
) -> list[history.Series]:
    samples: dict[int, list[sums.Sample]] = {}
    for page, wanted in _pages(found).items():
        _gather_raw(connection, page, wanted, plan, after_tick=0, into=samples)
    answers = []
    for series, each in found:
        own: dict[int, sums.Sample] = {}
        for number, _, until in each.lanes():
            for sample in samples.get(number, ()):
                if until is None or sample[0] <= until:
                    own.setdefault(sample[0], sample)
        answers.append(series._replace(kind=kind, points=sums.points_of(own.values(), plan.step)))
    return sums.sort(answers)


def _gather_raw(
    connection: sqlite3.Connection,
    page: int,
    wanted: set[int],
    plan: Plan,
    *,
    after_tick: int,
    into: dict[int, list[sums.Sample]],
) -> None:
    """Add the samples of the range that came with the ticks behind `after_tick`."""
    after, last = plan.after, plan.last
    if len(wanted) == 1:
        (number,) = wanted
        lane = into.setdefault(number, [])
        for body in _raw_rows(connection, page, plan, after_tick=after_tick):
            sample = blocks.find_raw(body, number)
            if sample is not None and after < sample[0] <= last:
                lane.append(sample)
        return
    for body in _raw_rows(connection, page, plan, after_tick=after_tick):
        for number, time, cpu, memory in blocks.decode_raw(body):
            if number in wanted and after < time <= last:
                into.setdefault(number, []).append((time, cpu, memory))


def _raw_rows(connection: sqlite3.Connection, page: int, plan: Plan, *, after_tick: int) -> Iterator[bytes]:
    """Yield a page's blocks of the ticks of the range behind `after_tick`."""
    for (body,) in connection.execute(
        "SELECT raw.body FROM moment CROSS JOIN raw ON raw.id = (moment.tick << ? | ?)"
        " WHERE moment.tick > ? AND moment.at > ? AND moment.at <= ?",
        (
            schema.PAGES,
            page,
            max(after_tick, retention.dropped_until(connection)),
            plan.after - _AHEAD,
            plan.last + _LATE,
        ),
    ):
        yield body


def _rolled_rows(connection: sqlite3.Connection, page: int, plan: Plan) -> Iterator[tuple[int, int, bytes]]:
    """Yield the time at which a row of a page begins, its key and its block, for all rows of the range."""
    tier = plan.tier
    assert tier is not None
    for start in range(max(plan.after, 0) // tier.span, max(plan.last - 1, 0) // tier.span + 1):
        for key, body in connection.execute(
            "SELECT id, body FROM rolled WHERE id >= ? AND id < ?",
            (rollup.key_of(tier.number, start, page), rollup.key_of(tier.number, start, page + 1)),
        ):
            yield start * tier.span, key, body


def _read_steps(
    connection: sqlite3.Connection, kind: str, found: Sequence[tuple[history.Series, _Object]], plan: Plan
) -> list[history.Series]:
    cells: dict[int, dict[int, Cells]] = {}  # by series and end of the step
    progress = rollup.progress_of(connection)
    tier, step = plan.tier, plan.step
    assert tier is not None
    assert step is not None
    parts = 2 * step // tier.step  # of a step that is asked for, with what a boundary has divided
    for page, wanted in _pages(found).items():
        for begin, key, body in _rolled_rows(connection, page, plan):
            rolled = blocks.Rolled(body)
            present = wanted.intersection(rolled.series)
            sketches = None
            if any(rolled.most_samples(each) * parts > _EXACT for each in present):
                sketches = connection.execute("SELECT sketches FROM rolled WHERE id = ?", (key,)).fetchone()[
                    0
                ]
            for number, steps in rolled.steps(sketches, present):
                _add_steps(cells.setdefault(number, {}), begin, steps, plan)
        samples: dict[int, list[sums.Sample]] = {}
        _gather_raw(connection, page, wanted, plan, after_tick=progress.of(page), into=samples)
        for number, lane in samples.items():
            _add_steps(cells.setdefault(number, {}), 0, rollup.fold(lane, tier.step), plan)
    answers = []
    for series, each in found:
        own: dict[int, Cells] = {}
        for number, _, until in each.lanes():
            for end, pair in cells.get(number, {}).items():
                if until is None or end - step < until:
                    own.setdefault(end, pair)
        points = tuple(_point(end, *own[end]) for end in sorted(own))
        answers.append(series._replace(kind=kind, points=points))
    return sums.sort(answers)


def _add_steps(cells: dict[int, Cells], begin: int, steps: Iterable[blocks.Step], plan: Plan) -> None:
    tier, step = plan.tier, plan.step
    assert tier is not None
    assert step is not None
    for place, cpu, memory in steps:
        end = -(-(begin + (place + 1) * tier.step) // step) * step
        if plan.after < end <= plan.last:
            pair = cells.get(end)
            if pair is None:
                pair = cells[end] = ([], [])
            if cpu is not None:
                pair[0].append(cpu)
            if memory is not None:
                pair[1].append(memory)


def _point(end: int, cpu: Sequence[blocks.Cell], memory: Sequence[blocks.Cell]) -> history.Point:
    return sums.stats_point(
        end,
        blocks.merge(cpu).stats(_NANO) if cpu else None,
        blocks.merge(memory).stats(_KIB) if memory else None,
    )


def _read_sums(
    connection: sqlite3.Connection, kind: str, found: Sequence[tuple[history.Series, _Object]], plan: Plan
) -> list[history.Series]:
    pages: dict[int, pagesums.PageSums] = {}
    progress = rollup.progress_of(connection)
    for number, wanted in _pages(found).items():
        page = pages[number] = pagesums.PageSums(wanted, plan)
        for begin, _, body in _rolled_rows(connection, number, plan):
            page.add_block(begin, blocks.Rolled(body).totals())
        page.add_raw(_raw_rows(connection, number, plan, after_tick=progress.of(number)))
    groups: dict[history.Series, sums.Adding] = {}
    for pod, each in found:
        adding = groups.setdefault(sums.sum_of(kind, pod), sums.Adding(plan.grid))
        for series, number, until in each.lanes():
            adding.add(pages[number].row(series, until=until))
    return sums.sort(series._replace(points=adding.points()) for series, adding in groups.items())
