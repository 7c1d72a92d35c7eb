"""What is wrong with one pod, judged container by container: the most serious finding. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kubevitals import model, quantity, severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

RECENT = timedelta(hours=1)  # an end longer ago than this is history
STARTING = timedelta(minutes=5)  # how long a pod may take to start, and to go after its grace
_SETTLING = timedelta(minutes=2)  # how long one that has started may take to become ready
_FIRST_BACKOFF, _LONGEST_BACKOFF = 10.0, 300.0  # seconds between restarts: doubled each time

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PodFinding(NamedTuple):
    """What is wrong with one pod, before those of a workload are joined."""

    rank: int
    code: str
    reason: str
    since: datetime | None = None
    message: str = ""
    weight: float = 0.0  # of several pods with the same finding, the one with the most is described
    last_seen_at: datetime | None = None
    value: float | None = None
    container: str | None = None  # whose log tells more


def is_well(pod: model.Pod) -> bool:
    """Return whether a glance shows that nothing can be wrong with a pod, as with most."""
    if pod.status != "Running" or not pod.ready or pod.phase != "Running" or pod.resize is not None:
        return False
    parts: list[model.Container | model.Pod] = [*pod.containers, pod]
    for each in parts:
        if each.last_termination_at is not None or each.status not in ("Running", None):
            return False
        used, limit = each.memory_usage_bytes, each.memory_limit_bytes
        if used and limit and used / limit > severity.WARNING_ABOVE:
            return False
    return True


def inspect_pod(
    pod: model.Pod, *, now: datetime, lost_nodes: frozenset[str] = frozenset()
) -> PodFinding | None:
    """Return the most serious thing that is wrong with a pod, or None.

    Each container is judged on its own, whatever the pod's STATUS says: the worst one decides. `lost_nodes`
    are not ready: what their pods suffer from is found once, on the node. A pod whose health may not be read
    is left out, and so is one that is being deleted, within its time.
    """
    if pod.phase is None or pod.phase == "Succeeded":
        return None
    if pod.phase == "Failed":
        return _of_status(severity.FAILED, pod.status or "Failed", pod.last_termination_at, _ended_where(pod))
    if pod.node in lost_nodes:
        return None
    if pod.deletion_at is not None or pod.status == "Terminating":
        return _inspect_deletion(pod, now)
    stopped = [
        finding
        for each in pod.containers or (pod,)
        if (finding := _inspect_container(pod, each, now)) is not None
    ]
    if not stopped and (finding := _inspect_reason(pod, _last_ended(pod))) is not None:
        stopped = [finding]  # what STATUS says, of a container that says nothing of it itself
    if stopped:
        return min(stopped, key=lambda each: (each.rank, -each.weight))
    if pod.phase == "Pending" and pod.reason == "Unschedulable":
        return PodFinding(
            severity.UNSCHEDULABLE, "Unschedulable", "Unschedulable", pod.created_at, _asks(pod)
        )
    return _inspect_running(pod, pod.status or "", now)


def _inspect_deletion(pod: model.Pod, now: datetime) -> PodFinding | None:
    """Return that a pod does not go, once its grace and some time more are over."""
    if pod.deletion_at is None or now - pod.deletion_at <= STARTING:
        return None
    return PodFinding(
        severity.STUCK, "StuckTerminating", "Terminating", pod.deletion_at, list_facts([_place(pod)])
    )


def _inspect_container(
    pod: model.Pod, container: model.Container | model.Pod, now: datetime
) -> PodFinding | None:
    """Return why one container does not run, or was killed for want of memory within the hour."""
    found = _inspect_reason(pod, container)
    at = container.last_termination_at
    if found is None and container.last_termination_reason == "OOMKilled" and at is not None:
        return _out_of_memory(pod, container) if now - at <= RECENT else None
    return found


def _inspect_reason(pod: model.Pod, container: model.Container | model.Pod) -> PodFinding | None:
    """Return what the status of a container, or of a pod, says by itself."""
    reason = (container.status or "").removeprefix("Init:")
    if reason == "CrashLoopBackOff":
        return _crashing(pod, container)
    if reason == "OOMKilled":
        return _out_of_memory(pod, container)
    if reason in severity.IMAGE_REASONS or reason in severity.START_REASONS:
        return _cannot_start(pod, container, container.status or reason)
    return None


def _inspect_running(pod: model.Pod, status: str, now: datetime) -> PodFinding | None:
    """Return what is wrong with a pod whose containers all run, or may still start."""
    limited = _nearest_to_limit(pod)
    if limited is not None:
        return limited
    age = None if pod.created_at is None else now - pod.created_at
    if pod.phase != "Running":
        if age is None or age <= STARTING:
            return None
        return _of_status(severity.STUCK, status or str(pod.phase), pod.created_at, _place(pod))
    ended = _recent_end(pod, now)
    settling = (age is not None and age <= _SETTLING) or (
        ended is not None
        and ended.last_termination_at is not None
        and now - ended.last_termination_at <= _SETTLING
    )
    if pod.ready is False and not settling:
        word = "NotReady" if status in ("", "Running") else status
        return _of_status(severity.NOT_READY, word, None, list_facts([_unready(pod), _place(pod)]))
    if ended is not None:
        restarts = _restarts(pod, ended)
        at = ended.last_termination_at
        message = list_facts([quantity.format_count(restarts, "restart"), _how_ended(ended), _in(pod, ended)])
        found = PodFinding(severity.RESTARTED, "Restarted", "Restarted", at, message, restarts, at)
        return found._replace(container=_container_of(pod, ended))
    if pod.resize in ("Infeasible", "Deferred", "Error"):
        words = {"Infeasible": "does not fit its node", "Deferred": "waits for room on its node"}
        return PodFinding(
            severity.RESIZE, f"Resize{pod.resize}", f"resize {pod.resize.lower()}", None,
            list_facts([f"a resize in place {words.get(pod.resize, 'failed')}", _place(pod)]),
        )  # fmt: skip
    return None


def _of_status(rank: int, word: str, since: datetime | None, message: str) -> PodFinding:
    return PodFinding(rank, word.removeprefix("Init:"), word, since, message)


def _unready(pod: model.Pod) -> str:
    """Return how many containers are ready; all of them can be, where a readiness gate or the node is not."""
    total = pod.containers_total
    if not total or pod.containers_ready == total:
        return ""
    return f"{pod.containers_ready or 0} of {quantity.format_count(total, 'container')} ready"


def _crashing(pod: model.Pod, container: model.Container | model.Pod) -> PodFinding:
    restarts, at = _restarts(pod, container), container.last_termination_at
    message = list_facts(
        [quantity.format_count(restarts, "restart"), _how_ended(container), _in(pod, container)]
    )
    word = container.status or "CrashLoopBackOff"
    if isinstance(container, model.Container) and container.type == "init":
        word = f"Init:{word}"
    return PodFinding(
        severity.CRASHING,
        "CrashLoopBackOff",
        word,
        _begin_of_loop(pod, at, restarts),
        message,
        restarts,
        at,
        None,
        _container_of(pod, container),
    )


def _begin_of_loop(pod: model.Pod, last: datetime | None, restarts: int) -> datetime | None:
    """Return when a container began to crash, at the latest.

    Nothing in the cluster says it. But so many restarts take time, as the pauses between them double from
    10 seconds to five minutes; and no loop is older than its pod.
    """
    if last is None:
        return pod.created_at
    pauses = sum(
        min(_FIRST_BACKOFF * 2.0 ** min(each, 8), _LONGEST_BACKOFF) for each in range(min(restarts, 10_000))
    )
    begun = last - timedelta(seconds=pauses)
    return begun if pod.created_at is None else max(begun, pod.created_at)


def _out_of_memory(pod: model.Pod, container: model.Container | model.Pod) -> PodFinding:
    limit, restarts = container.memory_limit_bytes, _restarts(pod, container)
    bound = f"limit {quantity.format_memory(limit)}" if limit is not None else "no memory limit"
    at = container.last_termination_at
    message = list_facts([quantity.format_count(restarts, "restart"), bound, _in(pod, container)])
    return PodFinding(
        severity.OUT_OF_MEMORY, "OOMKilled", "OOMKilled", at, message, restarts, at, None,
        _container_of(pod, container),
    )  # fmt: skip


def _cannot_start(pod: model.Pod, container: model.Container | model.Pod, word: str) -> PodFinding:
    said = container.message if isinstance(container, model.Container) else None
    if isinstance(container, model.Container) and container.type == "init":
        word = f"Init:{word}"
    return PodFinding(
        severity.CANNOT_START,
        word.removeprefix("Init:"),
        word,
        pod.created_at,
        list_facts([said or "", _in(pod, container)]),
    )


def _last_ended(pod: model.Pod) -> model.Pod:
    """Return the pod with what is known of the end of its containers."""
    last = max(pod.containers, key=lambda each: each.last_termination_at or _EPOCH, default=None)
    if last is None or last.last_termination_at is None:
        return pod
    return pod._replace(
        last_termination_at=last.last_termination_at,
        last_termination_reason=last.last_termination_reason,
        last_termination_exit_code=last.last_termination_exit_code,
    )


def _recent_end(pod: model.Pod, now: datetime) -> model.Container | model.Pod | None:
    """Return the container that ended badly last, within the hour."""
    ends = [
        each
        for each in pod.containers or (pod,)
        if each.last_termination_at is not None
        and now - each.last_termination_at <= RECENT
        and each.last_termination_exit_code != 0
    ]
    return max(ends, key=lambda each: each.last_termination_at or _EPOCH, default=None)


def _nearest_to_limit(pod: model.Pod) -> PodFinding | None:
    """Return which container is above 85 % of its memory limit, how far, and in bytes.

    It is the container that is killed for it, however roomy the pod looks as a whole; the pod is, where
    the limit is set on it.
    """
    worst: model.Container | model.Pod | None = None
    ratio = severity.WARNING_ABOVE
    candidates: list[model.Container | model.Pod] = [*pod.containers, pod]
    for each in candidates:
        of_limit = each.memory_of_limit
        if of_limit is not None and of_limit > ratio:
            worst, ratio = each, of_limit
    if worst is None:
        return None
    message = share(worst.memory_usage_bytes, worst.memory_limit_bytes, quantity.format_memory)
    if len(pod.containers) > 1:
        message += f" in container {worst.name}" if worst is not pod else " of the pod"
    reason = f"memory {quantity.format_ratio(ratio)}"
    return PodFinding(severity.NEAR_LIMIT, "MemoryNearLimit", reason, None, message, ratio, None, ratio)


def _restarts(pod: model.Pod, container: model.Container | model.Pod) -> int:
    return container.restarts if container.restarts is not None else pod.restarts or 0


def _container_of(pod: model.Pod, container: model.Container | model.Pod) -> str | None:
    """Return the name of a container where it has to be said which one is meant."""
    return container.name if isinstance(container, model.Container) and len(pod.containers) > 1 else None


def _in(pod: model.Pod, container: model.Container | model.Pod) -> str:
    name = _container_of(pod, container)
    return f"container {name}" if name else ""


def _how_ended(ended: model.Container | model.Pod) -> str:
    reason, code = ended.last_termination_reason, ended.last_termination_exit_code
    if reason is None and code is None:
        return ""
    return f"{reason or 'ended'} (exit code {code})" if code is not None else str(reason)


def _ended_where(pod: model.Pod) -> str:
    code = pod.last_termination_exit_code
    return list_facts([f"exit code {code}" if code else "", _place(pod)])


def _asks(pod: model.Pod) -> str:
    asked = [
        f"{quantity.format_cpu(pod.cpu_request_cores)} CPU" if pod.cpu_request_cores else "",
        quantity.format_memory(pod.memory_request_bytes) if pod.memory_request_bytes else "",
    ]
    words = " and ".join(filter(None, asked))
    return f"asks for {words}" if words else "no node takes it"


def _place(pod: model.Pod) -> str:
    return f"on {pod.node}" if pod.node else ""


def share(part: Any, whole: Any, form: Callable[[Any], str]) -> str:
    """Return "3 of 4", each written by `form`."""
    return f"{form(part)} of {form(whole)}"


def list_facts(facts: Iterable[str]) -> str:
    """Return the facts that are not empty, with commas between them."""
    return ", ".join(filter(None, facts))
