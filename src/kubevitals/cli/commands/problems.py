"""Show everything that is wrong: nodes, pods, and what could not be read, each with the next step.

All namespaces are looked at unless -n names one. Pods of one workload with the same trouble are one line.
"""

from __future__ import annotations

import sys

from kubevitals import errors, model, problems, quantity, reader, severity
from kubevitals.cli import clusteroptions, messages, notes, oneshot, values
from kubevitals.surfaces.terminal import console, problemtable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

EPILOG = """\
examples:
  kubevitals problems                          all that is wrong, the most serious first
  kubevitals problems --simulate               of a simulated cluster
  kubevitals problems -n shop -o wide          of one namespace, with the command that shows more
  kubevitals problems --since 30m              what is NEW since then, and what is GONE, by what was recorded
  kubevitals problems --at 03:10               as it was then, if it was recorded
  kubevitals problems --fail-on critical -q    for scripts: the exit code alone

severities: critical (broken), warning (it may soon be, or a number is missing), info (worth knowing)

Exit codes: 0 good, or no --fail-on; 1 with --fail-on: something that serious, else a failure;
2 wrong usage; 3 with --fail-on: it could not be judged.
"""

_UNREAD = frozenset({"nodes_forbidden", "nodes_failed", "pods_forbidden", "pods_failed"})
_FORMS = ("wide", "json", "yaml", "csv")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `problems`."""
    parser.add_argument("-n", "--namespace", metavar="NAME", help="pods of one namespace only")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="all namespaces (the default)")
    parser.add_argument("--node", metavar="NAME", help="this node, and the pods on it")
    parser.add_argument(
        "--severity",
        choices=severity.SEVERITIES,
        metavar="WORD",
        help="this serious or more: critical, warning, info",
    )
    parser.add_argument("--limit", type=values.parse_count, metavar="N", help="the first N only")
    parser.add_argument("-o", "--output", choices=_FORMS, help="another form of output")
    parser.add_argument("--no-headers", action="store_true", help="no heading line")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing: the exit code says it")
    parser.add_argument(
        "--fail-on", choices=severity.SEVERITIES[:2], metavar="WORD",
        help="exit with 1 if something is that serious (critical or warning), with 3 if nobody can tell",
    )  # fmt: skip
    clusteroptions.add_watch_options(parser)
    past = parser.add_argument_group("the state as it was")
    past.add_argument(
        "--since", metavar="TIME", help="compare with what was recorded then: mark what is new or gone"
    )
    past.add_argument("--at", metavar="TIME", help="show what was recorded then: 6h (ago), 14:30")
    past.add_argument(
        "--history", metavar="FILE|URL", help="where it was recorded; by default as `kubevitals history`"
    )
    clusteroptions.add_cluster_options(parser, once=True)


def run(arguments: argparse.Namespace) -> int:
    """Print the problems, once or until interrupted, and return the exit code."""
    _check(arguments)
    view = View(arguments)
    try:
        if arguments.at is not None:
            return view.show_recorded()
        with clusteroptions.connect(arguments) as cluster:
            notes.print_warnings(cluster)
            if arguments.watch:
                from kubevitals.cli import refresh

                return refresh.watch(cluster, view, interval=arguments.interval)
            request = view.request(cluster.config.namespace)
            snapshot, request = oneshot.take(
                cluster, request, wait=oneshot.choose_wait(arguments), narrow=not arguments.all_namespaces
            )
            arguments.namespace = request.namespace
            if not snapshot.pods and not snapshot.problems:
                from kubevitals.cli import existence

                if existence.check(cluster, namespace=arguments.namespace):
                    return 1 if arguments.fail_on is None else 3
            view.before = view.read_before(cluster.name)
            return view.print(snapshot)
    except errors.UsageError:
        raise
    except errors.KubevitalsError as error:
        if arguments.fail_on is None:
            raise
        messages.show_error(error)
        return 3


def _check(arguments: argparse.Namespace) -> None:
    clusteroptions.check_namespace(arguments)
    if arguments.at is not None and (arguments.watch or arguments.since):
        raise errors.UsageError("--at shows one time", remedy="leave out -w and --since, or --at")
    if arguments.watch and (arguments.output in _FORMS[1:] or arguments.quiet or arguments.fail_on):
        raise errors.UsageError("-w refreshes a table", remedy="leave out -o, -q and --fail-on, or -w")
    if arguments.history is not None and arguments.at is None and arguments.since is None:
        raise errors.UsageError("--history goes with --at or --since", remedy="add one of them")


class View:
    """What `problems` was asked to show. It can be watched as a table is."""

    noun = "problems"

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.before: list[problems.ClusterProblem] | None = None  # at the time of --since

    def request(self, default_namespace: str) -> reader.Request:
        """Return what has to be read for it."""
        del default_namespace
        namespace = self.arguments.namespace
        return reader.Request(nodes=namespace is None, namespace=namespace, with_owners=False)

    def render(
        self, snapshot: model.Snapshot, request: reader.Request, *, style: console.Style
    ) -> tuple[list[problems.ClusterProblem], str]:
        """Return the problems, and the text to print."""
        del request
        found = self.find(snapshot)
        return found, self._render(snapshot, found, style)

    def describe_unknown(
        self, snapshot: model.Snapshot, rows: Sequence[problems.ClusterProblem]
    ) -> list[str]:
        """Return nothing: what is unknown is among the problems."""
        del snapshot, rows
        return []

    def show_recorded(self) -> int:
        """Print the problems at the time of --at; return the exit code. Raises as `recorded.read`."""
        from kubevitals.cli import recorded

        snapshot, _, note = recorded.read(self.arguments)
        code = self.print(snapshot)
        messages.show("note", note)
        return code

    def read_before(self, cluster: str) -> list[problems.ClusterProblem] | None:
        """Return the problems at the time of --since; None without it. Raises as `recorded.read_at`."""
        if self.arguments.since is None:
            return None
        from kubevitals.cli import recorded

        snapshot, note = recorded.read_at(self.arguments, self.arguments.since, cluster=cluster)
        messages.show("note", f"{note}, compared with now")
        return self._choose(snapshot)

    def print(self, snapshot: model.Snapshot) -> int:
        """Print the problems of the snapshot, and return the exit code."""
        if not (snapshot.nodes or snapshot.pods):
            return self._nothing_seen(snapshot)
        found = self.find(snapshot)
        if not self.arguments.quiet:
            sys.stdout.write(self._render(snapshot, found, console.detect_style(sys.stdout)))
            sys.stdout.flush()
        return self._judge(snapshot, found)

    def find(self, snapshot: model.Snapshot) -> list[problems.ClusterProblem]:
        """Return the problems that were asked for, compared with those before."""
        found = self._choose(snapshot)
        return found if self.before is None else problems.compare(found, self.before)

    def _choose(self, snapshot: model.Snapshot) -> list[problems.ClusterProblem]:
        arguments = self.arguments
        namespace, node = arguments.namespace, arguments.node
        nodes = [each for each in snapshot.nodes if namespace is None and node in (None, each.name)]
        pods = [
            each
            for each in snapshot.pods
            if namespace in (None, each.namespace) and node in (None, each.node)
        ]
        found = problems.find(snapshot._replace(nodes=model.Records(nodes), pods=model.Records(pods)))
        if arguments.severity is not None:
            found = [each for each in found if _is_at_least(each.severity, arguments.severity)]
        return found

    def _render(
        self, snapshot: model.Snapshot, found: list[problems.ClusterProblem], style: console.Style
    ) -> str:
        from kubevitals.surfaces.view import problemdocuments

        arguments = self.arguments
        shown = found[: arguments.limit]
        if arguments.output in _FORMS[1:]:
            return problemdocuments.render(
                arguments.output, snapshot, shown, headers=not arguments.no_headers
            )
        if not found:
            return f"nothing is wrong with {_describe_seen(snapshot, arguments)}\n"
        text = problemtable.render(
            shown,
            now=snapshot.generated_at,
            style=style,
            wide=arguments.output == "wide",
            headers=not arguments.no_headers,
        )
        if len(found) > len(shown):
            text += style.dim(f"and {len(found) - len(shown)} more") + "\n"
        return text

    def _nothing_seen(self, snapshot: model.Snapshot) -> int:
        """Say that there is nothing to judge: nobody is called well of whom nothing was seen."""
        namespace = self.arguments.namespace
        where = f"the namespace {namespace}" if namespace else "the cluster"
        messages.show("error", f"no node and no pod of {where} was seen: nothing can be said of it")
        notes.print_problems(snapshot)
        return 1 if self.arguments.fail_on is None else 3

    def _judge(self, snapshot: model.Snapshot, found: list[problems.ClusterProblem]) -> int:
        least = self.arguments.fail_on
        if least is None:
            return 0
        if any(_is_at_least(each.severity, least) and each.change != problems.GONE for each in found):
            return 1
        return 3 if any(each.code in _UNREAD for each in snapshot.problems) else 0


def _is_at_least(word: str, least: str) -> bool:
    return severity.SEVERITIES.index(word) <= severity.SEVERITIES.index(least)


def _describe_seen(snapshot: model.Snapshot, arguments: argparse.Namespace) -> str:
    """Return what was looked at: of nothing else it is said that it is well."""
    counts = [(len(snapshot.nodes), "node"), (len(snapshot.pods), "pod")]
    words = [quantity.format_count(number, noun) for number, noun in counts if number]
    place = f" in {arguments.namespace}" if arguments.namespace else ""
    place += f" on {arguments.node}" if arguments.node else ""
    bar = f" that is {arguments.severity} or worse" if arguments.severity else ""
    return f"{' and '.join(words)}{place}{bar}"
