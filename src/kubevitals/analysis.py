"""What the rows mean: roll-ups, order and pressure. Pure functions over the model; no text, no I/O."""

from __future__ import annotations

import math
import operator

from kubevitals import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    GroupKey = tuple[str, str | None, str | None, str | None]  # name, namespace, workload kind and name
    SortKey = tuple[str, bool | None]

CALM, BUSY, HOT = "calm", "busy", "hot"
# Conditions of a node that are bad when True: of the kubelet, of the network, of the node problem detector.
# Others, such as EtcdIsVoter of k3s, are good news.
PRESSURES = frozenset(
    {
        "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable",
        "KernelDeadlock", "ReadonlyFilesystem", "FrequentKubeletRestart", "FrequentContainerdRestart",
        "FrequentDockerRestart", "CorruptDockerOverlay2", "XfsShutdown",
    }
)  # fmt: skip
BUSY_FROM = 0.60
HOT_ABOVE = 0.85


def judge_pressure(ratio: float | None) -> str | None:
    """Return where a ratio lies on the one scale: calm below 60 %, busy to 85 %, hot above."""
    if ratio is None:
        return None
    if ratio < BUSY_FROM:
        return CALM
    return BUSY if ratio <= HOT_ABOVE else HOT


def total_by_namespace(pods: Iterable[model.Pod]) -> list[model.Total]:
    """Return one total a namespace, by name."""
    return _total_by(pods, lambda pod: (pod.namespace, pod.namespace, None, None))


def total_by_workload(pods: Iterable[model.Pod]) -> list[model.Total]:
    """Return one total a workload, by namespace and name; a pod of its own is its own workload."""

    def key(pod: model.Pod) -> GroupKey:
        kind = pod.workload_kind or "Pod"
        name = pod.workload_name or pod.name
        return name, pod.namespace, kind, name

    return _total_by(pods, key)


def total_by_label(pods: Iterable[model.Pod], label: str) -> list[model.Total]:
    """Return one total a value of `label`, across namespaces; pods without it are named "<none>"."""
    return _total_by(pods, lambda pod: (pod.labels.get(label, "<none>"), None, None, None))


def total_by_field(pods: Iterable[model.Pod], field: str) -> list[model.Total]:
    """Return one total a value of a pod's text field: "node", "app", "qos", "status", "phase"."""
    return _total_by(pods, lambda pod: (getattr(pod, field) or "<none>", None, None, None))


def total_all(pods: Iterable[model.Pod], name: str = "") -> model.Total:
    """Return the total of all the pods."""
    return _total((name, None, None, None), list(pods))


def _total_by(pods: Iterable[model.Pod], key_of: Callable[[model.Pod], GroupKey]) -> list[model.Total]:
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


def _total(key: GroupKey, pods: list[model.Pod]) -> model.Total:
    """Add pods up, a field at a time. Those that have ended hold nothing and count nowhere."""
    name, namespace, kind, workload = key
    pods = [pod for pod in pods if pod.phase not in _ENDED]
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


_ENDED = ("Succeeded", "Failed")
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

# ratio: (part, whole)
RATIOS = {
    "cpu_of_request": ("cpu_usage_cores", "cpu_request_cores"),
    "cpu_of_limit": ("cpu_usage_cores", "cpu_limit_cores"),
    "memory_of_request": ("memory_usage_bytes", "memory_request_bytes"),
    "memory_of_limit": ("memory_usage_bytes", "memory_limit_bytes"),
}
NODE_RATIOS = {
    "cpu_of_allocatable": ("cpu_usage_cores", "cpu_allocatable_cores"),
    "cpu_of_capacity": ("cpu_usage_cores", "cpu_capacity_cores"),
    "cpu_request_of_allocatable": ("cpu_request_cores", "cpu_allocatable_cores"),
    "cpu_limit_of_allocatable": ("cpu_limit_cores", "cpu_allocatable_cores"),
    "memory_of_allocatable": ("memory_usage_bytes", "memory_allocatable_bytes"),
    "memory_of_capacity": ("memory_usage_bytes", "memory_capacity_bytes"),
    "memory_request_of_allocatable": ("memory_request_bytes", "memory_allocatable_bytes"),
    "memory_limit_of_allocatable": ("memory_limit_bytes", "memory_allocatable_bytes"),
}


def divide(parts: Iterable[float | None], wholes: Iterable[float | None]) -> list[float | None]:
    """Return each ratio as the records' properties do, of many rows at once: the fields of RATIOS."""
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
    return {ratio: _divide(columns[part], columns[whole]) for ratio, (part, whole) in RATIOS.items()}


def total_rows(rows: Iterable[model.Pod | model.Container]) -> model.Total:
    """Return the sums and ratios over pods or containers, as a Total without a name."""
    rows = list(rows)
    columns = {field: [getattr(row, field) for row in rows] for field in _SUMMED}
    sums = {field: [value for value in column if value is not None] for field, column in columns.items()}
    restarts = [row.restarts for row in rows if row.restarts is not None]
    return model.Total(
        name="", restarts=sum(restarts) if restarts else None, **_add_all(sums), **_divide_all(columns)
    )


def rank(rows: Sequence[model.RowT], keys: Sequence[SortKey]) -> list[model.RowT]:
    """Return the rows ordered by several keys, unknown values last.

    Each key is (field or ratio, descending); None for descending means numbers from the largest, all else
    from the smallest.
    """
    rows = list(rows)
    return [rows[place] for place in order(rows, keys)]


def order(rows: Sequence[model.Row], keys: Sequence[SortKey]) -> list[int]:
    """Return the places of the rows as `rank` puts them: the first is where the first row is now."""
    keys = list(keys)
    places = list(range(len(rows)))
    if names := _last_names(keys):
        del keys[-len(names) :]
        column = list(map(operator.attrgetter(*names), rows))
        places.sort(key=column.__getitem__)  # at once: rows mostly come in that order already
    for name, turn in reversed(keys):  # stable sorts: the first key decides last
        # Columns are read as the rows lie: in a large cluster reading them in any other order takes longer.
        column = list(map(operator.attrgetter(name), rows))
        known, unknown = places, []
        if None in column:
            known = [place for place in places if column[place] is not None]
            unknown = [place for place in places if column[place] is None]
        descending = turn
        if descending is None:
            descending = bool(known) and isinstance(column[known[0]], int | float)
        known.sort(key=column.__getitem__, reverse=descending)
        places = known + unknown
    return places


_NAMES = ("namespace", "pod", "name")  # that nothing is without


def _last_names(keys: Sequence[SortKey]) -> list[str]:
    """Return the names at the end of the keys by which one ascending sort will do."""
    names: list[str] = []
    for name, turn in reversed(keys):
        if turn is not False or name not in _NAMES:
            break
        names.insert(0, name)
    return names


def count_problems(rows: Iterable[model.Row]) -> dict[str, int]:
    """Return how many rows have each problem, the most frequent first."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.problem is not None:
            counts[row.problem] = counts.get(row.problem, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
