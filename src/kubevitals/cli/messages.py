"""Errors, warnings and notes on stderr, each with what to do about it."""

from __future__ import annotations

import sys

from kubevitals import errors, sanitize


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
    """Print what failed and what to do about it, with the RBAC rule that is missing where that is known."""
    show("error", error.message, error.remedy)
    if isinstance(error, errors.ForbiddenError) and error.rule:
        print(f"  the RBAC rule that would allow it:\n    {_indent(error.rule)}", file=sys.stderr)


def _indent(text: str) -> str:
    return "\n    ".join(sanitize.printable(line) for line in text.splitlines())
