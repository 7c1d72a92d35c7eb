"""Which rows of a snapshot are meant, and in what order: one `Selection` for all surfaces.

`selectors` reads label and field selectors, `filters` reads the filter of docs/filters.md.
"""

from __future__ import annotations

import operator

from kubevitals import kinds, model, totals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Any, NamedTuple

    from kubevitals.selection import filters, selectors

    SortKey = tuple[str, bool | None]
    Predicate = Callable[[Any], bool]
else:
    from kubevitals.namedtuple import NamedTuple


class Selection(NamedTuple):
    """Which rows are meant. It is hashable: equal selections of one snapshot are equal rows.

    None and () are no condition. Conditions on pods hold for the pods that sums are made of, and for nodes
    they mean the nodes on which such a pod runs.
    """

    kind: str  # the name of a kind, or "groups"
    namespaces: frozenset[str] | None = None
    # Field of a pod: the values it may have. "workload" is the name that its workload has as a row.
    pods: tuple[tuple[str, frozenset[str]], ...] = ()
    names: frozenset[str] | None = None  # of the rows
    labels: tuple[selectors.LabelRequirement, ...] = ()  # of nodes; for other kinds, of pods
    fields: tuple[selectors.FieldRequirement, ...] = ()  # of nodes and containers; else of pods
    filter: filters.Filter = ()
    group_by: tuple[str, str] | None = None  # of groups: ("label", key) or ("field", name)
    order: tuple[SortKey, ...] = ()  # field or ratio, descending; see `order`
    limit: int | None = None
    offset: int = 0


def select(snapshot: model.Snapshot, selection: Selection) -> list[Any]:
    """Return the rows that are meant, in their order, after offset and limit."""
    rows = match(snapshot, selection)
    return [rows[place] for place in find_places(rows, selection)]


def find_places(rows: Sequence[Any], selection: Selection) -> list[int]:
    """Return the places in `rows`, which `match` has returned, of those that are left in their order."""
    end = None if selection.limit is None else selection.offset + selection.limit
    return order(rows, selection.order)[selection.offset : end]


def match(snapshot: model.Snapshot, selection: Selection) -> list[Any]:
    """Return the rows that meet all conditions, in the snapshot's order and without offset and limit."""
    kind = kinds.KINDS.get(selection.kind, kinds.GROUPS)
    of_pods, of_rows = _compile(selection, kind, snapshot.generated_at)
    if selection.names is not None:
        of_rows.insert(0, _match_among("name", selection.names))
    if kind is kinds.NODES:
        if of_pods:  # the nodes on which there is a pod like that
            running = {pod.node for pod in _keep(snapshot.pods, of_pods) if not pod.terminated}
            of_rows.insert(0, lambda node: node.name in running)
        return _keep(snapshot.nodes, of_rows)
    return _keep(_make_rows(_keep(snapshot.pods, of_pods), selection), of_rows)


def find_pods(snapshot: model.Snapshot, selection: Selection, rows: Iterable[model.Total]) -> list[model.Pod]:
    """Return the pods that these rows are the sums of, which `match` has returned."""
    of_pods, _ = _compile(selection, kinds.KINDS.get(selection.kind, kinds.GROUPS), snapshot.generated_at)
    key = _find_key(selection)
    wanted = {(row.name, row.namespace, row.workload_kind) for row in rows}
    return [pod for pod in _keep(snapshot.pods, of_pods) if key(pod)[:3] in wanted]


def find(snapshot: model.Snapshot, kind: str, path: Sequence[str]) -> Any:
    """Return the one row with that path (namespace and name of a pod ...), or None if there is none."""
    named = dict(zip(kinds.KINDS[kind].path, path, strict=True))
    namespace = named["name"] if kind == "namespaces" else named.get("namespace")
    if namespace is not None:  # so that no more is added up or looked through than has to be
        pods = [pod for pod in snapshot.pods if pod.namespace == namespace]
        pod_name = named["name"] if kind == "pods" else named.get("pod")
        if pod_name is not None:
            pods = [pod for pod in pods if pod.name == pod_name]
        snapshot = snapshot._replace(pods=model.Records(pods))
    rows = match(snapshot, Selection(kind))
    return next((row for row in rows if all(getattr(row, key) == named[key] for key in named)), None)


BUSIEST_NODES: list[SortKey] = [
    ("cpu_of_allocatable", True),
    ("memory_of_allocatable", True),
    ("name", False),
]
BUSIEST_PODS: list[SortKey] = [
    ("cpu_usage_cores", True), ("memory_usage_bytes", True), ("namespace", False), ("name", False),
]  # fmt: skip
"""The order in which an overview has them, for `rank`."""


def rank(rows: Sequence[model.RowT], keys: Sequence[SortKey]) -> list[model.RowT]:
    """Return the rows ordered by several keys, unknown values last.

    Each key is (field or ratio, descending); None for descending means numbers from the largest, all else
    from the smallest.
    """
    rows = list(rows)
    return [rows[place] for place in order(rows, keys)]


def order(rows: Sequence[model.Row], keys: Sequence[SortKey]) -> list[int]:
    """Return the places of the rows as `rank` puts them: the first says which row comes first."""
    keys = list(keys)
    places = list(range(len(rows)))
    if names := _last_names(keys):
        del keys[-len(names) :]
        column = list(map(operator.attrgetter(*names), rows))
        places.sort(key=column.__getitem__)  # at once: rows mostly come in that order already
    for name, turn in reversed(keys):  # stable sorts: the first key decides last
        # Columns are read as the rows lie: in a large cluster reading them in any other order takes longer.
        column = list(map(operator.attrgetter(name), rows))
        known, unknown = places, []
        if None in column:
            known = [place for place in places if column[place] is not None]
            unknown = [place for place in places if column[place] is None]
        descending = turn
        if descending is None:
            descending = bool(known) and isinstance(column[known[0]], int | float)
        known.sort(key=column.__getitem__, reverse=descending)
        places = known + unknown
    return places


_NAMES = ("namespace", "pod", "name")  # that nothing is without


def _last_names(keys: Sequence[SortKey]) -> list[str]:
    """Return the names at the end of the keys by which one ascending sort will do."""
    names: list[str] = []
    for name, turn in reversed(keys):
        if turn is not False or name not in _NAMES:
            break
        names.insert(0, name)
    return names


def _compile(
    selection: Selection, kind: kinds.Kind, now: datetime
) -> tuple[list[Predicate], list[Predicate]]:
    """Return the predicates of pods, before rows are made of them, and of rows."""
    of_pods: list[Predicate] = []
    of_rows: list[Predicate] = []
    if selection.namespaces is not None:
        of_pods.append(_match_among("namespace", selection.namespaces))
    of_pods += [_match_among(field, values) for field, values in selection.pods]
    if selection.labels or selection.fields:
        from kubevitals.selection import selectors

        labels = selection.labels
        if labels:
            chosen = of_rows if kind is kinds.NODES else of_pods
            chosen.append(lambda row: selectors.match_labels(row.labels, labels))
        if selection.fields:
            chosen = of_rows if kind in (kinds.NODES, kinds.CONTAINERS) else of_pods
            chosen.append(selectors.field_matcher(selection.fields))
    if selection.filter:
        from kubevitals.selection import predicates

        more_of_pods, more_of_rows = predicates.compile_filter(selection.filter, kind, now=now)
        of_pods += more_of_pods
        of_rows += more_of_rows
    return of_pods, of_rows


def _make_rows(pods: list[model.Pod], selection: Selection) -> list[Any]:
    if selection.kind == "pods":
        return pods
    if selection.kind == "containers":
        return [container for pod in pods for container in pod.containers]
    return totals.total_by(pods, _find_key(selection))


def _find_key(selection: Selection) -> Callable[[model.Pod], totals.GroupKey]:
    """Return the function that says of which sum a pod is a part."""
    if selection.group_by is not None:
        by, key = selection.group_by
        return totals.label_of(key) if by == "label" else totals.field_of(key)
    return totals.namespace_of if selection.kind == "namespaces" else totals.workload_of


def _match_among(field: str, values: frozenset[str]) -> Predicate:
    if field == "workload":
        return lambda pod: (pod.workload_name or pod.name) in values
    read = operator.attrgetter(field)
    return lambda row: read(row) in values


def _keep(rows: Iterable[Any], predicates: Sequence[Predicate]) -> list[Any]:
    kept = list(rows)
    for predicate in predicates:
        kept = [row for row in kept if predicate(row)]
    return kept
