"""A table of records as text: aligned for people, as narrow as the terminal, coloured by severity."""

from __future__ import annotations

from kubevitals.surfaces.terminal import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubevitals import model
    from kubevitals.surfaces.view.columns import Column

_GAP = "   "
_GLYPH_ROOM = "  "  # a space and a glyph beside each ratio


def render_table(
    rows: Sequence[model.Row],
    columns: Sequence[Column],
    *,
    now: datetime,
    style: console.Style = console.PLAIN,
    headers: bool = True,
    total: model.Total | None = None,
) -> str:
    """Return the table, each line ended by a newline; `total` is a last row below a rule.

    On a terminal that is too narrow the columns with the highest `drop` are left out. Names never are cut:
    they are there to be copied.
    """
    cells = [column.texts(rows, now) for column in columns]
    if total is not None:
        for index, (column, texts) in enumerate(zip(columns, cells, strict=True)):
            texts.append(column.total_text(total) if index else "TOTAL")
    widths = [
        max([len(column.heading) if headers else 0, *map(len, texts)])
        for column, texts in zip(columns, cells, strict=True)
    ]
    kept = _fit(columns, widths, style)
    columns = [columns[index] for index in kept]
    cells = [cells[index] for index in kept]
    widths = [widths[index] for index in kept]
    line_form = _GAP.join(
        f"%{'' if column.right else '-'}{width}s" for column, width in zip(columns, widths, strict=True)
    )
    lines = []
    room = _GLYPH_ROOM if style.glyphs is not None else ""
    if headers:
        headings = [
            (column.heading.rjust(width) if column.right else column.heading.ljust(width))
            + (room if column.ratio else "")
            for column, width in zip(columns, widths, strict=True)
        ]
        lines.append(style.bold(_GAP.join(headings).rstrip()))
    if style is console.PLAIN:
        body = map(line_form.__mod__, zip(*cells, strict=True))
        lines += body if columns[-1].right else map(str.rstrip, body)
    else:
        shown = rows if total is None else [*rows, total]
        lines += _paint(shown, columns, cells, widths=widths, style=style)
    if total is not None:
        rules = [
            "-" * (width + (len(room) if column.ratio else 0))
            for column, width in zip(columns, widths, strict=True)
        ]
        lines.insert(-1, _GAP.join(rules))
    return "\n".join(lines) + "\n" if lines else ""


def _fit(columns: Sequence[Column], widths: Sequence[int], style: console.Style) -> list[int]:
    kept = list(range(len(columns)))
    if style.width is None:
        return kept
    extra = len(_GLYPH_ROOM) if style.glyphs is not None else 0

    def width_of(index: int) -> int:
        return widths[index] + (extra if columns[index].ratio else 0)

    def total_width() -> int:
        return sum(map(width_of, kept)) + len(_GAP) * (len(kept) - 1)

    while total_width() > style.width:
        candidates = [index for index in kept if columns[index].drop]
        if not candidates:
            break
        kept.remove(max(candidates, key=lambda index: (columns[index].drop, index)))
    return kept


def _paint(
    rows: Sequence[model.Row],
    columns: Sequence[Column],
    cells: Sequence[Sequence[str]],
    *,
    widths: Sequence[int],
    style: console.Style,
) -> list[str]:
    lines = []
    for index, row in enumerate(rows):
        parts = []
        for column, texts, width in zip(columns, cells, widths, strict=True):
            text = texts[index].rjust(width) if column.right else texts[index].ljust(width)
            level = column.severity_of(row)
            if column.ratio and style.glyphs is not None:
                text += " " + style.glyphs.get(level or "", " ")
            parts.append(style.paint(text, level))
        lines.append(_GAP.join(parts).rstrip())
    return lines
