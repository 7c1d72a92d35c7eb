"""The CPU counters of nodes, pods and containers since their start, made from the same rates as `usage`.

Between two measurements a container's counter grows by exactly what the metrics API says for that time, so
that both sources agree. Times are milliseconds, CPU is nanoseconds.
"""

from __future__ import annotations

import gc

from simcluster import stats
from simcluster.world import node_json, pod_status_json, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from simcluster.world import pods, topology

    Known = dict[int, usage.Set]
    Used = list[tuple[str, int, int]]

_STEP = int(usage.TICK * 1000)
_SPREAD = 0.02  # containers of a pod are measured one after the other, within an eighth of its lateness
_STARTING = 4_000_000  # nanoseconds that the start of a program takes: no counter stays at 0
_USUAL = 0.62  # how much of its usual usage a container has on average over the day
_SANDBOX = 31_000_000  # nanoseconds that a pod's sandbox takes to start
_SANDBOX_KIBIBYTES = 492
_PERIOD = 100  # milliseconds of a CFS period
_WAIT = 38_000_000  # nanoseconds that a container waits in a period in which it is throttled


class _Pod:
    """The counters of a pod: of its running containers, and the sum of those that have ended."""

    __slots__ = ("containers", "ended", "reading")

    def __init__(self, pod: pods.Pod) -> None:
        self.containers: dict[str, stats.ContainerStats] = {}
        self.ended = _SANDBOX
        template = pod.pod_set.template
        self.reading = stats.PodStats(
            pod.namespace,
            pod.name,
            uid=pod.uid,
            started=pod.started,
            qos=template.qos,
            salt=pod.salt,
            host_network=template.host_network,
            claim=(template.volume, f"{template.volume}-{pod.name}") if template.volume else None,
        )


class _Node:
    """The counters of a machine since it was booted."""

    __slots__ = ("pods", "reading")

    def __init__(self, node: topology.Node) -> None:
        self.pods: dict[str, _Pod] = {}
        self.reading = stats.NodeStats(
            node.name,
            started=node.booted,
            cores=node.capacity_cpu // 1000,
            memory=node.capacity_memory,
            salt=node.salt,
            identity=node_json.identity(node, node.booted),
        )


class Counters:
    """The counters of all nodes from the first step on. Earlier usage is estimated from the age alone."""

    def __init__(self, machines: Sequence[topology.Node], *, start: float) -> None:
        self._machines = machines
        self._start = start
        self._counts: dict[str, _Node] = {}

    def read(self, name: str) -> stats.NodeStats | None:
        """The node's stats at the last step, changed in place by the next one; None while its kubelet
        is down.
        """
        count = self._counts.get(name)
        return None if count is None else count.reading

    def step(self, tick: int) -> None:
        """Measure every node at this tick."""
        known: Known = {}
        collecting = gc.isenabled()
        gc.disable()  # as in usage: many small new objects, none of them garbage
        try:
            for node in self._machines:
                if node.lost:
                    self._counts.pop(node.name, None)
                else:
                    self._measure(node, tick, known=known)
        finally:
            if collecting:
                gc.enable()

    def _measure(self, node: topology.Node, tick: int, *, known: Known) -> None:
        count = self._counts.get(node.name)
        fresh = count is None or count.reading.started != node.booted
        if count is None or fresh:
            count = self._counts[node.name] = _Node(node)
        epoch = self._start + tick * usage.TICK
        measured = usage.measure(node, epoch, tick=tick, known=known)
        before, count.pods = count.pods, {}
        for rows in (measured.rows, measured.fresh):
            for pod, mixed, containers in rows:
                counted = before.get(pod.uid) or _Pod(pod)
                moment = epoch - usage.lateness(mixed)
                _count_pod(counted, pod, known[id(pod.pod_set)], used=containers, epoch=epoch, moment=moment)
                count.pods[pod.uid] = counted
        for uid, counted in before.items():
            if uid not in count.pods and uid in node.pods:  # nothing of it runs just now
                counted.ended += sum(each.cpu_nanoseconds for each in counted.containers.values())
                counted.containers = {}
                count.pods[uid] = counted
        reading = count.reading
        reading.pods = [pod.reading for pod in count.pods.values() if pod.containers]
        stamp = int(usage.node_moment(node, self._start, tick=tick)[0] * 1000)
        booted = int(node.booted * 1000)
        if fresh:
            age = max(0, stamp - booted)
            held = sum(pod.cpu_nanoseconds for pod in reading.pods) if age > _STEP else 0
            reading.cpu_nanoseconds = held + _guess(measured.cpu, measured.cpu * 0.8, age)
        else:
            reading.cpu_nanoseconds += measured.cpu * (stamp - reading.timestamp) // 1000
        reading.timestamp = max(stamp, booted)
        reading.cpu_nanocores = measured.cpu
        reading.memory_kibibytes = measured.memory


def _guess(rate: int, usual: float, age: int) -> int:
    """What something of this age (milliseconds) has used: exact within one tick, a fair guess beyond it."""
    recent = min(age, _STEP)
    return (rate * recent + int(usual) * (age - recent)) // 1000


def _count_pod(
    count: _Pod, pod: pods.Pod, known: usage.Set, *, used: Used, epoch: float, moment: float
) -> None:
    """Count its containers up to `moment`, or a little later; `epoch` is the tick's."""
    before, now = count.containers, {}
    states = usage.lasting(pod, known)
    place = 0
    nanocores = nanoseconds = kibibytes = 0
    for index, state in enumerate(states):
        if state.kind != "running":
            continue
        name, cpu, memory = used[place]
        place += 1
        stamp = int((moment + (epoch - moment) * (_SPREAD * (index % 7))) * 1000)
        reading = before.get(name)
        if reading is not None and reading.started == state.started and reading.restarts == state.restarts:
            passed = stamp - reading.timestamp
            reading.cpu_nanoseconds += cpu * passed // 1000
            del before[name]
        else:
            passed = stamp - int(state.started * 1000)
            if passed <= 0:
                continue  # it was started after the kubelet looked
            reading = _describe(pod, known, state, index=index)
            usual = known.shapes[index].container.cpu[2] * 1e6 * _USUAL
            reading.cpu_nanoseconds = _STARTING + _guess(cpu, usual, passed)
        now[name] = reading
        reading.timestamp = stamp
        reading.cpu_nanocores = cpu
        reading.memory_kibibytes = memory
        if reading.cpu_limit or reading.memory_limit:
            _count_waiting(reading, passed)
        nanocores += cpu
        nanoseconds += reading.cpu_nanoseconds
        kibibytes += memory
    for ended in before.values():
        count.ended += ended.cpu_nanoseconds
    count.containers = now
    whole = count.reading
    whole.containers = list(now.values())
    whole.cpu_nanoseconds = count.ended + nanoseconds
    whole.cpu_nanocores = nanocores
    whole.memory_kibibytes = kibibytes + _SANDBOX_KIBIBYTES
    if now:
        whole.timestamp = whole.containers[0].timestamp


def _count_waiting(reading: stats.ContainerStats, passed: int) -> None:
    """Throttling where it comes near its CPU limit, pressure where it comes near that of memory."""
    if reading.cpu_limit:
        busy = reading.cpu_nanocores / (reading.cpu_limit * 1e6)
        periods = int(passed / _PERIOD * min(1.0, 0.15 + busy))
        reading.periods += periods
        strained = int(periods * min(1.0, (busy - 0.55) / 0.45) ** 2) if busy > 0.55 else 0
        reading.throttled_periods += strained
        reading.throttled += strained * _WAIT
        reading.throttling = strained * _WAIT * 1000 // passed
    if reading.memory_limit:
        full = reading.memory_kibibytes * 1024 / reading.memory_limit
        reading.stalling = int((full - 0.9) * 4e8) if full > 0.9 else 0
        reading.stalled += reading.stalling * passed // 1000


def _describe(
    pod: pods.Pod, known: usage.Set, state: pods.ContainerState, *, index: int
) -> stats.ContainerStats:
    container = known.shapes[index].container
    sidecars = len(known.sidecars) if pod.init else 0
    key = f"i{known.sidecars[index]}" if index < sidecars else f"c{index - sidecars}"
    killed = state.last is not None and state.last.reason == "OOMKilled"
    return stats.ContainerStats(
        container.name,
        image=container.image,
        identity=pod_status_json.container_id(pod, key, state.restarts).removeprefix("containerd://"),
        started=state.started,
        restarts=state.restarts,
        out_of_memory=max(1, state.restarts) if killed else 0,
        cpu_limit=container.cpu[1],
        memory_limit=container.memory[1] << 20,
    )
