"""Prometheus, which scrapes /metrics: the same rows by instant queries, a query a column, and their past."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.grafana.boards import columns, dialects, promql
from deploy.grafana.boards.words import Ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.grafana.boards.dialects import Json
    from deploy.grafana.boards.words import Line, Lines, Variable

_NAMES = {
    "clusters": ("kubevitals_ready", "cluster"),
    "namespaces": ("kubevitals_pod_phase", "namespace"),
    "nodes": ("kubevitals_node_ready", "node"),
    "pods": ("kubevitals_pod_phase", "pod"),
    "workload_kinds": ("kubevitals_pod_phase", "workload_kind"),
    "workloads": ("kubevitals_pod_phase", "workload"),
}


def _keys_of(ask: Ask, keys: Sequence[str]) -> tuple[str, ...]:
    """Return the keys that the metrics tell."""
    if ask.of == "problems":
        return tuple(key for key in keys if key in promql.LABELS["problems"])
    return tuple(key for key in keys if _is_told(ask, key))


def _is_told(ask: Ask, key: str) -> bool:
    return promql.label_of(ask.of, key) is not None or promql.expression(ask, key) is not None


def _asked(ask: Ask, keys: Sequence[str]) -> list[str]:
    """Return the keys that need a query of their own; the others are labels of all queries."""
    if ask.of == "problems":
        return ["severity"]
    return [key for key in keys if promql.label_of(ask.of, key) is None]


def _targets(ask: Ask, keys: Sequence[str]) -> list[Json]:
    return [
        {
            "refId": key,
            "expr": promql.expression(ask, key),
            "format": "table",
            "instant": True,
            "range": False,
            "editorMode": "code",
        }
        for key in _asked(ask, keys)
    ]


def _transformations(ask: Ask, keys: Sequence[str]) -> list[Json]:
    """Return how the tables of the queries become one, its fields named after the keys."""
    asked = _asked(ask, keys)
    renamed, dropped = {}, ["Time"]
    for key in keys:
        label = promql.label_of(ask.of, key)
        if label is not None and label != key:
            renamed[label] = key
    for key in asked:
        value = f"Value #{key}" if len(asked) > 1 else "Value"
        if ask.of == "problems" or columns.column(ask.of, key).type == "string":
            dropped.append(value)
        else:
            renamed[value] = key
    dropped += [label for label in promql.LABELS[ask.of] if renamed.get(label, label) not in keys]
    merge: list[Json] = [{"id": "merge", "options": {}}] if len(asked) > 1 else []
    return [*merge, dialects.organize(keys, renamed, dropped)]


def _variable(variable: Variable) -> Json:
    family, label = _NAMES[variable.of]
    chosen = "" if variable.of == "clusters" else promql.selector(Ask(variable.of, variable.where))
    text = f"label_values({family}{chosen}, {label})"
    return {"definition": text, "query": {"query": text, "refId": variable.name}}


def _lines(panel: Lines) -> list[Json]:
    return [
        {
            "refId": chr(ord("A") + index),
            "expr": _line(line),
            "legendFormat": f"{{{{{promql.label_of(line.ask.of, line.each)}}}}}"
            if line.each
            else line.legend,
            "range": True,
            "instant": False,
            "editorMode": "code",
        }
        for index, line in enumerate(panel.lines)
    ]


def _line(line: Line) -> str:
    found = promql.expression(line.ask, line.key)
    assert found is not None
    return found if line.each else f"sum({found})"


PROMETHEUS = dialects.Dialect(
    "prometheus",
    "prometheus",
    "Prometheus",
    _keys_of,
    _targets,
    _transformations,
    _variable,
    ".*",
    _lines,
    own_past=True,
)
