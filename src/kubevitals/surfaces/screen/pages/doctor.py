"""The page of the doctor: which layer is silent, why, proof and fix; examined when one comes here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import sanitize, severity
from kubevitals.surfaces.screen import spans
from kubevitals.surfaces.view import doctortext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubevitals.surfaces.screen import picture as pictures

_LOOKS = {
    "FAIL": severity.CRITICAL,
    "WARN": severity.WARNING,
    "INCOMPLETE": severity.WARNING,
    "NOT EXAMINED": severity.WARNING,
    "fail": severity.CRITICAL,
    "warn": severity.WARNING,
}


def write(seen: pictures.Examination, width: int) -> list[str]:
    """Return the lines of the page as text."""
    if seen.report is not None:
        lines = doctortext.render(seen.report, code=None, width=width, wide=True).splitlines()
        lines = [part for line in lines for part in _fold(sanitize.printable(line), width)]
        return [*lines, "it is being examined again ..."] if seen.running else lines
    if seen.error is not None:
        said = [seen.error.message, f"try: {seen.error.remedy}" if seen.error.remedy else ""]
        return [
            "NOT EXAMINED",
            *(part for text in said for part in spans.wrap(sanitize.printable(text), max(10, width))),
        ]
    return ["the cluster is being examined, by reads and access reviews alone ..."]


def _fold(line: str, width: int) -> list[str]:
    """Return a line in as many as it takes: a command that is cut off cannot be copied."""
    return [line[at : at + width] for at in range(0, max(1, len(line)), max(1, width))]


def draw(lines: Sequence[str], *, top: int, height: int, width: int) -> list[spans.Line]:
    """Return `height` lines from `top` on; what a line begins with decides how it looks."""
    drawn: list[spans.Line] = []
    for text in lines[top : top + height]:
        word = next((word for word in _LOOKS if text.startswith(word)), "")
        parts: spans.Line = [(word, _LOOKS[word])] if word else []
        drawn.append(spans.crop([*parts, (text[len(word) :], spans.PLAIN)], width))
    return drawn


def explain(seen: pictures.Examination, node: str | None) -> list[str]:
    """Return what the last examination says of a node's silence, or of everything's; none where nothing."""
    if seen.report is None:
        return []
    return [
        f"doctor: {finding.title}; :doctor shows proof and fix"
        for finding in seen.report.findings
        if finding.severity == severity.CRITICAL
        and (not finding.scope or node in finding.scope or node is None)
    ]
