"""What is wrong in a cluster: nodes and pods that need a look, the most serious first.

A finding is about the cluster; a `model.Problem` is about a number that could not be read. Pods of one
workload with the same finding are one finding. What follows from a lost node is not repeated for its pods.
"""

from __future__ import annotations

from kubevitals import podfindings, quantity, severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import NamedTuple

    from kubevitals import model
else:
    from kubevitals.namedtuple import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong. `pods` is how many pods it is about, 0 for a node.

    `code` is a stable word for programs, `reason` what tables show: kubectl's word, or "memory 94%".
    """

    rank: int  # the lower, the more serious
    code: str
    reason: str
    kind: str  # Node, Pod, or the workload's kind where it is about several pods
    name: str
    namespace: str | None = None
    since: datetime | None = None  # when it began, as far as the cluster tells: at the latest then
    message: str = ""  # the facts behind it
    pods: int = 0
    last_seen_at: datetime | None = None  # when it happened last, of what happens again and again
    value: float | None = None  # the ratio that is too high
    remedy: str = ""  # the command that shows more

    @property
    def severity(self) -> str:
        """Critical if something is broken, warning if it may soon be; of a ratio, as tables colour it."""
        if self.value is not None:
            return severity.judge_ratio(self.value) or severity.WARNING
        return severity.CRITICAL if self.rank < severity.NEAR_LIMIT else severity.WARNING


def inspect(nodes: Iterable[model.Node], pods: Iterable[model.Pod], *, now: datetime) -> list[Finding]:
    """Return what is wrong with the nodes and pods, the most serious first, then by place and name."""
    nodes, pods = list(nodes), list(pods)
    lost = frozenset(node.name for node in nodes if node.ready is False)
    stranded: dict[str, int] = {}
    groups: dict[tuple[int, str, str, str, str], list[tuple[model.Pod, podfindings.PodFinding]]] = {}
    for pod in pods:
        if pod.node in lost and not pod.terminated:
            stranded[pod.node] = stranded.get(pod.node, 0) + 1
        if podfindings.is_well(pod):
            continue
        finding = podfindings.inspect_pod(pod, now=now, lost_nodes=lost)
        if finding is None:
            continue
        kind, name = pod.workload_kind or "Pod", pod.workload_name or pod.name
        groups.setdefault((finding.rank, finding.code, pod.namespace, kind, name), []).append((pod, finding))
    found = [each for node in nodes for each in inspect_node(node, stranded=stranded.get(node.name, 0))]
    found += map(_join, groups.values())
    return sorted(found, key=lambda each: (each.rank, -each.pods, each.namespace or "", each.name))


def _join(members: list[tuple[model.Pod, podfindings.PodFinding]]) -> Finding:
    """Return the finding on one pod, or on several of one workload: it describes the worst of them."""
    pod, finding = max(members, key=lambda each: each[1].weight)
    one = len(members) == 1
    kind, name = ("Pod", pod.name) if one else (pod.workload_kind or "Pod", pod.workload_name or pod.name)
    begun = [each.since for _, each in members if each.since is not None]
    seen = [each.last_seen_at for _, each in members if each.last_seen_at is not None]
    return Finding(
        finding.rank,
        finding.code,
        finding.reason,
        kind,
        name,
        pod.namespace,
        min(begun, default=None),
        finding.message,
        len(members),
        max(seen, default=None),
        finding.value,
        _next_step(pod, finding),
    )


def _next_step(pod: model.Pod, finding: podfindings.PodFinding) -> str:
    if finding.rank in (severity.CRASHING, severity.RESTARTED):
        container = f" -c {finding.container}" if finding.container else ""
        return f"kubectl -n {pod.namespace} logs {pod.name}{container} --previous"
    return f"kubectl -n {pod.namespace} describe pod {pod.name}"


def inspect_node(node: model.Node, *, stranded: int = 0) -> list[Finding]:
    """Return what is wrong with a node. `stranded` is how many pods are on it, for when it is lost."""
    found = []
    for condition in node.conditions:
        since = condition.last_transition_at
        if condition.type == "Ready":
            if condition.status != "True":
                facts = [
                    condition.reason or "",
                    quantity.format_count(stranded, "pod") + " on it" if stranded else "",
                ]
                found.append(
                    _of_node(node, severity.NODE_LOST, "NotReady", since, podfindings.list_facts(facts))
                )
        elif severity.is_bad_condition(condition.type, condition.status):
            found.append(_of_node(node, severity.NODE_PRESSED, condition.type, since, condition.reason or ""))
    if node.ready is False and not any(each.rank == severity.NODE_LOST for each in found):
        found.append(_of_node(node, severity.NODE_LOST, "NotReady", None, "it never reported"))
    for code, word, ratio, used, whole, form in (
        ("NodeMemoryFull", "memory", node.memory_of_allocatable,
         node.memory_usage_bytes, node.memory_allocatable_bytes, quantity.format_memory),
        ("NodeCPUFull", "CPU", node.cpu_of_allocatable,
         node.cpu_usage_cores, node.cpu_allocatable_cores, quantity.format_cpu),
    ):  # fmt: skip
        if ratio is not None and ratio > severity.WARNING_ABOVE:
            reason, message = f"{word} {quantity.format_ratio(ratio)}", podfindings.share(used, whole, form)
            found.append(
                _of_node(node, severity.NODE_BUSY, reason, None, message)._replace(code=code, value=ratio)
            )
    return found


def _of_node(node: model.Node, rank: int, reason: str, since: datetime | None, message: str) -> Finding:
    remedy = f"kubectl describe node {node.name}"
    return Finding(rank, reason, reason, "Node", node.name, None, since, message, remedy=remedy)
