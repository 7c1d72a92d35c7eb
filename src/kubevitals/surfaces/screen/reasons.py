"""Why a cell is empty: the code, the evidence, and the next step."""

from __future__ import annotations

from typing import Any

from kubevitals import model, problems, snapshot

_USAGE = frozenset({"cpu_usage_cores", "memory_usage_bytes", "age_seconds", "timestamp"})
_STATED = {
    "node": ("not_scheduled", "the pod runs on no node: the scheduler has not placed it, or it has ended"),
    "workload_name": ("no_owner", "nothing owns the pod: it was made by hand, or its owner is not readable"),
    "workload_kind": ("no_owner", "nothing owns the pod: it was made by hand, or its owner is not readable"),
    "qos": ("not_listed", "the pod is in the metrics only: the API server does not list it"),
    "last_termination_reason": ("never_ended", "no container of it has ended so far"),
    "restarts": ("not_started", "no container of it has started, or the pod is in the metrics only"),
}
_RATIOS = model.POD_RATIOS | model.NODE_RATIOS


def explain(row: Any, key: str, taken: model.Snapshot) -> list[str]:
    """Return the lines that say why the field or ratio `key` of a row is unknown; none where it is known."""
    if getattr(row, key, None) is not None:
        return []
    if key in _RATIOS:
        part, whole = _RATIOS[key]
        return [*explain(row, whole, taken), *explain(row, part, taken)] or [
            "no_pair: the two numbers are not both known of any one pod, so their ratio says nothing"
        ]
    if key in _USAGE:
        return _no_usage(row, taken)
    if key in _STATED:
        return [": ".join(_STATED[key])]
    return _unset(key)


def _unset(key: str) -> list[str]:
    resource = "CPU" if key.startswith("cpu") else "memory"
    if "request" in key:
        return [f"no_request: no {resource} request is set, so the scheduler reserves nothing for it"]
    if "limit" in key:
        return [f"no_limit: a container has no {resource} limit: it may use what its node has"]
    if "allocatable" in key:
        return ["not_stated: the node could not be listed, or does not state what it can give"]
    return [f"not_stated: the cluster does not state {key.replace('_', ' ')}"]


def _no_usage(row: Any, taken: model.Snapshot) -> list[str]:
    code = getattr(row, "problem", None)
    count = getattr(row, "pods_without_usage", None)
    if code is None and count is not None:
        return [f"usage_unknown: no usage is known of {count} of {row.pods} pods; Enter shows which"]
    if code is None:
        return ["usage_unknown: the source gave no number for it"]
    lines = [f"{code}: {snapshot.REASONS.get(code, code.replace('_', ' '))}"]
    named = [each for each in taken.problems if each.code == code] or list(taken.problems[:2])
    for each in named[:3]:
        lines.append(each.message)
        if each.remedy:
            lines.append(f"try: {each.remedy}")
    if not named and code in problems.EXPECTED:
        lines.append("nothing is wrong with that")
    elif not named:
        lines.append(f"source {taken.source}; `kubevitals doctor` finds the layer that is silent")
    return lines
