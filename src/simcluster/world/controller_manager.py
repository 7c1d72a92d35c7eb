"""What is due at each tick of the simulated cluster, and the controllers that keep the counts of workloads.

Actions wait in a heap for their tick, and nothing scans all pods, so that a tick costs what happens in it.
"""

from __future__ import annotations

import heapq

from simcluster.world import node_lifecycle, pod_lifecycle, scenarios, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from simcluster.world import cluster_state as states
    from simcluster.world import pods, topology, workloads

_RETRY = 20  # ticks between two attempts to schedule a pod: five minutes
_FORGET = 4


class ControllerManager:
    """Runs the controllers and scenarios of a state, tick by tick."""

    def __init__(self, state: states.State) -> None:
        self.state = state
        self.now = 0
        self._due: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0
        scenarios.begin(self)
        node_lifecycle.begin(self)
        self.after(_FORGET, self._forget)

    def after(self, ticks: int, action: Callable[..., None], *arguments: Any) -> None:
        """Call `action(*arguments)` so many ticks from now, at least one."""
        self._number += 1
        heapq.heappush(self._due, (self.now + max(1, ticks), self._number, action, arguments))

    def tick(self, number: int) -> None:
        """Call what is due."""
        self.now = number
        due = self._due
        while due and due[0][0] <= number:
            _, _, action, arguments = heapq.heappop(due)
            action(*arguments)

    def _forget(self) -> None:
        self.state.events.forget()
        self.after(_FORGET, self._forget)

    # Pods, by what they are now

    def current(self, pod: pods.Pod) -> pods.Pod | None:
        """The pod's present state; None if it is gone, or another has its name."""
        found = pod.pod_set.pods.get(pod.name)
        return found if found is not None and found.uid == pod.uid else None

    def able(self, pod: pods.Pod) -> pods.Pod | None:
        """The same for what takes a kubelet: None too if the pod is terminating or its node is not ready."""
        found = self.current(pod)
        if found is None or found.deleted or not found.alive:
            return None
        return None if found.node is not None and found.node.lost else found

    def create(self, pod_set: pods.PodSet, *, name: str = "", node: topology.Node | None = None) -> pods.Pod:
        """Create a pod, which will start when it can."""
        pod = pod_lifecycle.admit(self.state, pod_set, name=name, node=node)
        self.after(_RETRY if pod.node is None else 1, self._start, pod)
        return pod

    def _start(self, pod: pods.Pod) -> None:
        found = self.able(pod)
        if found is None or found.phase != "Pending":
            return
        if found.node is None:
            scheduled = pod_lifecycle.schedule(self.state, found)
            if scheduled is None:
                pod_lifecycle.refuse(self.state, found)
            self.after(_RETRY if scheduled is None else 1, self._start, found)
            return
        template = found.pod_set.template
        waits = any(not container.sidecar for container in template.init)
        if waits and not any(state.kind == "running" for state in found.init):
            init, containers = pod_lifecycle.initializing(template, self.state.now)
            self.state.change_pod(found, init=init, containers=containers)
            self.after(scenarios.initial_wait(found), self._start, found)
            return
        if scenarios.unpullable(found):
            init = pod_lifecycle.initialized(template, self.state.now)
            self.state.change_pod(found, init=init)  # the scenario of its workload does the rest
            return
        scenarios.started(self, pod_lifecycle.begin(self.state, found))

    def keep_trying(self, pod: pods.Pod) -> None:
        """Continue with a pod that has not started yet."""
        self.after(_RETRY if pod.node is None else 1, self._start, pod)

    def resume(self, pod: pods.Pod, *, ticks: int) -> None:
        """Let an initialising pod run after so many ticks."""
        self.after(ticks, self._start, pod)

    def delete(self, pod: pods.Pod, *, disrupted: str = "", ticks: int = 0) -> None:
        """Terminate the pod; it is removed after its grace period, or after `ticks`."""
        found = self.current(pod)
        if found is None or found.deleted:
            return
        pod_lifecycle.delete(self.state, found, disrupted=disrupted)
        grace = found.pod_set.template.grace
        self.after(ticks or max(1, int(min(grace, 45) / usage.TICK)), self.remove, found)

    def remove(self, pod: pods.Pod) -> None:
        """Remove the pod, unless its kubelet is down and cannot confirm it."""
        found = self.current(pod)
        if found is None:
            return
        if found.node is not None and found.node.lost:
            self.after(_RETRY, self.remove, found)
            return
        self.state.remove_pod(found)
        self.reconcile(found.pod_set.workload)

    # Controllers

    def reconcile(self, workload: workloads.Workload) -> None:
        """Create missing pods and delete surplus ones, as the workload's controller would."""
        for pod_set in workload.sets:
            if workload.kind == "Deployment":
                self._replicas(pod_set)
            elif workload.kind == "StatefulSet":
                for index in range(pod_set.desired):
                    name = f"{pod_set.name}-{index}"
                    if name not in pod_set.pods:
                        self.create(pod_set, name=name)
            elif workload.kind == "DaemonSet":
                self._agents(pod_set)

    def _replicas(self, pod_set: pods.PodSet) -> None:
        standing = [pod for pod in pod_set.pods.values() if pod.alive and not pod.deleted]
        for _ in range(pod_set.desired - len(standing)):
            pod = self.create(pod_set)
            self.state.events.record(
                "ReplicaSet",
                pod_set,
                "SuccessfulCreate",
                f"Created pod: {pod.name}",
                source="replicaset-controller",
            )
        if len(standing) > pod_set.desired:
            surplus = sorted(standing, key=lambda pod: (-pod.created, pod.name))
            for pod in surplus[: len(standing) - pod_set.desired]:
                self.delete(pod)

    def _agents(self, pod_set: pods.PodSet) -> None:
        wanted = pod_set.template.pool
        there = {pod.node.name for pod in pod_set.pods.values() if pod.node is not None}
        for node in self.state.nodes:
            if node.name not in there and (not wanted or node.pool.name == wanted) and not node.lost:
                self.create(pod_set, node=node)
