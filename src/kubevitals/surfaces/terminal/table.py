"""A table of records as text: aligned for people, as narrow as the terminal, coloured by severity."""

from __future__ import annotations

from kubevitals import quantity
from kubevitals.surfaces.terminal import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from datetime import datetime
    from typing import NamedTuple

    from kubevitals import model, totals
    from kubevitals.surfaces.view.columns import Column
else:
    from kubevitals.namedtuple import NamedTuple

_GAP = "   "
_GLYPH_ROOM = "  "  # a space and a glyph beside each ratio
_CUT = ".."
_NAME, _LEAST_NAME = 20, 7  # columns to which names are cut before others go, and where nothing else helps


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
    layout = _fit(columns, widths, style, keep)
    hidden = len(columns) - len(layout.kept)
    widths = [layout.widths[index] for index in layout.kept]
    for index in layout.kept:
        if columns[index].name:
            cells[index] = [_cut_middle(text, layout.widths[index]) for text in cells[index]]
    cells = [cells[index] for index in layout.kept]
    columns = [columns[index] for index in layout.kept]
    line_form = layout.gap.join(
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


class _Layout(NamedTuple):
    """Which columns fit, how wide each is, and what stands between them."""

    kept: list[int]
    widths: list[int]  # of all columns
    gap: str


def _fit(
    columns: Sequence[Column], widths: Sequence[int], style: console.Style, keep: Container[str]
) -> _Layout:
    """Return the layout for the width of the terminal: names are cut first, then columns left out."""
    widths, kept, gap = list(widths), list(range(len(columns))), _GAP
    if style.width is None:
        return _Layout(kept, widths, gap)
    room = style.width
    extra = len(_GLYPH_ROOM) if style.glyphs is not None else 0

    def excess() -> int:
        shown = sum(widths[index] + (extra if columns[index].ratio else 0) for index in kept)
        return shown + len(gap) * (len(kept) - 1) - room

    def cut_names(least: int) -> None:
        for index in sorted((each for each in kept if columns[each].name), key=lambda each: -widths[each]):
            bound = max(least, len(columns[index].heading))
            widths[index] -= max(0, min(excess(), widths[index] - bound))

    cut_names(_NAME)
    while excess() > 0:
        candidates = [index for index in kept if columns[index].drop and columns[index].key not in keep]
        if not candidates:
            break
        kept.remove(max(candidates, key=lambda index: (columns[index].drop, index)))
    if excess() > 0:
        gap = " "
        cut_names(_LEAST_NAME)
    return _Layout(kept, widths, gap)


def _cut_middle(text: str, width: int) -> str:
    """Return the text with its middle left out: names mostly differ at their ends."""
    if len(text) <= width:
        return text
    end = (width - len(_CUT)) // 2
    return text[: width - len(_CUT) - end] + _CUT + (text[-end:] if end else "")


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
