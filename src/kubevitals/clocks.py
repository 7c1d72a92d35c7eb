"""Clocks that disagree: this machine's, and those of nodes whose samples lie in the future. Pure."""

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
    own_lead: float | None = None,
) -> list[model.Problem]:
    """Return a problem for this machine's clock, if it is wrong, and one for each node whose clock is ahead.

    Args:
        nodes: rows of nodes, joined with `node_samples`.
        pods: rows of pods, joined with `pod_samples`.
        node_samples: what the source said, with its own times.
        pod_samples: likewise.
        now: the time on this machine.
        own_lead: by how many seconds this machine's clock is ahead of the API server's, None if unknown. Then
            all nodes that are ahead, several, mean that it is this machine's clock that is behind.
    """
    sampled: set[str] = set()
    leads: dict[str, float] = {}

    def note(node: str, time: sources.Time) -> None:
        at = timestamps.parse_time(time) if isinstance(time, str) else timestamps.from_epoch(time)
        lead = (at - now).total_seconds() + (own_lead or 0.0)
        leads[node] = max(lead, leads.get(node, lead))

    for node in nodes:
        if node.timestamp is not None:
            sampled.add(node.name)
            if node.problem == "clock_ahead":
                note(node.name, node_samples[node.name][0])
    for pod in pods:
        if pod.timestamp is not None and pod.node is not None:
            sampled.add(pod.node)
            if pod.problem == "clock_ahead":
                note(pod.node, pod_samples[pod.namespace, pod.name][0])
    if own_lead is None and len(leads) == len(sampled) > 1:  # rather than that of every node
        behind = format_lead(min(leads.values()))
        return [_own_clock(f"{behind} behind those of all {len(sampled)} nodes")]
    problems = []
    if own_lead is not None and abs(own_lead) > TOLERANCE_SECONDS:
        where = "ahead of" if own_lead > 0 else "behind"
        problems.append(_own_clock(f"{format_lead(abs(own_lead))} {where} that of the API server"))
    problems += [
        model.Problem(
            "clock_ahead",
            f"the clock of node {name} is ahead by {format_lead(lead)}",
            "set the clock of that node (timedatectl, chronyc tracking): its samples count as taken now",
            name,
        )
        for name, lead in sorted(leads.items())
        if lead > TOLERANCE_SECONDS
    ]
    return problems


def _own_clock(how: str) -> model.Problem:
    return model.Problem(
        "own_clock",
        f"the clock of this machine is {how}",
        "set this machine's clock (timedatectl, chronyc tracking): until then no age can be trusted",
    )


def format_lead(seconds: float) -> str:
    """Return a length of time in its largest unit: 45 s, 12 min, 3 h, 2 d."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
