"""Problems as documents for programs: JSON and YAML of the one schema, CSV of its keys."""

from __future__ import annotations

from kubevitals import problems
from kubevitals.surfaces.view import documents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from kubevitals import model

KEYS = tuple(problems.ClusterProblem("", "", "", None, None, "").to_dict())
"""The keys of a row, in order."""


def render(
    form: str,
    snapshot: model.Snapshot,
    rows: Sequence[problems.ClusterProblem],
    *,
    headers: bool = True,
) -> str:
    """Return the rows as "json", "yaml" or "csv"; JSON and YAML are what `/api/v1/problems` answers."""
    items = [row.to_dict() for row in rows]
    if form == "csv":
        return documents.write_csv(KEYS, items, headers=headers)
    document: dict[str, Any] = {**snapshot.to_dict("ProblemList", ()), "items": items}
    return documents.write_json(document) if form == "json" else documents.write_yaml(document)
