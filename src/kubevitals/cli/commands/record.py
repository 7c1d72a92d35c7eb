"""Record what nodes, pods and containers use, for `kubevitals history` and `top --at`, until it is ended.

Nodes and pods are followed by watching, usage is read every --interval. Any number of processes may read the
file meanwhile. Ctrl-C and SIGTERM end it; what was written stays, whatever happens.
"""

from __future__ import annotations

import contextlib
import sys
import time

from kubevitals import errors, sanitize
from kubevitals.cli import clusteroptions, historyoptions, multicluster, remotewriteoptions, signals, values
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
  kubevitals record --duration 10m --interval 5s       for so long

Exit codes: 0 good, 1 it could not begin or could not write, 2 wrong usage.
"""
_LAST = 5.0  # seconds that writing and tidying may take at the end
_REFRESH = 1.0  # seconds between two looks at how it is doing, on a terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `record`."""
    historyoptions.add_recording_options(parser, optional=False)
    parser.add_argument(
        "--interval",
        type=values.parse_duration,
        default=15.0,
        metavar="TIME",
        help="between polls of usage: 15s, the default",
    )
    parser.add_argument(
        "--duration",
        type=values.parse_duration,
        metavar="TIME",
        help="end after so long; without end else",
    )
    parser.add_argument(
        "-n", "--namespace", metavar="NAME", help="pods of one namespace only; all by default"
    )
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces, the default")
    parser.add_argument(
        "--no-nodes", action="store_true", help="leave nodes out, where rights end at a namespace"
    )
    remotewriteoptions.add_arguments(parser)
    clusteroptions.add_cluster_options(parser, several=True)


def run(arguments: argparse.Namespace) -> int:
    """Record until Ctrl-C, SIGTERM or --duration, and return 0; what was read by then is in the file.

    Raises:
        errors.KubevitalsError: it cannot begin.
    """
    import gc
    import logging
    import threading

    from kubevitals import collector

    if arguments.namespace and arguments.all_namespaces:
        raise errors.UsageError("-n and -A exclude each other", remedy="give one of them")
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
        gc.enable()  # the command line turns it off, but this runs for months
        gc.set_threshold(50_000, 20, 50)  # records come by the ten thousand and hardly ever make a cycle
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
                self._print(f"note: {each.message}" + (f"\n  try: {each.remedy}" if each.remedy else ""))
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

    def _print(self, text: str) -> None:
        start = f"\r{console.CLEAR_LINE_END}" if self._in_place else ""
        print(start + "\n".join(map(sanitize.printable, text.splitlines())), file=sys.stderr, flush=True)
