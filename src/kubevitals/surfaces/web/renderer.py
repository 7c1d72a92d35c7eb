"""Making the bodies of answers from a snapshot: lists, single objects, names, problems. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kubevitals import findings, sanitize, selection, severity, snapshot, totals
from kubevitals.surfaces.web import answercache, kinds, problemdetails, queries, rowencoder, vitalsrow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from kubevitals import model

JSON = "application/json"
CSV = "text/csv; charset=utf-8"
PATHS = {
    "nodes": ("name",),
    "pods": ("namespace", "name"),
    "containers": ("namespace", "pod", "name"),
    "namespaces": ("name",),
    "workloads": ("namespace", "workload_kind", "name"),
}
"""What names a single object of each kind, in the order of its path."""

PROBLEM_TYPES = {
    "severity": "str",
    "code": "str",
    "kind": "str",
    "namespace": "str | None",
    "name": "str | None",
    "message": "str",
    "remedy": "str | None",
    "since": "datetime | None",
    "last_seen_at": "datetime | None",
    "value": "float | None",
    "pods": "int | None",
}
_EXPLAINED = frozenset({"not_ready", "node_not_ready"})  # by the finding on a lost node
_EXPECTED = ("ended", "starting", "not_running")  # reasons of rows that are nobody's fault


def make_renderer(
    node_pool_labels: Sequence[str],
) -> Callable[[answercache.SnapshotCache, Any], answercache.Body]:
    """Return the function that makes the body of a query's answer."""

    def make(cached: answercache.SnapshotCache, query: queries.Query) -> answercache.Body:
        held = cached.published.snapshot
        pools: Mapping[str, str | None] = cached.derive(
            "pools", lambda: queries.name_pools(held.nodes, node_pool_labels)
        )
        return _MAKERS[query.route](held, query, pools)

    return make


def _make_list(
    held: model.Snapshot, query: queries.Query, pools: Mapping[str, str | None]
) -> answercache.Body:
    chosen = queries.choose(query, held, pools=pools)
    places = selection.order(chosen, query.sort)
    end = None if query.limit is None else query.offset + query.limit
    content = rowencoder.write(
        held,
        kinds.KINDS[query.kind],
        chosen,
        places=places[query.offset : end],
        fields=query.fields,
        form=query.form,
    )
    return answercache.Body(content, CSV if query.form == "csv" else JSON, len(chosen))


def _make_one(
    held: model.Snapshot, query: queries.Query, pools: Mapping[str, str | None]
) -> answercache.Body:
    del pools
    record = _find(held, query.kind, query.path)
    content = rowencoder.write_one(held, kinds.KINDS[query.kind], record, fields=query.fields)
    return answercache.Body(content, JSON)


def _find(held: model.Snapshot, kind: str, path: tuple[str, ...]) -> Any:
    """Return the record of that path.

    Raises:
        problems.Refusal: there is none, 404.
    """
    named = dict(zip(PATHS[kind], path, strict=True))
    pods: list[model.Pod] = []
    if kind == "nodes":
        found: Any = next((node for node in held.nodes if node.name == named["name"]), None)
    elif kind == "namespaces":
        pods = [pod for pod in held.pods if pod.namespace == named["name"]]
        found = next(iter(totals.total_by_namespace(pods)), None)
    elif kind == "workloads":
        pods = [pod for pod in held.pods if pod.namespace == named["namespace"]]
        found = next(
            (
                total
                for total in totals.total_by_workload(pods)
                if total.name == named["name"] and total.workload_kind == named["workload_kind"]
            ),
            None,
        )
    else:
        name = named.get("pod", named["name"])
        found = next(
            (pod for pod in held.pods if pod.name == name and pod.namespace == named["namespace"]), None
        )
        if kind == "containers" and found is not None:
            found = next((each for each in found.containers if each.name == named["name"]), None)
    if found is None:
        word = sanitize.shorten("/".join(path), 100)
        raise problemdetails.not_found(
            f"the snapshot of {held.cluster} has no {kinds.KINDS[kind].item.lower()} {word}",
            remedy=f"/api/v1/{kind} lists what there is",
        )
    return found


def _make_names(
    held: model.Snapshot, query: queries.Query, pools: Mapping[str, str | None]
) -> answercache.Body:
    names = queries.list_names(query, held, pools)
    return answercache.Body(msgspec.json.encode(names), JSON, len(names))


def _make_problems(
    held: model.Snapshot, query: queries.Query, pools: Mapping[str, str | None]
) -> answercache.Body:
    del pools
    among = dict(query.among).get("namespace")
    items = _find_problems(held)
    if among is not None:
        items = [each for each in items if each["namespace"] in among]
    items.sort(key=lambda each: severity.SEVERITIES.index(each["severity"]))
    end = None if query.limit is None else query.offset + query.limit
    head = held._replace(nodes=(), pods=()).to_dict("ProblemList", ())  # type: ignore[arg-type]
    content = msgspec.json.encode({**head, "items": items[query.offset : end]})
    return answercache.Body(content, JSON, len(items))


def _find_problems(held: model.Snapshot) -> list[dict[str, Any]]:
    found = findings.inspect(held.nodes, held.pods, now=held.generated_at)
    lost = any(each.rank == severity.NODE_LOST for each in found)
    return [*_of_snapshot(held), *_of_rows(held, explained=_EXPLAINED if lost else ()), *_of_cluster(found)]


def _make_vitals(
    held: model.Snapshot, query: queries.Query, pools: Mapping[str, str | None]
) -> answercache.Body:
    del query, pools
    row = vitalsrow.make_row(held, [each["severity"] for each in _find_problems(held)])
    head = held._replace(nodes=(), pods=()).to_dict("VitalsList", ())  # type: ignore[arg-type]
    return answercache.Body(msgspec.json.encode({**head, "items": [row]}), JSON, 1)


def _of_snapshot(held: model.Snapshot) -> list[dict[str, Any]]:
    """Return what could not be read, and why."""
    return [
        _problem("critical", each.code, "Snapshot", each.message, name=each.object, remedy=each.remedy)
        for each in held.problems
    ]


def _of_rows(held: model.Snapshot, *, explained: Collection[str]) -> list[dict[str, Any]]:
    """Return why rows have no usage, or a doubtful one, counted by reason, but for what is explained."""
    found = []
    for kind, counts in (
        ("Node", totals.count_problems(held.nodes)),
        ("Pod", totals.count_problems(held.pods)),
    ):
        for code, count in counts.items():
            if code in explained:
                continue
            severity = "info" if code in _EXPECTED else "warning"
            words = snapshot.REASONS.get(code, code)
            message = f"{count} {kind.lower()}{'' if count == 1 else 's'} {words}"
            found.append(_problem(severity, code, kind, message, pods=count if kind == "Pod" else None))
    return found


def _of_cluster(found: Iterable[findings.Finding]) -> list[dict[str, Any]]:
    """Return what is wrong with nodes and pods, the most serious first."""
    return [
        _problem(
            each.severity,
            each.code,
            each.kind,
            each.message,
            namespace=each.namespace,
            name=each.name,
            since=each.since,
            last_seen_at=each.last_seen_at,
            value=each.value,
            remedy=each.remedy or None,
            pods=each.pods or None,
        )
        for each in found
    ]


def _problem(severity: str, code: str, kind: str, message: str, **more: Any) -> dict[str, Any]:
    row = dict.fromkeys(PROBLEM_TYPES)
    return {**row, "severity": severity, "code": code, "kind": kind, "message": message, **more}


_MAKERS = {
    "list": _make_list,
    "one": _make_one,
    "names": _make_names,
    "problems": _make_problems,
    "vitals": _make_vitals,
}
