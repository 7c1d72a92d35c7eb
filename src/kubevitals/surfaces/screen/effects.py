"""What the terminal is asked to do after a key."""

from __future__ import annotations

from typing import NamedTuple

QUIT, COPY, SAVE, REPAINT, SUSPEND, EXAMINE = "quit", "copy", "save", "repaint", "suspend", "examine"


class Effect(NamedTuple):
    """What the terminal is asked to do after a key: a word, and a text or a file name with its text."""

    word: str
    text: str = ""
    name: str = ""
