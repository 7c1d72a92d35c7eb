"""What is wrong in a cluster: nodes and pods that need a look, the most serious first.

A finding is about the cluster; a `model.Problem` is about a number that could not be read. Pods of one
workload with the same finding are one finding. What follows from a lost node is not repeated for its pods.
"""

from __future__ import annotations

from datetime import timedelta

from kubevitals import quantity, severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime
    from typing import Any, NamedTuple

    from kubevitals import model
else:
    from kubevitals.namedtuple import NamedTuple

RECENT = timedelta(hours=1)  # an end longer ago than this is history
STARTING = timedelta(minutes=5)  # how long a pod may take to start
_SETTLING = timedelta(minutes=2)  # how long one that has started may take to become ready

# The order of seriousness.
(
    NODE_LOST,
    NODE_PRESSED,
    CRASHING,
    OUT_OF_MEMORY,
    CANNOT_START,
    UNSCHEDULABLE,
    NEAR_LIMIT,
    NODE_BUSY,
    STUCK,
    NOT_READY,
    RESTARTED,
    FAILED,
) = range(12)
# What comes before NEAR_LIMIT has gone wrong; from there on, something may.

_IMAGE = frozenset(
    {
        "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
        "RegistryUnavailable", "SignatureValidationFailed",
    }
)  # fmt: skip
_START = frozenset(
    {
        "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError",
        "ContainerCannotRun", "PreCreateHookError", "PreStartHookError", "PostStartHookError",
    }
)  # fmt: skip


class Finding(NamedTuple):
    """One thing that is wrong. `pods` is how many pods it is about, 0 for a node."""

    rank: int  # the lower, the more serious
    reason: str  # in a word, as kubectl calls it: CrashLoopBackOff, OOMKilled, NotReady; or "memory 94%"
    kind: str  # Node, Pod, or the workload's kind where it is about several pods
    name: str
    namespace: str | None = None
    since: datetime | None = None  # when it began or, of what happens again and again, happened last
    message: str = ""  # the facts behind it
    pods: int = 0

    @property
    def severity(self) -> str:
        """Critical if something is broken, warning if it may soon be."""
        return severity.CRITICAL if self.rank < NEAR_LIMIT else severity.WARNING


class PodFinding(NamedTuple):
    """What is wrong with one pod, before those of a workload are joined."""

    rank: int
    reason: str
    since: datetime | None = None
    message: str = ""
    weight: float = 0.0  # of several pods with the same finding, the one with the most is described


def inspect(nodes: Iterable[model.Node], pods: Iterable[model.Pod], *, now: datetime) -> list[Finding]:
    """Return what is wrong with the nodes and pods, the most serious first, then by place and name."""
    nodes, pods = list(nodes), list(pods)
    lost = frozenset(node.name for node in nodes if node.ready is False)
    stranded: dict[str, int] = {}
    groups: dict[tuple[int, str, str, str, str], list[tuple[model.Pod, PodFinding]]] = {}
    for pod in pods:
        if pod.node in lost and not pod.terminated:
            stranded[pod.node] = stranded.get(pod.node, 0) + 1
        if _is_well(pod):
            continue
        finding = inspect_pod(pod, now=now, lost_nodes=lost)
        if finding is None:
            continue
        kind, name = pod.workload_kind or "Pod", pod.workload_name or pod.name
        reason = "" if finding.rank == NEAR_LIMIT else finding.reason  # which differ by a percentage
        groups.setdefault((finding.rank, reason, pod.namespace, kind, name), []).append((pod, finding))
    found = [each for node in nodes for each in inspect_node(node, stranded=stranded.get(node.name, 0))]
    found += map(_join, groups.values())
    return sorted(found, key=lambda each: (each.rank, -each.pods, each.namespace or "", each.name))


def _is_well(pod: model.Pod) -> bool:
    """Return whether a glance shows that nothing can be wrong with a pod, as with most."""
    if pod.status != "Running" or not pod.ready or pod.phase != "Running":
        return False
    parts: list[model.Container | model.Pod] = [*pod.containers, pod]
    for each in parts:
        if each.last_termination_at is not None:
            return False
        used, limit = each.memory_usage_bytes, each.memory_limit_bytes
        if used and limit and used / limit > severity.CRITICAL_ABOVE:
            return False
    return True


def _join(members: list[tuple[model.Pod, PodFinding]]) -> Finding:
    """Return the finding on one pod, or on several of one workload: it describes the worst of them."""
    pod, finding = max(members, key=lambda each: each[1].weight)
    rank, reason, since, message, _ = finding
    if len(members) == 1:
        return Finding(rank, reason, "Pod", pod.name, pod.namespace, since, message, 1)
    times = [each.since for _, each in members if each.since is not None]
    again = rank in (CRASHING, OUT_OF_MEMORY, RESTARTED)
    since = (max if again else min)(times) if times else None
    kind, name = pod.workload_kind or "Pod", pod.workload_name or pod.name
    return Finding(rank, reason, kind, name, pod.namespace, since, message, len(members))


def inspect_node(node: model.Node, *, stranded: int = 0) -> list[Finding]:
    """Return what is wrong with a node. `stranded` is how many pods are on it, for when it is lost."""
    found = []
    for condition in node.conditions:
        since = condition.last_transition_at
        if condition.type == "Ready" and condition.status != "True":
            facts = [condition.reason or "", _count(stranded, "pod") + " on it" if stranded else ""]
            found.append(_of_node(node, NODE_LOST, "NotReady", since, _list(facts)))
        elif condition.type in severity.BAD_CONDITIONS and condition.status == "True":
            found.append(_of_node(node, NODE_PRESSED, condition.type, since, condition.reason or ""))
    if node.ready is False and not any(each.rank == NODE_LOST for each in found):
        found.append(_of_node(node, NODE_LOST, "NotReady", None, "it never reported"))
    ratio = node.memory_of_allocatable
    if severity.judge_ratio(ratio) == severity.CRITICAL and ratio is not None:
        detail = _share(node.memory_usage_bytes, node.memory_allocatable_bytes, quantity.format_memory)
        found.append(_of_node(node, NODE_BUSY, f"memory {quantity.format_ratio(ratio)}", None, detail))
    ratio = node.cpu_of_allocatable
    if severity.judge_ratio(ratio) == severity.CRITICAL and ratio is not None:
        detail = _share(node.cpu_usage_cores, node.cpu_allocatable_cores, quantity.format_cpu)
        found.append(_of_node(node, NODE_BUSY, f"CPU {quantity.format_ratio(ratio)}", None, detail))
    return found


def inspect_pod(
    pod: model.Pod, *, now: datetime, lost_nodes: frozenset[str] = frozenset()
) -> PodFinding | None:
    """Return the most serious thing that is wrong with a pod, or None.

    `lost_nodes` are not ready: what their pods suffer from is found once, on the node. A pod that is
    being deleted, or whose health may not be read, is left out.
    """
    if pod.phase is None or pod.phase == "Succeeded" or pod.status == "Terminating":
        return None
    if pod.phase == "Failed":
        return PodFinding(FAILED, pod.status or "Failed", pod.last_termination_at, _ended_where(pod))
    status = pod.status or ""
    reason = status.removeprefix("Init:")
    if pod.node in lost_nodes:
        return None
    if reason == "CrashLoopBackOff":
        return _crashing(pod, status)
    killed = _recent_end(pod, now, oom=True)
    if killed is not None or reason == "OOMKilled":
        return _out_of_memory(pod, killed)
    if reason in _IMAGE or reason in _START:
        return PodFinding(CANNOT_START, status, pod.created_at, "")
    if pod.phase == "Pending" and pod.reason == "Unschedulable":
        return PodFinding(UNSCHEDULABLE, "Unschedulable", pod.created_at, _asks(pod))
    return _inspect_running(pod, status, now)


def _inspect_running(pod: model.Pod, status: str, now: datetime) -> PodFinding | None:
    """Return what is wrong with a pod whose status says nothing of it."""
    limited = _nearest_to_limit(pod)
    if limited is not None:
        name, ratio, detail = limited
        detail = f"{detail} in container {name}" if len(pod.containers) > 1 else detail
        return PodFinding(NEAR_LIMIT, f"memory {quantity.format_ratio(ratio)}", None, detail, ratio)
    age = None if pod.created_at is None else now - pod.created_at
    if pod.phase != "Running":
        if age is None or age <= STARTING:
            return None
        return PodFinding(STUCK, status or str(pod.phase), pod.created_at, _place(pod))
    ended = _recent_end(pod, now, oom=False)
    settling = (age is not None and age <= _SETTLING) or (
        ended is not None
        and ended.last_termination_at is not None
        and now - ended.last_termination_at <= _SETTLING
    )
    if pod.ready is False and not settling:
        word = "NotReady" if status in ("", "Running") else status
        facts = [_unready(pod), _place(pod)]
        return PodFinding(NOT_READY, word, None, _list(facts))
    if ended is not None:
        facts = [_count(pod.restarts or 0, "restart"), _how_ended(ended)]
        return PodFinding(RESTARTED, "Restarted", ended.last_termination_at, _list(facts), pod.restarts or 0)
    return None


def _unready(pod: model.Pod) -> str:
    """Return how many containers are ready; all of them can be, where a readiness gate or the node is not."""
    total = pod.containers_total
    if not total or pod.containers_ready == total:
        return ""
    return f"{pod.containers_ready or 0} of {_count(total, 'container')} ready"


def _crashing(pod: model.Pod, status: str) -> PodFinding:
    last = _last_end(pod.containers) or pod
    facts = [_count(pod.restarts or 0, "restart"), _how_ended(last)]
    return PodFinding(CRASHING, status, last.last_termination_at, _list(facts), pod.restarts or 0)


def _out_of_memory(pod: model.Pod, killed: model.Container | model.Pod | None) -> PodFinding:
    end = killed or pod
    limit = end.memory_limit_bytes
    facts = [
        _count(pod.restarts or 0, "restart"),
        f"limit {quantity.format_memory(limit)}" if limit is not None else "no memory limit",
    ]
    if len(pod.containers) > 1 and end is not pod:
        facts.append(f"container {end.name}")
    return PodFinding(OUT_OF_MEMORY, "OOMKilled", end.last_termination_at, _list(facts), pod.restarts or 0)


def _recent_end(pod: model.Pod, now: datetime, *, oom: bool) -> model.Container | model.Pod | None:
    """Return the container that failed last within the hour, by want of memory or by anything else."""
    ends = [
        each
        for each in pod.containers or (pod,)
        if each.last_termination_at is not None
        and now - each.last_termination_at <= RECENT
        and (each.last_termination_reason == "OOMKilled") is oom
        and (oom or each.last_termination_exit_code != 0)
    ]
    return _last_end(ends)


def _last_end(
    ended: Iterable[model.Container | model.Pod],
) -> model.Container | model.Pod | None:
    latest: model.Container | model.Pod | None = None
    for each in ended:
        at = each.last_termination_at
        if at is None:
            continue
        if latest is None or latest.last_termination_at is None or at > latest.last_termination_at:
            latest = each
    return latest


def _nearest_to_limit(pod: model.Pod) -> tuple[str, float, str] | None:
    """Return which container is above 85 % of its memory limit, how far, and in bytes.

    It is the container that is killed for it, however roomy the pod looks as a whole.
    """
    worst: model.Container | model.Pod | None = None
    ratio = severity.CRITICAL_ABOVE
    candidates: list[model.Container | model.Pod] = [*pod.containers, pod]
    for each in candidates:
        of_limit = each.memory_of_limit
        if of_limit is not None and of_limit > ratio:
            worst, ratio = each, of_limit
    if worst is None:
        return None
    detail = _share(worst.memory_usage_bytes, worst.memory_limit_bytes, quantity.format_memory)
    return worst.name, ratio, detail


def _of_node(node: model.Node, rank: int, reason: str, since: datetime | None, message: str) -> Finding:
    return Finding(rank, reason, "Node", node.name, None, since, message)


def _how_ended(ended: model.Container | model.Pod) -> str:
    reason, code = ended.last_termination_reason, ended.last_termination_exit_code
    if reason is None and code is None:
        return ""
    return f"{reason or 'ended'} (exit code {code})" if code is not None else str(reason)


def _ended_where(pod: model.Pod) -> str:
    code = pod.last_termination_exit_code
    return _list([f"exit code {code}" if code else "", _place(pod)])


def _asks(pod: model.Pod) -> str:
    asked = [
        f"{quantity.format_cpu(pod.cpu_request_cores)} CPU" if pod.cpu_request_cores else "",
        quantity.format_memory(pod.memory_request_bytes) if pod.memory_request_bytes else "",
    ]
    words = " and ".join(filter(None, asked))
    return f"asks for {words}" if words else "no node takes it"


def _place(pod: model.Pod) -> str:
    return f"on {pod.node}" if pod.node else ""


def _share(part: Any, whole: Any, form: Callable[[Any], str]) -> str:
    return f"{form(part)} of {form(whole)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _list(facts: Iterable[str]) -> str:
    return ", ".join(filter(None, facts))
