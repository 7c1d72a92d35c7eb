"""A table of records as text: aligned for people, as narrow as the terminal, coloured by severity."""

from __future__ import annotations

from kubevitals import quantity
from kubevitals.surfaces.terminal import console
from kubevitals.surfaces.view import layout as layouts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from datetime import datetime

    from kubevitals import model, totals
    from kubevitals.surfaces.view.columns import Column


def render_table(
    rows: Sequence[model.Row],
    columns: Sequence[Column],
    *,
    now: datetime,
    style: console.Style = console.PLAIN,
    headers: bool = True,
    total: model.Total | totals.NodeTotal | None = None,
    keep: Container[str] = (),
    hint: str = "",
) -> str:
    """Return the table, each line ended by a newline; `total` is a last row below a rule.

    On a terminal that is too narrow names are cut in their middle, then the columns with the highest `drop`
    are left out, but for those whose key is in `keep`; `hint` then says below the table how to see them. No
    row is longer than the terminal is wide.
    """
    cells = [column.texts(rows, now) for column in columns]
    if total is not None:
        for index, (column, texts) in enumerate(zip(columns, cells, strict=True)):
            texts.append(column.total_text(total) if index else "TOTAL")
    widths = [
        max([len(column.heading) if headers else 0, *map(len, texts)])
        for column, texts in zip(columns, cells, strict=True)
    ]
    layout = layouts.fit(
        columns,
        widths,
        room=style.width,
        extra=len(layouts.GLYPH_ROOM) if style.glyphs is not None else 0,
        keep=keep,
    )
    hidden = len(columns) - len(layout.kept)
    widths = [layout.widths[index] for index in layout.kept]
    for index in layout.kept:
        if columns[index].name:
            cells[index] = [layouts.cut_middle(text, layout.widths[index]) for text in cells[index]]
    cells = [cells[index] for index in layout.kept]
    columns = [columns[index] for index in layout.kept]
    line_form = layout.gap.join(
        f"%{'' if column.right else '-'}{width}s" for column, width in zip(columns, widths, strict=True)
    )
    lines = []
    room = layouts.GLYPH_ROOM if style.glyphs is not None else ""
    if headers:
        headings = [
            (column.heading.rjust(width) if column.right else column.heading.ljust(width))
            + (room if column.ratio else "")
            for column, width in zip(columns, widths, strict=True)
        ]
        lines.append(style.bold(layout.gap.join(headings).rstrip()))
    if style is console.PLAIN:
        body = map(line_form.__mod__, zip(*cells, strict=True))
        lines += body if columns[-1].right else map(str.rstrip, body)
    else:
        shown = rows if total is None else [*rows, total]
        lines += _paint(shown, columns, cells, widths=widths, style=style, gap=layout.gap)
    if total is not None:
        rules = [
            "-" * (width + (len(room) if column.ratio else 0))
            for column, width in zip(columns, widths, strict=True)
        ]
        lines.insert(-1, layout.gap.join(rules))
    if hidden and hint:
        lines.append(style.dim(f"{quantity.format_count(hidden, 'column')} hidden: {hint}"[: style.width]))
    return "\n".join(lines) + "\n" if lines else ""


def _paint(
    rows: Sequence[model.Row | totals.NodeTotal],
    columns: Sequence[Column],
    cells: Sequence[Sequence[str]],
    *,
    widths: Sequence[int],
    style: console.Style,
    gap: str,
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
        lines.append(gap.join(parts).rstrip())
    return lines
