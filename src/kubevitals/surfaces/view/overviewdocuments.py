"""The overview as a document for programs: verdict, vitals, problems, the busiest nodes and pods."""

from __future__ import annotations

from kubevitals import kinds, problems, selection, verdict
from kubevitals.surfaces.view import documents, vitalsrow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kubevitals import model


def render(form: str, snapshot: model.Snapshot, *, namespace: str | None, limit: int) -> str:
    """Return the document as "json" or "yaml", with so many problems, nodes and pods as `limit`."""
    found = problems.find(snapshot)
    row = vitalsrow.make_row(snapshot, [each.severity for each in found])
    head = snapshot.to_dict("Overview", ())
    del head["items"]
    document: dict[str, Any] = {
        **head,
        "verdict": verdict.judge(snapshot, found, namespace=namespace).to_dict(),
        "vitals": {key: value for key, value in row.items() if key not in head},
        "found": [each.to_dict() for each in found[:limit]],
        "nodes": _busiest(snapshot, kinds.NODES, snapshot.nodes, selection.BUSIEST_NODES, limit),
        "pods": _busiest(snapshot, kinds.PODS, snapshot.pods, selection.BUSIEST_PODS, limit),
    }
    return documents.write_json(document) if form == "json" else documents.write_yaml(document)


def _busiest(
    snapshot: model.Snapshot, kind: kinds.Kind, rows: Any, order: list[selection.SortKey], limit: int
) -> Any:
    return snapshot.to_dict(kind.list_item, selection.rank(rows, order)[:limit])["items"]
