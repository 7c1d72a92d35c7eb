"""The template of a workload's pods: containers, what they request, and how they behave."""

from __future__ import annotations

from typing import NamedTuple

from simcluster.world import json_text


class Container(NamedTuple):
    """A container. `cpu` and `memory` are (request, limit, usual usage) in millicores and MiB.

    0 is undeclared. `rhythm` is how its CPU follows the hour: "daily", "nightly" or "flat". `leak_minutes`:
    from start to the memory limit, 0 if it does not leak. `sidecar`: an init container that goes on
    (restartPolicy Always).
    """

    name: str
    image: str
    cpu: tuple[int, int, int] = (0, 0, 20)
    memory: tuple[int, int, int] = (0, 0, 40)
    rhythm: str = "flat"
    leak_minutes: int = 0
    port: int = 0
    arguments: tuple[str, ...] = ()
    sidecar: bool = False
    gpu: int = 0

    @property
    def image_id(self) -> str:
        """The image by its digest."""
        return f"{self.image.rsplit(':', 1)[0]}@sha256:{json_text.digest(self.image)}"


class PodTemplate(NamedTuple):
    """What all pods of one workload share. Requests are millicores and bytes."""

    containers: tuple[Container, ...]
    init: tuple[Container, ...] = ()
    overhead: tuple[int, int] = (0, 0)
    """Millicores and MiB of the runtime class."""
    pod_resources: tuple[int, int, int, int] | None = None
    """Resources of the pod as a whole: CPU request and limit (millicores), memory request and limit (MiB)."""
    runtime_class: str = ""
    pool: str = ""
    """The node pool it asks for by nodeSelector; "" runs anywhere."""
    everywhere: bool = False
    """Tolerates every taint, as node agents do."""
    host_network: bool = False
    priority_class: str = ""
    restart_policy: str = "Always"
    grace: int = 30
    volume: str = ""
    """A persistentVolumeClaim template's name, for stateful sets."""
    user: int = 10001

    @property
    def all_containers(self) -> tuple[Container, ...]:
        """The containers that keep running: sidecars first, in the order in which the kubelet starts them."""
        return (*(container for container in self.init if container.sidecar), *self.containers)

    @property
    def cpu_request(self) -> int:
        """Millicores, by the scheduler's rule."""
        return self._effective(0, 0) + self.overhead[0]

    @property
    def memory_request(self) -> int:
        """Bytes, by the scheduler's rule."""
        return (self._effective(1, 0) + self.overhead[1]) * json_text.MEBIBYTE

    @property
    def gpu_request(self) -> int:
        """Whole GPUs."""
        return sum(container.gpu for container in self.containers)

    def _effective(self, resource: int, side: int) -> int:
        """The larger of what runs together and of each init container with the sidecars started before it."""
        if self.pod_resources is not None and self.pod_resources[resource * 2 + side]:
            return self.pod_resources[resource * 2 + side]
        amounts = [(c.cpu, c.memory)[resource][side] for c in self.containers]
        running = 0
        peak = 0
        for container in self.init:
            amount = (container.cpu, container.memory)[resource][side]
            if container.sidecar:
                running += amount
                peak = max(peak, running)
            else:
                peak = max(peak, running + amount)
        return max(peak, running + sum(amounts))

    @property
    def qos(self) -> str:
        """The QoS class by Kubernetes' rule."""
        if self.pod_resources is not None:
            cpu_request, cpu_limit, memory_request, memory_limit = self.pod_resources
            guaranteed = 0 < cpu_request == cpu_limit and 0 < memory_request == memory_limit
            return "Guaranteed" if guaranteed else "Burstable"
        every = (*self.init, *self.containers)
        if not any(any(c.cpu[:2]) or any(c.memory[:2]) for c in every):
            return "BestEffort"
        same = all(0 < c.cpu[0] == c.cpu[1] and 0 < c.memory[0] == c.memory[1] for c in every)
        return "Guaranteed" if same else "Burstable"
