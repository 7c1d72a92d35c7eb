"""Record the usage of nodes, pods and containers, for `kubevitals history` and `kubevitals top --at`.

It runs until Ctrl-C, SIGTERM or --duration. Nodes and pods are watched; usage is read every --interval. Any
number of processes may read the file at the same time. What was written stays even if the process is killed.
"""

from __future__ import annotations

import contextlib
import sys
import time

from kubevitals import garbage, sanitize
from kubevitals.cli import (
    clusteroptions,
    collectoroptions,
    historyoptions,
    messages,
    multicluster,
    remotewriteoptions,
    signals,
    values,
)
from kubevitals.surfaces.terminal import console
from kubevitals.surfaces.view import recorderstatus

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from kubevitals import collector, model

EPILOG = """\
examples:
  kubevitals record                                    to the file that `kubevitals history` reads
  kubevitals record --history /var/lib/kubevitals.db --history-size 4Gi
  kubevitals record --context prod --context test      two clusters in one file
  kubevitals record --duration 10m --interval 5s       ten minutes, read every five seconds

Exit codes: 0 good, 1 it could not start or could not write, 2 wrong usage.
"""
_LAST = 5.0  # seconds that writing and tidying may take at the end
_REFRESH = 1.0  # seconds between two looks at how it is doing, on a terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `record`."""
    historyoptions.add_recording_options(parser, optional=False)
    parser.add_argument(
        "--duration",
        type=values.parse_duration,
        metavar="TIME",
        help="stop after this time (default: never)",
    )
    collectoroptions.add_arguments(parser)
    remotewriteoptions.add_arguments(parser)
    clusteroptions.add_cluster_options(parser, several=True)


def run(arguments: argparse.Namespace) -> int:
    """Record until Ctrl-C, SIGTERM or --duration, and return 0; what was read by then is in the file.

    Raises:
        errors.KubevitalsError: it cannot begin.
    """
    import logging
    import threading

    from kubevitals import collector

    clusteroptions.check_namespace(arguments)
    remotewriteoptions.check(arguments)
    logging.getLogger("kubevitals").addHandler(logging.NullHandler())  # troubles are told with their remedies
    with contextlib.ExitStack() as stack:
        connected = multicluster.connect_all(arguments, stack)
        collectors = [
            collector.Collector(
                cluster,
                interval=arguments.interval,
                namespace=arguments.namespace,
                nodes=not arguments.no_nodes,
            )
            for cluster in connected
        ]
        held = stack.enter_context(historyoptions.recording(arguments, collectors))
        garbage.collect_seldom()
        stopping = threading.Event()
        stack.enter_context(signals.StopSignals(stopping.set))
        for one in collectors:
            stack.enter_context(one)
        names = ", ".join(sanitize.printable(one.name) for one in collectors)
        print(
            f"recording {names} to {sanitize.printable(str(held.store.path))}; Ctrl-C ends",
            file=sys.stderr,
            flush=True,
        )
        line = _Line(collectors, held)
        end = time.monotonic() + (arguments.duration or float("inf"))
        while time.monotonic() < end and not stopping.wait(min(_REFRESH, end - time.monotonic())):
            line.refresh()
        line.end()
        held.store.flush(_LAST)
    return 0


class _Line:
    """How it is doing: a line that is kept current on a terminal, and a note for what goes wrong."""

    def __init__(self, collectors: Sequence[collector.Collector], held: historyoptions.Recording) -> None:
        self._collectors = collectors
        self._held = held
        self._in_place = sys.stderr.isatty()
        self._told: set[tuple[str, str]] = set()

    def refresh(self) -> None:
        """Print what has changed; a trouble that differs in its numbers alone has not."""
        from kubevitals.collector import composition

        troubles = {composition.fingerprint(each): each for each in self._find_troubles()}
        for gist, each in troubles.items():
            if gist not in self._told:
                self._clear()
                messages.show("note", each.message, each.remedy)
        self._told = set(troubles)
        if self._in_place:
            style = console.detect_style(sys.stderr)
            text = ", ".join(self._words())
            print(f"\r{text[: (style.width or 80) - 1]}{console.CLEAR_LINE_END}", end="", file=sys.stderr)
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        self.refresh()
        if self._in_place:
            print(file=sys.stderr)

    def _words(self) -> list[str]:
        pods = sum(one.status().coverage["pods"][0] for one in self._collectors)
        told = self._held.look()
        return [*recorderstatus.history_words(told), f"{pods} pods", *recorderstatus.remote_write_words(told)]

    def _find_troubles(self) -> list[model.Problem]:
        found = self._held.look().problems
        found += [error for one in self._collectors if (error := one.status().last_error) is not None]
        return found

    def _clear(self) -> None:
        if self._in_place:
            print(f"\r{console.CLEAR_LINE_END}", end="", file=sys.stderr)
