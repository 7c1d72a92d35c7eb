"""Where history is kept: the option --history, and what is opened for it, to read or to record."""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime, timedelta

from kubevitals import errors, model
from kubevitals import history as histories
from kubevitals.cli import values
from kubevitals.history import chunks
from kubevitals.surfaces.view import recorderstatus, times

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator
    from typing import NamedTuple, TypeVar

    from kubevitals import collector
    from kubevitals.history import store
    from kubevitals.surfaces.remotewrite import writer as writers

    _T = TypeVar("_T")
else:
    from kubevitals.namedtuple import NamedTuple

HOW_TO_RECORD = "kubevitals record, or kubevitals serve --history, begins to record"
_STEPS = (86_400.0, 3600.0, 60.0)  # by which the ends of what was recorded are found
_OLDEST = timedelta(days=800)  # nothing is kept for longer
_LAST = 1.5  # seconds that writing the last snapshots may take


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add --history for a command that reads, and how a server is reached."""
    parser.add_argument(
        "--history",
        metavar="FILE|URL",
        help="what was recorded: a file, by default that of `kubevitals record`, or a Prometheus-compatible "
        "server that scrapes kubevitals or gets its remote-write",
    )


def add_recording_options(parser: argparse.ArgumentParser, *, optional: bool) -> None:
    """Add --history for a command that records; with `optional` it does so only if that is given."""
    group = parser.add_argument_group("recording")
    if optional:
        group.add_argument(
            "--history",
            nargs="?",
            const="",
            metavar="FILE",
            help="record there, for weeks; without FILE to that of `kubevitals record`",
        )
    else:
        group.add_argument(
            "--history", metavar="FILE", help="where to; in the state directory of this account by default"
        )
    group.add_argument(
        "--history-size",
        type=values.parse_size,
        default=1 << 30,
        metavar="SIZE",
        help="what the file may grow to, as 500Mi or 4Gi: 1Gi, the default; then the oldest goes first",
    )


def open_reader(arguments: argparse.Namespace) -> histories.History:
    """Return what --history names, to be read; the caller closes it.

    Raises:
        errors.HistoryError: there is no such file yet, or it cannot be read.
        errors.ConfigurationError: the address, or how it is reached, cannot be used.
    """
    if arguments.history and "://" in arguments.history:
        from kubevitals.cli import sourceoptions
        from kubevitals.history import remote
        from kubevitals.promql import config

        server = config.ServerOptions(arguments.history, **sourceoptions.read_server(arguments))
        return remote.Remote(config.open_prometheus(server, flag="--history"))
    return _open_file(arguments.history, write=False)


class Recording(NamedTuple):
    """What records, and what sends it on."""

    store: store.Store
    writer: writers.Writer | None = None

    def look(self) -> recorderstatus.RecorderStatus:
        """Return how both are doing now; it looks at the disk."""
        sending = None if self.writer is None else self.writer.status()
        return recorderstatus.RecorderStatus(self.store.name, self.store.status(), sending)


@contextlib.contextmanager
def recording(
    arguments: argparse.Namespace, collectors: Iterable[collector.Collector], *, must: bool = True
) -> Iterator[Recording]:
    """Record what the collectors publish, and send it on if --remote-write says so, to the end of the block.

    Unless it `must` record it goes on without where the file cannot be written, and tries again now and then.

    Raises:
        errors.HistoryError: the file cannot be written, or not by us.
        errors.ConfigurationError: what --remote-write says cannot be used.
    """
    held = _open_file(arguments.history, write=True, size=arguments.history_size)
    with contextlib.ExitStack() as stack:
        stack.callback(held.close, timeout=_LAST)
        told = held.status()
        if must and told.role == "off" and told.problem is not None:
            raise errors.HistoryError(told.problem.message, remedy=told.problem.remedy)
        made = Recording(held)
        if arguments.remote_write is not None:
            from kubevitals.cli import remotewriteoptions

            made = Recording(held, stack.enter_context(remotewriteoptions.open_writer(arguments, held)))

        def keep(published: collector.Published) -> None:
            held.append(published.snapshot)
            if made.writer is not None:
                made.writer.wake(published.snapshot.generated_at)

        for one in collectors:
            stack.callback(one.subscribe(keep))
        yield made


def _open_file(path: str | None, *, write: bool, size: int = 1 << 30) -> store.Store:
    from kubevitals.history import paths, store

    return store.Store.open(path or paths.default_path(), write=write, size_limit=size)


class Backed:
    """A file, and what is in memory anyway for when that cannot be read, or has nothing new.

    Args:
        first: the file.
        second: memory.
        window: seconds that memory covers: within them it answers while the file is not written.
        clock: returns the time.
    """

    def __init__(
        self,
        first: store.Store,
        second: histories.History,
        *,
        window: float = 0.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._first = first
        self._second = second
        self._window = timedelta(seconds=window)
        self._clock = clock
        self.name = first.name  # of the one that answers
        self._failed: model.Problem | None = None

    @property
    def problems(self) -> tuple[model.Problem, ...]:
        """Why the first does not answer, or does not record."""
        return (self._failed,) if self._failed else self._first.problems

    def read(self, query: histories.Query) -> list[histories.Series]:
        """Return what the first says, or else the second."""
        return self._ask(lambda held: held.read(query), since=query.since)

    def snapshot_at(self, moment: datetime, *, cluster: str | None = None) -> model.Snapshot | None:
        """Return what the first says, or else the second."""
        return self._ask(lambda held: held.snapshot_at(moment, cluster=cluster), since=moment)

    def close(self) -> None:
        """Do nothing: both are somebody else's."""

    def _ask(self, ask: Callable[[histories.History], _T], *, since: datetime) -> _T:
        if self._clock() - since <= self._window and self._first.status().role == "off":
            self._failed, self.name = None, self._second.name
            return ask(self._second)
        try:
            found = ask(self._first)
        except errors.HistoryError as error:
            self._failed = model.Problem(error.code, error.message, error.remedy)
            self.name = self._second.name
            return ask(self._second)
        self._failed, self.name = None, self._first.name
        return found


def find_extent(held: histories.History, *, now: datetime) -> tuple[datetime, datetime] | None:
    """Return from when to when there are points, to the minute; None if there are none.

    Raises:
        errors.HistoryError: it cannot be read.
    """
    ask = getattr(held, "find_extent", None)  # a database is asked in another way than point by point
    if ask is not None:
        known: tuple[datetime, datetime] | None = ask(now)
        return known
    found = [each for kind in ("node", "pod") if (each := _find_extent_of(held, kind, now=now)) is not None]
    if not found:
        return None
    return min(first for first, _ in found), max(last for _, last in found)


def find_clusters(held: histories.History, last: datetime) -> list[str]:
    """Return the names of the clusters of which something was recorded in the hour before `last`.

    Raises:
        errors.HistoryError: it cannot be read.
    """
    query = times.settle(histories.Query("node", last - timedelta(hours=1), last, step=3600.0))
    return sorted({each.cluster for each in held.read(query)})


def _find_extent_of(held: histories.History, kind: str, *, now: datetime) -> tuple[datetime, datetime] | None:
    whole = _find_bounds(held, kind, now - _OLDEST, now, step=_STEPS[0])
    if whole is None:
        return None
    first, last = whole
    for before, step in itertools.pairwise(_STEPS):
        head = _find_bounds(held, kind, first, first + timedelta(seconds=before), step=step)
        tail = _find_bounds(held, kind, last - timedelta(seconds=before), last, step=step)
        first, last = head[0] if head else first, tail[1] if tail else last
    return first, min(last, now.replace(microsecond=0))


def _find_bounds(
    held: histories.History, kind: str, since: datetime, until: datetime, *, step: float
) -> tuple[datetime, datetime] | None:
    """Return the begin of the first step with a point, and the end of the last one."""
    query = times.settle(histories.Query(kind, since, until, step=step))
    ends = [
        each.points[end].timestamp for part in chunks.read(held, query) for each in part for end in (0, -1)
    ]
    return (min(ends) - timedelta(seconds=step), max(ends)) if ends else None
