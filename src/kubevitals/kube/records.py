"""Wire objects to the model's records, without usage: what a pod and a node are, ask for and may use. Pure.

A bad quantity in one object costs that number and is named in a problem; it never costs the list.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors, model, quantity, sanitize
from kubevitals.kube import podresources, podstatus, timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from kubevitals.kube import objects

_NO_LABELS: Mapping[str, str] = {}
_MESSAGE = 500  # characters of a kubelet's message
_ROLE_PREFIX = "node-role.kubernetes.io/"


_END = operator.attrgetter("last_termination_at")
if TYPE_CHECKING:
    # node, ip, app, workload kind and name, phase: what a pod and its containers have in common
    _Place = tuple[str | None, str | None, str | None, str | None, str | None, str | None]


Owner = tuple[str, str]  # kind, name


class Metadata(NamedTuple):
    """An object by its name, and what controls it."""

    namespace: str
    name: str
    owner: Owner | None


class Reader:
    """Turns wire objects of one list into records; equal label sets are kept once; `problems` collects."""

    __slots__ = ("_label_sets", "problems")

    def __init__(self) -> None:
        self._label_sets: dict[tuple[tuple[str, str], ...], Mapping[str, str]] = {}
        self.problems: list[model.Problem] = []

    def read_pod(self, pod: objects.Pod) -> model.Pod:
        """Return the pod's record with its containers, all usage unknown."""
        meta, spec, state = pod.metadata, pod.spec, pod.status
        labels = self._share(meta.labels)
        app = labels.get("app") or labels.get("app.kubernetes.io/name")
        place = (spec.node_name, state.pod_ip, app, *find_workload(meta, labels), state.phase)
        created_at = _parse_time(meta.creation_timestamp)
        containers = [
            self._read_container(container, status, pod, kind=kind, place=place, created_at=created_at)
            for kind, container, status in _present_containers(pod)
        ]
        health = podstatus.describe_health(pod)
        reason = state.reason or next((each.reason for each in containers if each.reason), None)
        if reason is None:
            reason = _init_reason(health.status) or _unscheduled_reason(state)
        ended = [each for each in containers if each.last_termination_at is not None]
        last = max(ended, key=_END) if ended else None
        request = self._amounts(meta, podresources.sum_requests, pod)
        limit = self._amounts(meta, podresources.sum_limits, pod)
        return model.Pod(
            meta.namespace,
            meta.name,
            meta.uid,
            *place,
            health.status,
            reason,
            _is_ready(state),
            health.containers_ready,
            health.containers_total,
            health.restarts,
            state.qos_class,
            created_at,
            labels,
            last.last_termination_reason if last is not None else None,
            last.last_termination_exit_code if last is not None else None,
            last.last_termination_at if last is not None else None,
            request[0],
            limit[0],
            request[1],
            limit[1],
            _parse_time(meta.deletion_timestamp),
            _resize(state),
            containers=tuple(containers),
        )

    def _read_container(
        self,
        container: objects.ContainerSpec,
        status: objects.ContainerStatus | None,
        pod: objects.Pod,
        *,
        kind: str,
        place: _Place,
        created_at: datetime | None,
    ) -> model.Container:
        meta = pod.metadata
        word, why = _describe_state(status) if status is not None else (None, None)
        ended = _last_termination(status) if status is not None else None
        request = self._amounts(meta, podresources.container_requests, container, status, pod)
        limit = self._amounts(meta, podresources.container_limits, container, status)
        return model.Container(
            meta.namespace,
            meta.name,
            container.name,
            meta.uid,
            *place,
            word,
            why,
            status.ready if status is not None else None,
            status.restart_count if status is not None else None,
            pod.status.qos_class,
            created_at,
            ended.reason if ended is not None else None,
            ended.exit_code if ended is not None else None,
            _parse_time(ended.finished_at) if ended is not None else None,
            request[0],
            limit[0],
            request[1],
            limit[1],
            kind,
            _message(status) if status is not None else None,
        )

    def read_node(self, node: objects.Node) -> model.Node:
        """Return the node's record, usage and the sums over its pods unknown."""
        meta, state = node.metadata, node.status
        labels = self._share(meta.labels)
        ready = next((each.status for each in state.conditions or () if each.type == "Ready"), None)
        status = {"True": "Ready", None: "Unknown"}.get(ready, "NotReady")
        allocatable = self._amounts(meta, podresources.parse_amounts, state.allocatable)
        capacity = self._amounts(meta, podresources.parse_amounts, state.capacity)
        return model.Node(
            name=meta.name,
            ready=None if ready is None else ready == "True",
            status=f"{status},SchedulingDisabled" if node.spec.unschedulable else status,
            roles=_read_roles(labels),
            unschedulable=node.spec.unschedulable,
            conditions=tuple(
                model.Condition(
                    each.type,
                    each.status,
                    each.reason,
                    each.message,
                    _parse_time(each.last_transition_time),
                )
                for each in state.conditions or ()
            ),
            taints=tuple(model.Taint(each.key, each.value, each.effect) for each in node.spec.taints or ()),
            labels=labels,
            ip=next((each.address for each in state.addresses or () if each.type == "InternalIP"), None),
            addresses=tuple(dict.fromkeys(each.address for each in state.addresses or () if each.address)),
            provider_id=node.spec.provider_id or None,
            created_at=_parse_time(meta.creation_timestamp),
            pods_allocatable=self._count(state.allocatable, meta),
            cpu_allocatable_cores=allocatable[0],
            cpu_capacity_cores=capacity[0],
            memory_allocatable_bytes=allocatable[1],
            memory_capacity_bytes=capacity[1],
        )

    def read_metadata(self, wire: objects.PartialObject) -> Metadata:
        """Return an object's name, and what controls it."""
        meta = wire.metadata
        owner = next((each for each in meta.owner_references or () if each.controller), None)
        return Metadata(meta.namespace, meta.name, None if owner is None else (owner.kind, owner.name))

    def _share(self, labels: dict[str, str] | None) -> Mapping[str, str]:
        if not labels:
            return _NO_LABELS
        return self._label_sets.setdefault(tuple(labels.items()), labels)

    def _amounts(
        self, meta: objects.ObjectMeta, amounts_of: Callable[..., podresources.Amounts], *given: object
    ) -> podresources.Amounts:
        """Return what `amounts_of` makes of what is given; a bad quantity is a problem of this object."""
        try:
            return amounts_of(*given)
        except errors.QuantityError as error:
            self._complain(error, meta)
            return podresources.UNDECLARED

    def _count(self, resources: objects.ResourceList | None, meta: objects.ObjectMeta) -> int | None:
        if resources is None or resources.pods is None:
            return None
        try:
            return quantity.parse_memory(str(resources.pods))
        except errors.QuantityError as error:
            self._complain(error, meta)
            return None

    def _complain(self, error: errors.QuantityError, meta: objects.ObjectMeta) -> None:
        subject = f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name
        problem = model.Problem(error.code, f"{subject}: {error.message}", object=subject)
        if problem not in self.problems:
            self.problems.append(problem)


def _present_containers(
    pod: objects.Pod,
) -> list[tuple[str, objects.ContainerSpec, objects.ContainerStatus | None]]:
    """Return the containers that a pod has now, each with its type and status.

    Those that run as long as the pod come first, sidecars behind the ordinary ones. An init container is
    there while it runs or fails, an ephemeral one while it runs: before and after it uses nothing.
    """
    spec, state = pod.spec, pod.status
    statuses = {each.name: each for each in state.container_statuses or ()}
    found = [("container", each, statuses.get(each.name)) for each in spec.containers]
    if spec.init_containers:
        statuses = {each.name: each for each in state.init_container_statuses or ()}
        begun = [(each, statuses.get(each.name)) for each in spec.init_containers]
        found += [("sidecar", each, status) for each, status in begun if each.restart_policy == "Always"]
        found += [
            ("init", each, status)
            for each, status in begun
            if each.restart_policy != "Always" and status is not None and _runs_or_fails(status)
        ]
    if spec.ephemeral_containers:
        statuses = {each.name: each for each in state.ephemeral_container_statuses or ()}
        found += [
            ("ephemeral", each, status)
            for each in spec.ephemeral_containers
            if (status := statuses.get(each.name)) is not None and _runs(status)
        ]
    return found


def _runs(status: objects.ContainerStatus) -> bool:
    return status.state is not None and status.state.running is not None


def _runs_or_fails(status: objects.ContainerStatus) -> bool:
    """Return whether an init container is at work, or has not come to a good end."""
    state = status.state
    if state is None:
        return False
    if state.terminated is not None:
        return state.terminated.exit_code != 0
    if state.waiting is not None:
        return state.waiting.reason not in (None, "PodInitializing")
    return state.running is not None


def find_workload(meta: objects.ObjectMeta, labels: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Return kind and name of what controls the object, as far as the object itself tells.

    The Deployment controller names a ReplicaSet after its Deployment and the pod-template-hash, and writes
    the hash on the pods: those need no look-up of the ReplicaSet. Jobs and other ReplicaSets do
    (owners.py); a pod of its own gives (None, None), and so does a static one: the Node that owns it is no
    workload.
    """
    for owner in meta.owner_references or ():
        if owner.controller and owner.kind != "Node":
            if owner.kind == "ReplicaSet":
                template_hash = labels.get("pod-template-hash")
                if template_hash and owner.name.endswith("-" + template_hash):
                    return "Deployment", owner.name[: -len(template_hash) - 1]
            return owner.kind, owner.name
    return None, None


def _parse_time(text: str | None) -> datetime | None:
    """Return the moment, or None where there is none or it cannot be read: a date never costs a row."""
    if text is None:
        return None
    try:
        return timestamps.parse_time(text)
    except errors.DecodingError:
        return None


def _describe_state(status: objects.ContainerStatus) -> tuple[str | None, str | None]:
    """Return (word for the state, reason if it does not run)."""
    state = status.state
    if state is None:
        return None, None
    if state.running is not None:
        return "Running", None
    if state.waiting is not None:
        return state.waiting.reason or "Waiting", state.waiting.reason
    if state.terminated is not None:
        return state.terminated.reason or "Terminated", state.terminated.reason
    return None, None


def _last_termination(status: objects.ContainerStatus) -> objects.Terminated | None:
    state, before = status.state, status.last_state
    if state is not None and state.terminated is not None:
        return state.terminated
    return before.terminated if before is not None else None


def _message(status: objects.ContainerStatus) -> str | None:
    """Return the kubelet's own words on why a container waits, without credentials.

    Those on one that has ended are the program's own, perhaps the end of its log: they are not for everybody.
    """
    waiting = status.state.waiting if status.state is not None else None
    return sanitize.excerpt(waiting.message, _MESSAGE) if waiting is not None and waiting.message else None


def _resize(state: objects.PodStatus) -> str | None:
    """Return how far a resize in place is: Deferred or Infeasible, InProgress or Error; None without one."""
    for condition in state.conditions or ():
        if condition.status == "True":
            if condition.type == "PodResizePending":
                return condition.reason or "Deferred"
            if condition.type == "PodResizeInProgress":
                return condition.reason or "InProgress"
    return None


def _is_ready(state: objects.PodStatus) -> bool | None:
    return next((each.status == "True" for each in state.conditions or () if each.type == "Ready"), None)


def _init_reason(status: str) -> str | None:
    """Return the reason within "Init:CrashLoopBackOff"; "Init:0/2" is progress, not a reason."""
    reason = status.removeprefix("Init:")
    return reason if reason != status and "/" not in reason else None


def _unscheduled_reason(state: objects.PodStatus) -> str | None:
    return next(
        (
            each.reason
            for each in state.conditions or ()
            if each.type == "PodScheduled" and each.status == "False"
        ),
        None,
    )


def _read_roles(labels: Mapping[str, str]) -> tuple[str, ...]:
    roles = {key[len(_ROLE_PREFIX) :] for key in labels if key.startswith(_ROLE_PREFIX)}
    if legacy := labels.get("kubernetes.io/role"):
        roles.add(legacy)
    return tuple(sorted(roles - {""}))
