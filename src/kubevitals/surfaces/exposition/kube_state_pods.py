"""The families of kube-state-metrics for pods and their containers.

As there, sidecars and other init containers are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.surfaces.exposition import kube_state_samples, text

if TYPE_CHECKING:
    from kubevitals.kube import kube_state_wire

_POD = ("namespace", "pod", "uid")
_CONTAINER = (*_POD, "container")
_PHASES = ("Pending", "Succeeded", "Failed", "Unknown", "Running")
_CLASSES = ("BestEffort", "Burstable", "Guaranteed")
_REASONS = (
    "Evicted", "NodeAffinity", "NodeLost", "PreemptionByScheduler", "SchedulingGated", "Shutdown",
    "TerminationByKubelet", "UnexpectedAdmissionError",
)  # fmt: skip


def _of_pod(name: str, help_text: str, *own: str, stability: str = "stable") -> text.Family:
    return text.Family(f"kube_pod_{name}", "gauge", help_text, labels=(*_POD, *own), stability=stability)


def _of_container(
    name: str, help_text: str, *own: str, kind: str = "gauge", stability: str = "stable"
) -> text.Family:
    return text.Family(
        f"kube_pod_container_{name}", kind, help_text, labels=(*_CONTAINER, *own), stability=stability
    )


INFO = _of_pod(
    "info", "Facts about a pod, as labels.", "host_ip", "pod_ip", "node", "created_by_kind",
    "created_by_name", "priority_class", "host_network",
)  # fmt: skip
OWNER = _of_pod("owner", "What owns a pod.", "owner_kind", "owner_name", "owner_is_controller")
PHASE = _of_pod("status_phase", "1 for the phase that the pod is in, 0 for the others.", "phase")
READY = _of_pod("status_ready", "1 for what the pod's Ready condition says.", "condition")
REASON = _of_pod("status_reason", "1 for each reason that the pod gives.", "reason", stability="alpha")
QOS = _of_pod("status_qos_class", "1 for the pod's QoS class.", "qos_class", stability="alpha")
UNSCHEDULABLE = _of_pod("status_unschedulable", "1 for a pod that has found no node.")
START = _of_pod("start_time", "When the kubelet took on the pod, in seconds since 1970.")
CREATED = _of_pod("created", "When the pod was created, in seconds since 1970.")
CONTAINER_INFO = _of_container(
    "info", "Facts about a container, as labels.", "image_spec", "image", "image_id", "container_id"
)
RUNNING = _of_container("status_running", "1 for a container that runs, else 0.")
CONTAINER_READY = _of_container("status_ready", "1 for a container that is ready, else 0.")
RESTARTS = _of_container("status_restarts_total", "Restarts of the container.", kind="counter")
WAITING = _of_container("status_waiting_reason", "1 for the reason why the container waits.", "reason")
TERMINATED = _of_container(
    "status_terminated_reason", "1 for the reason why the container has ended.", "reason", stability="alpha"
)
LAST_REASON = _of_container(
    "status_last_terminated_reason", "1 for the reason of its previous end.", "reason", stability="alpha"
)
LAST_CODE = _of_container(
    "status_last_terminated_exitcode", "Exit code of its previous end.", stability="alpha"
)
LAST_TIME = _of_container(
    "status_last_terminated_timestamp", "Time of its previous end, in seconds since 1970.", stability="alpha"
)
REQUESTS = _of_container(
    "resource_requests", "What the container asks for, in the unit given.", "node", "resource", "unit"
)
LIMITS = _of_container(
    "resource_limits", "What the container may use, in the unit given.", "node", "resource", "unit"
)
FAMILIES = (
    INFO, OWNER, PHASE, READY, REASON, QOS, UNSCHEDULABLE, START, CREATED, CONTAINER_INFO, RUNNING,
    CONTAINER_READY, RESTARTS, WAITING, TERMINATED, LAST_REASON, LAST_CODE, LAST_TIME, REQUESTS, LIMITS,
)  # fmt: skip


def convert(pod: kube_state_wire.Pod, *, before: str = "") -> tuple[bytes, ...]:
    """Return the pod's lines for each of FAMILIES; `before` stands in front of all labels."""
    meta, status = pod.metadata, pod.status
    escape = text.escape
    base = f'{before}namespace="{escape(meta.namespace)}",pod="{escape(meta.name)}",uid="{escape(meta.uid)}"'
    block = kube_state_samples.block
    scheduled = [each for each in status.conditions or () if each.type == "PodScheduled"]
    ready = [each for each in status.conditions or () if each.type == "Ready"]
    unscheduled = any(each.status == "False" for each in scheduled)
    return (
        block(INFO.name, base, {_info(pod): 1}),
        block(OWNER.name, base, _owners(pod)),
        block(
            PHASE.name,
            base,
            kube_state_samples.choice("phase", _PHASES, status.phase) if status.phase else {},
        ),
        block(READY.name, base, kube_state_samples.conditions(ready, status_label="condition", named=False)),
        block(REASON.name, base, _reasons(pod)),
        block(
            QOS.name,
            base,
            kube_state_samples.choice("qos_class", _CLASSES, status.qos_class) if status.qos_class else {},
        ),
        block(UNSCHEDULABLE.name, base, {"": 1} if unscheduled else {}),
        block(START.name, base, kube_state_samples.moment(status.start_time)),
        block(CREATED.name, base, kube_state_samples.moment(meta.creation_timestamp)),
        *_convert_containers(pod, base),
    )


def _convert_containers(pod: kube_state_wire.Pod, base: str) -> tuple[bytes, ...]:
    specs = {each.name: each for each in pod.spec.containers}
    info: dict[str, float] = {}
    running: dict[str, float] = {}
    ready: dict[str, float] = {}
    restarts: dict[str, float] = {}
    waiting: dict[str, float] = {}
    terminated: dict[str, float] = {}
    last: tuple[dict[str, float], dict[str, float], dict[str, float]] = ({}, {}, {})
    for status in pod.status.container_statuses or ():
        name = kube_state_samples.label("container", status.name)
        spec = specs.get(status.name)
        if spec is not None:
            info[name + _images(spec, status)] = 1
        state = status.state
        running[name] = int(state is not None and state.running is not None)
        ready[name] = int(status.ready)
        restarts[name] = status.restart_count
        if state is not None and state.waiting is not None:
            waiting[name + kube_state_samples.label("reason", state.waiting.reason)] = 1
        if state is not None and state.terminated is not None:
            terminated[name + kube_state_samples.label("reason", state.terminated.reason)] = 1
        if status.last_state is not None and status.last_state.terminated is not None:
            ended = status.last_state.terminated
            last[0][name + kube_state_samples.label("reason", ended.reason)] = 1
            last[1][name] = ended.exit_code
            finished = kube_state_samples.read_moment(ended.finished_at)
            if finished is not None:
                last[2][name] = finished
    requests: dict[str, float] = {}
    limits: dict[str, float] = {}
    for spec in pod.spec.containers:
        if spec.resources is not None:
            start = kube_state_samples.label("container", spec.name) + kube_state_samples.label(
                "node", pod.spec.node_name
            )
            requests.update(kube_state_samples.amounts(spec.resources.requests, before=start))
            limits.update(kube_state_samples.amounts(spec.resources.limits, before=start))
    found = (info, running, ready, restarts, waiting, terminated, *last, requests, limits)
    families = FAMILIES[FAMILIES.index(CONTAINER_INFO) :]
    return tuple(
        [
            kube_state_samples.block(each.name, base, samples)
            for each, samples in zip(families, found, strict=True)
        ]
    )


def _info(pod: kube_state_wire.Pod) -> str:
    spec, status = pod.spec, pod.status
    owner = next((each for each in pod.metadata.owner_references or () if each.controller), None)
    pairs = {
        "host_ip": status.host_ip,
        "pod_ip": status.pod_ip,
        "node": spec.node_name,
        "created_by_kind": owner.kind if owner is not None else "",
        "created_by_name": owner.name if owner is not None else "",
        "priority_class": spec.priority_class_name,
        "host_network": "true" if spec.host_network else "false",
    }
    return "," + text.labels(pairs)


def _owners(pod: kube_state_wire.Pod) -> dict[str, float]:
    owners = [
        (each.kind, each.name, "true" if each.controller else "false")
        for each in pod.metadata.owner_references or ()
    ] or [("", "", "")]
    names = ("owner_kind", "owner_name", "owner_is_controller")
    return {"," + text.labels(dict(zip(names, each, strict=True))): 1 for each in owners}


def _reasons(pod: kube_state_wire.Pod) -> dict[str, float]:
    status = pod.status
    said = {status.reason, *(each.reason or "" for each in status.conditions or ())}
    for container in status.container_statuses or ():
        if container.state is not None and container.state.terminated is not None:
            said.add(container.state.terminated.reason or "")
    reasons = [reason for reason in _REASONS if reason in said]
    if status.reason and status.reason not in _REASONS:
        reasons.append("Other")
    return {f',reason="{reason}"': 1 for reason in reasons}


def _images(spec: kube_state_wire.ContainerSpec, status: kube_state_wire.ContainerStatus) -> str:
    pairs = {
        "image_spec": spec.image,
        "image": status.image,
        "image_id": status.image_id,
        "container_id": status.container_id,
    }
    return "," + text.labels(pairs)
