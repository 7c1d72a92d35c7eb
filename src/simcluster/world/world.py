"""The world as the API server and the kubelets see it: objects, changes, usage and kubelets' measurements."""

from __future__ import annotations

import math

from simcluster.world import builder, controller_manager, counters, past, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from simcluster import apiobjects, stats


class World:
    """A cluster of `nodes` nodes and, at the start, `pods` pods.

    Deterministic: the same arguments give the same bytes at the same tick (15 s), however often and in
    however large steps it is asked. `start` is the epoch that counts as now at the start; history lies
    before it. In a `calm` one nothing is wrong at the start.
    Not thread-safe: the caller serialises the calls.
    """

    def __init__(
        self, *, nodes: int = 6, pods: int = 72, seed: int = 1, start: float, calm: bool = False
    ) -> None:
        self._state = builder.build(node_count=nodes, pod_count=pods, seed=seed, start=start, calm=calm)
        self._start = start
        self._tick = 0
        self._turn = 0
        self._meter = usage.Meter(start)
        self._counters: counters.Counters | None = None
        self._controllers = controller_manager.ControllerManager(self._state)
        self._state.live = True

    def items(self) -> Iterator[apiobjects.Item]:
        """All objects in their present state."""
        return self._state.items()

    def advance(self, now: float) -> list[apiobjects.Change]:
        """Advance to `now` (epoch) and return the changes since the last call, in order."""
        last = math.floor((now - self._start) / usage.TICK)
        state = self._state
        while self._tick < last:
            self._tick += 1
            state.now = self._start + self._tick * usage.TICK
            self._controllers.tick(self._tick)
            state.update_owners()
            if self._counters is not None:
                self._counters.step(self._tick)
        changes, state.changes = state.changes, []
        self._turn += bool(changes)
        return changes

    def node_usage(self, now: float) -> list[apiobjects.NodeUsage]:
        """Usage of the nodes as metrics-server reports it; call `advance(now)` first."""
        return self._meter.read(self._state.nodes, now, turn=self._turn)[0]

    def pod_usage(self, now: float) -> list[apiobjects.PodUsage]:
        """Usage of the pods as metrics-server reports it; call `advance(now)` first."""
        return self._meter.read(self._state.nodes, now, turn=self._turn)[1]

    def past_usage(self, epoch: float) -> tuple[list[apiobjects.NodeUsage], list[apiobjects.PodUsage]]:
        """What nodes and the pods of now used at a time before, the start of the simulation or not."""
        return past.read(self._state.nodes, epoch, start=self._start)

    def read_kubelet(self, name: str) -> stats.NodeStats | None:
        """What the kubelet of a node measured last; None if it is silent, or there is none of that name.

        It holds until the next `advance`. Counters run from the first call on, which guesses what they stood
        at.
        """
        if self._counters is None:
            self._counters = counters.Counters(self._state.nodes, start=self._start)
            self._counters.step(self._tick)
        return self._counters.read(name)
