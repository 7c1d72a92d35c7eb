"""What the pods of now used at a time before: usage is a function of time, so the past joins the present.

Objects that are gone are not brought back. A pod is there from its creation on, and a container that was
started since then counts as having run before, as far as its last termination does not say otherwise.
"""

from __future__ import annotations

import math

from simcluster.world import pods, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from simcluster import apiobjects
    from simcluster.world import topology


def read(
    nodes: list[topology.Node], epoch: float, *, start: float
) -> tuple[list[apiobjects.NodeUsage], list[apiobjects.PodUsage]]:
    """Usage of nodes and pods at the last scrape before a time; `start` is that of the simulation."""
    tick = math.floor((epoch - start) / usage.TICK)
    moment = start + tick * usage.TICK
    present = [node for node in nodes if _was_there(node, moment)]
    return usage.scrape(present, start, tick=tick, pods_of=lambda node: _pods_of(node, moment))


def _was_there(node: topology.Node, epoch: float) -> bool:
    if node.lost:
        return node.created < epoch < node.lost
    return node.created < epoch


def _pods_of(node: topology.Node, epoch: float) -> Iterator[pods.Pod]:
    """Yield the pods of a node that ran at the time, in the state of then."""
    for pod in node.pods.values():
        if pod.created >= epoch or (pod.started and pod.started >= epoch):
            continue
        containers = tuple(
            [_state_at(pod, place, state, epoch) for place, state in enumerate(pod.containers)]
        )
        if containers == pod.containers and pod.phase == "Running":
            yield pod
        elif any(state.kind == pods.RUNNING for state in containers):
            yield pod.changed(phase="Running", containers=containers)


def _state_at(pod: pods.Pod, place: int, state: pods.ContainerState, epoch: float) -> pods.ContainerState:
    """The state of a container at the time."""
    if state.kind == pods.RUNNING:
        if state.started <= epoch:
            return state
        return pods.running(_earlier_start(pod, place, state, epoch), restarts=max(state.restarts - 1, 0))
    ended = state if state.kind == pods.TERMINATED else state.last
    if ended is not None and ended.started <= epoch < ended.finished:
        return pods.running(ended.started, restarts=max(state.restarts - 1, 0))
    return state


def _earlier_start(pod: pods.Pod, place: int, state: pods.ContainerState, epoch: float) -> float:
    """When a container that was started again since then had been started: one that leaks, at each limit."""
    container = pod.pod_set.template.containers[place]
    if container.leak_minutes:
        length = usage.leak_seconds(container, pod.salt)
        return max(epoch - (epoch - state.started) % length, pod.created)
    return pod.started or pod.created
