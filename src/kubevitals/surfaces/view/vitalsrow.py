"""A cluster in one flat row: `/api/v1/vitals`. Pure.

Numbers that a board shows above its tables, which no plain sum over rows can give: shares of what is known in
both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubevitals import vitals
from kubevitals.collector import composition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubevitals import model

VITALS_TYPES = {
    "cluster": "str",
    "source": "str",
    "generated_at": "datetime",
    "nodes": "int",
    "nodes_ready": "int",
    "nodes_not_ready": "int",
    "nodes_with_usage": "int",
    "pods": "int",
    "pods_live": "int",
    "pods_with_usage": "int",
    "pods_running": "int",
    "pods_pending": "int",
    "pods_succeeded": "int",
    "pods_failed": "int",
    "problems_critical": "int",
    "problems_warning": "int",
    "cpu_allocatable_cores": "float | None",
    "cpu_of_allocatable": "float | None",
    "cpu_request_of_allocatable": "float | None",
    "memory_allocatable_bytes": "int | None",
    "memory_of_allocatable": "float | None",
    "memory_request_of_allocatable": "float | None",
}


def make_row(held: model.Snapshot, severities: Sequence[str]) -> dict[str, Any]:
    """Return the row. `severities` are those of the cluster's problems.

    `pods` counts those that have ended too, `pods_live` does not; usage is of the live ones.
    """
    made = vitals.sum_up(held.nodes, held.pods)
    coverage = composition.count_coverage(held)
    values = {
        **made._asdict(),
        "cluster": held.cluster,
        "source": held.source,
        "generated_at": held.generated_at,
        "nodes_not_ready": made.nodes - made.nodes_ready,
        "nodes_with_usage": coverage["nodes"][0],
        "pods_live": coverage["pods"][1],
        "pods_with_usage": coverage["pods"][0],
        **{f"pods_{phase.lower()}": count for phase, count in made.phases.items()},
        "problems_critical": severities.count("critical"),
        "problems_warning": severities.count("warning"),
    }
    return {key: values.get(key, 0 if kind == "int" else None) for key, kind in VITALS_TYPES.items()}
