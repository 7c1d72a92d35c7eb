"""The state of the simulated cluster: nodes, workloads, pods and other objects, and the ways to change it.

Each change is recorded for the API server.
"""

from __future__ import annotations

import random

from simcluster import apiobjects
from simcluster.world import event_recorder, json_text, manifests, pods, scheduler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Literal

    from simcluster.world import topology, workloads

ADDED: Literal["ADDED"] = "ADDED"
MODIFIED: Literal["MODIFIED"] = "MODIFIED"
DELETED: Literal["DELETED"] = "DELETED"


class State:
    """All objects. `now` is the epoch of the present tick."""

    def __init__(self, *, seed: int, start: float) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a simulation wants to repeat itself
        self.now = start
        self.start = start
        self.nodes: list[topology.Node] = []
        self.workloads: list[workloads.Workload] = []
        self.documents: dict[tuple[str, str, str], manifests.Manifest] = {}
        self.events = event_recorder.EventRecorder(self)
        self.scheduler = scheduler.Scheduler()
        self.changes: list[apiobjects.Change] = []
        self.live = False  # while the world is being built nothing is a change
        self._stirred: dict[str, workloads.Workload] = {}

    def uid(self) -> str:
        """A new random UUID."""
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"

    def suffix(self, length: int) -> str:
        """Letters for a generated name."""
        return "".join(self.random.choices(json_text.ALPHABET, k=length))

    def items(self) -> Iterator[apiobjects.Item]:
        """All objects."""
        yield from self.documents.values()
        yield from self.every_pod()

    def every_pod(self) -> Iterator[pods.Pod]:
        """All pods."""
        for workload in self.workloads:
            for pod_set in workload.sets:
                yield from pod_set.pods.values()

    def _tell(self, what: Literal["ADDED", "MODIFIED", "DELETED"], item: apiobjects.Item) -> None:
        if self.live:
            self.changes.append(apiobjects.Change(what, item))

    # Pods

    def new_pod(self, pod_set: pods.PodSet, *, name: str = "", created: float | None = None) -> pods.Pod:
        """A new pod of the set; `add_pod` makes it part of the cluster."""
        while not name or name in pod_set.pods:
            name = f"{pod_set.name}-{self.suffix(5)}"
        pod = pods.Pod(pod_set, name, uid=self.uid(), created=self.now if created is None else created)
        if pod_set.kind == "StatefulSet":
            index = name.rpartition("-")[2]
            extra = {"apps.kubernetes.io/pod-index": index, "statefulset.kubernetes.io/pod-name": name}
            pod.labels = {**pod_set.labels, **extra}
        return pod

    def add_pod(self, pod: pods.Pod, *, node: topology.Node | None) -> None:
        """Add the pod, on `node` or unscheduled."""
        pod_set = pod.pod_set
        pod_set.pods[pod.name] = pod
        if node is not None:
            pod.node = node
            if not pod_set.template.host_network and not pod.ip:
                pod.ip = node.address()
            node.pods[pod.uid] = pod
            if pod.alive:
                self.scheduler.reserve(pod)
        self._mark_owner_changed(pod_set)
        self._tell(ADDED, pod)

    def change_pod(self, pod: pods.Pod, **changes: Any) -> pods.Pod:
        """Replace the pod by a copy in another state, and return the copy."""
        after = pod.changed(**changes)
        if after.node is not None:
            if pod.node is None:
                if not pod.pod_set.template.host_network:
                    after.ip = after.node.address()
                self.scheduler.reserve(after)
            elif pod.alive and not after.alive:
                self.scheduler.release(pod)
            after.node.pods[pod.uid] = after
        pod.pod_set.pods[pod.name] = after
        self._mark_owner_changed(pod.pod_set)
        self._tell(MODIFIED, after)
        return after

    def remove_pod(self, pod: pods.Pod) -> None:
        """Remove the pod."""
        pod = pod.pod_set.pods.pop(pod.name)
        if pod.node is not None:
            del pod.node.pods[pod.uid]
            if pod.alive:
                self.scheduler.release(pod)
        self._mark_owner_changed(pod.pod_set)
        self._tell(DELETED, pod)

    # Other objects

    def put(self, document: manifests.Manifest) -> None:
        """Add the object, or replace its earlier state."""
        key = (document.resource.key, document.namespace, document.name)
        known = key in self.documents
        self.documents[key] = document
        self._tell(MODIFIED if known else ADDED, document)

    def drop(self, resource: str, namespace: str, name: str) -> None:
        """Remove the object, if it exists."""
        document = self.documents.pop((resource, namespace, name), None)
        if document is not None:
            self._tell(DELETED, document)

    def uid_of(self, resource: str, namespace: str, name: str) -> str:
        """The uid of the object if it exists, else a new one."""
        document = self.documents.get((resource, namespace, name))
        return self.uid() if document is None else document.uid

    def _mark_owner_changed(self, pod_set: pods.PodSet) -> None:
        """Remember that the counts of the pod's owner have changed."""
        self._stirred[pod_set.workload.uid] = pod_set.workload

    def mark_changed(self, workload: workloads.Workload) -> None:
        """Remember that the workload has changed."""
        self._stirred[workload.uid] = workload

    def update_owners(self) -> None:
        """Update the owners of what has changed: their status, endpoint slices and autoscalers."""
        stirred, self._stirred = self._stirred, {}
        for workload in stirred.values():
            for document in workload.objects(self):
                before = self.documents.get((document.resource.key, document.namespace, document.name))
                if before is None or not before.same_as(document):
                    self.put(document)
