"""The bottom of each page: a message or what is being typed, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import sanitize
from kubevitals.surfaces.screen import spans

if TYPE_CHECKING:
    from kubevitals.surfaces.screen import session as sessions

_HINTS = (
    "? help", "Enter open", "Esc back", "/ filter", ": go", "w why", "O sort", "x ticket", "c copy",
    "[ ] trail",
)  # fmt: skip
_MARKS = {"filter": "/", "goto": ":", "sort": "sort by: "}


def compose(session: sessions.Session, width: int) -> list[spans.Line]:
    """Return the line of breadcrumbs and keys, or the one that is being typed."""
    prompt = session.prompt
    if prompt is not None:
        text = _MARKS[prompt.word] + prompt.text
        room = max(1, width - 1)
        line: spans.Line = [(text[-room:], spans.BOLD), (" ", spans.CURSOR)]
        if prompt.trouble:
            line.append(("  " + sanitize.printable(prompt.trouble), spans.WARNING))
        return [spans.crop(line, width)]
    if session.message:
        return [spans.crop([(sanitize.printable(session.message), spans.BOLD)], width)]
    crumbs = " > ".join(sanitize.printable(place.crumb) for place in session.trail.stack)
    left: spans.Line = [(crumbs, spans.DIM)]
    hints = ""
    for each in _HINTS:
        if len(crumbs) + 2 + len(hints) + 2 + len(each) > width:
            break
        hints += ("  " if hints else "") + each
    if not hints:
        hints = _HINTS[0]
        left = spans.crop([(sanitize.shorten(crumbs, max(1, width - len(hints) - 2)), spans.DIM)], width)
    return [spans.spread(left, [(hints, spans.PLAIN)], width)]
