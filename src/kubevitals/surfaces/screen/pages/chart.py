"""Charts of usage over time, with request and limit drawn in; where nothing was measured there is nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubevitals import quantity
from kubevitals.surfaces.screen import past as pasts
from kubevitals.surfaces.screen import spans
from kubevitals.surfaces.view import columns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubevitals.surfaces.screen import glyphs as glyph_sets

LEAST_HEIGHT = 4  # lines of one chart: its title and three of bars
_MOST_HEIGHT = 8
_BESIDE = 72  # columns from which on both charts stand beside each other
_FAR = 3.0  # a request or limit that is so many times above the highest usage would flatten it
_AXIS = 8


def compose(
    past: pasts.Past, row: Any, *, width: int, height: int, glyphs: glyph_sets.Glyphs
) -> list[spans.Line]:
    """Return the charts of CPU and memory in at most `height` lines; none where there is no room."""
    beside = width >= _BESIDE
    room = min(_MOST_HEIGHT, height if beside else height // 2)
    if room < LEAST_HEIGHT:
        return []
    span = pasts.RANGES[past.asked.span][0]
    if not past.points:
        why = past.problem or "nothing was recorded in this time"
        return [spans.crop([(f"  last {span}: {why}; h changes the time", spans.DIM)], width)]
    made = [
        _draw(
            past,
            row,
            noun,
            resource,
            form,
            width=(width - 2) // 2 if beside else width,
            height=room,
            glyphs=glyphs,
        )
        for noun, resource, form in (
            ("CPU", "cpu", quantity.format_cpu),
            ("MEM", "memory", quantity.format_memory),
        )
    ]
    if not beside:
        return [*made[0], *made[1]]
    half = (width - 2) // 2
    return [
        [*left, (" " * (half - len(spans.text_of(left)) + 2), spans.PLAIN), *right]
        for left, right in zip(*made, strict=True)
    ]


def _draw(
    past: pasts.Past,
    row: Any,
    noun: str,
    resource: str,
    form: Callable[[float], str],
    *,
    width: int,
    height: int,
    glyphs: glyph_sets.Glyphs,
) -> list[spans.Line]:
    """Return the title and `height` - 1 lines of bars."""
    unit = "cores" if resource == "cpu" else "bytes"
    values = _spread(past, f"{resource}_usage_{unit}", width - _AXIS)
    known = [value for value in values if value is not None]
    peak = max(known, default=0.0)
    most = "allocatable" if hasattr(row, f"{resource}_allocatable_{unit}") else "limit"
    marks = {word: _mark(past, row, f"{resource}_{word}_{unit}") for word in ("request", most)}
    signs = {"request": glyphs.request, most: glyphs.limit}
    near = {word: value for word, value in marks.items() if value is not None and value <= peak * _FAR}
    top = max([peak, *near.values()]) or 1.0
    rows = height - 1
    levels = [None if value is None else value / top * rows for value in values]
    title = f"{noun} last {pasts.RANGES[past.asked.span][0]}  peak {form(peak) if known else columns.UNKNOWN}"
    for word, value in marks.items():
        if value is not None:
            title += f"  {signs[word] if word in near else ''}{word} {form(value)}"
    title += f"  ({past.source})"
    lines: list[spans.Line] = [spans.crop([(title, spans.BOLD)], width)]
    for line in range(rows, 0, -1):
        label = form(top) if line == rows else form(0) if line == 1 else ""
        sign = next((signs[word] for word, value in near.items() if _row_of(value, top, rows) == line), " ")
        bars = "".join(_cell(level, line, sign, glyphs) for level in levels)
        lines.append(spans.crop([(label.rjust(_AXIS - 1) + " ", spans.DIM), (bars, spans.PLAIN)], width))
    return lines


def _mark(past: pasts.Past, row: Any, key: str) -> float | None:
    """Return a request or limit as it was at the end of the time, else as it is."""
    found: float | None = getattr(past.points[-1], key, None)
    return getattr(row, key, None) if found is None else found


def _row_of(value: float, top: float, rows: int) -> int:
    return max(1, min(rows, round(value / top * rows + 0.5)))


def _cell(level: float | None, row: int, sign: str, glyphs: glyph_sets.Glyphs) -> str:
    """Return the character of a column in one row: a part of its bar, a line behind it, or nothing."""
    above = 0.0 if level is None else level - (row - 1)
    if above >= 1:
        return glyphs.line[-1]
    if above > 0 or (row == 1 and level is not None):
        return glyphs.line[min(len(glyphs.line) - 1, int(above * len(glyphs.line)))]
    return sign


def _spread(past: pasts.Past, key: str, width: int) -> Sequence[float | None]:
    """Return a value for each column: of the point whose step covers it; None where none does."""
    values: list[float | None] = [None] * width
    whole = (past.until - past.since).total_seconds()
    for point in past.points:
        end = (point.timestamp - past.since).total_seconds()
        first = int((end - past.step) / whole * width)
        for at in range(max(0, first), min(width, max(first + 1, int(end / whole * width + 0.999)))):
            values[at] = getattr(point, key)
    return values
