"""The page of problems: everything that is wrong, the most serious first, and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import problems, sanitize, severity
from kubevitals.surfaces.screen import spans
from kubevitals.surfaces.view import columns

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kubevitals.surfaces.screen import glyphs as glyph_sets

_MARKS = {severity.CRITICAL: "!!", severity.WARNING: "! ", severity.INFO: "  "}
_LEAST_WHY = 16


def draw(
    found: Sequence[problems.ClusterProblem],
    *,
    now: datetime,
    width: int,
    top: int = 0,
    height: int,
    cursor: int | None = None,
    glyphs: glyph_sets.Glyphs,
) -> list[spans.Line]:
    """Return `height` lines at most: the headings, then a line a problem from `top` on."""
    del glyphs
    shown = found[top : top + max(0, height - 1)]
    whoms = [sanitize.printable(problems.describe_object(each)) for each in shown]
    words = [sanitize.printable(each.reason or each.code) for each in shown]
    ages = [
        "" if each.since is None else columns.format_age((now - each.since).total_seconds()) for each in shown
    ]
    whom_width = min(max([6, *map(len, whoms)]), max(12, width // 3))
    word_width = min(max([7, *map(len, words)]), max(10, width // 4))
    fixed = 5 + whom_width + 2 + word_width + 2 + 5 + 2
    with_why = width - fixed >= _LEAST_WHY
    head = "     " + "OBJECT".ljust(whom_width) + "  " + "PROBLEM".ljust(word_width) + "  " + "SINCE".rjust(5)
    lines: list[spans.Line] = [spans.crop([(head + ("  WHY" if with_why else ""), spans.BOLD)], width)]
    for index, each in enumerate(shown):
        chosen = top + index == cursor
        line: spans.Line = [
            ("> " if chosen else "  ", spans.PLAIN),
            (_MARKS.get(each.severity, "  ") + " ", each.severity),
            (sanitize.shorten(whoms[index], whom_width).ljust(whom_width) + "  ", spans.PLAIN),
            (sanitize.shorten(words[index], word_width).ljust(word_width) + "  ", each.severity),
            (ages[index].rjust(5), spans.PLAIN),
        ]
        if with_why:
            line.append(("  " + sanitize.printable(" ".join(each.message.split())), spans.PLAIN))
        lines.append(spans.mark(line, width) if chosen else spans.crop(line, width))
    return lines


def explain(each: problems.ClusterProblem) -> list[str]:
    """Return the lines that say all of a problem: code, evidence, next step."""
    lines = [f"{each.code}: {each.message}"]
    if each.remedy:
        lines.append(f"try: {each.remedy}")
    return lines
