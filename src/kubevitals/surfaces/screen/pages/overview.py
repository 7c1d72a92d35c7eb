"""The first page: what is wrong, how full the cluster is, its fullest nodes, the pods nearest to trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals import quantity
from kubevitals.surfaces.screen import glyphs as glyph_sets
from kubevitals.surfaces.screen import rowtable, spans
from kubevitals.surfaces.screen.pages import problems
from kubevitals.surfaces.view import layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubevitals.surfaces.screen import picture as pictures

_NODE_KEYS = frozenset({"sample", "age_seconds"})
_POD_KEYS = frozenset({"age_seconds"})


class Part(NamedTuple):
    """How many rows of each part have room: of problems, nodes and pods; and whether bars have."""

    bars: bool
    problems: int
    nodes: int
    pods: int


def share_lines(there: Sequence[int], height: int) -> Part:
    """Return how many of the problems, nodes and pods that are there `height` lines have room for.

    Each part costs a title and headings; those without room are left out, pods first, bars before all.
    """
    bars = height >= 12
    room = height - (3 if bars else 0)

    def lines(rows: Sequence[int]) -> int:
        return sum(2 + each + (index > 0) for index, each in enumerate(rows) if each)

    return Part(bars, *layout.share_rows(there, room, lines, turns=(0, 1, 2, 0, 2)))


def compose(
    seen: pictures.Picture,
    nodes: Sequence[Any],
    pods: Sequence[Any],
    part: Part,
    *,
    now: datetime,
    width: int,
    cursor: int,
    glyphs: glyph_sets.Glyphs,
) -> list[spans.Line]:
    """Return the lines; the cursor goes through problems, nodes and pods as through one list."""
    lines: list[spans.Line] = []
    if part.bars:
        lines += [*_bars(seen, width, glyphs), []]
    found = seen.problems
    if part.problems:
        lines.append(_title("PROBLEMS", part.problems, len(found), "worst first", width))
        lines += problems.draw(
            found[: part.problems],
            now=now,
            width=width,
            height=part.problems + 1,
            cursor=cursor,
            glyphs=glyphs,
        )
    elif not found and seen.snapshot is not None:
        lines.append([("nothing is wrong that can be seen", spans.PLAIN)])
    for title, kind, rows, count, about, before, left_out in (
        ("NODES", "nodes", nodes, part.nodes, "worst first, then the fullest", part.problems, _NODE_KEYS),
        ("PODS", "pods", pods, part.pods, "nearest to a limit first", part.problems + part.nodes, _POD_KEYS),
    ):
        if not count:
            continue
        if lines and lines[-1]:
            lines.append([])
        lines.append(_title(title, count, len(rows), about, width))
        drawn = rowtable.draw(
            rows[:count],
            rowtable.list_columns(kind, wide=False, without=left_out),
            now=now,
            width=width,
            height=count + 1,
            cursor=cursor - before,
            glyphs=glyphs,
        )
        lines += drawn.lines
    return lines


def _title(noun: str, shown: int, there: int, about: str, width: int) -> spans.Line:
    number = f"{there}" if shown == there else f"{shown} of {there}"
    return spans.crop([(f"{noun} {number}", spans.TITLE), (f"  {about}", spans.DIM)], width)


def _bars(seen: pictures.Picture, width: int, glyphs: glyph_sets.Glyphs) -> list[spans.Line]:
    sums = seen.vitals
    if sums is None:
        return [[], []]
    cores = None if sums.cpu_allocatable_cores is None else f"{sums.cpu_allocatable_cores:.1f} cores"
    size = sums.memory_allocatable_bytes
    memory = None if size is None else f"{size / (1 << 30):.0f} GiB"
    rows = (
        (
            "CPU",
            sums.cpu_of_allocatable,
            sums.cpu_request_of_allocatable,
            cores,
            [each.cpu for each in seen.shares],
        ),
        (
            "MEM",
            sums.memory_of_allocatable,
            sums.memory_request_of_allocatable,
            memory,
            [each.memory for each in seen.shares],
        ),
    )
    return [_bar(*row, width=width, glyphs=glyphs) for row in rows]


def _bar(
    noun: str,
    used: float | None,
    asked: float | None,
    whole: str | None,
    past: Sequence[float | None],
    *,
    width: int,
    glyphs: glyph_sets.Glyphs,
) -> spans.Line:
    used_text = "-" if used is None else quantity.format_ratio(used)
    head = f"{noun} {used_text:>5} "
    asked_text = "unknown" if asked is None else quantity.format_ratio(asked)
    tail = f" requested {asked_text}" + (f" of {whole}" if whole else "")
    room = width - len(head) - len(tail) - 2
    line: spans.Line = [(head, spans.BOLD)]
    bar = min(40, room)
    if bar >= 8:
        line += [
            ("|", spans.DIM),
            (glyph_sets.draw_bar(used, asked, bar, glyphs), spans.PLAIN),
            ("|", spans.DIM),
        ]
    line.append((tail, spans.PLAIN))
    hour = width - len(spans.text_of(line)) - 6
    if hour >= 12:
        drawn = glyph_sets.draw_line(past, min(60, hour), glyphs)
        line += [("   1h ", spans.DIM), (drawn.rjust(min(60, hour)), spans.PLAIN)]
    return spans.crop(line, width)
