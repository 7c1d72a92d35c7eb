"""What happens to nodes: heartbeats, leases, and now and then an outage."""

from __future__ import annotations

from simcluster.world import network, node_json, pod_lifecycle, topology

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster.world import controller_manager

    Manager = controller_manager.ControllerManager

_STATUS = 20  # ticks between two full status reports of a kubelet: five minutes
_AT_ONCE = 40  # reports and renewed leases in one tick at most
_TOLERATION = 20  # ticks that pods tolerate a silent node
_OUTAGE = 70
_BETWEEN = 7 * 240


def begin(manager: Manager) -> None:
    """Start the heartbeats and plan the first outage."""
    manager.after(1, _beat, manager, 0, 0)
    for node in manager.state.nodes:
        if node.lost:
            passed = int((manager.state.now - node.lost) / 15)
            manager.after(_TOLERATION - passed, _expel, manager, node)
            manager.after(_OUTAGE - passed, _return, manager, node)
    manager.after(_BETWEEN, _fall, manager, 0)


def _beat(manager: Manager, report: int, renewal: int) -> None:
    """Some nodes report, some renew their lease, in turn; the arguments are whose turn it is."""
    state = manager.state
    count = len(state.nodes)
    turns = max(count, _STATUS)  # a small cluster has ticks without a report
    reports = min(_AT_ONCE, -(-count // _STATUS))
    for turn in range(report, report + reports):
        if turn % turns < count:
            node = state.nodes[turn % turns]
            if not node.lost:
                node.heartbeat = state.now
                state.put(node_json.document(node))
    renewals = min(_AT_ONCE, count)
    for turn in range(renewal, renewal + renewals):
        node = state.nodes[turn % count]
        if not node.lost:
            uid = state.uid_of("leases.coordination.k8s.io", "kube-node-lease", node.name)
            state.put(network.lease(node, renewed=state.now - node.index % 10, uid=uid))
    manager.after(1, _beat, manager, (report + reports) % turns, (renewal + renewals) % count)


def _fall(manager: Manager, number: int) -> None:
    """A node's outage begins, and the node controller notices it."""
    manager.after(_BETWEEN, _fall, manager, number + 1)
    state = manager.state
    able = [node for node in state.nodes if node.pool is topology.GENERAL and not node.lost]
    if len(able) < 3:
        return
    node = able[number * 7 % len(able)]
    node.lost = node.ready_since = state.now
    state.put(node_json.document(node))
    for pod in list(node.pods.values()):
        if pod.phase == "Running" and not pod.lost:
            pod = state.change_pod(pod, lost=state.now)  # noqa: PLW2901
            pod_lifecycle.record(
                state, pod, "NodeNotReady", "Node is not ready", source="node-controller", warning=True
            )
    pod_lifecycle.record_node(state, node, "NodeNotReady")
    manager.after(_TOLERATION, _expel, manager, node)
    manager.after(_OUTAGE, _return, manager, node)


def _expel(manager: Manager, node: topology.Node) -> None:
    """The tolerations of its pods end: they are deleted, and replaced on other nodes."""
    if not node.lost:
        return
    affected = {}
    for pod in list(node.pods.values()):
        pod_set = pod.pod_set
        if pod_set.kind not in ("ReplicaSet", "StatefulSet") or not pod.alive or pod.deleted:
            continue
        manager.delete(pod, disrupted="DeletionByTaintManager")
        affected[pod_set.workload.uid] = pod_set.workload
    for workload in affected.values():
        manager.reconcile(workload)


def _return(manager: Manager, node: topology.Node) -> None:
    """The machine has been restarted, and its kubelet is back."""
    state = manager.state
    node.lost = 0.0
    node.heartbeat = node.ready_since = node.booted = state.now
    state.scheduler.reopen()
    state.put(node_json.document(node))
    pod_lifecycle.record_node(state, node, "NodeReady")
    pod_lifecycle.record_rebooted(state, node, node_json.identity(node, node.booted)[0])
    for pod in list(node.pods.values()):
        if pod.deleted:
            manager.remove(pod)
        elif pod.lost:
            pod_lifecycle.restart_all(state, pod)
