"""What `Records` do with their rows: choose them by a filter, order them, add them up."""

from __future__ import annotations

from datetime import UTC, datetime

from kubevitals import errors, kinds, model, recordtuple, selection, totals
from kubevitals.selection import fields as filterfields
from kubevitals.selection import filters, predicates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

_RECORDS = {model.Node: kinds.NODES, model.Pod: kinds.PODS, model.Container: kinds.CONTAINERS}
_BY = {"namespaces": "namespace", "workloads": "workload"}
_KINDS = {by: kind for kind, by in _BY.items()}
_NAMES = ("namespace", "pod", "name")
_WITHOUT_ORDER = ("labels", "conditions", "taints", "roles", "detail", "containers")


def find_kind(records: recordtuple.Records[Any]) -> kinds.Kind | None:
    """Return the kind of the rows, from where they come or what the first is; None if it is not known."""
    if records.origin.kind is not None:
        return kinds.KINDS.get(records.origin.kind, kinds.GROUPS if records.origin.blank is None else None)
    if not records:
        return None
    first: Any = records[0]
    return kinds.GROUPS if isinstance(first, model.Total) else _RECORDS.get(type(first))


def where(
    records: recordtuple.Records[recordtuple.RowT], condition: str | Callable[[recordtuple.RowT], object]
) -> recordtuple.Records[recordtuple.RowT]:
    """Return the rows that meet the condition; see `Records.where`."""
    if not isinstance(condition, str):
        return records.pick([place for place, row in enumerate(records) if condition(row)])
    kind = find_kind(records)
    if kind is None:
        if not records and records.origin.kind is None:
            return records
        raise errors.UsageError(
            f"filters are about {', '.join(kinds.KINDS)}",
            remedy="choose these rows by a function: lambda row: ...",
        )
    terms = filters.parse(condition, kind)
    of_pods, of_rows = predicates.compile_filter(terms, kind, now=records.origin.at or datetime.now(UTC))
    kept = _make_again(records, kind, of_pods) if of_pods else records
    return kept.pick([place for place, row in enumerate(kept) if all(test(row) for test in of_rows)])


def _make_again(
    records: recordtuple.Records[Any], kind: kinds.Kind, of_pods: Sequence[Callable[[Any], bool]]
) -> recordtuple.Records[Any]:
    """Return those of the rows that pods which meet the conditions still make, in the order they had."""
    pods = records.origin.pods
    if pods is None:
        raise errors.UsageError(
            f"what these {kind.name} were made of is not known any more",
            remedy="filter the pods first, and then group() them",
        )
    chosen = pods.pick([place for place, pod in enumerate(pods) if all(test(pod) for test in of_pods)])
    made: recordtuple.Records[Any]
    if kind is kinds.CONTAINERS:
        made = containers_of(chosen)
    else:
        made = group(chosen, _BY.get(kind.name, records.origin.by))
    places = {key: place for place, key in enumerate(_keys(made, kind))}
    return made.pick([places[key] for key in _keys(records, kind) if key in places])


def _keys(records: recordtuple.Records[Any], kind: kinds.Kind) -> Iterator[tuple[Any, ...]]:
    names = ("namespace", "workload_kind", "name") if kind.record is model.Total else kind.path
    for cluster, row in zip(records.clusters, records, strict=True):
        yield (cluster, *[getattr(row, name) for name in names])


def containers_of(pods: recordtuple.Records[model.Pod]) -> recordtuple.Records[model.Container]:
    """Return the containers of the pods, in the pods' order."""
    named: Any = pods.origin.clusters
    if isinstance(named, tuple):
        named = tuple([name for name, pod in zip(named, pods, strict=True) for _ in pod.containers])
    origin = pods.origin._replace(kind="containers", clusters=named, pods=pods)
    return recordtuple.Records((each for pod in pods for each in pod.containers), origin)


def sort(
    records: recordtuple.Records[recordtuple.RowT], fields: Sequence[str], *, descending: bool | None
) -> recordtuple.Records[recordtuple.RowT]:
    """Return the rows in the order of the fields; see `Records.sort`."""
    if not fields:
        raise errors.UsageError("sort needs a field", remedy='name one: sort("cpu_usage_cores")')
    if not records:
        return records
    places = [_find_field(records, field) for field in fields]
    keys = [(place, descending or None if place in _NAMES else descending) for place in places]
    rows: Any = records
    return records.pick(selection.order(rows, keys))


def _find_field(records: recordtuple.Records[Any], word: str) -> str:
    """Return the attribute of a row that a word means: its own name, or a word of the filters."""
    kind = find_kind(records)
    first = records[0]
    found = filterfields.find(word) if kind is not None else None
    place = found[0].find_place(kind.name) if found is not None and kind is not None else None
    if place is not None and not place[1] and place[0] not in _WITHOUT_ORDER:
        return place[0]
    ratios = [key for key in first.to_dict() if hasattr(first, key)]
    known = [key for key in dict.fromkeys((*first._fields, *ratios)) if key not in _WITHOUT_ORDER]
    if word in known:
        return word
    raise _no_such(word, known)


def _no_such(word: str, known: Sequence[str]) -> errors.UsageError:
    import difflib

    near = difflib.get_close_matches(word, known, n=2, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return errors.UsageError(f"there is no field {word[:60]!r}{hint}", remedy="one of " + ", ".join(known))


def group(records: recordtuple.Records[Any], by: str) -> recordtuple.Records[model.Total]:
    """Return sums of pods or containers; see `Records.group`."""
    kind = find_kind(records)
    origin = records.origin
    name = _KINDS.get(by, "groups")
    made_of = records if kind is kinds.PODS else None
    if kind is None and not records and origin.kind is None:
        return recordtuple.Records((), origin._replace(kind=name, by=by))
    if kind is None or kind not in (kinds.PODS, kinds.CONTAINERS):
        raise errors.UsageError("only pods and containers are added up", remedy="group cluster.pods()")
    add = _add_pods if kind is kinds.PODS else _add_containers
    key_of = _find_key(kind, by) if by != "cluster" else None
    rows: list[model.Total] = []
    clusters: list[str | None] = []
    for cluster, members in _split(records):
        totals_of_one = add(members, key_of or _constant(cluster))
        rows += totals_of_one
        clusters += [cluster] * len(totals_of_one)
    named: Any = tuple(clusters) if isinstance(origin.clusters, tuple) else origin.clusters
    return recordtuple.Records(rows, origin._replace(kind=name, clusters=named, pods=made_of, by=by))


def _split(records: recordtuple.Records[Any]) -> list[tuple[str | None, list[Any]]]:
    """Return the rows of each cluster, in the order of the clusters' first rows."""
    if not isinstance(records.origin.clusters, tuple):
        return [(records.origin.clusters, list(records))] if records else []
    found: dict[str | None, list[Any]] = {}
    for cluster, row in zip(records.clusters, records, strict=True):
        found.setdefault(cluster, []).append(row)
    return list(found.items())


def _find_key(kind: kinds.Kind, by: str) -> Callable[[Any], totals.GroupKey]:
    if by == "namespace":
        return totals.namespace_of
    if by == "workload":
        return totals.workload_of if kind is kinds.PODS else _workload_of_container
    found = filterfields.find(by)
    if found is not None and found[0].form == filterfields.LABEL and kind is kinds.PODS:
        return totals.label_of(found[1])
    place = (
        found[0].find_place(kind.name) if found is not None and found[0].form == filterfields.TEXT else None
    )
    field = place[0] if place is not None else by
    if field in kind.texts and field not in ("ready", "stale"):
        return totals.field_of(field)
    known = [each for each in kind.texts if each not in ("ready", "stale")]
    raise _no_such(by, ["workload", "cluster", *(["label.KEY"] if kind is kinds.PODS else []), *known])


def _constant(cluster: str | None) -> Callable[[Any], totals.GroupKey]:
    return lambda _: (cluster or "", None, None, None)


def _workload_of_container(row: model.Container) -> totals.GroupKey:
    name = row.workload_name or row.pod
    return name, row.namespace, row.workload_kind or "Pod", name


def _add_pods(pods: Iterable[model.Pod], key_of: Callable[[Any], totals.GroupKey]) -> list[model.Total]:
    return totals.total_by(pods, key_of)


def _add_containers(
    rows: Iterable[model.Container], key_of: Callable[[Any], totals.GroupKey]
) -> list[model.Total]:
    """Return the sums of containers; `pods` is the number of pods that they are of."""
    groups: dict[totals.GroupKey, list[model.Container]] = {}
    for row in rows:
        if row.phase not in model.ENDED_PHASES:
            groups.setdefault(key_of(row), []).append(row)
    made = []
    for (name, namespace, kind, workload), members in sorted(
        groups.items(), key=lambda item: (item[0][1] or "", item[0][0], item[0][2] or "")
    ):
        without = {
            (each.namespace, each.pod)
            for each in members
            if None in (each.cpu_usage_cores, each.memory_usage_bytes)
        }
        asked = {
            (each.namespace, each.pod)
            for each in members
            if None in (each.cpu_request_cores, each.memory_request_bytes)
        }
        made.append(
            totals.total_rows(members)._replace(
                name=name,
                namespace=namespace,
                workload_kind=kind,
                workload_name=workload,
                pods=len({(each.namespace, each.pod) for each in members}),
                pods_without_usage=len(without),
                pods_without_request=len(asked),
                problem="usage_incomplete" if without else None,
            )
        )
    return made


def join(parts: Sequence[recordtuple.Records[Any]]) -> recordtuple.Records[Any]:
    """Return the rows of several clusters as one: each row keeps the name of its cluster."""
    rows = [row for part in parts for row in part]
    times = [part.origin.at for part in parts if part.origin.at is not None]
    pods = [part.origin.pods for part in parts if part.origin.pods is not None]
    first = parts[0].origin if parts else recordtuple.Origin()
    origin = first._replace(
        clusters=tuple([name or "" for part in parts for name in part.clusters]),
        at=max(times, default=None),
        problems=tuple([problem for part in parts for problem in part.problems]),
        pods=join(pods) if pods else None,
    )
    return recordtuple.Records(rows, origin)
