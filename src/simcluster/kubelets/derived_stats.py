"""What a kubelet measures besides CPU and memory: network, disk, parts of memory, and pressure.

All of it is derived from the CPU used, so that a counter rests while nothing runs and restarts with its
container. Units are bytes and nanoseconds.
"""

from __future__ import annotations

import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster import stats

PAUSE = "registry.k8s.io/pause:3.10.1"
DISK = "/dev/nvme0n1"
DISK_BYTES = 104845292 << 10
DISK_INODES = 52424704
CLAIM_BYTES = 8 << 30
MOST_PROCESSES = 4194304
_SLICES = {"Guaranteed": "", "Burstable": "burstable", "BestEffort": "besteffort"}
_LOG_BYTES = 10 << 20  # a log is rotated at 10 MiB


class Traffic:
    """What an interface has carried since its start."""

    __slots__ = ("dropped", "received", "received_packets", "sent", "sent_packets")

    def __init__(self, cpu: int, salt: int) -> None:
        self.received = cpu * (120 + salt % 1400) // 1_000_000
        self.sent = self.received * (30 + (salt >> 12) % 130) // 100
        self.received_packets = self.received // 610
        self.sent_packets = self.sent // 740
        self.dropped = self.received_packets // 90_000


class Disk:
    """What has been read and written since the start, and the space in use."""

    __slots__ = ("logs", "read", "reads", "root", "root_inodes", "writes", "written")

    def __init__(self, cpu: int, salt: int) -> None:
        self.read = (salt % 4000 << 12) + cpu // (40_000 + salt % 90_000)
        self.written = cpu // (25_000 + salt % 60_000)
        self.reads = self.read // 21_000
        self.writes = self.written // 9_000
        self.root = (8 + salt % 900 << 12) + (self.written // 500 >> 12 << 12) % (1 << 28)
        self.root_inodes = 12 + salt % 40
        self.logs = (4096 + cpu // (3_000_000 + salt % 5_000_000)) % _LOG_BYTES


class Memory:
    """The parts of a working set, in bytes."""

    __slots__ = ("active_file", "inactive_file", "kernel", "mapped", "resident", "usage", "working_set")

    def __init__(self, kibibytes: int, salt: int) -> None:
        self.working_set = kibibytes * 1024
        self.resident = self.working_set * (70 + salt % 20) // 100 >> 12 << 12
        self.active_file = self.working_set // 12 >> 12 << 12
        self.inactive_file = self.working_set * (5 + salt % 25) // 100 >> 12 << 12
        self.kernel = self.working_set // 40
        self.mapped = self.active_file // 2
        self.usage = self.working_set + self.inactive_file


class Pressure:
    """How long some, and all, tasks have waited: nanoseconds, or nanoseconds a second if made of rates."""

    __slots__ = ("cpu", "io", "memory")

    def __init__(self, cpu: int, *, throttled: int = 0, stalled: int = 0) -> None:
        self.cpu = (throttled + cpu // 250, throttled * 3 // 4)
        self.memory = (stalled, stalled // 2)
        self.io = (cpu // 700, cpu // 1100)


def pressure(row: stats.NodeStats | stats.PodStats) -> tuple[Pressure, Pressure]:
    """The pressure in a pod or node: since its start, and at present."""
    return Pressure(row.cpu_nanoseconds), Pressure(row.cpu_nanocores)


def container_pressure(container: stats.ContainerStats) -> tuple[Pressure, Pressure]:
    """The pressure in a container: since its start, and at present."""
    return (
        Pressure(container.cpu_nanoseconds, throttled=container.throttled, stalled=container.stalled),
        Pressure(container.cpu_nanocores, throttled=container.throttling, stalled=container.stalling),
    )


def salt_of(container: stats.ContainerStats) -> int:
    """A number that differs between containers."""
    return int(container.identity[:12], 16)


def sandbox(pod: stats.PodStats) -> str:
    """The id of a pod's sandbox."""
    return hashlib.sha256(f"{pod.uid}/sandbox".encode()).hexdigest()


def control_group(pod: stats.PodStats) -> str:
    """The path of a pod's control group, with the systemd driver."""
    level = _SLICES[pod.qos]
    prefix = f"kubepods-{level}" if level else "kubepods"
    parent = f"/kubepods.slice/{prefix}.slice" if level else "/kubepods.slice"
    return f"{parent}/{prefix}-pod{pod.uid.replace('-', '_')}.slice"


def node_disk_used(node: stats.NodeStats) -> int:
    """Bytes in use on the node's only file system."""
    return DISK_BYTES * (22 + node.salt % 45) // 100 + Disk(node.cpu_nanoseconds // 64, node.salt).root
