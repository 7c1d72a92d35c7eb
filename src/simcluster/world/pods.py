"""Pods, the states of their containers, and the sets that pods belong to."""

from __future__ import annotations

from typing import NamedTuple

from simcluster import apiobjects
from simcluster.world import json_text, pod_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from simcluster.world import pod_template, topology

_PODS = apiobjects.RESOURCES["pods"]

RUNNING, WAITING, TERMINATED = "running", "waiting", "terminated"


class ContainerState(NamedTuple):
    """The state of one container. Pods share it where their containers are in the same state."""

    kind: str
    started: float = 0.0
    finished: float = 0.0
    reason: str = ""
    message: str = ""
    exit_code: int = 0
    restarts: int = 0
    ready: bool = False
    last: ContainerState | None = None


def running(since: float, *, restarts: int = 0, last: ContainerState | None = None) -> ContainerState:
    """A container that runs and is ready."""
    return ContainerState(RUNNING, started=since, restarts=restarts, last=last, ready=True)


def waiting(
    reason: str, message: str = "", *, restarts: int = 0, last: ContainerState | None = None
) -> ContainerState:
    """A container that waits to run."""
    return ContainerState(WAITING, reason=reason, message=message, restarts=restarts, last=last)


def terminated(
    reason: str, exit_code: int, *, started: float, finished: float, restarts: int = 0
) -> ContainerState:
    """A container that has ended."""
    return ContainerState(
        TERMINATED, reason=reason, exit_code=exit_code, started=started, finished=finished, restarts=restarts
    )


class PodSet:
    """Pods of one template under one controller: a ReplicaSet, StatefulSet, DaemonSet, Job, or nothing.

    `kind` "Node" stands for a static pod (mirror pods are owned by their node), "" for a bare pod.
    """

    __slots__ = (
        "annotations",
        "created",
        "desired",
        "kind",
        "labels",
        "labels_text",
        "name",
        "namespace",
        "pods",
        "revision",
        "salt",
        "template",
        "text",
        "uid",
        "workload",
    )

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        namespace: str,
        uid: str,
        created: float,
        labels: dict[str, str],
        annotations: dict[str, str],
        template: pod_template.PodTemplate,
        workload: Any,
        desired: int,
        revision: int = 1,
    ) -> None:
        self.kind = kind
        self.name = name
        self.namespace = namespace
        self.uid = uid
        self.created = created
        self.labels = labels
        self.annotations = annotations
        self.template = template
        self.workload = workload
        self.desired = desired
        self.revision = revision
        self.pods: dict[str, Pod] = {}
        self.labels_text = json_text.compact(labels)
        self.text: pod_json.Text | None = None  # compiled when the first pod is rendered
        self.salt = json_text.hashed(f"{namespace}/{name}")


class Pod(apiobjects.Item):
    """A pod in one state. Times are epochs in seconds; `deleted` is metadata.deletionTimestamp, 0 if none."""

    __slots__ = (
        "containers",
        "deleted",
        "disrupted",
        "init",
        "ip",
        "lost",
        "message",
        "node",
        "phase",
        "pod_set",
        "ready_at",
        "reason",
        "salt",
        "started",
    )

    def __init__(self, pod_set: PodSet, name: str, *, uid: str, created: float) -> None:
        super().__init__(
            _PODS, name, namespace=pod_set.namespace, uid=uid, labels=pod_set.labels, created=created
        )
        self.pod_set = pod_set
        self.node: topology.Node | None = None
        self.ip = ""
        self.phase = "Pending"
        self.reason = ""
        self.message = ""
        self.started = 0.0
        self.ready_at = created
        self.init: tuple[ContainerState, ...] = ()
        self.containers: tuple[ContainerState, ...] = ()
        self.deleted = 0.0
        self.disrupted = ""
        self.lost = 0.0
        self.salt = int(uid[:8] + uid[24:30], 16)

    def changed(self, **changes: Any) -> Pod:
        """A copy of the pod in another state."""
        other = Pod.__new__(Pod)
        for name in _POD_SLOTS:
            setattr(other, name, getattr(self, name))
        for name, value in changes.items():
            setattr(other, name, value)
        return other

    @property
    def ready(self) -> bool:
        """Whether the Ready condition is true."""
        if self.phase != "Running" or self.lost:
            return False
        return all(state.ready for state in self.containers)

    @property
    def alive(self) -> bool:
        """Whether the pod holds its requests on its node: it has neither succeeded nor failed."""
        return self.phase not in ("Succeeded", "Failed")

    @property
    def fields(self) -> dict[str, str]:
        """The field selectors that the API server supports for pods."""
        template = self.pod_set.template
        host = self.node.ip if template.host_network and self.node is not None and self.started else self.ip
        return {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "spec.nodeName": self.node.name if self.node is not None else "",
            "spec.restartPolicy": template.restart_policy,
            "spec.schedulerName": "default-scheduler",
            "spec.serviceAccountName": pod_json.service_account(self.pod_set),
            "spec.hostNetwork": "true" if template.host_network else "false",
            "status.phase": self.phase,
            "status.podIP": host,
            "status.nominatedNodeName": "",
        }

    def render(self, resource_version: int) -> bytes:
        """The pod as the API server would send it."""
        text = self.pod_set.text
        if text is None:
            text = self.pod_set.text = pod_json.compile_text(self.pod_set)
        return pod_json.render(self, text, resource_version)


_POD_SLOTS = (*apiobjects.Item.__slots__, *Pod.__slots__)
