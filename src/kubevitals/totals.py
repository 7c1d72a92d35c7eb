"""Sums of pods and containers: by namespace, by workload, by a label or a field, and of all."""

from __future__ import annotations

import math
import operator

from kubevitals import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any, NamedTuple

    GroupKey = tuple[str, str | None, str | None, str | None]  # name, namespace, workload kind and name
else:
    from kubevitals.namedtuple import NamedTuple


def namespace_of(pod: model.Pod) -> GroupKey:
    """Return the key of the pod's namespace."""
    return pod.namespace, pod.namespace, None, None


def workload_of(pod: model.Pod) -> GroupKey:
    """Return the key of the pod's workload; a pod of its own is its own workload."""
    name = pod.workload_name or pod.name
    return name, pod.namespace, pod.workload_kind or "Pod", name


def label_of(label: str) -> Callable[[model.Pod], GroupKey]:
    """Return the function that keys pods by a label, across namespaces; "<none>" where they have none."""
    return lambda pod: (pod.labels.get(label, "<none>"), None, None, None)


def field_of(field: str) -> Callable[[model.Pod], GroupKey]:
    """Return the function that keys pods by a text field: "node", "app", "qos", "status", "phase"."""
    return lambda pod: (getattr(pod, field) or "<none>", None, None, None)


def total_by(pods: Iterable[model.Pod], key_of: Callable[[model.Pod], GroupKey]) -> list[model.Total]:
    """Return one total a key, by namespace and name."""
    groups: dict[GroupKey, list[model.Pod]] = {}
    for pod in pods:
        key = key_of(pod)
        group = groups.get(key)
        if group is None:
            group = groups[key] = []
        group.append(pod)
    return sorted(
        (_total(key, group) for key, group in groups.items()),
        key=lambda total: (total.namespace or "", total.name, total.workload_kind or ""),
    )


def total_by_namespace(pods: Iterable[model.Pod]) -> list[model.Total]:
    """Return one total a namespace, by name."""
    return total_by(pods, namespace_of)


def total_by_workload(pods: Iterable[model.Pod]) -> list[model.Total]:
    """Return one total a workload, by namespace and name; a pod of its own is its own workload."""
    return total_by(pods, workload_of)


def total_by_label(pods: Iterable[model.Pod], label: str) -> list[model.Total]:
    """Return one total a value of `label`, across namespaces; pods without it are named "<none>"."""
    return total_by(pods, label_of(label))


def total_by_field(pods: Iterable[model.Pod], field: str) -> list[model.Total]:
    """Return one total a value of a pod's text field: "node", "app", "qos", "status", "phase"."""
    return total_by(pods, field_of(field))


def total_all(pods: Iterable[model.Pod], name: str = "") -> model.Total:
    """Return the total of all the pods."""
    return _total((name, None, None, None), list(pods))


def _total(key: GroupKey, pods: list[model.Pod]) -> model.Total:
    """Add pods up, a field at a time. Pods that have ended hold nothing and are left out."""
    name, namespace, kind, workload = key
    pods = [pod for pod in pods if pod.phase not in model.ENDED_PHASES]
    columns: dict[str, list[Any]] = {field: list(map(value_of, pods)) for field, value_of in _COLUMNS.items()}
    restarts = [value for value in columns["restarts"] if value is not None]
    unused = _count_incomplete(columns["cpu_usage_cores"], columns["memory_usage_bytes"])
    times = [time for time in columns["timestamp"] if time is not None]
    oldest = pods[columns["timestamp"].index(min(times))] if times else None
    sums = {field: [value for value in columns[field] if value is not None] for field in _SUMMED}
    return model.Total(
        name=name,
        namespace=namespace,
        workload_kind=kind,
        workload_name=workload,
        pods=len(pods),
        pods_without_usage=unused,
        pods_without_request=_count_incomplete(columns["cpu_request_cores"], columns["memory_request_bytes"]),
        restarts=sum(restarts) if restarts else None,
        timestamp=oldest.timestamp if oldest is not None else None,
        window_seconds=oldest.window_seconds if oldest is not None else None,
        age_seconds=oldest.age_seconds if oldest is not None else None,
        stale=oldest.stale if oldest is not None else None,
        problem="usage_incomplete" if unused else None,
        **_add_all(sums),
        **_divide_all(columns),
    )


_SUMMED = (
    "cpu_usage_cores",
    "cpu_request_cores",
    "cpu_limit_cores",
    "memory_usage_bytes",
    "memory_request_bytes",
    "memory_limit_bytes",
)


_COLUMNS = {
    field: operator.itemgetter(model.Pod._fields.index(field))
    for field in (*_SUMMED, "restarts", "timestamp")
}


def divide(parts: Iterable[float | None], wholes: Iterable[float | None]) -> list[float | None]:
    """Return parts / wholes of many rows at once, unknown where a record's own ratio is unknown."""
    return [
        None if part is None or not whole else part / whole for part, whole in zip(parts, wholes, strict=True)
    ]


def _count_incomplete(one: Iterable[object], other: Iterable[object]) -> int:
    return sum([first is None or second is None for first, second in zip(one, other, strict=True)])


def _add_all(sums: dict[str, list[Any]]) -> dict[str, Any]:
    return {
        field: _add_up(values) if field.startswith("cpu") else sum(values) if values else None
        for field, values in sums.items()
    }


def _add_up(cores: list[float]) -> float | None:
    return round(math.fsum(cores), 9) if cores else None


def _divide(parts: Iterable[float | None], wholes: Iterable[float | None]) -> float | None:
    """Return the sum of the parts by that of the wholes, over the pairs that are known in both."""
    known = [(part, whole) for part, whole in zip(parts, wholes, strict=True) if part is not None and whole]
    if not known:
        return None
    return math.fsum([part for part, _ in known]) / math.fsum([whole for _, whole in known])


def _divide_all(columns: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    return {
        ratio: _divide(columns[part], columns[whole]) for ratio, (part, whole) in model.POD_RATIOS.items()
    }


def total_rows(rows: Iterable[model.Pod | model.Container]) -> model.Total:
    """Return the sums and ratios over pods or containers, as a Total without a name."""
    rows = list(rows)
    columns = {field: [getattr(row, field) for row in rows] for field in _SUMMED}
    sums = {field: [value for value in column if value is not None] for field, column in columns.items()}
    restarts = [row.restarts for row in rows if row.restarts is not None]
    return model.Total(
        name="", restarts=sum(restarts) if restarts else None, **_add_all(sums), **_divide_all(columns)
    )


class NodeTotal(NamedTuple):
    """The sum over nodes, with the names of `model.Node`; a share is of the nodes of which both are known."""

    pods: int | None
    pods_free: int | None
    cpu_usage_cores: float | None
    cpu_allocatable_cores: float | None
    cpu_request_cores: float | None
    cpu_limit_cores: float | None
    cpu_free_cores: float | None
    memory_usage_bytes: int | None
    memory_allocatable_bytes: int | None
    memory_request_bytes: int | None
    memory_limit_bytes: int | None
    memory_free_bytes: int | None
    cpu_of_allocatable: float | None
    cpu_of_capacity: float | None
    cpu_request_of_allocatable: float | None
    cpu_limit_of_allocatable: float | None
    memory_of_allocatable: float | None
    memory_of_capacity: float | None
    memory_request_of_allocatable: float | None
    memory_limit_of_allocatable: float | None


def total_nodes(nodes: Iterable[model.Node]) -> NodeTotal:
    """Return the sums and shares over the nodes; None where no node tells."""
    nodes = list(nodes)
    sums: dict[str, list[Any]] = {}
    for field in NodeTotal._fields:
        if field not in model.NODE_RATIOS:
            sums[field] = [value for node in nodes if (value := getattr(node, field)) is not None]
    ratios: dict[str, Any] = {
        ratio: _divide([getattr(node, part) for node in nodes], [getattr(node, whole) for node in nodes])
        for ratio, (part, whole) in model.NODE_RATIOS.items()
    }
    return NodeTotal(**_add_all(sums), **ratios)


def count_problems(rows: Iterable[model.Row]) -> dict[str, int]:
    """Return how many rows have each problem, the most frequent first."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.problem is not None:
            counts[row.problem] = counts.get(row.problem, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
