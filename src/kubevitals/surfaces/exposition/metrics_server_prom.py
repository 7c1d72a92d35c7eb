"""The four families of metrics-server-prom, under its names and labels, with values in cores and bytes.

Its own values had mixed units: 7m of CPU came out as 420, and 129M of memory as 7740. Dashboards built on
these names get right numbers here; the HELP text states the unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.surfaces.exposition import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubevitals import model

_POD_LABELS = ("node", "pod", "ip", "container", "namespace")
NODE_CPU = text.Family(
    "kube_metrics_server_node_cpu",
    "gauge",
    "CPU used by the node in cores, averaged over the sample's window (not seconds, not minutes).",
    labels=("node",),
)
NODE_MEM = text.Family(
    "kube_metrics_server_node_mem",
    "gauge",
    "Memory used by the node in bytes: the working set.",
    labels=("node",),
)
POD_CPU = text.Family(
    "kube_metrics_server_pod_cpu",
    "gauge",
    "CPU used by the container in cores, averaged over the sample's window (not seconds, not minutes).",
    labels=_POD_LABELS,
)
POD_MEM = text.Family(
    "kube_metrics_server_pod_mem",
    "gauge",
    "Memory used by the container in bytes: the working set.",
    labels=_POD_LABELS,
)
FAMILIES = (NODE_CPU, NODE_MEM, POD_CPU, POD_MEM)


def samples(snapshots: Sequence[model.Snapshot]) -> dict[text.Family, list[str]]:
    """Return the lines by family. With more than one cluster each sample has a label `cluster` too."""
    found: dict[text.Family, dict[str, float]] = {family: {} for family in FAMILIES}
    escape = text.escape
    for snapshot in snapshots:
        more = f',cluster="{escape(snapshot.cluster)}"' if len(snapshots) > 1 else ""
        for node in snapshot.nodes:
            labels = f'node="{escape(node.name)}"{more}'
            _add(found[NODE_CPU], labels, node.cpu_usage_cores)
            _add(found[NODE_MEM], labels, node.memory_usage_bytes)
        for pod in snapshot.pods:
            start = f'node="{escape(pod.node or "")}",pod="{escape(pod.name)}",ip="{escape(pod.ip or "")}"'
            end = f'namespace="{escape(pod.namespace)}"{more}'
            for container in pod.containers:
                labels = f'{start},container="{escape(container.name)}",{end}'
                _add(found[POD_CPU], labels, container.cpu_usage_cores)
                _add(found[POD_MEM], labels, container.memory_usage_bytes)
    return {
        family: [f"{family.name}{{{labels}}} {value}\n" for labels, value in values.items()]
        for family, values in found.items()
    }


def _add(into: dict[str, float], labels: str, value: float | None) -> None:
    if value is not None:
        into[labels] = value
