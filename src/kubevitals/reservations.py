"""What the pods of each node reserve and may use together. Pure."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from kubevitals import model

_LASTING = (None, "container", "sidecar")  # types of containers that run as long as their pod does


class Reserved:
    """The sums of one node: its pods, their requests, and the limits they have."""

    __slots__ = ("cpu_limits", "cpu_requests", "memory_limits", "memory_requests", "pods")

    def __init__(self) -> None:
        self.pods = 0
        self.cpu_requests: list[float] = []
        self.cpu_limits: list[float] = []
        self.memory_requests = 0
        self.memory_limits = 0

    def add_limits(self, pod: model.Pod) -> None:
        """Add the pod's limit; of one that is not bounded as a whole, the limits its containers do have.

        `kubectl describe node` counts so too.
        """
        cpu, memory = pod.cpu_limit_cores, pod.memory_limit_bytes
        self.cpu_limits += (
            [cpu]
            if cpu is not None
            else [
                each.cpu_limit_cores
                for each in pod.containers
                if each.cpu_limit_cores is not None and each.type in _LASTING
            ]
        )
        self.memory_limits += (
            memory
            if memory is not None
            else sum(
                each.memory_limit_bytes
                for each in pod.containers
                if each.memory_limit_bytes is not None and each.type in _LASTING
            )
        )


def sum_by_node(pods: Iterable[model.Pod]) -> dict[str, Reserved]:
    """Return the sums by the node's name; pods that have ended hold nothing."""
    held: dict[str, Reserved] = {}
    for pod in pods:
        if pod.node is None or pod.terminated:
            continue
        of_node = held.get(pod.node)
        if of_node is None:
            of_node = held[pod.node] = Reserved()
        of_node.pods += 1
        if pod.cpu_request_cores:
            of_node.cpu_requests.append(pod.cpu_request_cores)
        of_node.memory_requests += pod.memory_request_bytes or 0
        of_node.add_limits(pod)
    return held


def with_sums(node: model.Node, held: Reserved | None) -> model.Node:
    """Return the node with the sums over its pods; here nothing is unknown: no request is a sum of 0."""
    held = held or Reserved()
    return node._replace(
        pods=held.pods,
        cpu_request_cores=round(math.fsum(held.cpu_requests), 9),
        cpu_limit_cores=round(math.fsum(held.cpu_limits), 9),
        memory_request_bytes=held.memory_requests,
        memory_limit_bytes=held.memory_limits,
    )
