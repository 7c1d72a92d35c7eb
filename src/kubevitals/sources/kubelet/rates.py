"""Counters made into rates: two readings of a kubelet give cores over the real time between them. Pure.

A counter that restarted is no rate: neither zero nor below it, but unknown. The same reading polled twice is
no new sample; what was known of it stands, with its own time.
"""

from __future__ import annotations

from kubevitals import sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from kubevitals.sources.kubelet import resource

    # What is kept of a counter between readings: the counter, when it was read, when its container started,
    # and the last rate with its window in seconds (None and an empty text where there is none).
    Kept = tuple[float, float, float | None, float | None, sources.Time]
else:
    from kubevitals.namedtuple import NamedTuple

FIRST = "first_sample"
UNREAD = "no_sample"  # a counter that is not there, or at 0: a cgroup that nobody reads
_INFINITE = float("inf")
# A container that started so many seconds before its first reading counted from zero: that is a rate, as
# metrics-server has it. Sooner it says little, later it is an average over too much.
_YOUNG = (10.0, 60.0)


class NodeUsage(NamedTuple):
    """The usage of one node and of what runs on it, as `sources.Usage` has it.

    `node` is None where the kubelet has no metrics of the machine itself. `pod_reasons` says by a code of
    `snapshot.REASONS` why CPU of a pod is unknown, and `node_code` why that of the machine is.
    """

    node: sources.Sample | None
    pods: dict[tuple[str, str], sources.PodSample]
    pod_reasons: dict[tuple[str, str], str]
    node_code: str | None = None


class NodeRates:
    """What is remembered of one node's counters: one tuple a container, of those in the last reading."""

    __slots__ = ("_containers", "_node")

    def __init__(self) -> None:
        self._node: Kept | None = None
        self._containers: dict[resource.Key, Kept] = {}

    def update(self, reading: resource.Reading) -> NodeUsage:
        """Return the usage that the reading gives together with the one before it."""
        before, kept = self._containers, {}
        pods: dict[tuple[str, str], sources.PodSample] = {}
        pod_reasons: dict[tuple[str, str], str] = {}
        for key, (cpu, at, memory, start) in reading.containers.items():
            cores: float | None = None
            window: sources.Time = sources.UNKNOWN
            if cpu and at is not None:  # metrics-server takes a counter of 0 for none, too
                now = kept[key] = _advance(before.get(key), cpu, at, start)
                cores, window = now[3], now[4]
                if cores is None:
                    pod_reasons.setdefault(key[:2], FIRST)
            else:
                pod_reasons[key[:2]] = UNREAD
            pod = pods.get(key[:2])
            if pod is None:
                moment: sources.Time = sources.UNKNOWN if at is None else at
                pods[key[:2]] = (moment, window, [(key[2], cores, memory or None)])
                continue
            pod[2].append((key[2], cores, memory or None))
            if at is not None and (isinstance(pod[0], str) or at < pod[0]):
                pods[key[:2]] = (at, window, pod[2])  # a pod is as old as its oldest container
        self._containers = kept
        node, code = self._update_node(reading)
        return NodeUsage(node, pods, pod_reasons, code)

    def _update_node(self, reading: resource.Reading) -> tuple[sources.Sample | None, str | None]:
        cpu, at, memory = reading.node_cpu, reading.node_at, reading.node_memory or None
        if not cpu or at is None:
            self._node = None
            return (None if at is None or memory is None else (at, sources.UNKNOWN, None, memory)), UNREAD
        self._node = _advance(self._node, cpu, at, None)
        return (at, self._node[4], self._node[3], memory), FIRST if self._node[3] is None else None


def _advance(before: Kept | None, cpu: float, at: float, start: float | None) -> Kept:
    """Return what is to be kept of a counter, with its rate since `before` if there is one."""
    if before is not None:
        then_cpu, then, then_start, _, _ = before
        same = start == then_start or start is None or then_start is None
        if same and at == then:
            return before
        if same and at > then and cpu >= then_cpu:
            cores = (cpu - then_cpu) / (at - then)
            if cores < _INFINITE:
                return cpu, at, start, round(cores, 9), round(at - then, 3)
    if start is not None and (before is None or start > before[1]) and _YOUNG[0] <= at - start < _YOUNG[1]:
        return cpu, at, start, round(cpu / (at - start), 9), round(at - start, 3)
    return cpu, at, start, None, sources.UNKNOWN
