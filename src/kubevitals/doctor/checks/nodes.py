"""Nodes: do their kubelets report, and have they room on their disks?"""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_NOT_READY = diagnosis.Diagnosis(
    "node_not_ready", layers.NODES,
    "nodes: not all are Ready",
    "The kubelet has stopped reporting, or says itself that it cannot run pods; metrics-server 0.9 leaves such nodes out and writes no line about it.",
    ("kubectl describe node {node}", "kubectl -n kube-node-lease get lease {node} -o yaml"),
    ("Is the machine running, and reachable? On it: systemctl status kubelet; journalctl -u kubelet -n 50.",),
    "looking for the cause in metrics-server: it cannot read what does not run",
    symptom="NodeStatusUnknown: Kubelet stopped posting node status.",
)  # fmt: skip
_PRESSURE = diagnosis.Diagnosis(
    "node_disk_pressure", layers.NODES,
    "nodes: a disk is nearly full",
    "The kubelet evicts pods and takes no new ones until there is room; images and logs are what fills disks.",
    ("kubectl describe node {node}",),
    ("On the node: crictl rmi --prune; look for large logs below /var/log; enlarge the disk.",),
    "turning the eviction thresholds off: the node then stops altogether",
    severity.WARNING,
    "The node had condition: [DiskPressure]",
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read the conditions of all nodes."""
    found = lookups.nodes(context)
    lost = [node for node in found.items if not lookups.is_ready(node)]
    names = [diagnosis.place(node) for node in lost]
    total = len(found.items)
    if lost:
        told = diagnosis.condition(lost[0], "Ready")
        heard = lookups.age(context, str(told.get("lastTransitionTime", "")))
        since = "" if heard is None else f", for {lookups.format_age(heard)}"
        yield diagnosis.find(
            _NOT_READY,
            f"{names[0]}: Ready={told.get('status', 'Unknown')} {told.get('reason', '')}: {told.get('message', '')}",
            title=f"nodes: {len(lost)} of {total} not Ready{since}: {quantity.format_names(names)}",
            damage=f"no new numbers from {len(lost)} of {total} nodes and the pods on them",
            scope=names, node=names[0],
        )  # fmt: skip
    full = [
        diagnosis.place(node)
        for node in found.items
        if diagnosis.condition(node, "DiskPressure").get("status") == "True"
    ]
    if full:
        yield diagnosis.find(
            _PRESSURE,
            f"{full[0]}: DiskPressure=True",
            title=f"nodes: disk nearly full on {quantity.format_names(full)}",
            damage="pods are evicted, what they measured ends",
            scope=full, node=full[0],
        )  # fmt: skip
    left = f", {found.more} more not looked at" if found.more else ""
    yield diagnosis.Note(layers.NODES, diagnosis.OK, f"{total - len(lost)}/{total} Ready{left}")


CHECK = diagnosis.Check("nodes", layers.NODES, look, (lookups.NODES,), (_NOT_READY, _PRESSURE))
