"""The characters that the screen draws with: block characters, or ASCII where the terminal has no UTF-8."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Glyphs(NamedTuple):
    """One set of them."""

    marks: Mapping[str, str]  # by severity
    used: str
    asked: str
    free: str
    line: str  # from the least to the most
    down: str
    up: str
    rule: str
    request: str  # lines in a chart
    limit: str


BLOCKS = Glyphs(
    {severity.INFO: " ", severity.WARNING: "▲", severity.CRITICAL: "■"},
    "█", "▒", "·", "▁▂▃▄▅▆▇█", "↓", "↑", "─", "╌", "═",
)  # fmt: skip
ASCII = Glyphs(
    {severity.INFO: " ", severity.WARNING: "!", severity.CRITICAL: "#"},
    "=", "-", ".", "_.:+*#", "v", "^", "-", "-", "=",
)  # fmt: skip


def draw_bar(used: float | None, asked: float | None, width: int, glyphs: Glyphs) -> str:
    """Return usage and requests, as shares, on one scale; blanks where usage is unknown."""
    filled = 0 if used is None else round(min(1.0, max(0.0, used)) * width)
    promised = 0 if asked is None else round(min(1.0, max(0.0, asked)) * width)
    rest = " " if used is None else glyphs.free
    return (glyphs.used * filled + glyphs.asked * max(0, promised - filled)).ljust(width, rest)


def draw_line(values: Sequence[float | None], width: int, glyphs: Glyphs) -> str:
    """Return the last `width` shares as a line of characters; a blank where one is unknown."""
    steps = glyphs.line
    return "".join(
        " " if value is None else steps[min(len(steps) - 1, int(min(1.0, max(0.0, value)) * len(steps)))]
        for value in values[-width:]
    )
