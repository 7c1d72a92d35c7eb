"""The PromQL of history by PromQL: which family, which matchers, one expression a quantity. Text alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import history
from kubevitals.promql import expressions

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "kubevitals_"
_ENDED = "Succeeded|Failed|Pending"  # phases in which no usage is expected
_POD = ("cluster", "namespace", "pod", "node", "uid", "workload_kind", "workload")
LABELS: Mapping[str, tuple[str, ...]] = {
    "node": ("cluster", "node"),
    "pod": _POD,
    "container": (*_POD, "container"),
    "workload": ("cluster", "namespace", "workload_kind", "workload"),
    "namespace": ("cluster", "namespace"),
}
OF_STEPS = {
    "mean": "avg_over_time({})",
    "least": "min_over_time({})",
    "most": "max_over_time({})",
    "count": "count_over_time({})",
}
"""What is asked of the samples in a step."""

RESOURCES = ("cpu_request_cores", "cpu_limit_cores", "memory_request_bytes", "memory_limit_bytes")
_COUNTING = 300  # seconds in which samples are counted to learn how far they are apart


def family(kind: str, quantity: str) -> str:
    """Return the family of a quantity; sums are made of that of pods."""
    return f"{_PREFIX}{'pod' if kind in history.SUMS else kind}_{quantity}"


def match(label: str, value: str | None) -> str:
    """Return a matcher, or nothing where any value will do."""
    return "" if value is None else expressions.match(label, value)


def matchers(query: history.Query) -> str:
    """Return the matchers of a query for nodes, pods or containers, or for the pods of a namespace."""
    own = {"node": "node", "pod": "pod", "container": "container", "namespace": "namespace"}[query.kind]
    parts = [match("cluster", query.cluster), match(own, query.name)]
    if query.kind != "node":
        parts.append(match("namespace", query.namespace))
        if query.workload_kind == "Pod":  # one that nothing controls
            parts.append('workload_kind=~"Pod|"')
        else:
            parts.append(match("workload_kind", query.workload_kind))
    if query.kind in ("pod", "container"):
        parts.append(match("workload", query.workload))
    if query.kind == "container":
        parts.append(match("pod", query.pod))
    return ",".join(filter(None, parts))


def counts_of_samples(query: history.Query, milliseconds: int, *, left_open: bool) -> tuple[str, ...]:
    """Return what to ask for the most samples that a series has within 5 min: of nodes, or else of others."""
    window = window_of(_COUNTING * 1000, left_open=left_open)
    whole = max(milliseconds, _COUNTING * 1000)
    return tuple(
        f"max(max_over_time(count_over_time({name}{{{match('cluster', query.cluster)}}}[{window}])"
        f"[{whole}ms:{_COUNTING}s]))"
        for name in (f"{_PREFIX}node_memory_usage_bytes", family(query.kind, "memory_usage_bytes"))
    )


def interval_of(count: float) -> int:
    """Return how far samples are apart, in milliseconds, where that many are the most within 5 min."""
    seconds = _COUNTING / max(count, 1.0)
    usual = min(_USUAL, key=lambda each: abs(each - seconds))
    return round((usual if abs(usual - seconds) <= 0.1 * usual else seconds) * 1000)


_USUAL = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300)


def window_of(milliseconds: int, *, left_open: bool) -> str:
    """Return a window that holds exactly so many milliseconds."""
    return f"{milliseconds if left_open else max(milliseconds - 1, 1)}ms"


def samples_of(query: history.Query, quantity: str, window: str) -> tuple[str, str]:
    """Return the samples of nodes, pods or containers within a window, and the labels of a series."""
    selector = f"{family(query.kind, quantity)}{{{matchers(query)}}}"
    return f"{selector}[{window}]", ", ".join(LABELS[query.kind])


def of_step(function: str, samples: str, by: str) -> str:
    """Return a function of the samples of a step; replicas count once."""
    return f"max by ({by}) ({function.format(samples)})"


def of_sum(query: history.Query, quantity: str, function: str, window: str) -> str:
    """Return the sum over pods of a function of their samples within a window; replicas count once."""
    return _over_pods(query, family(query.kind, quantity), function, window)


def share_of_sum(query: history.Query, window: str) -> str:
    """Return which part of the pods of a sum that should have usage has some within a window."""
    measured = family(query.kind, "memory_usage_bytes")
    known = _over_pods(query, measured, "count_over_time({})", window, combine="count")
    phase = f'{_PREFIX}pod_phase{{phase!~"{_ENDED}"'
    expected = _over_pods(query, phase, "last_over_time({}) > 0", window, combine="count")
    return f"clamp_max({known} / {expected}, 1)"


def _over_pods(query: history.Query, metric: str, function: str, window: str, *, combine: str = "sum") -> str:
    by = ", ".join(LABELS[query.kind])
    begin = f"{metric}," if "{" in metric else f"{metric}{{"

    def of_pods(*parts: str) -> str:
        selector = f"{begin}{','.join(filter(None, parts))}}}"
        return of_step(function, f"{selector}[{window}]", ", ".join(_POD))

    if query.kind == "namespace":
        return f"{combine} by ({by}) ({of_pods(matchers(query))})"
    place = (match("cluster", query.cluster), match("namespace", query.namespace))
    kind = match("workload_kind", query.workload_kind)
    owned = of_pods(*place, 'workload!=""', kind, match("workload", query.name))
    if query.workload_kind not in (None, "Pod"):
        return f"{combine} by ({by}) ({owned})"
    alone = of_pods(*place, 'workload=""', match("pod", query.name))
    alone = f'label_replace({alone}, "workload", "$1", "pod", "(.*)")'
    alone = f'label_replace({alone}, "workload_kind", "Pod", "pod", ".*")'
    return f"{combine} by ({by}) ({owned} or {alone})"
