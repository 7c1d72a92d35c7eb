"""A cluster in a few numbers: nodes, pods by phase, and how much of it is used and requested."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import NamedTuple

    from kubevitals import model
else:
    from kubevitals.namedtuple import NamedTuple


class Vitals(NamedTuple):
    """A cluster, or one namespace of it. None is unknown.

    A share is of the nodes of which both numbers are known: a node without usage does not make the others
    look idle.
    """

    nodes: int
    nodes_ready: int
    pods: int  # those that have ended too
    phases: Mapping[str, int]  # how many pods are Running, Pending ..., the most frequent first
    cpu_allocatable_cores: float | None = None
    cpu_of_allocatable: float | None = None
    cpu_request_of_allocatable: float | None = None
    memory_allocatable_bytes: int | None = None
    memory_of_allocatable: float | None = None
    memory_request_of_allocatable: float | None = None


def sum_up(nodes: Sequence[model.Node], pods: Sequence[model.Pod]) -> Vitals:
    """Return the vitals of these nodes and pods."""
    phases: dict[str, int] = {}
    for pod in pods:
        phase = pod.phase or "Unknown"
        phases[phase] = phases.get(phase, 0) + 1
    return Vitals(
        nodes=len(nodes),
        nodes_ready=sum(node.ready is True for node in nodes),
        pods=len(pods),
        phases=dict(sorted(phases.items(), key=lambda item: (-item[1], item[0]))),
        cpu_allocatable_cores=_add(node.cpu_allocatable_cores for node in nodes),
        cpu_of_allocatable=_share(nodes, lambda node: (node.cpu_usage_cores, node.cpu_allocatable_cores)),
        cpu_request_of_allocatable=_share(
            nodes, lambda node: (node.cpu_request_cores, node.cpu_allocatable_cores)
        ),
        memory_allocatable_bytes=_add_bytes(node.memory_allocatable_bytes for node in nodes),
        memory_of_allocatable=_share(
            nodes, lambda node: (node.memory_usage_bytes, node.memory_allocatable_bytes)
        ),
        memory_request_of_allocatable=_share(
            nodes, lambda node: (node.memory_request_bytes, node.memory_allocatable_bytes)
        ),
    )


def _add(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(math.fsum(known), 9) if known else None


def _add_bytes(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _share(
    nodes: Iterable[model.Node], pair: Callable[[model.Node], tuple[float | None, float | None]]
) -> float | None:
    known = [(part, whole) for part, whole in map(pair, nodes) if part is not None and whole is not None]
    whole = math.fsum(each[1] for each in known)
    return math.fsum(each[0] for each in known) / whole if whole else None
