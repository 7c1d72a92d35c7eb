"""What the place we print to can show, and hostile text made harmless."""

from __future__ import annotations

import io

import pytest

from kubevitals import severity
from kubevitals.surfaces.terminal import console


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class AsciiScreen(Screen):
    encoding = "ascii"


def test_a_pipe_gets_plain_text() -> None:
    """A pipe or a file gets no colour, no glyphs and all the width it wants, whatever is set."""
    style = console.detect_style(io.StringIO(), environ={"COLUMNS": "40", "TERM": "xterm"})
    assert (style.color, style.glyphs, style.width) == (False, None, None)
    assert style.paint("x", "critical") == style.dim("x") == style.bold("x") == "x"


def test_a_terminal_gets_colour_and_glyphs() -> None:
    """A terminal gets both, within its width."""
    style = console.detect_style(Screen(), environ={"COLUMNS": "120", "TERM": "xterm"})
    assert (style.color, style.width) == (True, 120)
    assert style.glyphs is not None
    assert len({style.glyphs[each] for each in (severity.INFO, severity.WARNING, severity.CRITICAL)}) == 3
    painted = {style.paint("x", each) for each in (severity.INFO, severity.WARNING, severity.CRITICAL)}
    assert len(painted) == 3
    assert style.paint("x", severity.CRITICAL).endswith("x\x1b[0m")
    assert style.paint("x", severity.INFO) == style.paint("x", None) == "x", "what is not bad has no colour"


@pytest.mark.parametrize(
    ("environ", "color"),
    [({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False), ({}, True)],
)
def test_no_color(environ: dict[str, str], color: bool) -> None:
    """NO_COLOR, if it is not empty, and TERM=dumb take the colour and leave the glyphs."""
    style = console.detect_style(Screen(), environ=environ)
    assert style.color is color
    assert style.glyphs is not None


def test_a_terminal_without_unicode() -> None:
    """Where the encoding holds no circles, the glyphs are ASCII."""
    style = console.detect_style(AsciiScreen(), environ={})
    assert style.glyphs is not None
    assert "".join(style.glyphs.values()).isascii()


@pytest.mark.parametrize("columns", ["0", "-3", "wide", "²", ""])
def test_a_width_that_is_none(columns: str) -> None:
    """A COLUMNS that is no width is ignored, and a screen that cannot be measured is as wide as it comes."""
    assert console.detect_style(Screen(), environ={"COLUMNS": columns}).width is None


def test_a_stream_that_cannot_hold_the_text() -> None:
    """What the encoding cannot hold is escaped, not an exception."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    console.make_robust(stream)
    stream.write("grün ●")
    stream.flush()
    assert raw.getvalue() == b"gr\\xfcn \\u25cf"
    console.make_robust(io.StringIO())
