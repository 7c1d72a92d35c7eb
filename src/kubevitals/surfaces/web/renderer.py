"""Making the bodies of answers from a snapshot: lists, single objects, names, problems. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kubevitals import problems, sanitize, selection, totals
from kubevitals.surfaces.web import answercache, kinds, problemdetails, queries, rowencoder, vitalsrow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

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
    "change": "str | None",
}


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
    items = [each.to_dict() for each in problems.find(held) if among is None or each.namespace in among]
    end = None if query.limit is None else query.offset + query.limit
    head = held._replace(nodes=(), pods=()).to_dict("ProblemList", ())  # type: ignore[arg-type]
    content = msgspec.json.encode({**head, "items": items[query.offset : end]})
    return answercache.Body(content, JSON, len(items))


def _make_vitals(
    held: model.Snapshot, query: queries.Query, pools: Mapping[str, str | None]
) -> answercache.Body:
    del query, pools
    row = vitalsrow.make_row(held, [each.severity for each in problems.find(held)])
    head = held._replace(nodes=(), pods=()).to_dict("VitalsList", ())  # type: ignore[arg-type]
    return answercache.Body(msgspec.json.encode({**head, "items": [row]}), JSON, 1)


_MAKERS = {
    "list": _make_list,
    "one": _make_one,
    "names": _make_names,
    "problems": _make_problems,
    "vitals": _make_vitals,
}
