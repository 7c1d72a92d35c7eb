"""The life of nodes: heartbeats, leases, and now and then one that falls silent and comes back."""

from __future__ import annotations

from simcluster.world import motions, network, nodes, topology

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster.world import life as lives

_STATUS = 20  # ticks between two full status reports of a kubelet: five minutes
_AT_ONCE = 40  # reports and renewed leases in one tick at most
_TOLERATION = 20  # ticks that pods tolerate a silent node
_OUTAGE = 70
_BETWEEN = 7 * 240


def begin(life: lives.Life) -> None:
    """Start the heartbeats and the first outage's course."""
    life.after(1, _beat, life, 0, 0)
    for node in life.state.nodes:
        if node.lost:
            passed = int((life.state.now - node.lost) / 15)
            life.after(_TOLERATION - passed, _expel, life, node)
            life.after(_OUTAGE - passed, _return, life, node)
    life.after(_BETWEEN, _fall, life, 0)


def _beat(life: lives.Life, report: int, renewal: int) -> None:
    """Some nodes report, some renew their lease, in turn; the arguments are whose turn it is."""
    state = life.state
    count = len(state.nodes)
    turns = max(count, _STATUS)  # a small cluster has ticks without a report
    reports = min(_AT_ONCE, -(-count // _STATUS))
    for turn in range(report, report + reports):
        if turn % turns < count:
            node = state.nodes[turn % turns]
            if not node.lost:
                node.heartbeat = state.now
                state.put(nodes.document(node))
    renewals = min(_AT_ONCE, count)
    for turn in range(renewal, renewal + renewals):
        node = state.nodes[turn % count]
        if not node.lost:
            uid = state.uid_of("leases.coordination.k8s.io", "kube-node-lease", node.name)
            state.put(network.lease(node, renewed=state.now - node.index % 10, uid=uid))
    life.after(1, _beat, life, (report + reports) % turns, (renewal + renewals) % count)


def _fall(life: lives.Life, number: int) -> None:
    """A node falls silent; the node controller notices."""
    life.after(_BETWEEN, _fall, life, number + 1)
    state = life.state
    able = [node for node in state.nodes if node.pool is topology.GENERAL and not node.lost]
    if len(able) < 3:
        return
    node = able[number * 7 % len(able)]
    node.lost = node.ready_since = state.now
    state.put(nodes.document(node))
    for pod in list(node.pods.values()):
        if pod.phase == "Running" and not pod.lost:
            pod = state.change_pod(pod, lost=state.now)  # noqa: PLW2901
            motions.tell(
                state, pod, "NodeNotReady", "Node is not ready", source="node-controller", warning=True
            )
    motions.tell_node(state, node, "NodeNotReady")
    life.after(_TOLERATION, _expel, life, node)
    life.after(_OUTAGE, _return, life, node)


def _expel(life: lives.Life, node: topology.Node) -> None:
    """Its pods' tolerations end: they are to be deleted, and replaced elsewhere."""
    if not node.lost:
        return
    affected = {}
    for pod in list(node.pods.values()):
        pod_set = pod.pod_set
        if pod_set.kind not in ("ReplicaSet", "StatefulSet") or not pod.alive or pod.deleted:
            continue
        life.delete(pod, disrupted="DeletionByTaintManager")
        affected[pod_set.workload.uid] = pod_set.workload
    for workload in affected.values():
        life.reconcile(workload)


def _return(life: lives.Life, node: topology.Node) -> None:
    """The machine has been started again, and its kubelet is back."""
    state = life.state
    node.lost = 0.0
    node.heartbeat = node.ready_since = node.booted = state.now
    state.scheduler.reopen()
    state.put(nodes.document(node))
    motions.tell_node(state, node, "NodeReady")
    motions.tell_rebooted(state, node, nodes.identity(node, node.booted)[0])
    for pod in list(node.pods.values()):
        if pod.deleted:
            life.remove(pod)
        elif pod.lost:
            motions.restart_all(state, pod)
