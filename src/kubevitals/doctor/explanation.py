"""The page of a finding, and the list of all of them: what `doctor explain` and docs/doctor.md show."""

from __future__ import annotations

import difflib

from kubevitals import errors
from kubevitals.doctor import checks, commands, layers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.doctor import diagnosis


def diagnoses() -> dict[str, diagnosis.Diagnosis]:
    """Return all diagnoses by id, from the lowest layer up."""
    return {page.id: page for page in sorted(checks.diagnoses(), key=lambda page: layers.ORDER[page.layer])}


def explain(name: str) -> str:
    """Return the page of a finding as text.

    Raises:
        errors.UsageError: there is no such finding.
    """
    known = diagnoses()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}? " if close else ""
        raise errors.UsageError(
            f"there is no finding {name[:60]!r}", remedy=f"{hint}kubevitals doctor explain lists them all"
        )
    page = known[name]
    lines = [f"{page.id}  ({layers.LAYERS[page.layer].title}, {page.severity})", "", page.title, ""]
    lines += [f"cause   {page.cause}"]
    lines += [f'seen as "{page.symptom}"'] if page.symptom else []
    lines += [f"check   {line}" for line in page.check]
    lines += [
        f"fix   {line}" if line.startswith(commands.CHANGES) else f"fix     {line}" for line in page.fix
    ]
    lines += [f"not     {page.avoid}"] if page.avoid else []
    return "\n".join(
        [
            *map(_blank, lines),
            "",
            f"{commands.CHANGES}changes the cluster. Words in capitals are for you to fill in.",
            "",
        ]
    )


def list_all() -> str:
    """Return a line for each finding."""
    known = diagnoses()
    width = max(map(len, known))
    return "\n".join(f"{name.ljust(width)}  {page.title}" for name, page in known.items()) + "\n"


def _blank(line: str) -> str:
    """Return a line with its places as words in capitals."""
    return line.format_map(commands.Places()) if "{" in line and "{{" not in line else line


def table() -> str:
    """Return all findings as the tables of docs/doctor.md, a section for each layer."""
    lines = []
    for layer in layers.LAYERS.values():
        pages = [page for page in diagnoses().values() if page.layer == layer.name]
        if not pages:
            continue
        lines += [
            f"### {layer.title} (`{layer.name}`)",
            "",
            "| finding | severity | what it says | cause | not |",
        ]
        lines.append("|---|---|---|---|---|")
        for page in pages:
            cells = (f"`{page.id}`", page.severity, page.title, page.cause, page.avoid or "-")
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)
