"""A table of any number of rows of which only the visible ones are formatted."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals import severity
from kubevitals.surfaces.screen import spans
from kubevitals.surfaces.view import columns as column_sets
from kubevitals.surfaces.view import layout

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubevitals import selection
    from kubevitals.surfaces.screen import glyphs as glyph_sets

_SHORT = {"CPU(cores)": "CPU", "MEMORY(bytes)": "MEMORY"}
_GAP = "  "


class Drawn(NamedTuple):
    """The lines of a table and the columns that had room."""

    lines: list[spans.Line]
    columns: list[column_sets.Column]


def list_columns(
    kind: str, *, wide: bool = True, without: frozenset[str] = frozenset()
) -> list[column_sets.Column]:
    """Return the columns of a kind, for the screen; it is for `draw` to leave out what has no room."""
    return [
        each._replace(heading=_SHORT.get(each.heading, each.heading))
        for each in column_sets.BY_KIND[kind]
        if (wide or not each.wide) and each.key not in without
    ]


def draw(
    rows: Sequence[Any],
    columns: Sequence[column_sets.Column],
    *,
    now: datetime,
    width: int,
    top: int = 0,
    height: int,
    cursor: int | None = None,
    column: str | None = None,
    order: selection.SortKey | None = None,
    glyphs: glyph_sets.Glyphs,
) -> Drawn:
    """Return `height` lines: the headings, then the rows from `top` on.

    `cursor` is the place of the row that is marked, `column` the key of the cell of it.
    """
    shown = rows[top : top + max(0, height - 1)]
    columns = [
        each._replace(heading=each.heading + _turn(order, rows, glyphs))
        if order and each.key == order[0]
        else each
        for each in columns
    ]
    cells = [each.texts(shown, now) for each in columns]
    widths = [
        max([len(each.heading), _widest(rows, each), *map(len, texts)])
        for each, texts in zip(columns, cells, strict=True)
    ]
    extra = len(layout.GLYPH_ROOM)
    fitted = layout.fit(columns, widths, room=width - 2, extra=extra, gap=_GAP)
    kept = [columns[place] for place in fitted.kept]
    lines = [_head(kept, [fitted.widths[place] for place in fitted.kept], fitted.gap, width)]
    for index, row in enumerate(shown):
        chosen = top + index == cursor
        line: spans.Line = [("> " if chosen else "  ", spans.PLAIN)]
        for position, place in enumerate(fitted.kept):
            each, room = columns[place], fitted.widths[place]
            text = layout.cut_middle(cells[place][index], room) if each.name else cells[place][index]
            text = text.rjust(room) if each.right else text.ljust(room)
            level = each.severity_of(row)
            if each.ratio:
                text += " " + glyphs.marks.get(level or severity.INFO, " ")
            here = chosen and each.key == column
            line.append((f"[{text.strip()}]".rjust(len(text)) if here else text, level or spans.PLAIN))
            if position < len(fitted.kept) - 1:
                line.append((fitted.gap, spans.PLAIN))
        lines.append(spans.mark(line, width) if chosen else spans.crop(line, width))
    return Drawn(lines, kept)


def _head(columns: Sequence[column_sets.Column], widths: Sequence[int], gap: str, width: int) -> spans.Line:
    texts = [
        (each.heading.rjust(room) if each.right else each.heading.ljust(room))
        + (layout.GLYPH_ROOM if each.ratio else "")
        for each, room in zip(columns, widths, strict=True)
    ]
    return spans.crop([("  " + gap.join(texts), spans.BOLD)], width)


def _turn(order: selection.SortKey, rows: Sequence[Any], glyphs: glyph_sets.Glyphs) -> str:
    descending = order[1]
    if descending is None:
        first = getattr(rows[0], order[0], None) if rows else None
        descending = isinstance(first, int | float)
    return glyphs.down if descending else glyphs.up


def _widest(rows: Sequence[Any], column: column_sets.Column) -> int:
    """Return the longest name of all rows, so that the columns stand still while one moves through them."""
    if not column.name or not rows:
        return 0
    return max(len(value or "-") for value in map(operator.attrgetter(column.key), rows))
