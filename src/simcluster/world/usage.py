"""What containers and nodes use, as metrics-server would have seen it at its last scrape.

It is a pure function of the state and the number of the 15-second tick: daily rhythm, bursts, leaks and noise
come from hashes, so that any time can be asked for in any order. CPU is nanocores, memory KiB.
"""

from __future__ import annotations

import gc
import math

from simcluster import apiobjects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simcluster.world import pod_template, pods, topology

    Row = tuple[pods.Pod, int, list[tuple[str, int, int]]]

TICK = 15.0
FRESH = 30.0  # metrics-server needs two scrapes of every container
_LATE = 5.5
_MASK = (1 << 64) - 1


def mix(salt: int, number: int) -> int:
    """64 bits that depend on both arguments alone."""
    mixed = (salt ^ (number * 0x9E3779B97F4A7C15)) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return mixed ^ (mixed >> 31)


def noise(salt: int, number: int) -> float:
    """A number in [0, 1) that depends on both arguments alone."""
    return (mix(salt, number) >> 11) / 9007199254740992.0


def smooth(salt: int, position: float) -> float:
    """Noise that moves gently with `position`."""
    cell = math.floor(position)
    part = position - cell
    part = part * part * (3 - 2 * part)
    return noise(salt, cell) * (1 - part) + noise(salt, cell + 1) * part


def daily(epoch: float) -> float:
    """The load of the hour, UTC: from 0.3 at 4:00 to 1.0 at 16:00."""
    return 0.65 - 0.35 * math.cos((epoch % 86400 / 3600 - 4) * math.pi / 12)


def leak_seconds(container: pod_template.Container, salt: int) -> float:
    """How long a leaking container takes from its start to its memory limit."""
    return container.leak_minutes * 60.0 * (0.9 + 0.2 * noise(salt, 77))


class Shape:
    """A container's behaviour at one tick, the same for all pods of its set. Nanocores and KiB."""

    __slots__ = ("container", "cpu", "cpu_limit", "leaks", "memory", "memory_limit", "name")

    def __init__(self, container: pod_template.Container, *, salt: int, epoch: float, scenario: str) -> None:
        self.container = container
        self.name = container.name
        salt ^= len(container.name) * 7919
        rhythm = daily(epoch)
        if container.rhythm == "nightly":
            rhythm = 1.3 - rhythm
        elif container.rhythm == "flat":
            rhythm = 0.9
        swing = 0.75 + 0.4 * smooth(salt, epoch / 420)
        burst = 1.8 if noise(salt + 1, int(epoch // 300)) > 0.93 else 1.0
        level = 1.6 if scenario == "above-request" else 1.0
        self.cpu = container.cpu[2] * rhythm * swing * burst * level * 1e6
        self.cpu_limit = container.cpu[1] * 1e6 or math.inf
        self.memory = container.memory[2] * 1024.0 * (0.92 + 0.12 * smooth(salt + 3, epoch / 1500))
        self.memory_limit = container.memory[1] * 1024.0 * 0.985 or math.inf
        if scenario == "near-limit":
            self.memory = container.memory[1] * 1024.0 * (0.89 + 0.05 * smooth(salt + 2, epoch / 900))
        elif scenario == "above-request":
            self.memory = container.memory[0] * 1024.0 * 1.25
        self.leaks = container.leak_minutes > 0

    def leaked(self, age: float, salt: int) -> float:
        """KiB of a leaking container at this age."""
        full = self.container.memory[1] * 1024.0 * 0.98
        return self.memory + (full - self.memory) * min(age / leak_seconds(self.container, salt), 1.0)


class Set:
    """The shapes of a set's lasting containers, sidecars first."""

    __slots__ = ("shapes", "sidecars")

    def __init__(self, pod_set: pods.PodSet, epoch: float) -> None:
        template = pod_set.template
        scenario = pod_set.workload.entry.scenario
        self.sidecars = [index for index, container in enumerate(template.init) if container.sidecar]
        self.shapes = [
            Shape(container, salt=pod_set.salt, epoch=epoch, scenario=scenario)
            for container in template.all_containers
        ]


class Meter:
    """Usage at the last scrape, kept until the next tick or change."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._seen: tuple[int, int] | None = None
        self._nodes: list[apiobjects.NodeUsage] = []
        self._pods: list[apiobjects.PodUsage] = []

    def read(
        self, nodes: list[topology.Node], now: float, *, turn: int
    ) -> tuple[list[apiobjects.NodeUsage], list[apiobjects.PodUsage]]:
        """Usage of nodes and pods at the last scrape before `now`; `turn` counts the state's changes."""
        tick = math.floor((now - self._start) / TICK)
        if self._seen != (tick, turn):
            self._scrape(nodes, tick)
            self._seen = (tick, turn)
        return self._nodes, self._pods

    def _scrape(self, nodes: list[topology.Node], tick: int) -> None:
        # A kubelet that has just come back has not been scraped twice yet.
        before = self._start + (tick - 1) * TICK
        present = [node for node in nodes if not node.lost and before > node.ready_since]
        self._nodes, self._pods = scrape(present, self._start, tick=tick)


def scrape(
    nodes: list[topology.Node],
    start: float,
    *,
    tick: int,
    pods_of: Callable[[topology.Node], Iterable[pods.Pod]] | None = None,
) -> tuple[list[apiobjects.NodeUsage], list[apiobjects.PodUsage]]:
    """Usage of nodes and of what runs on them at a tick, which may be one before the `start`.

    `pods_of` tells the pods of a node, where they are not those of now.
    """
    of_nodes: list[apiobjects.NodeUsage] = []
    of_pods: list[apiobjects.PodUsage] = []
    known: dict[int, Set] = {}
    epoch = start + tick * TICK
    collecting = gc.isenabled()
    gc.disable()  # hundreds of thousands of small new objects, none of them garbage
    try:
        for node in nodes:
            running = None if pods_of is None else pods_of(node)
            measured = measure(node, epoch, tick=tick, known=known, running=running)
            stamp, window = node_moment(node, start, tick=tick)
            of_nodes.append(
                apiobjects.NodeUsage(
                    node.name,
                    labels=node.labels,
                    timestamp=stamp,
                    window=window,
                    cpu_nanocores=measured.cpu,
                    memory_kibibytes=measured.memory,
                )
            )
            for pod, mixed, containers in measured.rows:
                late = lateness(mixed)
                of_pods.append(
                    apiobjects.PodUsage(
                        pod.namespace,
                        pod.name,
                        labels=pod.labels,
                        timestamp=epoch - late,
                        window=TICK - late + lateness(mix(pod.salt, tick - 1)),
                        containers=containers,
                    )
                )
    finally:
        if collecting:
            gc.enable()
    return of_nodes, of_pods


class Measured:
    """A node at one tick: nanocores and KiB of all of it, and its pods with their containers.

    `rows` are the pods that metrics-server can tell of, `fresh` those of which only the kubelet knows; with
    each its chance of the tick.
    """

    __slots__ = ("cpu", "fresh", "memory", "rows")

    def __init__(self) -> None:
        self.cpu = 0
        self.memory = 0
        self.rows: list[Row] = []
        self.fresh: list[Row] = []


def measure(
    node: topology.Node,
    epoch: float,
    *,
    tick: int,
    known: dict[int, Set],
    running: Iterable[pods.Pod] | None = None,
) -> Measured:
    """What runs on a node at a tick, and what it uses. `known` remembers shapes and belongs to the tick.

    `running` are its pods, where they are not those of now.
    """
    measured = Measured()
    cpu = memory = 0
    for pod in node.pods.values() if running is None else running:
        if pod.phase != "Running":
            continue
        pod_set = pod.pod_set
        shapes = known.get(id(pod_set))
        if shapes is None:
            shapes = known[id(pod_set)] = Set(pod_set, epoch)
        mixed = mix(pod.salt, tick)
        states = lasting(pod, shapes)
        containers = _containers(pod, shapes, states, epoch=epoch, mixed=mixed)
        if not containers:
            continue
        if newest(states) > epoch - FRESH:
            measured.fresh.append((pod, mixed, containers))
            continue
        for _, container_cpu, container_memory in containers:
            cpu += container_cpu
            memory += container_memory
        measured.rows.append((pod, mixed, containers))
    own = noise(node.salt, tick)
    count = len(node.pods)
    system_cpu = int((35 + count * 0.9) * (0.8 + 0.5 * own) * 1e6)
    system = int((430 + count * 5) * 1024 * (0.97 + 0.06 * smooth(node.salt, epoch / 1200)))
    cpu_room = int(node.capacity_cpu * 0.97e6) - system_cpu
    memory_room = int(node.capacity_memory / 1024 * 0.95) - system
    if cpu > cpu_room or memory > memory_room:  # contention: everyone gets less
        share = min(1.0, cpu_room / cpu if cpu else 1.0)
        packed = min(1.0, memory_room / memory if memory else 1.0)
        measured.rows = _shared(measured.rows, share, packed=packed)
        measured.fresh = _shared(measured.fresh, share, packed=packed)
        cpu, memory = min(cpu, cpu_room), min(memory, memory_room)
    measured.cpu = cpu + system_cpu
    measured.memory = memory + system
    return measured


def _shared(rows: list[Row], share: float, *, packed: float) -> list[Row]:
    return [
        (pod, mixed, [(name, int(used * share), int(kept * packed)) for name, used, kept in containers])
        for pod, mixed, containers in rows
    ]


def node_moment(node: topology.Node, start: float, *, tick: int) -> tuple[float, float]:
    """When the node itself was measured last before a tick (epoch), and for how many seconds."""
    own = noise(node.salt, tick)
    stamp = start + tick * TICK - _LATE * own
    return stamp, TICK + _LATE * (noise(node.salt, tick - 1) - own)


def lateness(mixed: int) -> float:
    """How many seconds before the scrape the kubelet measured the pod, up to 5.5."""
    return (mixed & 255) * (_LATE / 256)


def lasting(pod: pods.Pod, known: Set) -> tuple[pods.ContainerState, ...]:
    """The states of the containers that last, in the order of the set's shapes."""
    if known.sidecars and pod.init:
        return (*[pod.init[index] for index in known.sidecars], *pod.containers)
    return pod.containers


def newest(states: tuple[pods.ContainerState, ...]) -> float:
    """When the youngest of those that run was started."""
    # A generator within max() would cost three times as much here, for every pod.
    latest = 0.0
    for state in states:
        if state.kind == "running" and state.started > latest:
            latest = state.started
    return latest


def _containers(
    pod: pods.Pod,
    known: Set,
    states: tuple[pods.ContainerState, ...],
    *,
    epoch: float,
    mixed: int,
) -> list[tuple[str, int, int]]:
    """Its running containers' usage. `mixed` is 64 bits of chance."""
    result = []
    steady = 0.965 + (pod.salt & 63) * 0.001  # each pod is a little larger or smaller than its siblings
    for shape, state in zip(known.shapes, states, strict=True):
        if state.kind != "running":
            continue
        mixed >>= 8
        cpu = shape.cpu * (0.82 + (mixed & 255) * 0.0014)
        # min() would cost three times as much here, for every container.
        if cpu > shape.cpu_limit:  # noqa: PLR1730
            cpu = shape.cpu_limit
        memory = shape.memory * (steady + (mixed & 15) * 0.0004)
        if shape.leaks:
            memory = shape.leaked(epoch - state.started, pod.salt)
        if memory > shape.memory_limit:  # noqa: PLR1730
            memory = shape.memory_limit
        result.append((shape.name, int(cpu), int(memory)))
    return result
