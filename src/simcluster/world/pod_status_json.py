"""The JSON of a pod's status. Every pod of a list passes here, so strings are joined by hand."""

from __future__ import annotations

import hashlib

from simcluster.world import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster.world import pod_json, pods


def status(pod: pods.Pod, text: pod_json.Text) -> str:
    """The value of the pod's `status`."""
    template = pod.pod_set.template
    node = pod.node
    pieces = [f'{{"observedGeneration":1,"phase":"{pod.phase}","conditions":[{_conditions(pod)}]']
    if pod.message and node is not None:
        pieces.append(f',"message":{json_text.compact(pod.message)}')
    if pod.reason:
        pieces.append(f',"reason":"{pod.reason}"')
    if node is not None and pod.started:
        pieces.append(f',"hostIP":"{node.ip}","hostIPs":[{{"ip":"{node.ip}"}}]')
        address = node.ip if template.host_network else pod.ip
        if address:
            pieces.append(f',"podIP":"{address}","podIPs":[{{"ip":"{address}"}}]')
        pieces.append(f',"startTime":"{json_text.timestamp(pod.started)}"')
    for name, parts, states in (
        ("initContainerStatuses", text.init, pod.init),
        ("containerStatuses", text.containers, pod.containers),
    ):
        if states:
            statuses = [
                _container(pod, part, state, key=name[0] + str(index))
                for index, (part, state) in enumerate(zip(parts, states, strict=True))
            ]
            pieces.append(f',"{name}":[{",".join(statuses)}]')
    pieces.append(f',"qosClass":"{text.qos}"}}')
    return "".join(pieces)


def _container(pod: pods.Pod, part: tuple[str, str, str], state: pods.ContainerState, *, key: str) -> str:
    restarts = state.restarts
    identity = container_id(pod, key, restarts) if state.kind != "waiting" else ""
    last = "{}"
    if state.last is not None:
        before = container_id(pod, key, restarts - 1)
        last = _state(state.last, before)
        identity = identity or before
    start, image, end = part
    shown = f'"containerID":"{identity}",' if identity else ""
    return (
        f'{start}{_state(state, identity)},"lastState":{last},"ready":{"true" if state.ready else "false"},'
        f'"restartCount":{restarts}{image},{shown}'
        f'"started":{"true" if state.kind == "running" else "false"},{end}'
    )


def container_id(pod: pods.Pod, key: str, restart: int) -> str:
    """A container's id. `key` is "c", or "i" for init containers, and its index; `restart` is the
    restart count.
    """
    text = f"{pod.uid}{key}{restart}"
    return "containerd://" + hashlib.sha256(text.encode()).hexdigest()


def _state(state: pods.ContainerState, identity: str) -> str:
    if state.kind == "running":
        return f'{{"running":{{"startedAt":"{json_text.timestamp(state.started)}"}}}}'
    if state.kind == "waiting":
        message = f',"message":{json_text.compact(state.message)}' if state.message else ""
        return f'{{"waiting":{{"reason":"{state.reason}"{message}}}}}'
    return (
        f'{{"terminated":{{"exitCode":{state.exit_code},"reason":"{state.reason}",'
        f'"startedAt":"{json_text.timestamp(state.started)}","finishedAt":"{json_text.timestamp(state.finished)}",'
        f'"containerID":"{identity}"}}}}'
    )


def _condition(kind: str, when: str, value: str = "True", *, reason: str = "", message: str = "") -> str:
    why = f',"reason":"{reason}"' if reason else ""
    if message:
        why += f',"message":{json_text.compact(message)}'
    return (
        f'{{"type":"{kind}","observedGeneration":1,"status":"{value}","lastProbeTime":null,'
        f'"lastTransitionTime":"{when}"{why}}}'
    )


_GOOD = ",".join(
    _condition(kind, "%s")
    for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
)


def _conditions(pod: pods.Pod) -> str:
    """The conditions in the kubelet's order."""
    if pod.node is None:
        created = json_text.timestamp(pod.created)
        return _condition("PodScheduled", created, "False", reason="Unschedulable", message=pod.message)
    if pod.reason == "Evicted":
        when = json_text.timestamp(pod.ready_at)
        return (
            _condition("DisruptionTarget", when, reason="TerminationByKubelet", message=pod.message)
            + ","
            + _condition("PodScheduled", json_text.timestamp(pod.created))
        )
    scheduled = json_text.timestamp(pod.started or pod.created)
    changed = json_text.timestamp(pod.ready_at)
    if pod.phase == "Running" and pod.ready:  # nearly every pod
        if not pod.disrupted:
            return _GOOD % (scheduled, scheduled, changed, changed, scheduled)
        conditions = [_GOOD % (scheduled, scheduled, changed, changed, scheduled)]
    else:
        conditions = _conditions_if_not_ready(pod, scheduled=scheduled, changed=changed)
    if pod.disrupted:
        conditions.insert(
            0,
            _condition(
                "DisruptionTarget", changed, reason=pod.disrupted, message=_DISRUPTIONS[pod.disrupted]
            ),
        )
    return ",".join(conditions)


_DISRUPTIONS = {
    "DeletionByTaintManager": "Taint manager: deleting due to NoExecute taint",
    "EvictionByEvictionAPI": "Eviction API: evicting",
}


def _conditions_if_not_ready(pod: pods.Pod, *, scheduled: str, changed: str) -> list[str]:
    template = pod.pod_set.template
    begun = (
        "True"
        if any(state.kind != "waiting" or state.last for state in (*pod.init, *pod.containers))
        else "False"
    )
    ended = pod.phase in ("Succeeded", "Failed")
    if ended:
        begun = "False"
    undone = [
        container.name
        for container, state in zip(template.init, pod.init, strict=True)
        if not (state.ready if container.sidecar else state.kind == "terminated" and state.exit_code == 0)
    ]
    if undone:  # also in a pod that failed there: kubectl tells Init:Error by it
        initialized = _condition(
            "Initialized",
            scheduled,
            "False",
            reason="ContainersNotInitialized",
            message=f"containers with incomplete status: [{' '.join(undone)}]",
        )
    else:
        initialized = _condition("Initialized", scheduled, reason="PodCompleted" if ended else "")
    if pod.phase == "Succeeded":
        reason, message = "PodCompleted", ""
    elif pod.phase == "Failed":
        reason, message = "PodFailed", ""
    else:
        unready = [
            container.name
            for container, state in zip(template.containers, pod.containers, strict=True)
            if not state.ready
        ]
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    if pod.lost and pod.phase == "Running":  # what the node controller writes for a silent kubelet
        lost = json_text.timestamp(pod.lost)
        ready = _condition("Ready", lost, "False", reason="NodeNotReady", message="Node is not ready")
        containers = _condition("ContainersReady", changed)
    else:
        ready = _condition("Ready", changed, "False", reason=reason, message=message)
        containers = _condition("ContainersReady", changed, "False", reason=reason, message=message)
    return [
        _condition("PodReadyToStartContainers", scheduled, begun),
        initialized,
        ready,
        containers,
        _condition("PodScheduled", scheduled),
    ]
