"""Making the bodies of answers from a snapshot: lists, single objects, names, problems. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kubevitals import model, problems, sanitize, selection
from kubevitals.surfaces.view import vitalsrow
from kubevitals.surfaces.web import (
    answercache,
    parameters,
    problemdetails,
    responses,
    rowencoder,
    rowkinds,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Renderer:
    """Makes the bodies of answers.

    Args:
        node_pool_labels: the labels that name the pool of a node; the first that a node has counts.
    """

    def __init__(self, node_pool_labels: Sequence[str]) -> None:
        self._labels = node_pool_labels

    def make(self, cached: answercache.SnapshotCache, query: parameters.Query) -> answercache.Body:
        """Return the body of the answer to a query of a cached snapshot."""
        snapshot = cached.published.snapshot
        return self.render(snapshot, query, cached.derive("pools", lambda: self.name_pools(snapshot.nodes)))

    def render(
        self, held: model.Snapshot, query: parameters.Query, pools: Mapping[str, str | None] | None = None
    ) -> answercache.Body:
        """Return the body of the answer to a query.

        Raises:
            problemdetails.Refusal: the snapshot does not have the object that is asked for, 404.
        """
        known = self.name_pools(held.nodes) if pools is None else pools
        if query.node_pools is not None:
            query = query._replace(selection=_choose_pools(query, known))
        if query.kind == "node_pools":
            nodes = selection.match(held, query.selection)
            return _write_names(known.get(node.name) for node in nodes)
        return _MAKERS[query.route](held, query)

    def name_pools(self, nodes: Iterable[model.Node]) -> dict[str, str | None]:
        """Return the pool of each node."""
        return {
            node.name: next((node.labels[label] for label in self._labels if label in node.labels), None)
            for node in nodes
        }


def _choose_pools(query: parameters.Query, pools: Mapping[str, str | None]) -> selection.Selection:
    """Return the selection with a condition on the nodes, which are those of the pools."""
    chosen, wanted = query.selection, query.node_pools or frozenset()
    nodes = frozenset(node for node, pool in pools.items() if pool in wanted)
    if chosen.kind == "nodes":
        return chosen._replace(names=nodes if chosen.names is None else nodes & chosen.names)
    return chosen._replace(pods=(*chosen.pods, ("node", nodes)))


def _make_list(held: model.Snapshot, query: parameters.Query) -> answercache.Body:
    found = selection.match(held, query.selection)
    content = rowencoder.write(
        held,
        rowkinds.KINDS[query.kind],
        found,
        places=selection.find_places(found, query.selection),
        fields=query.fields,
        form=query.form,
    )
    return answercache.Body(content, responses.CSV if query.form == "csv" else responses.JSON, len(found))


def _make_one(held: model.Snapshot, query: parameters.Query) -> answercache.Body:
    kind = rowkinds.KINDS[query.kind]
    record = selection.find(held, query.kind, query.path)
    if record is None:
        word = sanitize.shorten("/".join(query.path), 100)
        raise problemdetails.not_found(
            f"the snapshot of {held.cluster} has no {kind.item.lower()} {word}",
            remedy=f"/api/v1/{query.kind} lists what there is",
        )
    return answercache.Body(rowencoder.write_one(held, kind, record, fields=query.fields), responses.JSON)


def _make_names(held: model.Snapshot, query: parameters.Query) -> answercache.Body:
    field = parameters.NAMES[query.kind][1]
    return _write_names(getattr(row, field) for row in selection.match(held, query.selection))


def _write_names(names: Iterable[str | None]) -> answercache.Body:
    """Return the different names in order."""
    found = sorted({name for name in names if name})
    return answercache.Body(msgspec.json.encode(found), responses.JSON, len(found))


def _make_problems(held: model.Snapshot, query: parameters.Query) -> answercache.Body:
    chosen = query.selection
    if chosen.filter:
        pods = selection.match(held, chosen._replace(limit=None, offset=0))
        found = problems.find(held._replace(nodes=model.Records(()), pods=model.Records(pods), problems=()))
    else:
        found = problems.find(held)
    among = chosen.namespaces
    items = [each.to_dict() for each in found if among is None or each.namespace in among]
    end = None if chosen.limit is None else chosen.offset + chosen.limit
    head = held._replace(nodes=(), pods=()).to_dict("ProblemList", ())  # type: ignore[arg-type]
    content = msgspec.json.encode({**head, "items": items[chosen.offset : end]})
    return answercache.Body(content, responses.JSON, len(items))


def _make_vitals(held: model.Snapshot, query: parameters.Query) -> answercache.Body:
    del query
    row = vitalsrow.make_row(held, [each.severity for each in problems.find(held)])
    head = held._replace(nodes=(), pods=()).to_dict("VitalsList", ())  # type: ignore[arg-type]
    return answercache.Body(msgspec.json.encode({**head, "items": [row]}), responses.JSON, 1)


_MAKERS = {
    "list": _make_list,
    "one": _make_one,
    "names": _make_names,
    "problems": _make_problems,
    "vitals": _make_vitals,
}
