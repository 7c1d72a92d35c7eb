"""Show what nodes, pods, containers, workloads or namespaces used over time, from what was recorded.

Recorded by `kubevitals record` and `kubevitals serve --history`, or kept by a Prometheus-compatible database
that scrapes kubevitals. No cluster is asked; with --simulate the simulated one has a past of a week. Where
nothing was measured there is no point: gaps stay gaps.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from kubevitals import errors, kinds, sanitize
from kubevitals.cli import clusteroptions, historyoptions, messages, sourceoptions
from kubevitals.history import chunks
from kubevitals.surfaces.terminal import console, summary, table
from kubevitals.surfaces.view import times

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from kubevitals import history as histories

EPILOG = """\
times:
  6h, 2d, 90m            so long ago
  14:30, 2026-11-21      local time; the time of day that has passed last
  2026-11-21T14:30:00Z   RFC 3339

columns:
  SAMPLES, COVERAGE      how many samples there are, and for how much of the range
  MEAN, MAX              over all samples, whatever the step
  P95                    95 % of the samples are not above it; --percentile asks for others

examples:
  kubevitals history pods -n shop                     each pod of the last six hours in a line
  kubevitals history nodes node-1 --since 2d          with a plot, on a terminal
  kubevitals history workloads cart --since 9:00 --until 10:00 -o csv
  kubevitals history containers web-0/app --since 30m --step raw -o json
  kubevitals history namespaces --since 7d --history http://prometheus:9090
  kubevitals history pods --simulate --since 7d       the past of a simulated cluster
  kubevitals history export --since 2d usage.parquet  all points in a file, for pandas, polars or DuckDB

kubevitals record begins to record. Exit codes: 0 good, 1 nothing found or another failure, 2 wrong usage.
"""

EXPORT = "export"
_RANGE = timedelta(hours=6)
_POINTS_OF_ONE, _POINTS_OF_MANY = 360, 120  # about so many of each series, where no step is given
_RAW_BELOW = 1800.0  # seconds; so short a range shows the samples
_NEAR = 3  # names that are offered for one that is unknown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `history`."""
    parser.add_argument(
        "kind", metavar="KIND", help="nodes, pods, containers, namespaces or workloads; or export"
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="only these; of containers POD or POD/NAME; of export: FILE"
    )
    parser.add_argument("-n", "--namespace", metavar="NAME", help="one namespace; all by default")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces, the default")
    parser.add_argument(
        "--cluster",
        "--context",
        dest="context",
        metavar="NAME",
        help="one of several clusters that were recorded, by its context's name",
    )
    parser.add_argument(
        "--since", metavar="TIME", help="from when: 6h before --until, the default; of export, all"
    )
    parser.add_argument("--until", default="now", metavar="TIME", help="until when: now, the default")
    parser.add_argument(
        "--step",
        metavar="TIME",
        help="how much time a point of the plot and of -o json or csv covers: 1m, 15m, 1h; raw: the samples; "
        "by default what suits the range",
    )
    parser.add_argument(
        "--percentile",
        dest="percentiles",
        type=_parse_percentiles,
        default=(95.0,),
        metavar="N",
        help="which percentiles to show, from 0 to 100, as 50,95,99: 95, the default",
    )
    parser.add_argument(
        "-o", "--output", choices=("wide", "json", "csv"), help="another form of output: one line a point"
    )
    parser.add_argument("--no-headers", action="store_true", help="no heading line")
    export = parser.add_argument_group("history export")
    export.add_argument(
        "--format", choices=("csv", "parquet"), help="of the file; by default what its name ends in"
    )
    export.add_argument(
        "--kind",
        dest="kinds",
        action="append",
        choices=tuple(kinds.KINDS),
        metavar="KIND",
        help="what to write (repeatable); nodes, pods and containers by default",
    )
    historyoptions.add_reading_options(parser)
    sourceoptions.add_server_arguments(parser)
    clusteroptions.add_simulation_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the history, or write it to a file; return the exit code."""
    import contextlib

    now = datetime.now(UTC)
    _check(arguments)
    with contextlib.closing(historyoptions.open_reader(arguments)) as held:
        if arguments.kind == EXPORT:
            from kubevitals.cli.commands import historyexport

            return historyexport.run(arguments, held, now=now)
        return View(arguments, held, now=now).show()


def _check(arguments: argparse.Namespace) -> None:
    clusteroptions.check_namespace(arguments)
    if arguments.kind == EXPORT:
        if len(arguments.names) != 1:
            raise errors.UsageError(
                "history export takes the name of one file", remedy="kubevitals history export usage.csv"
            )
        if arguments.output or arguments.no_headers:
            raise errors.UsageError("history export writes a file", remedy="--format says which")
        return
    kind = kinds.parse(arguments.kind, EXPORT)
    if arguments.format or arguments.kinds:
        raise errors.UsageError("--format and --kind go with history export", remedy="-o json or -o csv")
    if arguments.namespace and kind is kinds.NODES:
        raise errors.UsageError("-n is about pods, not nodes", remedy="leave -n out")


def make_query(
    arguments: argparse.Namespace, kind: str, *, now: datetime, points: int, since: datetime | None = None
) -> histories.Query:
    """Return the question that the options ask, its range grown to whole steps.

    Raises:
        errors.UsageError: a time or a length is none, or the range is turned round.
    """
    from kubevitals import history as histories

    begin, end = read_range(arguments, now=now, since=since)
    seconds = (end - begin).total_seconds()
    if arguments.step == "raw" or (arguments.step is None and seconds <= _RAW_BELOW):
        step = None
    elif arguments.step is None:
        step = times.choose_step(seconds, points=points)
    else:
        step = times.parse_length(arguments.step)
    return times.settle(
        histories.Query(
            kind,
            begin,
            end,
            namespace=arguments.namespace,
            cluster=arguments.context,
            step=step,
            percentiles=arguments.percentiles,
        )
    )


def read_range(
    arguments: argparse.Namespace, *, now: datetime, since: datetime | None = None
) -> tuple[datetime, datetime]:
    """Return the range that the options ask for; `since` is its begin where they name none.

    Raises:
        errors.UsageError: a time is none, or the range is turned round.
    """
    end = times.parse_moment(arguments.until, now=now)
    begin = times.parse_moment(arguments.since, now=now) if arguments.since else since or end - _RANGE
    if begin >= end:
        raise errors.UsageError(
            f"--since {times.format_moment(begin)} is not before --until {times.format_moment(end)}"
        )
    return begin, end


class View:
    """What `history` was asked to show."""

    def __init__(self, arguments: argparse.Namespace, held: histories.History, *, now: datetime) -> None:
        """Read the options.

        Raises:
            errors.UsageError: they do not go together.
        """
        self.arguments = arguments
        self.held = held
        self.now = now
        self.kind = kinds.parse(arguments.kind).singular
        self.names = list(dict.fromkeys(arguments.names))
        points = _POINTS_OF_ONE if self.names else _POINTS_OF_MANY
        self.query = make_query(arguments, self.kind, now=now, points=points)
        since, until = read_range(arguments, now=now)
        self.whole = self.query._replace(since=since, until=until)
        self._found: set[str] = set()
        self._printed: set[str] = set()

    def show(self) -> int:
        """Print it; return 1 where something that was named, or everything, is missing."""
        empty = not {"json": self._show_json, "csv": self._show_csv}.get(
            self.arguments.output, self._show_table
        )()
        sys.stdout.flush()
        missing = [name for name in self.names if name not in self._found]
        for name in missing:
            self._tell_missing(name)
        if empty and not self.names:
            self._tell_nothing()
        return 1 if missing or empty else 0

    def read(self, query: histories.Query) -> Iterator[histories.Answer]:
        """Yield what was asked for in pieces, the names one after the other."""
        for name in self.names or [None]:
            narrow, wanted = _narrow(query, name)
            for piece in chunks.read(self.held, narrow):
                found = tuple(each for each in piece.series if wanted is None or _is_kind(each, wanted))
                if found and name is not None:
                    self._found.add(name)
                self._print_problems(piece)
                yield piece._replace(series=found)

    def _print_problems(self, answer: histories.Answer) -> None:
        """Print what is wrong with the history, each problem once."""
        for problem in answer.problems:
            if problem.code not in self._printed:
                self._printed.add(problem.code)
                messages.show("note", problem.message, problem.remedy)

    def _show_table(self) -> bool:
        from kubevitals import history as histories

        answer = chunks.join(self.read(self.whole._replace(step=histories.WHOLE)))
        if not answer.series:
            return False
        style = console.detect_style(sys.stdout)
        lines: Any = summary.lines_of(answer)
        shown = summary.choose_columns(
            self.kind, lines, self.query.percentiles, wide=self.arguments.output == "wide"
        )
        headers = not self.arguments.no_headers
        sys.stdout.write(table.render_table(lines, shown, now=self.now, style=style, headers=headers))
        if len(lines) == 1 and sys.stdout.isatty() and self.arguments.output is None:
            self._plot(style)
        return True

    def _plot(self, style: console.Style) -> None:
        from kubevitals.surfaces.terminal import plot

        query = self.query
        answer = chunks.join(self.read(query))
        for series in answer.series[:1]:
            text = plot.render(series, since=query.since, until=query.until, style=style, step=answer.step)
            sys.stdout.write("\n" + text)

    def _show_json(self) -> bool:
        from kubevitals.surfaces.view import historydocuments

        answer = chunks.join(self.read(self.query))
        sys.stdout.write(historydocuments.render_json(self.query, answer, now=self.now))
        return bool(answer.series)

    def _show_csv(self) -> bool:
        from kubevitals.surfaces.view import historydocuments

        some = False
        percentiles = self.query.percentiles
        if not self.arguments.no_headers:
            historydocuments.write_csv((), sys.stdout, percentiles=percentiles)
        for piece in self.read(self.query):
            some = some or bool(piece.series)
            historydocuments.write_csv(historydocuments.rows_of(piece.series), sys.stdout, headers=False)
        return some

    def _tell_missing(self, name: str) -> None:
        """Print that a name is unknown, and which ones are near; or that there is nothing at all."""
        known = _known_names(self.held, self.query, self.kind)
        if not known:
            self._tell_nothing()
            return
        import difflib

        near = difflib.get_close_matches(name, known, n=_NEAR, cutoff=0.5)
        near = near or [each for each in known if name in each][:_NEAR]
        message = f"nothing of {self.kind} {sanitize.printable(name)[:80]!r} {between(self.query)}"
        messages.show("error", message, ", ".join(near) or None)

    def _tell_nothing(self) -> None:
        """Print that there is nothing in the range, and in which there is."""
        what = kinds.parse(self.kind).name
        place = f" in namespace {sanitize.printable(self.query.namespace)!r}" if self.query.namespace else ""
        of = f" of cluster {sanitize.printable(self.query.cluster)!r}" if self.query.cluster else ""
        extent = self.held.extent(self.now)
        remedy = historyoptions.HOW_TO_RECORD
        if extent is not None:
            first, last = map(times.format_moment, extent)
            remedy = f"what was recorded is from {first} to {last}"
        messages.show("error", f"no {what}{place}{of} were recorded {between(self.query)}", remedy)


def between(query: histories.Query) -> str:
    """Return the range in words."""
    return f"between {times.format_moment(query.since)} and {times.format_moment(query.until)}"


def _narrow(query: histories.Query, name: str | None) -> tuple[histories.Query, str | None]:
    """Return the question for one name, and the kind of workload that KIND/NAME asks for."""
    if name is None:
        return query, None
    parts = name.split("/")
    if query.kind == "container":
        if len(parts) > 1 and parts[0] in ("pod", "pods", "container"):  # as `top -o name` writes it
            parts = parts[1:]
        return query._replace(pod=parts[0], name="/".join(parts[1:]) or None), None
    if len(parts) == 2:
        wanted = parts[0] if query.kind == "workload" else None
        return query._replace(name=parts[1]), wanted
    return query._replace(name=name), None


def _is_kind(series: histories.Series, wanted: str) -> bool:
    return (series.workload_kind or "").lower() == wanted.lower()


def _known_names(held: histories.History, query: histories.Query, kind: str) -> list[str]:
    """Return the names that there are in the range."""
    from kubevitals import history as histories

    found = held.read(query._replace(step=histories.WHOLE, percentiles=())).series
    return sorted({f"{each.pod}/{each.name}" if kind == "container" else each.name for each in found})


def _parse_percentiles(text: str) -> tuple[float, ...]:
    import argparse

    found = []
    for word in text.split(","):
        try:
            percentile = float(word.lower().removeprefix("p"))
        except ValueError:
            percentile = -1.0
        if not 0 <= percentile <= 100:
            raise argparse.ArgumentTypeError(
                f"{text[:60]!r} is no list of numbers from 0 to 100, as 50,95,99"
            )
        found.append(percentile)
    return tuple(dict.fromkeys(found))
