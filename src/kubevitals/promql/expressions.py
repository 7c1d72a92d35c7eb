"""The small parts that PromQL is put together from: strings, matchers, durations."""

from __future__ import annotations

import re

from kubevitals import errors

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quote(text: str) -> str:
    """Return `text` as a string of PromQL, its quotes included."""
    return '"' + "".join(_ESCAPES.get(each) or _printable(each) for each in text) + '"'


def match(label: str, value: str) -> str:
    """Return the matcher label="value".

    Raises:
        errors.UsageError: `label` is no name of a label.
    """
    return f"{check_label(label)}={quote(value)}"


def check_label(label: str) -> str:
    """Return the name of a label as it is.

    Raises:
        errors.UsageError: it is none.
    """
    if len(label) > 200 or not _LABEL.fullmatch(label):
        raise errors.UsageError(
            f"{label[:60]!r} is no name of a label", remedy="letters, digits and _ are allowed"
        )
    return label


def duration(seconds: float) -> str:
    """Return a duration of PromQL, exact to the millisecond: 90 is "90s", 0.5 is "500ms"."""
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
