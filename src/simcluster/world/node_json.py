"""Nodes and namespaces as API objects."""

from __future__ import annotations

from simcluster import apiobjects
from simcluster.world import catalogue, json_text, manifests, topology

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NODES = apiobjects.RESOURCES["nodes"]
_NAMESPACES = apiobjects.RESOURCES["namespaces"]
_PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)
_IMAGES = sorted(
    {
        container.image
        for entry in (*catalogue.WORKLOADS[:14], *catalogue.AGENTS)
        for container in entry.template.containers
    }
)


def namespace(name: str, *, uid: str, created: float) -> manifests.Manifest:
    """A namespace."""
    return manifests.Manifest(
        _NAMESPACES,
        name,
        uid=uid,
        labels={"kubernetes.io/metadata.name": name},
        created=created,
        make=manifests.plain,
        arguments=({"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}},),
        extra={"status.phase": "Active"},
    )


def document(node: topology.Node) -> manifests.Manifest:
    """The Node in its present state."""
    return manifests.Manifest(
        _NODES,
        node.name,
        uid=node.uid,
        labels=node.labels,
        created=node.created,
        make=_body,
        arguments=(node, node.lost, node.heartbeat, node.ready_since, node.booted),
        extra={"spec.unschedulable": "false"},
        annotations={
            "cluster.example/provider-id": f"machine-{node.index:05}",
            "node.alpha.kubernetes.io/ttl": "0",
            "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        },
    )


def _body(
    node: topology.Node, lost: float, heartbeat: float, ready_since: float, booted: float
) -> dict[str, Any]:
    third = node.index * 512
    block = f"10.{64 + third // 65536}.{third // 256 % 256}.0/23"
    spec: dict[str, Any] = {
        "podCIDR": block,
        "podCIDRs": [block],
        "providerID": f"simulated:///{node.zone}/machine-{node.index:05}",
    }
    taints = [
        {"key": key, "value": value, "effect": effect} if value else {"key": key, "effect": effect}
        for key, value, effect in ([node.pool.taint] if node.tainted and node.pool.taint else [])
    ]
    if lost:
        since = {"timeAdded": json_text.timestamp(lost)}
        key = "node.kubernetes.io/unreachable"
        taints += [
            {"key": key, "effect": "NoSchedule", **since},
            {"key": key, "effect": "NoExecute", **since},
        ]
    if taints:
        spec["taints"] = taints
    return {
        "spec": spec,
        "status": {
            "capacity": _amounts(node, node.capacity_cpu, node.capacity_memory, disk=104845292),
            "allocatable": _amounts(node, node.allocatable_cpu, node.allocatable_memory, disk=96625420),
            "conditions": _conditions(lost, heartbeat, node.created, ready_since),
            "addresses": [
                {"type": "InternalIP", "address": node.ip},
                {"type": "Hostname", "address": node.name},
            ],
            # Nobody listens at these addresses, which may be somebody's: a node states no port of a kubelet
            # unless the simulated kubelets are switched on, and then their own.
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            "nodeInfo": _info(node, booted),
            "images": [
                {"names": [image], "sizeBytes": 21_000_000 + json_text.hashed(image) % 400_000_000}
                for image in _IMAGES
            ],
            "features": {"supplementalGroupsPolicy": True},
        },
    }


def _amounts(node: topology.Node, cpu: int, memory: int, *, disk: int) -> dict[str, str]:
    amounts = {
        "cpu": json_text.cpu(cpu),
        "ephemeral-storage": f"{disk}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{memory // 1024}Ki",
    }
    if node.gpus:
        amounts["nvidia.com/gpu"] = str(node.gpus)
    amounts["pods"] = str(node.max_pods)
    return amounts


def _conditions(lost: float, heartbeat: float, created: float, ready_since: float) -> list[dict[str, str]]:
    conditions = []
    beat = json_text.timestamp(heartbeat)
    for kind, reason, message in (*_PRESSURES, ("Ready", "KubeletReady", "kubelet is posting ready status")):
        told = {
            "type": kind,
            "status": "True" if kind == "Ready" else "False",
            "lastHeartbeatTime": beat,
            "lastTransitionTime": json_text.timestamp(ready_since if kind == "Ready" else created),
            "reason": reason,
            "message": message,
        }
        if lost:  # what the node controller writes when leases stop
            told |= {
                "status": "Unknown",
                "lastTransitionTime": json_text.timestamp(lost),
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
            }
        conditions.append(told)
    return conditions


def identity(node: topology.Node, booted: float) -> tuple[str, str, str]:
    """The boot id, the machine id and the system UUID."""
    boot = json_text.digest(node.name if booted < node.created else f"{node.name}/{booted}")
    digits = json_text.digest(node.name)
    return (
        f"{boot[:8]}-{boot[8:12]}-{boot[12:16]}-{boot[16:20]}-{boot[20:32]}",
        digits[:32],
        f"{digits[32:40]}-{digits[40:44]}-{digits[44:48]}-{digits[48:52]}-{digits[52:]}",
    )


def _info(node: topology.Node, booted: float) -> dict[str, Any]:
    boot_id, machine_id, system_uuid = identity(node, booted)
    return {
        "machineID": machine_id,
        "systemUUID": system_uuid,
        "bootID": boot_id,
        "kernelVersion": "6.12.57-cloud-amd64",
        "osImage": "Debian GNU/Linux 13 (trixie)",
        "containerRuntimeVersion": "containerd://2.2.0",
        "kubeletVersion": "v1.36.4" if node.index % 5 != 4 else "v1.36.2",
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": "amd64",
        "swap": {"capacity": 0},
    }
