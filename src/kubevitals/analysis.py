"""What the rows mean: roll-ups, order and pressure. Pure functions over the model; no text, no I/O."""

from __future__ import annotations

import math
import operator

from kubevitals import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
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
    group = _Group((name, None, None, None))
    for pod in pods:
        group.add(pod)
    return group.total()


def _total_by(pods: Iterable[model.Pod], key_of: Callable[[model.Pod], GroupKey]) -> list[model.Total]:
    groups: dict[GroupKey, _Group] = {}
    for pod in pods:
        key = key_of(pod)
        group = groups.get(key)
        if group is None:
            group = groups[key] = _Group(key)
        group.add(pod)
    return sorted(
        (group.total() for group in groups.values()),
        key=lambda total: (total.namespace or "", total.name, total.workload_kind or ""),
    )


class _Group:
    """Adds pods up. Those that have ended hold nothing and count nowhere."""

    __slots__ = ("key", "oldest", "pairs", "pods", "restarts", "sums", "unused", "unwanted")

    def __init__(self, key: GroupKey) -> None:
        self.key = key
        self.pods = self.unused = self.unwanted = 0
        self.restarts: int | None = None
        self.oldest: model.Pod | None = None
        self.sums: dict[str, list[Any]] = {field: [] for field in _SUMMED}
        self.pairs: dict[str, list[tuple[Any, Any]]] = {ratio: [] for ratio in _RATIOS}

    def add(self, pod: model.Pod) -> None:
        if pod.terminated:
            return
        self.pods += 1
        if pod.restarts is not None:
            self.restarts = (self.restarts or 0) + pod.restarts
        if pod.cpu_usage_cores is None or pod.memory_usage_bytes is None:
            self.unused += 1
        if pod.cpu_request_cores is None or pod.memory_request_bytes is None:
            self.unwanted += 1
        if pod.timestamp is not None and (
            self.oldest is None or self.oldest.timestamp is None or pod.timestamp < self.oldest.timestamp
        ):
            self.oldest = pod
        for field, values in self.sums.items():
            value = getattr(pod, field)
            if value is not None:
                values.append(value)
        for ratio, pairs in self.pairs.items():
            pairs.append(tuple(getattr(pod, field) for field in _RATIOS[ratio]))

    def total(self) -> model.Total:
        name, namespace, kind, workload = self.key
        oldest = self.oldest
        return model.Total(
            name=name,
            namespace=namespace,
            workload_kind=kind,
            workload_name=workload,
            pods=self.pods,
            pods_without_usage=self.unused,
            pods_without_request=self.unwanted,
            restarts=self.restarts,
            timestamp=oldest.timestamp if oldest is not None else None,
            window_seconds=oldest.window_seconds if oldest is not None else None,
            age_seconds=oldest.age_seconds if oldest is not None else None,
            stale=oldest.stale if oldest is not None else None,
            problem="usage_incomplete" if self.unused else None,
            **_add_all(self.sums),
            **_divide_all(self.pairs),
        )


_SUMMED = (
    "cpu_usage_cores",
    "cpu_request_cores",
    "cpu_limit_cores",
    "memory_usage_bytes",
    "memory_request_bytes",
    "memory_limit_bytes",
)


# ratio: (part, whole)
_RATIOS = {
    "cpu_of_request": ("cpu_usage_cores", "cpu_request_cores"),
    "cpu_of_limit": ("cpu_usage_cores", "cpu_limit_cores"),
    "memory_of_request": ("memory_usage_bytes", "memory_request_bytes"),
    "memory_of_limit": ("memory_usage_bytes", "memory_limit_bytes"),
}


def _add_all(sums: dict[str, list[Any]]) -> dict[str, Any]:
    return {
        field: _add_up(values) if field.startswith("cpu") else sum(values) if values else None
        for field, values in sums.items()
    }


def _add_up(cores: list[float]) -> float | None:
    return round(math.fsum(cores), 9) if cores else None


def _divide(pairs: Iterable[tuple[Any, Any]]) -> float | None:
    """Return the sum of the parts by that of the wholes, over the pairs that are known in both."""
    known = [(part, whole) for part, whole in pairs if part is not None and whole]
    return math.fsum(part for part, _ in known) / math.fsum(whole for _, whole in known) if known else None


def _divide_all(pairs: dict[str, list[tuple[Any, Any]]]) -> dict[str, Any]:
    return {ratio: _divide(each) for ratio, each in pairs.items()}


def total_rows(rows: Iterable[model.Pod | model.Container]) -> model.Total:
    """Return the sums and ratios over pods or containers, as a Total without a name."""
    rows = list(rows)
    sums = {field: [value for row in rows if (value := getattr(row, field)) is not None] for field in _SUMMED}
    pairs = {
        ratio: [(getattr(row, part), getattr(row, whole)) for row in rows]
        for ratio, (part, whole) in _RATIOS.items()
    }
    restarts = [row.restarts for row in rows if row.restarts is not None]
    return model.Total(
        name="", restarts=sum(restarts) if restarts else None, **_add_all(sums), **_divide_all(pairs)
    )


def rank(rows: Sequence[model.RowT], keys: Sequence[SortKey]) -> list[model.RowT]:
    """Return the rows ordered by several keys, unknown values last.

    Each key is (field or ratio, descending); None for descending means numbers from the largest, all else
    from the smallest.
    """
    ordered = list(rows)
    for name, turn in reversed(keys):  # stable sorts: the first key decides last
        value_of = operator.attrgetter(name)
        known, unknown = ordered, []
        if None in map(value_of, ordered):
            known = [row for row in ordered if value_of(row) is not None]
            unknown = [row for row in ordered if value_of(row) is None]
        descending = turn
        if descending is None:
            descending = bool(known) and isinstance(value_of(known[0]), int | float)
        known.sort(key=value_of, reverse=descending)
        ordered = known + unknown
    return ordered


def count_problems(rows: Iterable[model.Row]) -> dict[str, int]:
    """Return how many rows have each problem, the most frequent first."""
    counts: dict[str, int] = {}
    for row in rows:
        if row.problem is not None:
            counts[row.problem] = counts.get(row.problem, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def oldest_sample(rows: Iterable[model.Row]) -> datetime | None:
    """Return the oldest timestamp of the rows, or None where none has one."""
    return min((row.timestamp for row in rows if row.timestamp is not None), default=None)
