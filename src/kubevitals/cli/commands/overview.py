"""Show how the cluster is doing on one screen: the verdict, what is wrong, the nodes and the busiest pods.

On a terminal it takes no more lines than there are; elsewhere, and with --limit, each part has its rows.
"""

from __future__ import annotations

import sys

from kubevitals import errors, problems, quantity, reader, sanitize, selection, severity, verdict, vitals
from kubevitals.cli import clusteroptions, notes, oneshot, values
from kubevitals.surfaces.terminal import console, table
from kubevitals.surfaces.view import columns as column_sets
from kubevitals.surfaces.view import layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any

    from kubevitals import model

EPILOG = """\
what counts as wrong:
  nodes that are not ready or under pressure, or use more than 85 % of their CPU or memory
  pods that crash, were killed for memory or ended badly within the last hour, cannot start, fit no node,
  take more than 5 minutes to start, are not ready, have failed, or use more than 85 % of a memory limit

examples:
  kubevitals overview                      the cluster of the current context
  kubevitals overview --simulate           a simulated cluster, no cluster needed
  kubevitals overview -n shop --limit 5    one namespace, its five busiest pods
  kubevitals overview -w                   refreshed in place
  kubevitals overview -o json              the same as a document

Exit codes: 0 good, whatever the cluster's health; 1 no usage could be read or another failure, 2 wrong usage.
"""

_ROWS = 10  # of each part, where no number was asked for
_LEAST_ROOM = 5  # lines below the summary: where there are fewer, it makes room for what is wrong
_FORMS = ("json", "yaml")
_LEAST_DETAIL = 16  # columns; a detail cut shorter says nothing
_PLAIN_WIDTH = 110  # of the summary where no terminal bounds it
_GAP = "   "

_POD_COLUMNS = [
    column_sets.Column("NAMESPACE", "namespace", sanitize.printable, name=True, drop=2),
    column_sets.Column("NAME", "name", sanitize.printable, name=True),
    column_sets.Column("CPU", "cpu_usage_cores", column_sets.cpu, numeric=True),
    column_sets.Column("CPU%REQ", "cpu_of_request", column_sets.percent, numeric=True, drop=4),
    column_sets.Column("CPU%LIM", "cpu_of_limit", column_sets.percent, ratio=True, drop=6),
    column_sets.Column("MEMORY", "memory_usage_bytes", column_sets.memory, numeric=True, drop=1),
    column_sets.Column("MEM%REQ", "memory_of_request", column_sets.percent, numeric=True, drop=5),
    column_sets.Column("MEM%LIM", "memory_of_limit", column_sets.percent, ratio=True, drop=3),
    column_sets.Column("RESTARTS", "restarts", numeric=True, drop=7),
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `overview`."""
    parser.add_argument("-n", "--namespace", metavar="NAME", help="pods of one namespace only")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces (the default)")
    parser.add_argument(
        "--limit",
        type=values.parse_count,
        metavar="N",
        help="how many problems, nodes and pods (10 of each, fewer where the screen is low)",
    )
    parser.add_argument("-o", "--output", choices=_FORMS, help="a document for programs")
    clusteroptions.add_watch_options(parser)
    clusteroptions.add_cluster_options(parser, once=True)


def run(arguments: argparse.Namespace) -> int:
    """Print the overview, once or until interrupted."""
    clusteroptions.check_namespace(arguments)
    if arguments.watch and arguments.output:
        raise errors.UsageError("-w refreshes a screen", remedy="leave out -o, or -w")
    view = View(namespace=arguments.namespace, limit=arguments.limit)
    with clusteroptions.connect(arguments) as cluster:
        notes.print_warnings(cluster)
        if arguments.watch:
            from kubevitals.cli import refresh

            return refresh.watch(cluster, view, interval=arguments.interval)
        request = view.request(cluster.config.namespace)
        snapshot, request = oneshot.take(
            cluster, request, wait=oneshot.choose_wait(arguments), narrow=not arguments.all_namespaces
        )
        if arguments.namespace and not snapshot.pods:
            from kubevitals.cli import existence

            if existence.check(cluster, namespace=arguments.namespace):
                return 1
        if arguments.output:
            from kubevitals.surfaces.view import overviewdocuments

            text = overviewdocuments.render(
                arguments.output, snapshot, namespace=request.namespace, limit=view.limit or _ROWS
            )
        else:
            _, text = view.render(snapshot, request, style=console.detect_style(sys.stdout))
        sys.stdout.write(text)
        sys.stdout.flush()
        return notes.print_problems(snapshot, view.describe_unknown(snapshot, snapshot.pods))


class View:
    """What is shown: of which namespace (None: all), and how many rows. It can be refreshed as a table is."""

    noun = "pods"

    def __init__(self, *, namespace: str | None = None, limit: int | None = None) -> None:
        self.namespace = namespace
        self.limit = limit  # None: ten, or as many as the terminal has room for

    def request(self, default_namespace: str) -> reader.Request:
        """Return what has to be read for it."""
        del default_namespace
        # Owners that a pod does not tell by itself would take further requests and rights.
        return reader.Request(namespace=self.namespace, with_owners=False)

    def render(
        self, snapshot: model.Snapshot, request: reader.Request, *, style: console.Style
    ) -> tuple[list[model.Pod], str]:
        """Return the pods that should have usage, and the text to print."""
        view = View(namespace=request.namespace, limit=self.limit)
        height = console.measure_height(sys.stdout)
        if height is not None:  # below it come the remarks, and the shell's next line
            remarks = [f"warning: {each.message}" for each in snapshot.problems]
            remarks += [f"  try: {each.remedy}" for each in snapshot.problems if each.remedy]
            remarks += [f"note: {each}" for each in self.describe_unknown(snapshot, ())]
            height -= 1 + sum(1 + (len(each) - 1) // (style.width or _PLAIN_WIDTH) for each in remarks)
        return _living(snapshot), compose(snapshot, view, style=style, height=height)

    def describe_unknown(self, snapshot: model.Snapshot, rows: Sequence[model.Pod]) -> list[str]:
        """Return the lines that say how many nodes and pods lack usage, and why."""
        del rows
        return [
            *notes.describe_unknown(snapshot.nodes, "nodes"),
            *notes.describe_unknown(_living(snapshot), "pods"),
        ]


def compose(snapshot: model.Snapshot, view: View, *, style: console.Style, height: int | None = None) -> str:
    """Return the whole text: verdict, summary, what is wrong, nodes, busiest pods.

    Where no number of rows was asked for, each part has as many as `height` lines have room for.
    """
    now = snapshot.generated_at
    found = problems.find(snapshot)
    said = verdict.judge(snapshot, found, namespace=view.namespace)
    first = _render_verdict(said, style)
    summary = first + _render_summary(snapshot, view, style)
    wrong = [each for each in found if each.kind != "Snapshot" and each.name is not None]
    nodes = list(snapshot.nodes)
    pods = [pod for pod in snapshot.pods if pod.cpu_usage_cores is not None]
    wanted = [min(len(rows), view.limit or _ROWS) for rows in (wrong, nodes, pods)]
    if view.limit is None and height is not None:
        if height - summary.count("\n") < _LEAST_ROOM:
            summary = first
        lines = _problem_lines(wrong[: wanted[0]], now, style) if wrong else ["a line"]
        tall = max(line.count("\n") + 1 for line in lines)
        there = [len(wrong), len(nodes), len(pods)]
        wanted = _share_lines(height - summary.count("\n"), wanted, there, tall=tall)
    parts = [
        summary,
        _render_problems(wrong, now, style, limit=wanted[0]),
        _render_nodes(nodes, now, style, limit=wanted[1]),
        _render_pods(pods, snapshot, view, style, limit=wanted[2]),
    ]
    return "\n".join(filter(None, parts))


def _share_lines(room: int, wanted: Sequence[int], there: Sequence[int], *, tall: int) -> list[int]:
    """Return how many rows of problems, `tall` lines each, of nodes and of pods fit into `room` lines.

    Each part takes a blank line and its headings, and problems that are left out a last line. What has no
    room for a row is left out, pods before nodes; else the parts take turns, problems twice.
    """

    def lines(rows: Sequence[int]) -> int:
        taken = sum(1 + each for each in rows if each) + rows[0] * (tall - 1)
        taken += 0 < rows[0] < there[0]
        taken += (1 + (rows[1] < there[1])) if rows[1] else 0
        return taken + (2 if rows[2] else 0)

    return layout.share_rows(wanted, room, lines, turns=(0, 1, 2, 0))


def _render_verdict(said: verdict.Verdict, style: console.Style) -> str:
    text = _cut(sanitize.printable(" ".join(said.text.split())), 0, style)
    serious = said.severity in severity.SEVERITIES
    return (style.paint(text, said.severity) if serious else style.bold(text)) + "\n"


def _render_summary(snapshot: model.Snapshot, view: View, style: console.Style) -> str:
    sums = vitals.sum_up(snapshot.nodes, snapshot.pods)
    phases = [f"{count} {sanitize.printable(phase)}" for phase, count in sums.phases.items()]
    place = "" if view.namespace is None else f" in {sanitize.printable(view.namespace)}"
    pods = (
        quantity.format_count(sums.pods, "pod")
        if snapshot.pods or not _unread(snapshot, "pods")
        else "pods unknown"
    )
    source = sanitize.printable(snapshot.source)
    groups = [
        [f"cluster {sanitize.printable(snapshot.cluster)}"],
        [f"usage from {source}" if source != "none" else "usage unknown"],
        [
            f"{sums.nodes_ready} of {quantity.format_count(sums.nodes, 'node')} ready"
            if sums.nodes
            else "nodes unknown"
        ],
        [f"{pods}{place}: {phases[0]}", *phases[1:]] if phases else [pods + place],
    ]
    if sums.cpu_allocatable_cores is not None:
        whole = f"{_round(sums.cpu_allocatable_cores)} cores"
        groups.append(_shares("CPU", sums.cpu_of_allocatable, sums.cpu_request_of_allocatable, whole))
    if sums.memory_allocatable_bytes is not None:
        whole = f"{_round(sums.memory_allocatable_bytes / (1 << 30))} GiB"
        groups.append(
            _shares("memory", sums.memory_of_allocatable, sums.memory_request_of_allocatable, whole)
        )
    return _wrap(groups, style.width or _PLAIN_WIDTH)


def _shares(noun: str, used: float | None, asked: float | None, whole: str) -> list[str]:
    words = [f"{quantity.format_ratio(used)} used" if used is not None else "usage unknown"]
    if asked is not None:
        words.append(f"{quantity.format_ratio(asked)} requested")
    return [f"{noun} {whole}: {words[0]}", *words[1:]]


def _wrap(groups: Sequence[Sequence[str]], width: int) -> str:
    """Return the groups in as few lines as they need: one is broken at a comma only if it fills a line."""
    lines: list[str] = []
    for group in groups:
        whole = ", ".join(group)
        if lines and len(lines[-1]) + len(_GAP) + len(whole) <= width:
            lines[-1] += _GAP + whole
            continue
        lines.append(group[0])
        for part in group[1:]:
            if len(lines[-1]) + 3 + len(part) <= width:  # a comma may follow
                lines[-1] += f", {part}"
            else:
                lines[-1] += ","
                lines.append(f"  {part}")
    return "\n".join(lines) + "\n"


def _render_problems(
    found: Sequence[problems.ClusterProblem], now: datetime, style: console.Style, *, limit: int
) -> str:
    if not limit:
        return ""
    lines = _problem_lines(found[:limit], now, style)
    if len(found) > limit:
        lines.append(style.dim(f"and {len(found) - limit} more: kubevitals problems"))
    return "\n".join(lines) + "\n"


def _render_nodes(nodes: Sequence[model.Node], now: datetime, style: console.Style, *, limit: int) -> str:
    if not limit:
        return ""
    title = ""
    if len(nodes) > limit:
        title = style.bold(f"busiest nodes, {limit} of {len(nodes)}, by share of CPU") + "\n"
        nodes = selection.rank(nodes, selection.BUSIEST_NODES)[:limit]
    columns = [column for column in column_sets.NODES if not column.wide and _says_something(column, nodes)]
    return title + table.render_table(nodes, columns, now=now, style=style)


def _render_pods(
    known: Sequence[model.Pod], snapshot: model.Snapshot, view: View, style: console.Style, *, limit: int
) -> str:
    if not limit:
        return ""
    pods = selection.rank(known, selection.BUSIEST_PODS)[:limit]
    title = style.bold(f"busiest pods, {len(pods)} of {len(snapshot.pods)}, by CPU") + "\n"
    columns = [
        column
        for column in _POD_COLUMNS
        if _says_something(column, pods) and not (column.key == "namespace" and view.namespace is not None)
    ]
    return title + table.render_table(pods, columns, now=snapshot.generated_at, style=style)


def _says_something(column: column_sets.Column, rows: Sequence[Any]) -> bool:
    """Return whether a column holds anything: one of dashes alone is no use on a full screen."""
    return not column.drop or any(getattr(row, column.key) is not None for row in rows)


def _unread(snapshot: model.Snapshot, kind: str) -> bool:
    """Return whether the list of nodes or of pods could not be had."""
    return any(problem.code.startswith(f"{kind}_") for problem in snapshot.problems)


def _problem_lines(
    found: Sequence[problems.ClusterProblem], now: datetime, style: console.Style
) -> list[str]:
    """Return a line each, in columns if they fit, and on a very narrow terminal two."""
    glyphs = style.glyphs or {}
    rows = [
        (
            (f"{glyphs[each.severity]} " if glyphs else "") + sanitize.printable(each.reason or each.code),
            sanitize.printable(problems.describe_object(each)),
            _ago(each, now),
            sanitize.printable(each.message),
        )
        for each in found
    ]
    word_width, whom_width, ago_width = (max(len(row[index]) for row in rows) for index in range(3))
    width = style.width
    in_columns = width is None or word_width + whom_width + ago_width + 3 * len(_GAP) + _LEAST_DETAIL <= width
    in_two = width is not None and word_width + len(_GAP) + whom_width > width
    lines = []
    for each, (word, whom, ago, detail) in zip(found, rows, strict=True):
        painted = style.paint(word if in_two else word.ljust(word_width), each.severity)
        if in_columns:
            start = word_width + whom_width + ago_width + 3 * len(_GAP)
            text = _GAP.join(("", whom.ljust(whom_width), ago.rjust(ago_width), _cut(detail, start, style)))
        elif in_two:
            text = f"{_GAP}{ago}".rstrip() + f"\n  {whom}"
        else:
            facts = _GAP.join(filter(None, (ago, detail)))
            start = word_width + len(whom) + 2 * len(_GAP)
            text = f"{_GAP}{whom}{_GAP}{_cut(facts, start, style)}"
        lines.append((painted + text).rstrip())
    return lines


def _ago(found: problems.ClusterProblem, now: datetime) -> str:
    return "" if found.since is None else column_sets.format_age((now - found.since).total_seconds())


def _cut(text: str, start: int, style: console.Style) -> str:
    """Return as much of a remark as fits into the line that it begins at column `start` of."""
    if style.width is None or start + len(text) <= style.width:
        return text
    unicode = style.glyphs is not None and not all(map(str.isascii, style.glyphs.values()))
    mark = "…" if unicode else ".."
    room = style.width - start - len(mark)
    return text[:room].rstrip(" ,(") + mark if room > 0 else ""


def _living(snapshot: model.Snapshot) -> list[model.Pod]:
    """Return the pods that should have usage: those that have ended have none to tell."""
    return [pod for pod in snapshot.pods if not pod.terminated]


def _round(value: float) -> str:
    """Return a number as short as people like it: 3.91, 23.5, 1536."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
