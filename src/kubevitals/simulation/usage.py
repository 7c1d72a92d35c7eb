"""What containers and nodes use, as metrics-server would have seen it at its last scrape.

A pure function of the state and the number of the 15-second tick: daily rhythm, bursts, leaks and noise come
from hashes, so that any moment can be asked for in any order. CPU in nanocores, memory in KiB.
"""

from __future__ import annotations

import math

from kubevitals.simulation import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.simulation import blueprint as blueprints
    from kubevitals.simulation import pods, topology

TICK = 15.0
FRESH = 30.0  # metrics-server needs two scrapes of every container
_MASK = (1 << 64) - 1


def noise(salt: int, number: int) -> float:
    """A number in [0, 1) that depends on both arguments alone."""
    mixed = (salt ^ (number * 0x9E3779B97F4A7C15)) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((mixed >> 11) & 0x1FFFFFFFFFFFFF) / 9007199254740992.0


def smooth(salt: int, position: float) -> float:
    """Noise that moves gently with `position`."""
    cell = math.floor(position)
    part = position - cell
    part = part * part * (3 - 2 * part)
    return noise(salt, cell) * (1 - part) + noise(salt, cell + 1) * part


def daily(epoch: float) -> float:
    """How busy people are: from 0.3 at four in the morning to 1.0 at four in the afternoon, UTC."""
    return 0.65 - 0.35 * math.cos((epoch % 86400 / 3600 - 4) * math.pi / 12)


def leak_seconds(container: blueprints.Container, salt: int) -> float:
    """How long a leaking container takes from its start to its memory limit."""
    return container.leak_minutes * 60.0 * (0.9 + 0.2 * noise(salt, 77))


class Shape:
    """A container's behaviour at one tick, the same for all pods of its set."""

    __slots__ = ("busy", "cpu", "cpu_limit", "leak", "memory", "memory_limit", "name")

    def __init__(self, container: blueprints.Container, *, salt: int, epoch: float, mood: str) -> None:
        self.name = container.name
        salt ^= len(container.name) * 7919
        rhythm = daily(epoch)
        if container.rhythm == "nightly":
            rhythm = 1.3 - rhythm
        elif container.rhythm == "flat":
            rhythm = 0.9
        swing = 0.75 + 0.4 * smooth(salt, epoch / 420)
        burst = 1.8 if noise(salt + 1, int(epoch // 300)) > 0.93 else 1.0
        level = 1.6 if mood == "above-request" else 1.0
        self.cpu = container.cpu[2] * rhythm * swing * burst * level * 1e6
        self.cpu_limit = container.cpu[1] * 1e6
        self.memory = container.memory[2] * 1024.0
        self.memory_limit = container.memory[1] * 1024.0 * 0.985
        if mood == "near-limit":
            self.memory = container.memory[1] * 1024.0 * (0.9 + 0.05 * smooth(salt + 2, epoch / 900))
        elif mood == "above-request":
            self.memory = container.memory[0] * 1024.0 * 1.25
        else:
            self.memory *= 0.92 + 0.12 * smooth(salt + 3, epoch / 1500)
        self.leak = container.leak_minutes * 60.0
        self.busy = container


def _shapes(pod_set: pods.PodSet, epoch: float) -> list[Shape]:
    """One shape a lasting container: sidecars first."""
    return [
        Shape(container, salt=pod_set.salt, epoch=epoch, mood=pod_set.workload.entry.mood)
        for container in pod_set.blueprint.all_containers
    ]


class Meter:
    """The last scrape, kept until the next tick or change."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._seen: tuple[int, int] | None = None
        self._nodes: list[records.NodeUsage] = []
        self._pods: list[records.PodUsage] = []

    def read(
        self, nodes: list[topology.Node], now: float, *, turn: int
    ) -> tuple[list[records.NodeUsage], list[records.PodUsage]]:
        """Usage of nodes and pods at the last scrape before `now`; `turn` counts the state's changes."""
        tick = math.floor((now - self._start) / TICK)
        if self._seen != (tick, turn):
            self._scrape(nodes, tick)
            self._seen = (tick, turn)
        return self._nodes, self._pods

    def _scrape(self, nodes: list[topology.Node], tick: int) -> None:
        epoch = self._start + tick * TICK
        shapes: dict[int, list[Shape]] = {}
        node_usage = []
        pod_usage = []
        for node in nodes:
            if node.lost:
                continue
            rows = []
            cpu = memory = 0
            for pod in node.pods.values():
                if pod.phase != "Running":
                    continue
                key = id(pod.pod_set)
                known = shapes.get(key)
                if known is None:
                    known = shapes[key] = _shapes(pod.pod_set, epoch)
                containers = _pod(pod, known, epoch, tick=tick)
                if containers is None:
                    continue
                for _, container_cpu, container_memory in containers:
                    cpu += container_cpu
                    memory += container_memory
                rows.append((pod, containers))
            own = noise(node.salt, tick)
            overhead = int((35 + len(node.pods) * 0.9) * (0.8 + 0.5 * own) * 1e6)
            system = int((430 + len(node.pods) * 5) * 1024 * (0.97 + 0.06 * smooth(node.salt, epoch / 1200)))
            cpu_room = int(node.capacity_cpu * 0.97e6) - overhead
            memory_room = int(node.capacity_memory / 1024 * 0.95) - system
            if cpu > cpu_room or memory > memory_room:  # contention: everyone gets less
                share = min(1.0, cpu_room / cpu if cpu else 1.0)
                packed = min(1.0, memory_room / memory if memory else 1.0)
                rows = [
                    (pod, [(name, int(used * share), int(kept * packed)) for name, used, kept in containers])
                    for pod, containers in rows
                ]
                cpu, memory = min(cpu, cpu_room), min(memory, memory_room)
            stamp = epoch - 5.5 * own
            window = TICK - 5.5 * own + 5.5 * noise(node.salt, tick - 1)
            node_usage.append(
                records.NodeUsage(
                    node.name,
                    labels=node.labels,
                    timestamp=stamp,
                    window=window,
                    cpu_nanocores=cpu + overhead,
                    memory_kibibytes=memory + system,
                )
            )
            for pod, containers in rows:
                late = 5.5 * noise(pod.salt, tick)
                pod_usage.append(
                    records.PodUsage(
                        pod.namespace,
                        pod.name,
                        labels=pod.labels,
                        timestamp=epoch - late,
                        window=TICK - late + 5.5 * noise(pod.salt, tick - 1),
                        containers=containers,
                    )
                )
        self._nodes = node_usage
        self._pods = pod_usage


def _pod(
    pod: pods.Pod, shapes: list[Shape], epoch: float, *, tick: int
) -> list[tuple[str, int, int]] | None:
    """Its containers' usage, or None if metrics-server has nothing on the pod."""
    states = pod.containers
    if pod.init:
        sidecars = [
            state
            for container, state in zip(pod.pod_set.blueprint.init, pod.init, strict=True)
            if container.sidecar
        ]
        if sidecars:
            states = (*sidecars, *states)
    result = []
    salt = pod.salt
    for shape, state in zip(shapes, states, strict=True):
        if state.kind != "running":
            continue
        age = epoch - state.started
        if age < FRESH:
            return None
        salt += 104729
        mixed = noise(salt, tick)
        cpu = int(shape.cpu * (0.82 + 0.36 * mixed))
        if 0 < shape.cpu_limit < cpu:
            cpu = int(shape.cpu_limit)
        memory = shape.memory * (0.97 + 0.05 * noise(salt, tick >> 4) + 0.005 * mixed)
        if shape.leak:
            duration = leak_seconds(shape.busy, pod.salt)
            full = shape.busy.memory[1] * 1024.0
            memory = shape.memory + (full - shape.memory) * min(age / duration, 1.0) * 0.98
        if 0 < shape.memory_limit < memory:
            memory = shape.memory_limit
        result.append((shape.name, cpu, int(memory)))
    return result or None
