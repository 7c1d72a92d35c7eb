"""The scheduler: places pods on nodes that can hold their requests, on one node after the other."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster.world import pod_template, pods, topology


class Scheduler:
    """Places pods on one node after the other, so that placing a pod costs the same in clusters of
    every size.
    """

    def __init__(self) -> None:
        self._candidates: dict[str, list[topology.Node]] = {}
        self._cursors: dict[str, int] = {}
        self._hopeless: set[tuple[str, int, int, int]] = set()
        self.unaware = False  # while the past is being built: of a node's silence it did not know yet
        self._costs: dict[int, tuple[pod_template.PodTemplate, int, int, int]] = {}

    def open(self, nodes: list[topology.Node]) -> None:
        """Start with these nodes."""
        self._candidates[""] = [node for node in nodes if not node.tainted] or nodes
        for node in nodes:
            self._candidates.setdefault(node.pool.name, []).append(node)

    def cost(self, template: pod_template.PodTemplate) -> tuple[int, int, int]:
        """A pod's requests by the scheduler's rule: millicores, bytes, GPUs."""
        known = self._costs.get(id(template))
        if known is None:
            known = (template, template.cpu_request, template.memory_request, template.gpu_request)
            self._costs[id(template)] = known
        return known[1:]

    def find(self, template: pod_template.PodTemplate) -> topology.Node | None:
        """A node that has room, or None."""
        candidates = self._candidates.get(template.pool, [])
        cpu, memory, gpus = self.cost(template)
        wish = (template.pool, cpu, memory, gpus)
        if wish in self._hopeless:
            return None
        cursor = self._cursors.get(template.pool, 0)
        for step in range(len(candidates)):
            node = candidates[(cursor + step) % len(candidates)]
            if (self.unaware or not node.lost) and node.fits(cpu, memory, gpus=gpus):
                self._cursors[template.pool] = (cursor + step + 1) % len(candidates)
                return node
        self._hopeless.add(wish)
        return None

    def reserve(self, pod: pods.Pod) -> None:
        """Reserve the pod's requests on its node."""
        assert pod.node is not None
        cpu, memory, gpus = self.cost(pod.pod_set.template)
        pod.node.reserve(cpu, memory, gpus=gpus)

    def release(self, pod: pods.Pod) -> None:
        """Release the pod's requests."""
        assert pod.node is not None
        cpu, memory, gpus = self.cost(pod.pod_set.template)
        pod.node.reserve(-cpu, -memory, gpus=-gpus)
        self._hopeless.clear()

    def reopen(self) -> None:
        """A node is ready again: try pods again that had no room."""
        self._hopeless.clear()

    def refusal(self, nodes: list[topology.Node], template: pod_template.PodTemplate) -> str:
        """The text of a FailedScheduling event."""
        cpu, memory, gpus = self.cost(template)
        counts: dict[str, int] = {}
        for node in nodes:
            if node.lost or (node.tainted and node.pool.name != template.pool):
                reason = "node(s) had untolerated taint(s)"
            elif template.pool and node.pool.name != template.pool:
                reason = "node(s) didn't match Pod's node affinity/selector"
            elif node.requested_cpu + cpu > node.allocatable_cpu:
                reason = "Insufficient cpu"
            elif node.requested_memory + memory > node.allocatable_memory:
                reason = "Insufficient memory"
            elif node.requested_gpus + gpus > node.gpus:
                reason = "Insufficient nvidia.com/gpu"
            else:
                reason = "Too many pods"
            counts[reason] = counts.get(reason, 0) + 1
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
        none = f"0/{len(nodes)} nodes are available"
        return f"{none}: {told}. preemption: {none}: {len(nodes)} Preemption is not helpful for scheduling."
