"""Errors, warnings and notes on stderr, each with what to do about it."""

from __future__ import annotations

import sys

from kubevitals import errors, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube import resourceattributes


def format_message(kind: str, message: str, remedy: str | None = None) -> str:
    """Return "kind: message" and the remedy below it; control characters of both are replaced.

    Further lines of either are indented.
    """
    text = f"{kind}: {_indent(message)}"
    return f"{text}\n  try: {_indent(remedy)}" if remedy else text


def show(kind: str, message: str, remedy: str | None = None) -> None:
    """Print the message; `kind` is error, warning or note."""
    print(format_message(kind, message, remedy), file=sys.stderr, flush=True)


def show_error(error: errors.KubevitalsError) -> None:
    """Print what failed and what to do about it; of a right that is missing, the line that grants it."""
    show("error", error.message, choose_remedy(error.remedy, error.right))


def choose_remedy(remedy: str | None, right: resourceattributes.ResourceAttributes | None) -> str | None:
    """Return what to do about an error or a problem: for people at a command line one line grants a right."""
    if right is None:
        return remedy
    from kubevitals.cli import rights

    return rights.advise(right) or remedy


def _indent(text: str) -> str:
    return "\n    ".join(sanitize.printable(line) for line in text.splitlines())
