"""The commands that a finding prints: with the context and the place of the object, quoted for a shell."""

from __future__ import annotations

import shlex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.doctor import diagnosis

CHANGES = "! "
"""What a line of `fix` begins with that is a command that changes something."""
_PROGRAMS = {"kubectl": "--context", "helm": "--kube-context", "kubevitals": "--context"}


class Places(dict[str, str]):
    """The values of placeholders; one that is not known is a word in capitals, to be filled in by hand."""

    def __missing__(self, key: str) -> str:
        return key.upper()


def fill(finding: diagnosis.Finding, context: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines of `check` and `fix` of a finding as they can be run."""
    places = Places({key: shlex.quote(value) for key, value in finding.places.items() if value})
    page = finding.diagnosis
    return (
        tuple(_with_context(line, places, context) for line in page.check),
        tuple(_with_context(line, places, context) for line in page.fix),
    )


def is_command(line: str) -> bool:
    """Return whether a line can be run."""
    return line.removeprefix(CHANGES).partition(" ")[0] in _PROGRAMS


def _with_context(line: str, places: Places, context: str) -> str:
    mark = CHANGES if line.startswith(CHANGES) else ""
    program, space, rest = line.removeprefix(CHANGES).partition(" ")
    rest = rest.format_map(places) if is_command(line) or "{" in line else rest
    if program in _PROGRAMS and context:
        rest = f"{_PROGRAMS[program]} {shlex.quote(context)} {rest}"
    return f"{mark}{program}{space}{rest}"
