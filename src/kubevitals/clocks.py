"""Clocks that disagree: which node's samples lie in the future, and by how much. Pure."""

from __future__ import annotations

from kubevitals import model
from kubevitals.kube import timestamps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from kubevitals import sources

TOLERANCE_SECONDS = 30.0  # by which a sample may lie ahead: so far clocks differ without harm


def find_problems(
    nodes: Iterable[model.Node],
    pods: Iterable[model.Pod],
    *,
    node_samples: Mapping[str, sources.Sample],
    pod_samples: Mapping[tuple[str, str], sources.PodSample],
    now: datetime,
) -> list[model.Problem]:
    """Return a problem for each node whose samples lie in the future, or one for the clock of this machine.

    Args:
        nodes: rows of nodes, joined with `node_samples`.
        pods: rows of pods, joined with `pod_samples`.
        node_samples: what the source said, with its own times.
        pod_samples: likewise.
        now: the time on this machine.
    """
    sampled: set[str] = set()
    ahead: dict[str, datetime] = {}
    for node in nodes:
        if node.timestamp is not None:
            sampled.add(node.name)
            if node.problem == "clock_ahead":
                _note(ahead, node.name, node_samples[node.name][0])
    for pod in pods:
        if pod.timestamp is not None and pod.node is not None:
            sampled.add(pod.node)
            if pod.problem == "clock_ahead":
                _note(ahead, pod.node, pod_samples[pod.namespace, pod.name][0])
    if len(ahead) == len(sampled) > 1:  # rather than that of every node
        lead = min((at - now).total_seconds() for at in ahead.values())
        return [
            model.Problem(
                "clock_ahead",
                f"the clock of this machine is {format_lead(lead)} behind those of all {len(sampled)} nodes",
                "set this machine's clock (timedatectl, chronyc tracking): until then no age can be trusted",
            )
        ]
    return [
        model.Problem(
            "clock_ahead",
            f"the clock of node {name} is ahead by {format_lead((at - now).total_seconds())}",
            "set the clock of that node (timedatectl, chronyc tracking): its samples count as taken now",
            name,
        )
        for name, at in sorted(ahead.items())
    ]


def _note(ahead: dict[str, datetime], node: str, time: sources.Time) -> None:
    at = timestamps.parse_time(time) if isinstance(time, str) else timestamps.from_epoch(time)
    ahead[node] = max(at, ahead.get(node, at))


def format_lead(seconds: float) -> str:
    """Return a length of time in its largest unit: 45 s, 12 min, 3 h, 2 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
