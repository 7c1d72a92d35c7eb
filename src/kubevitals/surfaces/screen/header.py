"""The top of each page: cluster, source, its age and coverage, how the connection is, and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import sanitize, severity
from kubevitals.surfaces.screen import spans
from kubevitals.surfaces.view import columns

if TYPE_CHECKING:
    from datetime import datetime

    from kubevitals.surfaces.screen import picture as pictures


def compose(seen: pictures.Picture, namespace: str | None, now: datetime, width: int) -> list[spans.Line]:
    """Return two lines, or three where the connection is lost."""
    shown = [sanitize.printable(seen.cluster)]
    shown.append(sanitize.printable(namespace) if namespace else "all namespaces")
    least = []  # what goes first where there is no room
    taken = seen.snapshot
    if taken is not None:
        age = columns.format_age((now - taken.generated_at).total_seconds())
        source = sanitize.printable(taken.source)
        shown.append(f"{source} {age} old" if source != "none" else "no source of usage")
        shown.append(f"{seen.coverage[0]}/{seen.coverage[1]} pods")
        least = [shown[1], shown[2]] if len(shown) > 3 else []
    state, look = _state(seen, now)
    for each in ("read-only",):
        if len("  ".join([*shown, each])) + 2 + len(state) <= width:
            shown.append(each)
    for each in least:
        if len("  ".join(shown)) + 2 + len(state) > width:
            shown.remove(each)
    left: spans.Line = [(shown[0], spans.BOLD), ("  " + "  ".join(shown[1:]), spans.PLAIN)]
    right: spans.Line = [(state, look)]
    if len(spans.text_of(left)) + 2 + len(state) > width:  # what is wrong with the connection goes first
        left = spans.crop(left, max(0, width - len(state) - 1))
        first: spans.Line = [(state, look), (" ", spans.PLAIN), *left]
    else:
        first = spans.spread(left, right, width)
    return [spans.crop(first, width), _judge(seen, width), *_tell_loss(seen, width)]


def _state(seen: pictures.Picture, now: datetime) -> tuple[str, str]:
    if seen.error is not None:
        if seen.lost_at is None:
            return "NO ANSWER", severity.CRITICAL
        return f"LOST {columns.format_age((now - seen.lost_at).total_seconds())}", severity.CRITICAL
    if seen.snapshot is None:
        return "READING", spans.BOLD
    if seen.back_at is not None:
        return "LIVE AGAIN", spans.BOLD
    return "LIVE", spans.BOLD


def _judge(seen: pictures.Picture, width: int) -> spans.Line:
    said = seen.verdict
    if said is None:
        text = seen.reading + " ..." if seen.error is None else "nothing was read so far"
        return spans.crop([(text, spans.BOLD)], width)
    text = sanitize.printable(" ".join(said.text.split()))
    silent = f"   {said.silent_pods} pods without usage" if said.silent_pods else ""
    if silent and len(text) + len(silent) > width:
        text = sanitize.shorten(text, max(1, width - len(silent))) if width >= 60 else text
    look = said.severity if said.severity in severity.SEVERITIES else spans.BOLD
    return spans.crop([(text, look), (silent, spans.PLAIN)], width)


def _tell_loss(seen: pictures.Picture, width: int) -> list[spans.Line]:
    """Return the line that says what the last try met and what to do, while there is a picture to show."""
    if seen.error is None or seen.snapshot is None:
        return []
    text = sanitize.printable(seen.error.message)
    remedy = f"  try: {sanitize.printable(seen.error.remedy)}" if seen.error.remedy else ""
    return [spans.crop([(text, severity.CRITICAL), (remedy, spans.PLAIN)], width)]
