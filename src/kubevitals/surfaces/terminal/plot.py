"""One series as a plot for a terminal, drawn by plotille. Gaps stay gaps: a line joins neighbours alone."""

from __future__ import annotations

import itertools

from kubevitals import quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from kubevitals import history as histories
    from kubevitals.surfaces.terminal import console

_BLANK = "\u2800"  # the braille cell without a dot, which some fonts show as eight hollow ones
_WIDTH, _LEAST_WIDTH, _MOST_WIDTH = 80, 16, 160  # columns in all; of the drawing at least
_ROWS = 8  # of each of the two drawings
_GAP = 2.5  # steps without a point between two that are joined no more
_BINARY = [float(1 << power) for power in range(63)]
_DECIMAL = [digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5)]


def render(
    series: histories.Series,
    *,
    since: datetime,
    until: datetime,
    style: console.Style,
    step: float | None = None,
) -> str:
    """Return CPU and memory over time, each ended by a newline, as wide as the terminal."""
    times = [point.timestamp.timestamp() for point in series.points]
    span = (since.timestamp(), max(until.timestamp(), since.timestamp() + 1))
    gap = _GAP * (step or _usual(times))
    cpu = [point.cpu_usage_cores for point in series.points]
    memory = [point.memory_usage_bytes for point in series.points]
    drawings = [
        _draw("CPU (cores)", times, cpu, span=span, gap=gap, style=style, form=quantity.format_cpu,
              tops=_DECIMAL),
        _draw("memory", times, memory, span=span, gap=gap, style=style,
              form=lambda size: quantity.format_memory(round(size)), tops=_BINARY),
    ]  # fmt: skip
    return "".join(filter(None, drawings)) + _axis(span, style)


def _draw(
    title: str,
    times: Sequence[float],
    values: Sequence[float | None],
    *,
    span: tuple[float, float],
    gap: float,
    style: console.Style,
    form: Callable[[float], str],
    tops: Sequence[float],
) -> str:
    known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
    if not known:
        return f"{title}: unknown\n"
    top = _top(max(value for _, value in known), tops)
    lines = _lines(known, span=span, top=top, gap=gap, style=style)
    labels = {0: form(top), len(lines) // 2: form(top / 2), len(lines) - 1: "0"}
    rows = [
        f"{labels.get(index, '').rjust(_LABELS)} | {line}".rstrip() + "\n" for index, line in enumerate(lines)
    ]
    return style.bold(title) + "\n" + "".join(rows)


_LABELS = 7  # columns before the axis


def _lines(
    known: Sequence[tuple[float, float]],
    *,
    span: tuple[float, float],
    top: float,
    gap: float,
    style: console.Style,
) -> list[str]:
    """Return the drawing, a text a line: braille where the terminal has it, stars elsewhere."""
    import plotille

    # A cell has 2 x 4 dots, and the canvas ends one dot behind the last one.
    width = _width(style)
    right = span[0] + (span[1] - span[0]) * 2 * width / (2 * width - 1)
    canvas = plotille.Canvas(width, _ROWS, span[0], 0.0, right, top * 4 * _ROWS / (4 * _ROWS - 1))
    if not _has_braille(style):
        for time, value in known:
            canvas.point(time, value, marker="*")
    else:
        canvas.point(*known[0])
        for (before, low), (time, value) in itertools.pairwise(known):
            if time - before <= gap:
                canvas.line(before, low, time, value)
            else:
                canvas.point(time, value)
    return [line.replace(_BLANK, " ") for line in canvas.plot().splitlines()]


def _axis(span: tuple[float, float], style: console.Style) -> str:
    """Return the line of times below the drawings."""
    from datetime import UTC, datetime

    first, last = (datetime.fromtimestamp(each, UTC).astimezone() for each in span)
    form = "%H:%M" if last.timestamp() - first.timestamp() <= 86_400 else "%m-%d %H:%M"
    left, right = first.strftime(form), last.strftime(form)
    width = _width(style)
    return style.dim(" " * (_LABELS + 3) + left + right.rjust(width - len(left))) + "\n"


def _width(style: console.Style) -> int:
    whole = min(style.width or _WIDTH, _MOST_WIDTH)
    return max(_LEAST_WIDTH, whole - _LABELS - 3)


def _has_braille(style: console.Style) -> bool:
    return style.glyphs is not None and not all(map(str.isascii, style.glyphs.values()))


def _top(most: float, tops: Sequence[float]) -> float:
    """Return a round number that is not below, for the upper end of the scale."""
    return next((top for top in tops if top >= most), most) or 1.0


def _usual(times: Sequence[float]) -> float:
    """Return the median of the distances between neighbours."""
    distances = sorted(later - time for time, later in itertools.pairwise(times))
    return distances[len(distances) // 2] if distances else 60.0
