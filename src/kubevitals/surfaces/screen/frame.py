"""All lines of the screen at one moment: header, page, explanation, footer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import kinds, sanitize, severity
from kubevitals.surfaces.screen import footer, header, places, rowtable, spans, ticket
from kubevitals.surfaces.screen.pages import chart, details, overview, problems
from kubevitals.surfaces.screen.pages import doctor as doctor_page
from kubevitals.surfaces.screen.pages import help as help_page

if TYPE_CHECKING:
    from datetime import datetime

    from kubevitals.surfaces.screen import session as sessions


def compose(session: sessions.Session, now: datetime) -> list[spans.Line]:
    """Return exactly `session.height` lines of at most `session.width` columns."""
    width, height = session.width, session.height
    top = header.compose(session.seen, session.here.namespace, now, width)
    bottom = footer.compose(session, width)
    room = max(1, height - len(top) - len(bottom))
    note = _note(session, width, most=max(1, room // 2))
    body = _body(session, now, width, room - len(note))[: room - len(note)]
    body += [[]] * (room - len(note) - len(body))
    return [*top, *body, *note, *bottom][-height:] if height < 3 else [*top, *body, *note, *bottom][:height]


def _note(session: sessions.Session, width: int, *, most: int) -> list[spans.Line]:
    """Return the explanation that was asked for, below a rule."""
    if not session.note:
        return []
    wrapped = [
        part for line in session.note for part in spans.wrap(sanitize.printable(line), max(10, width - 2))
    ]
    if len(wrapped) > most - 1:
        wrapped = [*wrapped[: max(1, most - 2)], "..."]
    return [[(session.glyphs.rule * width, spans.DIM)], *([("  " + part, spans.PLAIN)] for part in wrapped)]


def _body(session: sessions.Session, now: datetime, width: int, height: int) -> list[spans.Line]:
    seen, here = session.seen, session.here
    if here.page == places.HELP:
        return help_page.compose(width)
    if here.page == places.DOCTOR:
        session.settle(height)
        return doctor_page.draw(session.rows(), top=session.cursor.top, height=height, width=width)
    if seen.snapshot is None:
        return _wait(session, width)
    if here.page == places.OVERVIEW:
        part, (found, nodes, pods) = session.overview_part()
        count = part.problems + part.nodes + part.pods
        session.cursor.index = max(0, min(session.cursor.index, count - 1))
        session.page_rows = max(1, count)
        session.columns = []
        return overview.compose(
            seen._replace(problems=tuple(found)), nodes, pods, part,
            now=now, width=width, cursor=session.cursor.index, glyphs=session.glyphs,
        )  # fmt: skip
    lines: list[spans.Line] = []
    if here.page in places.DETAILS:
        lines = _details(session, now, width)
        if session.detail() is None:
            return lines
        alone = here.kind is None
        lines = lines[: height if alone else max(1, height // 3)]
        lines += _charts(session, width, height - len(lines) if alone else height // 3)
        if alone:
            return lines
    return lines + _table(session, now, width, height - len(lines))


def _wait(session: sessions.Session, width: int) -> list[spans.Line]:
    """Return what is said while nothing was read: what is waited for, or what failed and what to do."""
    error = session.seen.error
    if error is None:
        return [[], [(f"  {session.seen.reading} ...", spans.PLAIN)]]
    lines: list[spans.Line] = [[]]
    for text, look in (
        (error.message, severity.CRITICAL),
        (f"try: {error.remedy}" if error.remedy else "", ""),
    ):
        lines += [[("  " + part, look)] for part in spans.wrap(sanitize.printable(text), max(10, width - 4))]
    return [*lines, [], [("  it is tried again by itself; q q ends", spans.DIM)]]


def _charts(session: sessions.Session, width: int, height: int) -> list[spans.Line]:
    """Return the charts of what the page is about, once its past was read."""
    past = session.past
    if past is None or past.asked != session.wanted_past:
        return []
    return chart.compose(past, session.detail(), width=width, height=height, glyphs=session.glyphs)


def _details(session: sessions.Session, now: datetime, width: int) -> list[spans.Line]:
    here, row = session.here, session.detail()
    title = sanitize.printable(f"{here.page} {'/'.join(here.path)}")
    lines: list[spans.Line] = [spans.crop([(title, spans.TITLE)], width)]
    if row is None:
        session.columns = []
        return [
            *lines,
            spans.crop([("  it is not there: gone, or never was; Esc goes back", spans.WARNING)], width),
        ]
    if here.kind is None:
        session.columns = []
    return lines + details.compose(
        row, ticket.related(session.seen, f"{here.page}s", row), now=now, width=width
    )


def _table(session: sessions.Session, now: datetime, width: int, height: int) -> list[spans.Line]:
    """Return the title with counts, and the table below it."""
    here, rows = session.here, session.rows()
    session.settle(height - 2)
    cursor = session.cursor
    kind = here.kind or "problems"
    count = f"{len(rows)}/{len(session.rows(filtered=False))}" if here.filter else f"{len(rows)}"
    title: spans.Line = [(f"{kind.upper()} {count}", spans.TITLE)]
    if here.filter:
        title.append((f"  /{sanitize.printable(here.filter)}", spans.BOLD))
    lines = [spans.crop(title, width)]
    if not rows:
        session.columns = []
        why = "no row meets the filter; Esc takes it away" if here.filter else _why_none(session)
        return [*lines, spans.crop([("  " + why, spans.PLAIN)], width)]
    if kind == "problems":
        session.columns = []
        return lines + problems.draw(
            rows,
            now=now,
            width=width,
            top=cursor.top,
            height=height - 1,
            cursor=cursor.index,
            glyphs=session.glyphs,
        )
    without = frozenset({"namespace"} if here.namespace or here.page in ("pod", "workload") else ())
    without |= {"pod"} if here.page == "pod" else frozenset()
    without |= {"node"} if here.page == "node" else frozenset()
    drawn = rowtable.draw(
        rows,
        rowtable.list_columns(kind, without=without),
        now=now,
        width=width,
        top=cursor.top,
        height=height - 1,
        cursor=cursor.index,
        column=cursor.column,
        order=(here.order or places.DEFAULT_ORDER[kind])[0],
        glyphs=session.glyphs,
    )
    session.columns = drawn.columns
    return lines + drawn.lines


def _why_none(session: sessions.Session) -> str:
    taken, here = session.seen.snapshot, session.here
    listed = "nodes" if here.kind == "nodes" else "pods"
    for each in taken.problems if taken is not None else ():
        if each.code.startswith(f"{listed}_"):
            return sanitize.printable(each.message) + (f"; try: {each.remedy}" if each.remedy else "")
    if here.page == places.PROBLEMS:
        return "nothing is wrong that can be seen"
    noun = kinds.KINDS[here.kind].singular if here.kind else "row"
    return f"there is no {noun}" + (
        f" in {sanitize.printable(here.namespace)}; 0 shows all" if here.namespace else ""
    )
