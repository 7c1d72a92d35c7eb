"""What a terminal can show: colour, glyphs, width."""

from __future__ import annotations

import errno
import io
import os
import sys

from kubevitals import severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple, TextIO
else:
    from kubevitals.namedtuple import NamedTuple

_RESET = "\x1b[0m"
_COLORS = {severity.WARNING: "\x1b[33m", severity.CRITICAL: "\x1b[31m"}
_DIM, _BOLD = "\x1b[2m", "\x1b[1m"
_GLYPHS = {severity.INFO: "○", severity.WARNING: "◐", severity.CRITICAL: "●"}
_ASCII_GLYPHS = {severity.INFO: ".", severity.WARNING: "+", severity.CRITICAL: "!"}
CLEAR_BELOW = "\x1b[J"
CLEAR_LINE_END = "\x1b[K"


class Style(NamedTuple):
    """How to print: in colour, with a glyph beside each percentage, within so many columns."""

    color: bool = False
    glyphs: Mapping[str, str] | None = None  # by severity; None: none
    width: int | None = None  # None: as wide as it comes

    def paint(self, text: str, level: str | None) -> str:
        """Return the text in the colour of its severity. What is not bad has none."""
        color = _COLORS.get(level or "") if self.color else None
        return f"{color}{text}{_RESET}" if color else text

    def dim(self, text: str) -> str:
        """Return the text dimmed, if there are colours."""
        return f"{_DIM}{text}{_RESET}" if self.color else text

    def bold(self, text: str) -> str:
        """Return the text in bold, if there are colours."""
        return f"{_BOLD}{text}{_RESET}" if self.color else text


PLAIN = Style()


def detect_style(stream: TextIO, *, environ: Mapping[str, str] = os.environ) -> Style:
    """Return what suits `stream`: plain text for a pipe or file, and what a terminal can show otherwise.

    NO_COLOR (any value that is not empty) and TERM=dumb switch colour off; the glyphs stay.
    """
    if not stream.isatty():
        return PLAIN
    dumb = environ.get("TERM") == "dumb"
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    return Style(
        color=not dumb and not environ.get("NO_COLOR"),
        glyphs=_GLYPHS if encoding.startswith("utf") else _ASCII_GLYPHS,
        width=_measure_width(stream, environ),
    )


def _measure_width(stream: TextIO, environ: Mapping[str, str]) -> int | None:
    columns = environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns) > 0:
        return int(columns)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def measure_height(stream: TextIO) -> int | None:
    """Return the lines of the terminal, or None where the stream is none."""
    try:
        return os.get_terminal_size(stream.fileno()).lines or None
    except (OSError, ValueError):
        return None


def make_robust(stream: TextIO) -> None:
    """Let `stream` write any text: what its encoding cannot hold is escaped, not an exception."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


class _ClosedOutput(io.TextIOBase):
    """Stands for a stdout that was closed: what is written to it fails, as it cannot be seen by anybody."""

    def write(self, text: str) -> int:
        """Fail, whatever the text is."""
        del text
        raise OSError(errno.EBADF, "stdout is closed")


def replace_closed() -> None:
    """Give the program a stdout and a stderr where it was started without, as by `>&-`."""
    if sys.stdout is None:
        sys.stdout = _ClosedOutput()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the whole process


def silence_broken_pipe() -> None:
    """Point stdout at /dev/null, so that Python's flush at exit does not fail after `| head`."""
    import contextlib

    with contextlib.suppress(OSError, ValueError):  # a stdout without a descriptor has no pipe to break
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
