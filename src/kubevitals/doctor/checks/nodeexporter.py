"""node-exporter: does it run on every node that it should?"""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_NAMES = ("node-exporter", "prometheus-node-exporter")
_PORT = diagnosis.Diagnosis(
    "node_exporter_port_taken", layers.NODE_EXPORTER,
    "node-exporter: its port 9100 is taken on the nodes",
    "A second release, or the platform's own exporter, has the host's port already.",
    ("kubectl get daemonsets -A", "kubectl -n {namespace} describe pods -l app.kubernetes.io/name=prometheus-node-exporter"),
    ("Remove one of the two, or give one another port (prometheus-node-exporter.service.port and targetPort).",),
    "tolerations: the port is the reason",
    symptom="node(s) didn't have free ports for the requested pod ports",
)  # fmt: skip
_MISSING = diagnosis.Diagnosis(
    "node_exporter_missing", layers.NODE_EXPORTER,
    "node-exporter: it is not ready on all nodes",
    "Its pods do not start there.",
    ("kubectl -n {namespace} get pods -o wide", "kubectl -n {namespace} describe daemonset {name}"),
    ("Look at the pods that are not ready.",),
    "counting the nodes in dashboards by what answers",
    severity.WARNING,
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look at its DaemonSets, and at pods that wait."""
    sets = lookups.daemon_sets(context, *_NAMES)
    if not sets:
        yield diagnosis.Note(layers.NODE_EXPORTER, diagnosis.SKIP, "not installed")
        return
    waiting = [
        pod
        for pod in lookups.named(context, *_NAMES)
        if "free ports" in str(diagnosis.condition(pod, "PodScheduled").get("message", ""))
    ]
    if waiting:
        yield diagnosis.find(
            _PORT, f"pod {diagnosis.place(waiting[0])}: {diagnosis.condition(waiting[0], 'PodScheduled').get('message')}",
            *(f"DaemonSet {diagnosis.place(each)}" for each in sets[:2]),
            damage=f"{len(waiting)} pods cannot start", scope=[diagnosis.place(each) for each in sets],
            about=waiting[0],
        )  # fmt: skip
        return
    for each in sets:
        ready, wanted = lookups.readiness(each)
        if ready < wanted:
            yield diagnosis.find(
                _MISSING, f"DaemonSet {diagnosis.place(each)}: {ready} of {wanted} ready",
                title=f"node-exporter: ready on {ready} of {wanted} nodes", symptom_of=(layers.NODES,) if wanted - ready <= _lost(context) else (),
                about=each,
            )  # fmt: skip
        yield diagnosis.Note(layers.NODE_EXPORTER, diagnosis.OK, f"{ready}/{wanted} nodes")


def _lost(context: contexts.Context) -> int:
    if not context.may(lookups.NODES.right):
        return 0
    return sum(not lookups.is_ready(node) for node in lookups.nodes(context).items)


CHECK = diagnosis.Check(
    "node_exporter", layers.NODE_EXPORTER, look, (lookups.DAEMON_SETS, lookups.PODS), (_PORT, _MISSING)
)
