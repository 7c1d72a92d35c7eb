"""What is marked on a page, and the line that is being typed below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubevitals.surfaces.screen import places


class Cursor:
    """What is marked on a page, by the key of its row, so that sorting does not move it."""

    def __init__(self) -> None:
        self.key: object = None
        self.index = 0
        self.top = 0
        self.column: str | None = None


class Prompt:
    """A line that is being typed: a filter, a place to go to, a column to sort by."""

    def __init__(self, word: str, text: str, before: places.Place) -> None:
        self.word = word
        self.text = text
        self.before = before
        self.trouble = ""


def key_of(row: Any) -> object:
    """Return what makes it the same row in the next picture."""
    if hasattr(row, "code"):
        return row.key
    return tuple(getattr(row, key, None) for key in ("namespace", "workload_kind", "pod", "name"))
