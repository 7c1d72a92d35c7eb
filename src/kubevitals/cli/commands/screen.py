"""Open the terminal screen: what is wrong, where, since when, and why a number is missing.

It is live, and read only: nothing of the cluster is changed. `kubevitals` alone on a terminal opens it too.
"""

from __future__ import annotations

import os
import sys
import time

from kubevitals import errors
from kubevitals.cli import clusteroptions, collectoroptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from kubevitals.surfaces.screen import feed as feeds
    from kubevitals.surfaces.screen import glyphs as glyph_sets
    from kubevitals.surfaces.screen import session as sessions

EPILOG = """\
examples:
  kubevitals                               on a terminal: the same as `kubevitals screen`
  kubevitals screen --simulate             a simulated cluster, no cluster needed
  kubevitals screen -n shop --context prod
  kubevitals screen --page pods            begin with the pods
  kubevitals screen --snapshot 120x40      print one frame as text, for a ticket; needs no terminal

keys: Enter opens, Esc goes back, / filters, : goes to a page, w says why a cell is empty, ? lists them all.
docs/screen.md explains the pages.

Exit codes: 0 good; 1 no cluster, no terminal or nothing could be read; 2 wrong usage.
"""

_LONGEST_WAIT = 60.0  # seconds that --snapshot waits for the first complete picture
_PAUSE = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `screen`."""
    collectoroptions.add_arguments(parser)
    parser.add_argument(
        "--page",
        metavar="PAGE",
        default="overview",
        help="begin there: what one types behind `:`, as problems, or 'pods shop' (default: overview)",
    )
    parser.add_argument(
        "--snapshot",
        type=parse_size,
        metavar="WIDTHxHEIGHT",
        help="print one frame of that size as text and end; needs no terminal",
    )
    parser.add_argument("--mouse", action="store_true", help="take the mouse, which ends selecting with it")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII alone")
    clusteroptions.add_cluster_options(parser)


def parse_size(text: str) -> tuple[int, int]:
    """Return width and height from "120x40"."""
    width, _, height = text.partition("x")
    if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        width = height = "0"
    size = int(width[:5]), int(height[:5])
    if not (20 <= size[0] <= 1000 and 5 <= size[1] <= 1000):
        import argparse

        raise argparse.ArgumentTypeError(f"{text!r} is no size from 20x5 to 1000x1000, such as 120x40")
    return size


def run(arguments: argparse.Namespace) -> int:
    """Show the screen until it is left and return 0; with --snapshot print one frame.

    Raises:
        errors.KubevitalsError: it cannot begin.
    """
    clusteroptions.check_namespace(arguments)
    if arguments.snapshot is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise errors.KubevitalsError(
            "the screen needs a terminal",
            remedy="kubevitals screen --snapshot 120x40 prints one frame, kubevitals overview a summary",
        )
    from kubevitals.surfaces.screen import feed, goto, places, session

    first = goto.find(arguments.page, places.Place(places.OVERVIEW, namespace=arguments.namespace))
    with (
        clusteroptions.connect(arguments) as cluster,
        feed.Feed(
            cluster, namespace=arguments.namespace, interval=arguments.interval, nodes=not arguments.no_nodes
        ) as followed,
    ):
        state = session.Session(followed.look(), place=first, glyphs=_choose_glyphs(arguments))
        if arguments.snapshot is not None:
            return _print_frame(followed, state, arguments.snapshot)
        from kubevitals.surfaces.screen import app

        shown = app.ScreenApp(
            state,
            followed.look,
            followed.now,
            on_change=followed.on_change,
            examine=followed.examine,
            read_past=followed.read_past,
        )
        shown.run(mouse=arguments.mouse)
        return shown.return_code or 0


def _choose_glyphs(
    arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ
) -> glyph_sets.Glyphs:
    """Return block characters, or ASCII where the terminal has no UTF-8 or is dumb."""
    from kubevitals.surfaces.screen import glyphs

    encoding = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "")
    plain = arguments.ascii or environ.get("TERM") == "dumb" or not encoding.startswith("utf")
    return glyphs.ASCII if plain else glyphs.BLOCKS


def _print_frame(followed: feeds.Feed, state: sessions.Session, size: tuple[int, int]) -> int:
    """Print one frame, of the first picture or of why there is none, and return the exit code."""
    from kubevitals.surfaces.screen import frame, spans

    until = time.monotonic() + _LONGEST_WAIT
    seen = followed.look()
    while seen.snapshot is None and seen.error is None and time.monotonic() < until:
        time.sleep(_PAUSE)
        seen = followed.look()
    state.show(seen)
    if state.wanted_past is not None:
        state.past = followed.read_past(state.wanted_past)
    if state.wants_examination:
        followed.examine()
        while (seen := followed.look()).examination.running and time.monotonic() < until:
            time.sleep(_PAUSE)
        state.show(seen)
    state.width, state.height = size
    lines = frame.compose(state, followed.now())
    sys.stdout.write("".join(spans.text_of(line).rstrip() + "\n" for line in lines))
    return 0 if seen.snapshot is not None else 1
