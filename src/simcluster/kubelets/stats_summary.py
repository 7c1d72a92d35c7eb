"""`/stats/summary` of a kubelet: one JSON document of the node and its pods."""

from __future__ import annotations

import json
import time

from simcluster.kubelets import derived_stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from simcluster import stats

    Counted = stats.NodeStats | stats.PodStats | stats.ContainerStats

_DAEMONS = ("kubelet", 0.024), ("runtime", 0.019)


def render(node: stats.NodeStats, *, whole: bool, counting: bool = True) -> bytes:
    """The document; without `whole` it has CPU, memory and swap only. Without `counting` usage is 0."""
    shown = _node(node, whole=whole)
    pods = [_pod(pod, whole=whole, counting=counting) for pod in node.pods]
    return json.dumps({"node": shown, "pods": pods}, separators=(",", ":")).encode()


def _node(node: stats.NodeStats, *, whole: bool) -> dict[str, Any]:
    when = _time(node.timestamp)
    pressure, lately = derived_stats.pressure(node)
    memory = _memory(node, node.salt, when, limit=node.memory, psi=_psi(pressure.memory, lately.memory))
    shown: dict[str, Any] = {
        "nodeName": node.name,
        "systemContainers": [_daemon(node, name, share, when) for name, share in _DAEMONS],
        "startTime": _time(node.started * 1000),
        "cpu": _cpu(node, when, psi=_psi(pressure.cpu, lately.cpu)),
        "memory": memory,
        "swap": {"time": when, "swapAvailableBytes": 0, "swapUsageBytes": 0},
    }
    if not whole:
        return shown
    used = derived_stats.node_disk_used(node)
    disk = _file_system(when, used, inodes=used >> 15, free=derived_stats.DISK_BYTES - used)
    return shown | {
        "io": {"time": when, "psi": _psi(pressure.io, lately.io)},
        "network": _network(derived_stats.Traffic(node.cpu_nanoseconds, node.salt), when),
        "fs": disk,
        "runtime": {
            "imageFs": disk | {"usedBytes": used // 2, "inodesUsed": used >> 16},
            "containerFs": disk | {"usedBytes": used // 9, "inodesUsed": used >> 18},
        },
        "rlimit": {
            "time": when,
            "maxpid": derived_stats.MOST_PROCESSES,
            "curproc": 180 + sum(4 + 9 * len(pod.containers) for pod in node.pods),
        },
    }


def _daemon(node: stats.NodeStats, name: str, share: float, when: str) -> dict[str, Any]:
    size = int((70 + node.salt % 40) * share * 40) << 20
    return {
        "name": name,
        "startTime": _time(node.started * 1000 + 9000),
        "cpu": {
            "time": when,
            "usageNanoCores": int(node.cpu_nanocores * share),
            "usageCoreNanoSeconds": int(node.cpu_nanoseconds * share),
        },
        "memory": {"time": when, "usageBytes": size + (9 << 20), "workingSetBytes": size, "rssBytes": size},
    }


def _pod(pod: stats.PodStats, *, whole: bool, counting: bool) -> dict[str, Any]:
    when = _time(pod.timestamp)
    pressure, lately = derived_stats.pressure(pod)
    shown: dict[str, Any] = {
        "podRef": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "startTime": _time(pod.started * 1000),
        "containers": [_container(each, whole=whole, counting=counting) for each in pod.containers],
        "cpu": _cpu(pod, when, psi=_psi(pressure.cpu, lately.cpu), counting=counting),
        "memory": _memory(pod, pod.salt, when, psi=_psi(pressure.memory, lately.memory), counting=counting),
        "swap": {"time": when, "swapUsageBytes": 0},
    }
    if not whole:
        return shown
    disks = [derived_stats.Disk(each.cpu_nanoseconds, derived_stats.salt_of(each)) for each in pod.containers]
    shown["io"] = {"time": when, "psi": _psi(pressure.io, lately.io)}
    if not pod.host_network:
        shown["network"] = _network(derived_stats.Traffic(pod.cpu_nanoseconds, pod.salt), when)
    volumes = [_volume(when, "config", 4096, inodes=5)]
    if pod.claim is not None:
        held = derived_stats.CLAIM_BYTES * (15 + pod.salt % 70) // 100
        claim = _volume(when, pod.claim[0], held, inodes=held >> 16, size=derived_stats.CLAIM_BYTES)
        volumes.append(claim | {"pvcRef": {"name": pod.claim[1], "namespace": pod.namespace}})
    used = sum(disk.root + disk.logs for disk in disks) + 4096
    shown |= {
        "volume": volumes,
        "ephemeral-storage": _file_system(when, used, inodes=sum(disk.root_inodes for disk in disks)),
        "process_stats": {"process_count": 1 + 3 * len(pod.containers)},
    }
    return shown


def _container(container: stats.ContainerStats, *, whole: bool, counting: bool) -> dict[str, Any]:
    when = _time(container.timestamp)
    salt = derived_stats.salt_of(container)
    pressure, lately = derived_stats.container_pressure(container)
    shown: dict[str, Any] = {
        "name": container.name,
        "startTime": _time(container.started * 1000),
        "cpu": _cpu(container, when, psi=_psi(pressure.cpu, lately.cpu), counting=counting),
        "memory": _memory(
            container,
            salt,
            when,
            limit=container.memory_limit,
            psi=_psi(pressure.memory, lately.memory),
            counting=counting,
        ),
        "swap": {"time": when, "swapAvailableBytes": 0, "swapUsageBytes": 0},
    }
    if whole:
        disk = derived_stats.Disk(container.cpu_nanoseconds, salt)
        shown["io"] = {"time": when, "psi": _psi(pressure.io, lately.io)}
        shown["rootfs"] = _file_system(when, disk.root, inodes=disk.root_inodes)
        shown["logs"] = _file_system(when, disk.logs, inodes=1 + container.restarts % 5)
    return shown


def _cpu(row: Counted, when: str, *, psi: dict[str, Any], counting: bool = True) -> dict[str, Any]:
    return {
        "time": when,
        "usageNanoCores": row.cpu_nanocores if counting else 0,
        "usageCoreNanoSeconds": row.cpu_nanoseconds if counting else 0,
        "psi": psi,
    }


def _memory(
    row: Counted,
    salt: int,
    when: str,
    *,
    limit: int = 0,
    psi: dict[str, Any],
    counting: bool = True,
) -> dict[str, Any]:
    memory = derived_stats.Memory(row.memory_kibibytes if counting else 0, salt)
    shown: dict[str, Any] = {"time": when}
    if limit:
        shown["availableBytes"] = max(0, limit - memory.working_set)
    faults = row.cpu_nanoseconds // 900_000
    return shown | {
        "usageBytes": memory.usage,
        "workingSetBytes": memory.working_set,
        "rssBytes": memory.resident,
        "pageFaults": faults,
        "majorPageFaults": faults // 4000,
        "psi": psi,
    }


def _psi(waits: tuple[int, int], lately: tuple[int, int]) -> dict[str, Any]:
    """Totals are microseconds, means per cent; nobody here remembers five minutes, so all are of late."""
    shown = []
    for wait, rate in zip(waits, lately, strict=True):
        mean = round(min(100.0, rate / 1e7), 2)
        shown.append({"total": wait // 1000, "avg10": mean, "avg60": mean, "avg300": mean})
    return {"full": shown[1], "some": shown[0]}


def _network(traffic: derived_stats.Traffic, when: str) -> dict[str, Any]:
    interface = {
        "name": "eth0",
        "rxBytes": traffic.received,
        "rxErrors": 0,
        "txBytes": traffic.sent,
        "txErrors": 0,
    }
    return {"time": when, **interface, "interfaces": [interface]}


def _file_system(when: str, used: int, *, inodes: int, free: int | None = None) -> dict[str, Any]:
    return {
        "time": when,
        "availableBytes": derived_stats.DISK_BYTES * 3 // 5 if free is None else free,
        "capacityBytes": derived_stats.DISK_BYTES,
        "usedBytes": used,
        "inodesFree": derived_stats.DISK_INODES * 4 // 5,
        "inodes": derived_stats.DISK_INODES,
        "inodesUsed": inodes,
    }


def _volume(
    when: str, name: str, used: int, *, inodes: int, size: int = derived_stats.DISK_BYTES
) -> dict[str, Any]:
    return _file_system(when, used, inodes=inodes) | {
        "capacityBytes": size,
        "availableBytes": size - used,
        "name": name,
    }


def _time(milliseconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(milliseconds / 1000))
