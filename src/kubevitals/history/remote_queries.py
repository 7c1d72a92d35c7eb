"""The PromQL of history by PromQL: which family, which matchers, one expression a quantity. Text alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.history import sums
from kubevitals.promql import expressions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubevitals import history

_POD = ("cluster", "namespace", "pod", "node", "uid", "workload_kind", "workload")
LABELS: Mapping[str, tuple[str, ...]] = {
    "node": ("cluster", "node"),
    "pod": _POD,
    "container": (*_POD, "container"),
    "workload": ("cluster", "namespace", "workload_kind", "workload"),
    "namespace": ("cluster", "namespace"),
}
# What is asked of the samples in a step, and how replicas become one.
OF_STEPS = {
    "mean": ("max", "avg_over_time({})"),
    "least": ("min", "min_over_time({})"),
    "most": ("max", "max_over_time({})"),
    "p95": ("max", "quantile_over_time(0.95, {})"),
    "number": ("max", "count_over_time({})"),
}
OF_SUMS = ("mean", "number")


def family(kind: str, quantity: str) -> str:
    """Return the family of a quantity; sums are made of that of pods."""
    return f"kubevitals_{'pod' if kind in sums.SUMS else kind}_{quantity}"


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
    if query.kind == "container":
        parts.append(match("pod", query.pod))
    return ",".join(filter(None, parts))


def of_step(name: str, selector: str, length: str, by: str) -> str:
    """Return one of OF_STEPS over windows of `length`, a series for each of the labels `by`."""
    combine, function = OF_STEPS[name]
    return f"{combine} by ({by}) ({function.format(f'{selector}[{length}]')})"


def of_sum(query: history.Query, quantity: str, name: str, length: str) -> str:
    """Return the sum over pods, of which replicas count once."""
    metric, by = family(query.kind, quantity), ", ".join(LABELS[query.kind])

    def of_pods(*parts: str) -> str:
        selector = f"{metric}{{{','.join(filter(None, parts))}}}"
        return of_step(name, selector, length, ", ".join(_POD))

    if query.kind == "namespace":
        return f"sum by ({by}) ({of_pods(matchers(query))})"
    place = (match("cluster", query.cluster), match("namespace", query.namespace))
    kind = match("workload_kind", query.workload_kind)
    owned = of_pods(*place, 'workload!=""', kind, match("workload", query.name))
    if query.workload_kind not in (None, "Pod"):
        return f"sum by ({by}) ({owned})"
    alone = of_pods(*place, 'workload=""', match("pod", query.name))
    alone = f'label_replace({alone}, "workload", "$1", "pod", "(.*)")'
    alone = f'label_replace({alone}, "workload_kind", "Pod", "pod", ".*")'
    return f"sum by ({by}) ({owned} or {alone})"
