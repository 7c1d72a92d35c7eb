"""Builds the cluster as it is at the start, with exactly as many nodes and pods as asked for.

First it chooses the workloads, then nodes that can hold them; then it places node agents, the workloads of
the catalogue and the fleet, each in the state of its scenario (see `initial_state`).
"""

from __future__ import annotations

import gc

from simcluster import apiobjects
from simcluster.world import (
    catalogue,
    fleet,
    initial_state,
    network,
    node_json,
    pod_lifecycle,
    topology,
    workloads,
)
from simcluster.world import cluster_state as states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_DAY = 86400.0


def build(*, node_count: int, pod_count: int, seed: int, start: float, calm: bool = False) -> states.State:
    """The cluster at `start` (epoch). Nothing happens in it yet: `state.live` is still False.

    In a `calm` one no node is lost, and no workload has a scenario.
    """
    collecting = gc.isenabled()
    gc.disable()  # nothing here is garbage yet, and looking for it would double the time
    try:
        state = states.State(seed=seed, start=start)
        plan = list(_plan(node_count, pod_count, state))
        if calm:
            plan = [(entry._replace(scenario=""), count) for entry, count in plan]
        _open_nodes(state, plan, node_count=node_count, pod_count=pod_count, calm=calm)
        _open_workloads(state, plan)
        _open_rest(state)
        state.update_owners()
        state.events.sort()
    finally:
        if collecting:
            gc.enable()
    return state


def _plan(node_count: int, pod_count: int, state: states.State) -> Iterator[tuple[catalogue.Entry, int]]:
    """The workloads, each with its number of pods."""
    left = pod_count
    pools = [topology.pool_of(index, node_count) for index in range(node_count)]
    control = sum(pool is topology.CONTROL for pool in pools) or 1
    for entry in catalogue.WORKLOADS:
        count = min(initial_state.pods_at_start(entry), left)
        if not count:
            return
        left -= count
        yield entry, count
    for entry in catalogue.STATIC:
        count = min(control, left)
        if count:
            left -= count
            yield entry, count
    for entry in catalogue.AGENTS:
        wanted = entry.template.pool
        count = sum(1 for pool in pools if not wanted or pool.name == wanted)
        if 0 < count <= left:  # an agent runs everywhere or not at all
            left -= count
            yield entry, count
    for entry in fleet.entries(left, random=state.random):
        count = min(initial_state.pods_at_start(entry), left)
        if not count:
            return
        left -= count
        yield entry, count


def _open_nodes(
    state: states.State,
    plan: list[tuple[catalogue.Entry, int]],
    *,
    node_count: int,
    pod_count: int,
    calm: bool,
) -> None:
    cpu = memory = 0
    for entry, count in plan:
        if entry.template.pool or entry.kind == "Static" or entry.scenario == "unschedulable":
            continue
        cpu += entry.template.cpu_request * count
        memory += entry.template.memory_request * count
    state.nodes = topology.build_nodes(
        node_count, pods=pod_count, cpu=cpu, memory=memory, uid=state.uid, start=state.start
    )
    general = [node for node in state.nodes if node.pool is topology.GENERAL]
    if len(general) >= 3 and not calm:
        general[-1].lost = state.start - 150
    for node in state.nodes:
        node.heartbeat = node.lost - 30 if node.lost else state.start - state.random.randrange(300)
    state.scheduler.open(state.nodes)


def _open_workloads(state: states.State, plan: list[tuple[catalogue.Entry, int]]) -> None:
    # Agents first: they are on every node, whatever else comes.
    order = {"Static": 0, "DaemonSet": 1}
    for entry, count in sorted(plan, key=lambda pair: order.get(pair[0].kind, 2)):
        if entry.scenario == "unschedulable":
            entry = _beyond(entry, state)  # noqa: PLW2901
        age = state.random.uniform(2, 60) * _DAY
        workload = workloads.Workload(entry, uid=state.uid(), created=state.start - age)
        state.workloads.append(workload)
        if entry.port:
            number = len(state.workloads) + 10
            workload.service = network.Service(
                uid=state.uid(),
                address=f"10.96.{number // 250}.{number % 250 + 1}",
                port=entry.port,
                target=next((item.port for item in entry.template.containers if item.port), 8080),
                headless=entry.kind == "StatefulSet",
            )
            state.put(network.service(workload))
        state.scheduler.unaware = (
            not entry.scenario and entry.tier != "data" and entry.namespace != "kube-system"
        )
        initial_state.create(state, workload, count)
        state.scheduler.unaware = False
        state.mark_changed(workload)


def _beyond(entry: catalogue.Entry, state: states.State) -> catalogue.Entry:
    """The entry asking for as many cores as the largest machine has, of which some are always reserved."""
    cores = max(node.capacity_cpu for node in state.nodes)
    first = entry.template.containers[0]._replace(cpu=(cores, 0, cores // 2))
    return entry._replace(template=entry.template._replace(containers=(first,)))


def _open_rest(state: states.State) -> None:
    oldest = min(node.created for node in state.nodes) - 600
    names = sorted({*_NAMESPACES, *(workload.namespace for workload in state.workloads)})
    account = apiobjects.RESOURCES["serviceaccounts"]
    for name in names:
        state.put(node_json.namespace(name, uid=state.uid(), created=oldest))
        state.put(network.named(account, "default", namespace=name, uid=state.uid(), created=oldest))
    for workload in state.workloads:
        if workload.kind not in ("Static", "Bare"):
            state.put(
                network.named(
                    account,
                    workload.name,
                    namespace=workload.namespace,
                    uid=state.uid(),
                    created=workload.created,
                )
            )
    state.put(network.api_server_service(state.uid(), created=oldest))
    for node in state.nodes:
        state.put(node_json.document(node))
        if node.lost:
            pod_lifecycle.record_node(state, node, "NodeNotReady", when=node.lost + 40)
        state.put(
            network.lease(node, renewed=node.lost - 35 if node.lost else state.start - 5, uid=state.uid())
        )
    groups = {(resource.group, resource.version) for resource in apiobjects.RESOURCES.values()}
    for group, version in sorted(groups):
        state.put(network.api_service(group, version, uid=state.uid(), created=oldest))
    target = ("kube-system", "metrics-server")
    for version in ("v1", "v1beta1"):
        state.put(
            network.api_service(
                "metrics.k8s.io", version, uid=state.uid(), created=oldest + 900, target=target
            )
        )
