"""Refreshing a table until Ctrl-C: in place on a terminal, a new table each time elsewhere.

A cluster that stops answering, or a credential that cannot be renewed, does not end it: the
last table stays, with what went wrong beneath.
"""

from __future__ import annotations

import gc
import sys
import time

from kubevitals import errors, sanitize
from kubevitals.cli import oneshot
from kubevitals.surfaces.terminal import console

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from kubevitals import cluster as clusters
    from kubevitals import model, reader

    class View(Protocol):
        """What can be refreshed: how it is read, and how it is shown."""

        def request(self, default_namespace: str) -> reader.Request:
            """Return what has to be read."""
            ...

        def render(
            self, snapshot: model.Snapshot, request: reader.Request, *, style: console.Style
        ) -> tuple[list[Any], str]:
            """Return the rows and the text."""
            ...

        def describe_unknown(self, snapshot: model.Snapshot, rows: Sequence[Any]) -> list[str]:
            """Return the lines on what is unknown of the rows."""
            ...


_HOME = "\x1b[H"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_CLEAR = "\x1b[2J"


def watch(cluster: clusters.Cluster, view: View, *, interval: float) -> int:
    """Show `view` every `interval` seconds; return 0 when the user ends it."""
    gc.enable()  # which the command line turned off: this may run for days
    in_place = sys.stdout.isatty()
    if in_place:
        sys.stdout.write(_CLEAR + _HIDE_CURSOR)
    try:
        body = ""
        first = True
        while True:
            started = time.monotonic()
            try:
                body, remarks = _read(cluster, view)
            except (errors.ClusterError, errors.MetricsError, errors.CredentialsError) as error:
                if first and not in_place:
                    raise
                remarks = [f"error: {error.message}"]
            first = False
            _write(body, remarks, in_place=in_place)
            time.sleep(max(0.0, interval - (time.monotonic() - started)))
    except KeyboardInterrupt:
        return 0
    finally:
        if in_place:
            sys.stdout.write(_SHOW_CURSOR + "\n")
            sys.stdout.flush()


def _read(cluster: clusters.Cluster, view: View) -> tuple[str, list[str]]:
    request = view.request(cluster.config.namespace)
    snapshot, request = oneshot.read(cluster, request, quiet=True)
    rows, body = view.render(snapshot, request, style=console.detect_style(sys.stdout))
    remarks = [f"error: {problem.message}" for problem in snapshot.problems]
    return body, [*remarks, *(f"note: {each}" for each in view.describe_unknown(snapshot, rows))]


def _write(body: str, remarks: list[str], *, in_place: bool) -> None:
    if not in_place:
        sys.stdout.write(body + "\n")
        sys.stdout.flush()
        for remark in remarks:
            print(sanitize.printable(remark), file=sys.stderr)
        return
    style = console.detect_style(sys.stdout)
    height = _measure_height()
    stamp = time.strftime("%H:%M:%S")
    foot = [f"{stamp}  Ctrl-C ends", *remarks]
    lines = body.splitlines()
    room = max(1, height - len(foot) - 1)
    if len(lines) > room:
        foot[0] += f"  ({len(lines) - room} more rows; a larger window or --limit shows the most important)"
        lines = lines[:room]
    width = style.width or 80
    text = [*lines, *(style.dim(sanitize.printable(line)[:width]) for line in foot)]
    end = console.CLEAR_LINE_END
    sys.stdout.write(_HOME + f"{end}\n".join(text) + end + console.CLEAR_BELOW)
    sys.stdout.flush()


def _measure_height() -> int:
    import shutil

    return shutil.get_terminal_size().lines
