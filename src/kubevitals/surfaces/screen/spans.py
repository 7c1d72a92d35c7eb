"""Lines of the screen: spans of text, each with a word for how it looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    Span = tuple[str, str]
    Line = list[Span]

PLAIN, BOLD, DIM, TITLE, CURSOR = "", "bold", "dim", "title", "cursor"
CRITICAL, WARNING = severity.CRITICAL, severity.WARNING


def text_of(line: Iterable[Span]) -> str:
    """Return the text of a line without its looks."""
    return "".join(text for text, _ in line)


def crop(line: Iterable[Span], width: int) -> Line:
    """Return the line, at most `width` columns of it."""
    kept: Line = []
    for text, look in line:
        if width <= 0:
            break
        kept.append((text[:width], look))
        width -= len(text)
    return kept


def spread(left: Line, right: Line, width: int) -> Line:
    """Return both ends of a line; the right one goes where there is no room for it."""
    used, tail = len(text_of(left)), len(text_of(right))
    if not tail or used + 2 + tail > width:
        return crop(left, width)
    return [*left, (" " * (width - used - tail), PLAIN), *right]


def mark(line: Line, width: int) -> Line:
    """Return the line as that of the cursor: all of it reversed, as wide as the screen."""
    text = text_of(line)
    return [(text[:width].ljust(width), CURSOR)]


def wrap(text: str, width: int) -> list[str]:
    """Return the text in lines of at most `width` columns, broken at spaces where there are any."""
    lines, line = [], ""
    for given in text.split():
        word = given
        while word:
            room = width - len(line) - bool(line)
            if len(word) <= room:
                line += (" " if line else "") + word
                word = ""
            elif line:
                lines.append(line)
                line = ""
            else:
                lines.append(word[:width])
                word = word[width:]
    return [*lines, line] if line else lines
