"""What happens to a pod: it is admitted, starts, ends, crashes, is evicted or deleted, with its events.

Each function changes one pod at `state.now`, or at a given time; controllers and scenarios decide when.
"""

from __future__ import annotations

from typing import NamedTuple

from simcluster.world import pods

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster.world import cluster_state as states
    from simcluster.world import pod_template, topology

Pod = pods.Pod
States = tuple[pods.ContainerState, ...]


def before_start(template: pod_template.PodTemplate) -> tuple[States, States]:
    """The states of init containers and containers of a pod that has just been scheduled."""
    reason = "PodInitializing" if template.init else "ContainerCreating"
    state = pods.waiting(reason)
    return (state,) * len(template.init), (state,) * len(template.containers)


def initializing(template: pod_template.PodTemplate, since: float) -> tuple[States, States]:
    """The states while the first ordinary init container runs; sidecars before it run too."""
    init: list[pods.ContainerState] = []
    begun = False
    for container in template.init:
        if begun:
            init.append(pods.waiting("PodInitializing"))
        elif container.sidecar:
            init.append(pods.running(since))
        else:
            begun = True
            init.append(pods.ContainerState(pods.RUNNING, started=since))
    return tuple(init), (pods.waiting("PodInitializing"),) * len(template.containers)


def initialized(template: pod_template.PodTemplate, since: float) -> States:
    """The states of init containers that have completed, and of sidecars, which continue."""
    return tuple(pods.running(since) if container.sidecar else _done(since) for container in template.init)


def _done(since: float) -> pods.ContainerState:
    return pods.terminated("Completed", 0, started=since - 9, finished=since - 2)._replace(ready=True)


def all_running(template: pod_template.PodTemplate, since: float) -> tuple[States, States]:
    """The states when all containers run."""
    return initialized(template, since), (pods.running(since),) * len(template.containers)


def admit(
    state: states.State,
    pod_set: pods.PodSet,
    *,
    name: str = "",
    node: topology.Node | None = None,
    created: float | None = None,
) -> Pod:
    """Create a pod on `node`, or where the scheduler finds room; else it stays Pending."""
    pod = state.new_pod(pod_set, name=name, created=created)
    found = node or state.scheduler.find(pod_set.template)
    if found is None:
        pod.message = state.scheduler.refusal(state.nodes, pod_set.template)
        state.add_pod(pod, node=None)
        refuse(state, pod)
        return pod
    _arrive(state, pod, found)
    state.add_pod(pod, node=found)
    return pod


def _arrive(state: states.State, pod: Pod, node: topology.Node) -> None:
    pod.started = pod.ready_at = max(pod.created, state.now) if state.live else pod.created
    pod.init, pod.containers = before_start(pod.pod_set.template)
    message = f"Successfully assigned {pod.namespace}/{pod.name} to {node.name}"
    record(state, pod, "Scheduled", message, source="default-scheduler", when=pod.started)


def schedule(state: states.State, pod: Pod) -> Pod | None:
    """Try to schedule a Pending pod again; None if there is still no room."""
    node = state.scheduler.find(pod.pod_set.template)
    if node is None:
        return None
    init, containers = before_start(pod.pod_set.template)
    pod = state.change_pod(
        pod, node=node, message="", started=state.now, ready_at=state.now, init=init, containers=containers
    )
    message = f"Successfully assigned {pod.namespace}/{pod.name} to {node.name}"
    record(state, pod, "Scheduled", message, source="default-scheduler")
    return pod


def refuse(state: states.State, pod: Pod) -> None:
    """Record that no node has room."""
    record(state, pod, "FailedScheduling", pod.message, source="default-scheduler", warning=True)


def record(
    state: states.State,
    pod: Pod,
    reason: str,
    message: str,
    *,
    source: str = "kubelet",
    when: float | None = None,
    first: float | None = None,
    count: int = 1,
    warning: bool = False,
    container: str = "",
) -> None:
    """Record an Event about a pod, unless it is older than an hour."""
    if (state.now if when is None else when) < state.now - 3600:
        return
    host = pod.node.name if pod.node is not None and source == "kubelet" else ""
    state.events.record(
        "Pod",
        pod,
        reason,
        message,
        source=source,
        when=when,
        first=first,
        count=count,
        warning=warning,
        container=container,
        host=host,
    )


def begin(state: states.State, pod: Pod, *, when: float | None = None) -> Pod:
    """Start all its containers."""
    now = state.now if when is None else when
    template = pod.pod_set.template
    init, containers = all_running(template, now)
    for container in template.containers:
        image = container.image
        name = container.name
        record(
            state,
            pod,
            "Pulled",
            f'Container image "{image}" already present on machine and can be accessed by the pod',
            when=now,
            container=name,
        )
        record(state, pod, "Created", f"Container created: {name}", when=now, container=name)
        record(state, pod, "Started", f"Container started: {name}", when=now, container=name)
    return state.change_pod(pod, phase="Running", init=init, containers=containers, ready_at=now)


def finish(state: states.State, pod: Pod, *, exit_code: int = 0, when: float | None = None) -> Pod:
    """End its containers, and with them the pod."""
    now = state.now if when is None else when
    reason = "Completed" if exit_code == 0 else "Error"
    containers = tuple(
        pods.terminated(
            reason, exit_code, started=old.started or now - 60, finished=now, restarts=old.restarts
        )
        for old in pod.containers
    )
    phase = "Succeeded" if exit_code == 0 else "Failed"
    return state.change_pod(pod, phase=phase, containers=containers, ready_at=now)


def stop_first(state: states.State, pod: Pod, reason: str, exit_code: int) -> Pod:
    """End its first container, which will be restarted."""
    old = pod.containers[0]
    ended = pods.terminated(reason, exit_code, started=old.started, finished=state.now, restarts=old.restarts)
    ended = ended._replace(last=old.last)
    return state.change_pod(pod, containers=(ended, *pod.containers[1:]), ready_at=state.now)


def restart_first(state: states.State, pod: Pod, *, ready: bool = True) -> Pod:
    """Restart its first container."""
    old = pod.containers[0]
    last = old if old.kind == pods.TERMINATED else old.last
    again = pods.running(state.now, restarts=old.restarts + (old.kind == pods.TERMINATED), last=last)
    again = again._replace(ready=ready)
    return state.change_pod(pod, containers=(again, *pod.containers[1:]), ready_at=state.now)


def restart_all(state: states.State, pod: Pod) -> Pod:
    """Restart all its containers, after a restart of the machine."""

    def again(old: pods.ContainerState) -> pods.ContainerState:
        if old.kind != pods.RUNNING:
            return old
        ended = pods.terminated(
            "Unknown", 255, started=old.started, finished=state.now, restarts=old.restarts
        )
        return pods.running(state.now, restarts=old.restarts + 1, last=ended)

    return state.change_pod(
        pod,
        lost=0.0,
        ready_at=state.now,
        init=tuple(map(again, pod.init)),
        containers=tuple(map(again, pod.containers)),
    )


def back_off_text(pod: Pod) -> str:
    """The kubelet's message while it waits to restart the first container."""
    name = pod.pod_set.template.containers[0].name
    return f"back-off 5m0s restarting failed container={name} pod={pod.name}_{pod.namespace}({pod.uid})"


def back_off(state: states.State, pod: Pod) -> Pod:
    """Let its first container fail again and wait."""
    old = pod.containers[0]
    last = pods.terminated("Error", 1, started=old.started, finished=max(old.started + 4, state.now - 3))
    waiting = pods.waiting("CrashLoopBackOff", back_off_text(pod), restarts=old.restarts + 1, last=last)
    name = pod.pod_set.template.containers[0].name
    message = f"Back-off restarting failed container {name} in pod {pod.name}_{pod.namespace}({pod.uid})"
    record(state, pod, "BackOff", message, warning=True, container=name)
    return state.change_pod(pod, containers=(waiting, *pod.containers[1:]), ready_at=state.now)


def evict(state: states.State, pod: Pod) -> Pod:
    """Evict the pod for lack of memory."""
    message = (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 88532Ki. Container "
        f"{pod.pod_set.template.containers[0].name} was using 251036Ki, request is 0, "
        "has larger consumption of memory."
    )
    record(state, pod, "Evicted", message, warning=True)
    return state.change_pod(
        pod, phase="Failed", reason="Evicted", message=message, init=(), containers=(), ready_at=state.now
    )


def delete(state: states.State, pod: Pod, *, disrupted: str = "") -> Pod:
    """Mark the pod as deleted; it is Terminating until it is removed."""
    grace = pod.pod_set.template.grace
    if not pod.lost and pod.node is not None:
        for container in pod.pod_set.template.containers:
            record(state, pod, "Killing", f"Stopping container {container.name}", container=container.name)
    return state.change_pod(pod, deleted=state.now + grace, disrupted=disrupted)


def record_out_of_memory(state: states.State, pod: Pod, *, when: float | None = None) -> None:
    """Record on the node that the kernel killed the pod's first container."""
    assert pod.node is not None
    container = pod.pod_set.template.containers[0]
    kibibytes = container.memory[1] * 1024
    state.events.record(
        "Node",
        _reference(pod.node),
        "OOMKilling",
        f"Memory cgroup out of memory: Killed process {pod.salt % 900000 + 1000} ({container.name}) "
        f"total-vm:{kibibytes * 3}kB, anon-rss:{kibibytes - 2048}kB",
        source="kernel-monitor",
        when=when,
        warning=True,
        host=pod.node.name,
    )


def record_node(state: states.State, node: topology.Node, reason: str, *, when: float | None = None) -> None:
    """Record the node's readiness, as the node controller or the kubelet does."""
    state.events.record(
        "Node",
        _reference(node),
        reason,
        f"Node {node.name} status is now: {reason}",
        source="node-controller" if reason == "NodeNotReady" else "kubelet",
        when=when,
    )


def record_rebooted(state: states.State, node: topology.Node, boot_id: str) -> None:
    """Record that the node has been rebooted."""
    state.events.record(
        "Node",
        _reference(node),
        "Rebooted",
        f"Node {node.name} has been rebooted, boot id: {boot_id}",
        source="kubelet",
        warning=True,
        host=node.name,
    )


def record_unhealthy(
    state: states.State, pod: Pod, *, when: float | None = None, first: float | None = None, count: int = 1
) -> None:
    """Record that a readiness probe timed out."""
    container = next(item for item in pod.pod_set.template.containers if item.port)
    message = (
        f'Readiness probe failed: Get "http://{pod.ip}:{container.port}/readyz": context deadline exceeded '
        "(Client.Timeout exceeded while awaiting headers)"
    )
    record(
        state,
        pod,
        "Unhealthy",
        message,
        when=when,
        first=first,
        count=count,
        warning=True,
        container=container.name,
    )


class _NodeReference(NamedTuple):
    """The node as the subject of an event: nodes have no namespace."""

    name: str
    uid: str
    namespace: str = ""


def _reference(node: topology.Node) -> _NodeReference:
    return _NodeReference(node.name, node.uid)
