"""Show how the cluster is doing on one screen: a summary, the nodes, the busiest pods and what is wrong.

What is wrong stands last, where the eye is: the most serious first, pods of one workload in one line.
"""

from __future__ import annotations

import sys

from kubevitals import findings, quantity, reader, sanitize, selection, vitals
from kubevitals.cli import clusteroptions, notes, oneshot, values
from kubevitals.surfaces.terminal import console, table
from kubevitals.surfaces.view import columns as column_sets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Any, TextIO

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

Exit codes: 0 good, whatever the cluster's health; 1 no usage could be read or another failure, 2 wrong usage.
"""

_FINDINGS = 10  # lines
_ROWS, _LEAST_ROWS = 10, 3  # pods that are shown where no number was asked for
_OTHER_LINES = 6  # of a screen: two headings, the notes below, and the shell's next line
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
        "--limit", type=values.parse_count, metavar="N", help="how many pods and, of many nodes, nodes (10)"
    )
    clusteroptions.add_watch_options(parser)
    clusteroptions.add_cluster_options(parser, once=True)


def run(arguments: argparse.Namespace) -> int:
    """Print the overview, once or until interrupted."""
    clusteroptions.check_namespace(arguments)
    view = View(namespace=arguments.namespace, limit=arguments.limit)
    with clusteroptions.connect(arguments) as cluster:
        notes.print_warnings(cluster)
        if arguments.watch:
            from kubevitals.cli import refresh

            return refresh.watch(cluster, view, interval=arguments.interval)
        request = view.request(cluster.config.namespace)
        snapshot = oneshot.take(cluster, request, wait=oneshot.choose_wait(arguments))
        if arguments.namespace and not snapshot.pods:
            from kubevitals.cli import existence

            if existence.check(cluster, namespace=arguments.namespace):
                return 1
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
        del request
        return _living(snapshot), compose(snapshot, self, style=style, height=_measure_height(sys.stdout))

    def describe_unknown(self, snapshot: model.Snapshot, rows: Sequence[model.Pod]) -> list[str]:
        """Return the lines that say how many nodes and pods lack usage, and why."""
        del rows
        return [
            *notes.describe_unknown(snapshot.nodes, "nodes"),
            *notes.describe_unknown(_living(snapshot), "pods"),
        ]


def compose(snapshot: model.Snapshot, view: View, *, style: console.Style, height: int | None = None) -> str:
    """Return the whole text: summary, nodes, busiest pods, what is wrong.

    Where no number of rows was asked for, fewer pods are shown on a screen of few lines.
    """
    summary = _render_summary(snapshot, view, style)
    nodes = _render_nodes(snapshot, view.limit or _ROWS, style)
    wrong = _render_findings(snapshot, view, style)
    limit = view.limit or _ROWS
    if view.limit is None and height is not None:
        taken = sum(part.count("\n") + 1 for part in (summary, nodes, wrong)) + _OTHER_LINES
        limit = max(_LEAST_ROWS, min(limit, height - taken))
    pods = _render_pods(snapshot, view, style, limit=limit)
    return "\n".join(filter(None, (summary, nodes, pods, wrong)))


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


def _render_nodes(snapshot: model.Snapshot, limit: int, style: console.Style) -> str:
    nodes = list(snapshot.nodes)
    if not nodes:
        return ""
    title = ""
    if len(nodes) > limit:
        order = [("cpu_of_allocatable", True), ("memory_of_allocatable", True), ("name", False)]
        title = style.bold(f"busiest nodes, {limit} of {len(nodes)}, by share of CPU") + "\n"
        nodes = selection.rank(nodes, order)[:limit]
    columns = [column for column in column_sets.NODES if not column.wide and _says_something(column, nodes)]
    return title + table.render_table(nodes, columns, now=snapshot.generated_at, style=style)


def _render_pods(snapshot: model.Snapshot, view: View, style: console.Style, *, limit: int) -> str:
    known = [pod for pod in snapshot.pods if pod.cpu_usage_cores is not None]
    if not known:
        return ""
    order = [("cpu_usage_cores", True), ("memory_usage_bytes", True), ("namespace", False), ("name", False)]
    pods = selection.rank(known, order)[:limit]
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


def _render_findings(snapshot: model.Snapshot, view: View, style: console.Style) -> str:
    now = snapshot.generated_at
    found = findings.inspect(snapshot.nodes, snapshot.pods, now=now)
    if not found:
        unread = [kind for kind in ("nodes", "pods") if _unread(snapshot, kind)]
        doubt = f", as far as can be told without {' and '.join(unread)}" if unread else ""
        verdict = f"nothing is wrong{doubt}"
        if not snapshot.pods and view.namespace is not None:
            verdict = f"nothing can be said of {sanitize.printable(view.namespace)}: no pod was seen in it"
        elif not snapshot.pods and not snapshot.nodes:
            verdict = "nothing can be said: no node and no pod was seen"
        return style.bold(verdict) + "\n"
    lines = [style.bold("what is wrong"), *_finding_lines(found[:_FINDINGS], now, style)]
    if len(found) > _FINDINGS:
        lines.append(style.dim(f"and {len(found) - _FINDINGS} more"))
    return "\n".join(lines) + "\n"


def _unread(snapshot: model.Snapshot, kind: str) -> bool:
    """Return whether the list of nodes or of pods could not be had."""
    return any(problem.code.startswith(f"{kind}_") for problem in snapshot.problems)


def _finding_lines(found: Sequence[findings.Finding], now: datetime, style: console.Style) -> list[str]:
    """Return a line each, in columns if they fit, and on a very narrow terminal two."""
    glyphs = style.glyphs or {}
    rows = [
        (
            (f"{glyphs[each.severity]} " if glyphs else "") + sanitize.printable(each.reason),
            sanitize.printable(_whom(each)),
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


def _whom(found: findings.Finding) -> str:
    if found.kind == "Node":
        return f"node {found.name}"
    several = f" ({found.kind}, {found.pods} pods)" if found.pods > 1 else ""
    return f"{found.namespace}/{found.name}{several}"


def _ago(found: findings.Finding, now: datetime) -> str:
    return "" if found.since is None else column_sets.format_age((now - found.since).total_seconds())


def _cut(text: str, start: int, style: console.Style) -> str:
    """Return as much of a remark as fits into the line that it begins at column `start` of."""
    if style.width is None or start + len(text) <= style.width:
        return text
    unicode = style.glyphs is not None and not all(map(str.isascii, style.glyphs.values()))
    mark = "…" if unicode else ".."
    room = style.width - start - len(mark)
    return text[:room].rstrip(" ,(") + mark if room > 0 else ""


def _measure_height(stream: TextIO) -> int | None:
    """Return the lines of the terminal, or None where the stream is none."""
    import os

    try:
        return os.get_terminal_size(stream.fileno()).lines or None
    except (OSError, ValueError):
        return None


def _living(snapshot: model.Snapshot) -> list[model.Pod]:
    """Return the pods that should have usage: those that have ended have none to tell."""
    return [pod for pod in snapshot.pods if not pod.terminated]


def _round(value: float) -> str:
    """Return a number as short as people like it: 3.91, 23.5, 1536."""
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"
