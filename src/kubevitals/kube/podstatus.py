"""A pod's health in one word, as the STATUS and READY columns of `kubectl get pods` say it. Pure.

The rules are those of the API server's own table printer, in its order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals import model

if TYPE_CHECKING:
    from kubevitals.kube import objects


class Health(NamedTuple):
    """What the columns STATUS, READY and RESTARTS say; sidecars count as containers."""

    status: str
    containers_ready: int
    containers_total: int
    restarts: int


def describe_health(pod: objects.Pod) -> Health:
    """Return the pod's health from its spec and status."""
    spec, state = pod.spec, pod.status
    status = state.reason or state.phase or "Unknown"
    for condition in state.conditions or ():
        if condition.type == "PodScheduled" and condition.reason == "SchedulingGated":
            status = "SchedulingGated"
    init_specs = spec.init_containers or ()
    sidecars = {each.name for each in init_specs if each.restart_policy == "Always"}
    total = len(spec.containers) + len(sidecars)

    initializing, ready, restarts, sidecar_restarts = False, 0, 0, 0
    for index, container in enumerate(state.init_container_statuses or ()):
        restarts += container.restart_count
        is_sidecar = container.name in sidecars
        if is_sidecar:
            sidecar_restarts += container.restart_count
        phase = container.state
        ended = phase.terminated if phase else None
        waiting = phase.waiting if phase else None
        if ended is not None and ended.exit_code == 0:
            continue
        if is_sidecar and container.started:
            ready += container.ready
            continue
        if ended is not None:
            status = "Init:" + (ended.reason or _exit_word(ended))
        elif waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
            status = "Init:" + waiting.reason
        else:
            status = f"Init:{index}/{len(init_specs)}"
        initializing = True
        break

    if not initializing or _has_condition(pod, "Initialized"):
        restarts = sidecar_restarts
        running = False
        for container in reversed(state.container_statuses or ()):
            restarts += container.restart_count
            phase = container.state
            if phase is None:
                continue
            if phase.waiting is not None and phase.waiting.reason:
                status = phase.waiting.reason
            elif phase.terminated is not None:
                status = phase.terminated.reason or _exit_word(phase.terminated)
            elif container.ready and phase.running is not None:
                running = True
                ready += 1
        if status == "Completed" and running:  # one container ended well beside others that go on
            status = "Running" if _has_condition(pod, "Ready") else "NotReady"

    if pod.metadata.deletion_timestamp is not None:
        if state.reason == "NodeLost":
            status = "Unknown"
        elif state.phase not in model.ENDED_PHASES:
            status = "Terminating"
    return Health(status, ready, total, restarts)


def _exit_word(ended: objects.Terminated) -> str:
    return f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}"


def _has_condition(pod: objects.Pod, kind: str) -> bool:
    return any(each.type == kind and each.status == "True" for each in pod.status.conditions or ())
