"""Show usage of nodes, pods, containers, namespaces or workloads against what they asked for and may use.

Needs no Prometheus: it reads the metrics API (metrics-server or any other provider) and joins it with what
the API server knows. An unknown number is "-", never 0; the reason stands below the table.
"""

from __future__ import annotations

import sys

from kubevitals import errors, kinds, model, reader, sanitize, selection, totals
from kubevitals.cli import clusteroptions, messages, notes, oneshot, values
from kubevitals.surfaces.terminal import console, table
from kubevitals.surfaces.view import columns as column_sets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from typing import Any

    from kubevitals import cluster as clusters
    from kubevitals.selection import filters

EPILOG = """\
columns:
  CPU(cores), MEMORY(bytes)   usage: CPU averaged over the sample's window, memory the working set
  CPU%REQ, CPU%LIM            usage as a share of the pod's own request and limit
  CPU%, MEM%                  of a node: usage as a share of allocatable (of capacity with --of capacity)
  CPU%REQ, MEM%REQ            of a node: what its pods asked for, as a share of allocatable

examples:
  kubevitals top nodes                          nodes with what is used and what is promised
  kubevitals top nodes --available --sum        what can still be promised to pods, and the sum
  kubevitals top pods -n shop --sort-by memory  the largest first
  kubevitals top pods -A --sort-by memory_of_limit,name --limit 10
  kubevitals top pods web-0 db-0 --containers   the containers of two pods
  kubevitals top pods -A --node node-1 -o wide  what runs on one node
  kubevitals top pods -A --filter 'cpu%limit>80 !kube-system'   see docs/filters.md
  kubevitals top pods -A --group-by label=team  sums by a label (or node, app, qos, status, phase)
  kubevitals top workloads -A -o csv            one line a Deployment, CronJob, DaemonSet ...
  kubevitals top pods -A --usage                as quick and as plain as kubectl top
  kubevitals top nodes -w                       refreshed in place
  kubevitals top pods -n shop --at 14:30        as it was then, if it was recorded

Sorting: numbers from the largest, text from a to z; append :asc or :desc to turn it.
Exit codes: 0 good, 1 no usage could be read or another failure, 2 wrong usage.
"""

_SUMS = {("field", "namespace"): kinds.NAMESPACES, ("field", "workload"): kinds.WORKLOADS}
GROUP_FIELDS = ("namespace", "workload", "node", "app", "qos", "status", "phase")
# What the samples of the metrics API say of pods and containers, and what nodes are without their pods.
_FIELDS_OF_USAGE = frozenset(
    {
        "namespace", "name", "pod", "usage", "cpu_usage_cores", "memory_usage_bytes", "age_seconds", "stale",
        "problem",
    }
)  # fmt: skip
_FIELDS_OF_PODS = frozenset({"pods", "request", "limit"})
_PREFIXES_OF_PODS = ("cpu_request", "cpu_limit", "memory_request", "memory_limit")
SORT_ALIASES = {
    "cpu": "cpu_usage_cores",
    "memory": "memory_usage_bytes",
    "mem": "memory_usage_bytes",
    "workload": "workload_name",
    "age": "created_at",
    "kind": "workload_kind",
}

_DOCUMENTS = ("json", "yaml", "csv", "name")  # forms of output for programs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `top`."""
    parser.add_argument(
        "kind", metavar="KIND", help="nodes, pods, containers, namespaces or workloads (or their short names)"
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these; of containers: their pods")
    clusteroptions.add_namespace_options(parser)
    parser.add_argument("-l", "--selector", metavar="LABELS", help="label selector, as app=web,tier!=cache")
    parser.add_argument(
        "--field-selector", metavar="FIELDS", help="field selector of pods, as status.phase=Running"
    )
    parser.add_argument("--node", metavar="NAME", help="only pods on this node")
    parser.add_argument(
        "--filter", metavar="TERMS", help="only rows like that: 'ns:shop cpu%%limit>80 restarts>0 !web-*'"
    )
    parser.add_argument(
        "--sort-by", action="append", metavar="COLUMN[,...]", help="cpu, memory, name or any key of -o json"
    )
    parser.add_argument("--limit", type=values.parse_count, metavar="N", help="the first N rows only")
    parser.add_argument("--containers", action="store_true", help="one row a container (of pods)")
    parser.add_argument("--sum", action="store_true", help="a last row with the total")
    parser.add_argument(
        "--group-by", type=_parse_group, metavar="label=KEY|FIELD", help="sums of pods by a label or a field"
    )
    parser.add_argument(
        "--of",
        choices=("allocatable", "capacity"),
        default="allocatable",
        help="what a node's percentages are of (allocatable)",
    )
    parser.add_argument(
        "--available", action="store_true", help="of nodes: also what pods can still be promised (*-FREE)"
    )
    parser.add_argument("--show-capacity", action="store_true", help="kubectl's name for --of capacity")
    parser.add_argument(
        "--usage", action="store_true", help="usage only, as kubectl top: its columns, its one request"
    )
    parser.add_argument("-o", "--output", choices=("wide", *_DOCUMENTS), help="another form of output")
    parser.add_argument(
        "--columns", metavar="NAME,...", help="these columns, by their headings: name,cpu%%lim,node"
    )
    parser.add_argument("--no-headers", action="store_true", help="no heading line")
    parser.add_argument(
        "--use-protocol-buffers", type=str, metavar="BOOL", nargs="?", help="accepted for kubectl's sake"
    )
    clusteroptions.add_watch_options(parser)
    past = parser.add_argument_group("the state as it was")
    past.add_argument(
        "--at", metavar="TIME", help="show what was recorded then: 6h (ago), 14:30, 2026-11-21T14:30:00Z"
    )
    past.add_argument(
        "--history", metavar="FILE|URL", help="where it was recorded; by default as `kubevitals history`"
    )
    clusteroptions.add_cluster_options(parser, detail=True, once=True)


def run(arguments: argparse.Namespace) -> int:
    """Print the table, once or until interrupted."""
    view = View(arguments)
    if arguments.at is not None:
        return view.show_recorded()
    with clusteroptions.connect(arguments) as cluster:
        notes.print_warnings(cluster)
        if arguments.watch:
            from kubevitals.cli import refresh

            return refresh.watch(cluster, view, interval=arguments.interval)
        return view.show(cluster)


class View:
    """What `top` was asked to show: checked, and turned into a request, a selection and columns."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        """Check the options against each other.

        Raises:
            errors.UsageError: they do not go together.
        """
        word, slash, name = arguments.kind.partition("/")
        if slash:  # as kubectl takes pod/web-0
            arguments.names = [name, *arguments.names]
        kind = kinds.parse(word)
        if arguments.group_by in _SUMS:
            kind, arguments.group_by = _SUMS[arguments.group_by], None
        if kind is kinds.PODS and arguments.containers:
            kind = kinds.CONTAINERS
        self.base = kind  # what is asked for, and named
        self.kind = kinds.GROUPS if arguments.group_by else kind  # what is shown
        self.arguments = arguments
        self.names = tuple(dict.fromkeys(_bare_name(name) for name in arguments.names))
        self._check()
        self.columns = self._choose_columns()
        self.selection = self._choose_selection()

    def _check(self) -> None:
        arguments, kind = self.arguments, self.base.name
        if self.names and (arguments.selector or arguments.field_selector):
            raise errors.UsageError("names and a selector exclude each other", remedy="give one of them")
        if self.names and arguments.filter:
            raise errors.UsageError("names and --filter exclude each other", remedy="give one of them")
        if self.names and arguments.all_namespaces and kind in ("pods", "containers"):
            raise errors.UsageError(
                "a pod is found by its namespace and name", remedy="replace -A by -n NAMESPACE"
            )
        for flag, given in (
            ("--containers", arguments.containers),
            ("--node", arguments.node),
            ("--field-selector", arguments.field_selector),
            ("--group-by", arguments.group_by),
        ):
            if given and kind == "nodes":
                raise errors.UsageError(f"{flag} is about pods, not nodes", remedy=f"leave {flag} out")
        if arguments.available and (kind != "nodes" or arguments.usage):
            raise errors.UsageError(
                "--available is what nodes can still be promised", remedy="kubevitals top nodes --available"
            )
        if arguments.containers and kind != "containers":
            raise errors.UsageError(f"--containers goes with pods, not with {kind}")
        if arguments.usage and self.kind.name not in column_sets.USAGE_BY_KIND:
            raise errors.UsageError(
                "--usage is the plain table of nodes, pods or containers", remedy="leave --usage out"
            )
        if arguments.usage and (arguments.node or arguments.field_selector):
            raise errors.UsageError(
                "--usage asks the metrics API alone, which knows no nodes and fields of pods",
                remedy="leave --usage out",
            )
        if arguments.usage and arguments.source == "none":
            raise errors.UsageError(
                "--usage shows usage alone, and --source none has none", remedy="leave one of them out"
            )
        if arguments.at is None and arguments.history is not None:
            raise errors.UsageError("--history goes with --at", remedy="add --at TIME, or use `history`")
        if arguments.at is not None and arguments.watch:
            raise errors.UsageError("what was does not change", remedy="leave out -w or --at")
        if arguments.output in _DOCUMENTS:
            if arguments.watch:
                raise errors.UsageError(f"-w refreshes a table; it does not go with -o {arguments.output}")
            if arguments.sum:
                raise errors.UsageError(
                    f"--sum is a row of the table; it does not go with -o {arguments.output}",
                    remedy="top namespaces or --group-by give sums as rows",
                )

    def request(self, default_namespace: str) -> reader.Request:
        """Return what has to be read for it, from the namespace of the context unless another is named."""
        arguments = self.arguments
        single = self.names[0] if len(self.names) == 1 else None
        if self.base is kinds.NODES:
            return reader.Request(
                nodes=True,
                pods=not arguments.usage,
                pod_usage=False,
                with_owners=False,
                name=single if arguments.usage else None,
                node_label_selector=arguments.selector,
            )
        namespace: str | None = arguments.namespace or default_namespace
        if arguments.all_namespaces or (self.base is kinds.NAMESPACES and not arguments.namespace):
            namespace = None
        fields = arguments.field_selector or ""
        if arguments.node:
            fields = ",".join(filter(None, (fields, f"spec.nodeName={arguments.node}")))
        return reader.Request(
            nodes=False,
            namespace=namespace,
            name=single if self.kind in (kinds.PODS, kinds.CONTAINERS) else None,
            label_selector=arguments.selector,
            field_selector=fields or None,
            pod_details=not arguments.usage,
            with_owners=self._needs_owners(),
            with_containers=self.base is kinds.CONTAINERS,
        )

    def show(self, cluster: clusters.Cluster) -> int:
        """Read the cluster and print; return the exit code."""
        arguments = self.arguments
        request = self.request(cluster.config.namespace)
        snapshot, request = oneshot.take(
            cluster, request, wait=oneshot.choose_wait(arguments), narrow=not arguments.all_namespaces
        )
        missing = 0
        if not snapshot.pods and not self.names and self.base is not kinds.NODES:
            from kubevitals.cli import existence

            missing = existence.check(cluster, namespace=request.namespace, node=arguments.node)
            if missing and arguments.output not in _DOCUMENTS:
                return missing
        return max(missing, self.print(snapshot, request))

    def show_recorded(self) -> int:
        """Print what was recorded at the time of --at; return the exit code. Raises as `recorded.read`."""
        from kubevitals.cli import recorded

        snapshot, namespace, note = recorded.read(self.arguments)
        request = self.request(namespace)
        # What the API server would choose is chosen here.
        self.selection = recorded.select(self.selection, request, self.base)
        code = self.print(snapshot, request)
        messages.show("note", note)
        return code

    def print(self, snapshot: model.Snapshot, request: reader.Request) -> int:
        """Print what was read, and what is unknown of it; return the exit code."""
        rows, text = self.render(snapshot, request, style=console.detect_style(sys.stdout))
        sys.stdout.write(text)
        sys.stdout.flush()
        usage_only = self.arguments.usage
        kind = kinds.PODS if self.base is kinds.CONTAINERS else self.base
        unlisted = usage_only and kind is not kinds.NODES
        code = notes.print_missing(
            self._missing_names(rows), kind.singular, unlisted=unlisted, namespace=request.namespace
        )
        unknown = [] if usage_only else self.describe_unknown(snapshot, rows)
        return max(code, notes.print_problems(snapshot, unknown))

    def render(
        self, snapshot: model.Snapshot, request: reader.Request, *, style: console.Style
    ) -> tuple[list[Any], str]:
        """Return all rows that are meant, and the text to print, which --limit may have shortened."""
        arguments = self.arguments
        everything = selection.match(snapshot, self.selection)
        rows = [everything[place] for place in selection.find_places(everything, self.selection)]
        headers = not arguments.no_headers
        output = arguments.output
        if output in _DOCUMENTS:
            return everything, self._render_document(snapshot, rows, output)
        if not rows:
            if not self.names:
                place = (
                    ""
                    if request.namespace is None
                    else f" in {sanitize.printable(request.namespace)} namespace"
                )
                print(f"No resources found{place}.", file=sys.stderr)
            return everything, ""
        columns = self.columns
        asked = arguments.columns is not None
        if self.base is not kinds.NODES and request.namespace is not None and not asked:
            columns = [column for column in columns if column.heading != "NAMESPACE"]
        total = self._total(snapshot, everything) if arguments.sum else None
        if output == "wide":
            style = style._replace(width=None)
        keep = {column.key for column in columns} if asked else {key for key, _ in self.selection.order}
        text = table.render_table(
            rows,
            columns,
            now=snapshot.generated_at,
            style=style,
            headers=headers,
            total=total,
            keep=keep,
            hint="-o wide shows all",
        )
        return everything, text

    def _render_document(self, snapshot: model.Snapshot, rows: Sequence[Any], output: str) -> str:
        from kubevitals.surfaces.view import documents

        if output == "json":
            return documents.render_json(snapshot, self.kind, rows)
        if output == "yaml":
            return documents.render_yaml(snapshot, self.kind, rows)
        if output == "csv":
            return documents.render_csv(self.kind, rows, headers=not self.arguments.no_headers)
        return documents.render_names(self.kind, rows)

    def _total(self, snapshot: model.Snapshot, rows: Sequence[Any]) -> model.Total | totals.NodeTotal:
        """Return the sums over the rows; of sums, over the pods in them."""
        if self.kind is kinds.NODES:
            return totals.total_nodes(rows)
        if self.kind in (kinds.PODS, kinds.CONTAINERS):
            return totals.total_rows(row for row in rows if row.phase not in model.ENDED_PHASES)
        return totals.total_all(selection.find_pods(snapshot, self.selection, rows))

    def describe_unknown(self, snapshot: model.Snapshot, rows: Sequence[Any]) -> list[str]:
        """Return the lines that say how many of the rows, or of the pods behind sums, lack usage, and why."""
        if self.kind in (kinds.NODES, kinds.PODS, kinds.CONTAINERS):
            return notes.describe_unknown(rows, self.kind.name)
        return notes.describe_unknown(selection.find_pods(snapshot, self.selection, rows), "pods")

    def _missing_names(self, rows: Sequence[Any]) -> list[str]:
        if not self.names or self.kind is kinds.GROUPS:
            return []
        found = {row.pod if self.base is kinds.CONTAINERS else row.name for row in rows}
        return [name for name in self.names if name not in found]

    def _needs_owners(self) -> bool:
        if self.base is kinds.WORKLOADS or self.arguments.output in ("wide", *_DOCUMENTS):
            return True
        if self.arguments.columns and any(each.key.startswith("workload_") for each in self.columns):
            return True
        return any(term.field in ("workload", "kind") for term in self.selection.filter)

    def _choose_columns(self) -> list[column_sets.Column]:
        wide = self.arguments.output == "wide"
        sets = column_sets.USAGE_BY_KIND if self.arguments.usage else column_sets.BY_KIND
        columns: Sequence[column_sets.Column] = sets[self.kind.name]
        if self.arguments.detail:
            from kubevitals.surfaces.view import detailcolumns

            columns = [*columns, *detailcolumns.BY_KIND.get(self.kind.name, ())]
        if self.arguments.available:
            columns = column_sets.with_available(columns)
        if self.arguments.of == "capacity" or self.arguments.show_capacity:
            columns = column_sets.of_capacity(columns)
        if (words := self._column_words()) is not None:
            return column_sets.choose(words, self.kind, columns)
        return [column for column in columns if wide or not column.wide]

    def _column_words(self) -> list[str] | None:
        given = self.arguments.columns
        return None if given is None else [word for word in given.split(",") if word]

    def _choose_selection(self) -> selection.Selection:
        words = [word for given in self.arguments.sort_by or () for word in given.split(",") if word]
        chosen = selection.Selection(
            self.kind.name,
            group_by=self.arguments.group_by,
            order=(*map(self._sort_key, words), *self.kind.order),
            limit=self.arguments.limit,
        )
        if self.arguments.filter:
            chosen = chosen._replace(filter=self._parse_filter(self.arguments.filter))
        if not self.names:
            return chosen
        names = frozenset(self.names)
        if self.base is kinds.NODES:
            return chosen._replace(names=names)
        field = {"namespaces": "namespace", "workloads": "workload"}.get(self.base.name, "name")
        return chosen._replace(pods=((field, names),))

    def _parse_filter(self, text: str) -> filters.Filter:
        from kubevitals.selection import fields, filters

        terms = filters.parse(text, self.kind)
        if self.arguments.usage:
            for name in filters.find_fields(terms):
                place, _ = fields.FIELDS[name].find_place(self.kind.name) or ("", False)
                of_pods = place in _FIELDS_OF_PODS or place.startswith(_PREFIXES_OF_PODS)
                if of_pods if self.kind is kinds.NODES else place not in _FIELDS_OF_USAGE:
                    raise errors.UsageError(
                        f"--usage asks the metrics API alone, which does not know {name!r}",
                        remedy="leave --usage out",
                    )
        return terms

    def _sort_key(self, word: str) -> selection.SortKey:
        name, _, direction = word.lower().partition(":")
        key = column_sets.find_key(SORT_ALIASES.get(name, name), self.kind)
        if direction not in ("", "asc", "desc"):
            raise errors.UsageError(
                f"{word!r}: the direction is asc or desc", remedy="as cpu:asc or name:desc"
            )
        descending = {"asc": False, "desc": True, "": None}[direction]
        if name == "age" and descending is not None:  # the oldest was created first
            descending = not descending
        return key, descending


def _bare_name(text: str) -> str:
    """Return NAME of "NAME", "pod/NAME" or "pod/NAME/CONTAINER", so that `-o name` can be fed back."""
    parts = text.split("/")
    return parts[1] if len(parts) > 1 else text


def _parse_group(text: str) -> tuple[str, str]:
    by, equals, key = text.partition("=")
    if by == "label" and equals and key:
        return by, key
    if text in GROUP_FIELDS:
        return "field", text
    import argparse

    raise argparse.ArgumentTypeError(f"{text!r} is neither label=KEY nor one of {', '.join(GROUP_FIELDS)}")
