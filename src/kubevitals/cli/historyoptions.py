"""Where history is kept: the option --history, and what is opened for it, to read or to record."""

from __future__ import annotations

import contextlib

from kubevitals import errors
from kubevitals.cli import clusteroptions, values
from kubevitals.surfaces.view import recorderstatus, times

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator
    from typing import NamedTuple

    from kubevitals import collector
    from kubevitals import history as histories
    from kubevitals.history import store
    from kubevitals.surfaces.remotewrite import writer as writers
else:
    from kubevitals.namedtuple import NamedTuple

HOW_TO_RECORD = "kubevitals record, or kubevitals serve --history, begins to record"
_SAMPLES, _HOURS = "7d", "400d"  # how long they are kept by default
_LEAST_AGE = 3600.0  # seconds
_LAST = 1.5  # seconds that writing the last snapshots may take


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add --history for a command that reads, and how a server is reached."""
    parser.add_argument(
        "--history",
        metavar="FILE|URL",
        help="read from this file (default: that of `kubevitals record`), or from a Prometheus-compatible "
        "server that scrapes kubevitals or receives its remote-write",
    )


def add_recording_options(parser: argparse.ArgumentParser, *, optional: bool) -> None:
    """Add the options of a command that records; with `optional` it records only if --history is given."""
    group = parser.add_argument_group("recording")
    if optional:
        group.add_argument(
            "--history",
            nargs="?",
            const="",
            metavar="FILE",
            help="record to this file; without FILE, to that of `kubevitals record`",
        )
    else:
        group.add_argument(
            "--history",
            metavar="FILE",
            help="the file to record to (default: one in the state directory of this account)",
        )
    group.add_argument(
        "--history-size",
        type=values.parse_size,
        default=1 << 30,
        metavar="SIZE",
        help="the size that the file may grow to before its oldest part is removed, such as 500Mi or 4Gi "
        "(default: 1Gi)",
    )
    group.add_argument(
        "--history-samples",
        type=_parse_age,
        default=_parse_age(_SAMPLES),
        metavar="TIME",
        help=f"how long samples are kept (default: {_SAMPLES})",
    )
    group.add_argument(
        "--history-hours",
        type=_parse_age,
        default=_parse_age(_HOURS),
        metavar="TIME",
        help=f"how long hourly sums are kept, with mean, extremes and percentiles (default: {_HOURS})",
    )


def open_reader(arguments: argparse.Namespace) -> histories.History:
    """Return what --history names, to be read, or a simulated past; the caller closes it.

    Raises:
        errors.HistoryError: there is no such file yet, or it cannot be read.
        errors.ConfigurationError: the address, or how it is reached, cannot be used.
    """
    if not arguments.history and clusteroptions.is_simulated(arguments):
        from kubevitals import cluster

        settings = arguments.simulation or {}
        return cluster.open_cluster(simulation=settings, source="none").past(owned=True)
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
    held = _open_file(
        arguments.history,
        write=True,
        size=arguments.history_size,
        ages=(arguments.history_samples, arguments.history_hours),
    )
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


def _open_file(
    path: str | None, *, write: bool, size: int = 1 << 30, ages: tuple[float, float] | None = None
) -> store.Store:
    from kubevitals.history import paths, retention, store

    kept = None if ages is None else retention.Ages(*ages)
    return store.Store.open(path or paths.default_path(), write=write, size_limit=size, ages=kept)


def _parse_age(text: str) -> float:
    try:
        seconds = times.parse_length(text)
    except errors.UsageError as error:
        import argparse

        raise argparse.ArgumentTypeError(error.message) from error
    if seconds < _LEAST_AGE:
        import argparse

        raise argparse.ArgumentTypeError(f"{text!r} is too short: an hour is the least")
    return seconds
