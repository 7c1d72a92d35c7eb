"""`kubevitals history export`: all points in a file, and how far it is."""

from __future__ import annotations

import sys

from kubevitals import errors, kinds, sanitize
from kubevitals.cli import historyoptions, messages
from kubevitals.cli.commands import history
from kubevitals.history import chunks
from kubevitals.surfaces.terminal import console
from kubevitals.surfaces.view import historyfiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from datetime import datetime
    from typing import Self

    from kubevitals import history as histories

_DEFAULT = ("node", "pod", "container")
_PAUSE = 0.5  # seconds between two lines about how far it is


def run(arguments: argparse.Namespace, held: histories.History, *, now: datetime) -> int:
    """Write the file; return 1 where there is nothing to write, and leave the file as it was then.

    Raises:
        errors.KubevitalsError: it cannot be written, or the history cannot be read.
    """
    path = arguments.names[0]
    if path == "-":
        raise errors.UsageError(
            "history export writes a file", remedy="kubevitals history KIND -o csv writes to stdout"
        )
    form = arguments.format or _form_of(path)
    historyfiles.check(form)
    earliest = None
    if not (arguments.since and held.name == "prometheus"):  # a database may refuse to look so far back
        extent = held.extent(now)
        if extent is None:
            raise errors.HistoryError("nothing was recorded yet", remedy=historyoptions.HOW_TO_RECORD)
        earliest = extent[0]
    if arguments.step is None:
        arguments.step = "raw"
    chosen = [kinds.KINDS[word].singular for word in dict.fromkeys(arguments.kinds or ())] or list(_DEFAULT)

    def read() -> Iterator[tuple[histories.Series, ...]]:
        for kind in chosen:
            query = history.make_query(arguments, kind, now=now, points=1, since=earliest)
            since = query.since if earliest is None else max(query.since, earliest)
            for piece in chunks.read(held, query._replace(since=since)):
                yield piece.series

    query = history.make_query(arguments, chosen[0], now=now, points=1, since=earliest)
    with _Progress() as progress:
        count = historyfiles.write(
            path, read(), form=form, percentiles=query.percentiles, progress=progress.show
        )
    shown = sanitize.printable(path)
    if not count:
        messages.show("error", f"nothing was recorded {history.between(query)}, so {shown} was not written")
        return 1
    print(f"{count} points in {shown}", file=sys.stderr)
    return 0


def _form_of(path: str) -> str:
    form = path.rpartition(".")[2].lower()
    if form not in historyfiles.FORMATS:
        raise errors.UsageError(
            f"the name {path[-60:]!r} does not say which form the file shall have",
            remedy="--format csv or --format parquet",
        )
    return form


class _Progress:
    """A line on stderr that says how far it is, where a person looks at it."""

    def __enter__(self) -> Self:
        self._shown = 0.0
        self._some = False
        return self

    def show(self, points: int) -> None:
        import time

        if not sys.stderr.isatty() or time.monotonic() - self._shown < _PAUSE:
            return
        self._shown, self._some = time.monotonic(), True
        print(f"\r{points} points ...", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._some:
            print("\r" + console.CLEAR_LINE_END, end="", file=sys.stderr, flush=True)
