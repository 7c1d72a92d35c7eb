"""The nodes of the cluster: pools, machines and zones, and the resources that are left on each."""

from __future__ import annotations

from typing import NamedTuple

from simcluster.world import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from simcluster.world import pods

ZONES = ("eu-central-1a", "eu-central-1b", "eu-central-1c")

_SIZES = (
    (4, "xlarge"),
    (8, "2xlarge"),
    (16, "4xlarge"),
    (32, "8xlarge"),
    (64, "16xlarge"),
    (96, "24xlarge"),
    (192, "48xlarge"),
)


class Pool(NamedTuple):
    """A kind of machine. `memory` is GiB a core."""

    name: str
    family: str
    memory: int
    gpus: int = 0
    taint: tuple[str, str, str] | None = None


CONTROL = Pool("control", "m7i", 4, taint=("node-role.kubernetes.io/control-plane", "", "NoSchedule"))
GENERAL = Pool("general", "m7i", 4)
MEMORY = Pool("memory", "r7i", 8)
GPU = Pool("gpu", "g6", 4, gpus=1, taint=("nvidia.com/gpu", "present", "NoSchedule"))


class Node:
    """A machine. CPU in millicores, memory in bytes; `requested_*` is what its pods have asked for.

    It changes with time. `node_json` renders its present state.
    """

    __slots__ = (
        "allocatable_cpu",
        "allocatable_memory",
        "booted",
        "capacity_cpu",
        "capacity_memory",
        "created",
        "gpus",
        "heartbeat",
        "index",
        "instance_type",
        "ip",
        "labels",
        "lost",
        "max_pods",
        "name",
        "next_ip",
        "pods",
        "pool",
        "ready_since",
        "requested_cpu",
        "requested_gpus",
        "requested_memory",
        "salt",
        "tainted",
        "uid",
        "zone",
    )

    def __init__(
        self,
        index: int,
        name: str,
        *,
        pool: Pool,
        cores: int,
        size: str,
        uid: str,
        max_pods: int,
        created: float,
    ) -> None:
        self.index = index
        self.name = name
        self.uid = uid
        self.pool = pool
        self.zone = ZONES[index % len(ZONES)]
        self.instance_type = f"{pool.family}.{size}"
        self.ip = f"10.{index // 62500}.{index // 250 % 250}.{index % 250 + 4}"
        self.created = created
        self.max_pods = max_pods
        self.gpus = pool.gpus
        self.capacity_cpu = cores * 1000
        # A hypervisor and the kernel keep some of the machine's nominal memory.
        self.capacity_memory = int(cores * pool.memory * json_text.GIBIBYTE * 0.975) // 1024 * 1024
        self.allocatable_cpu = self.capacity_cpu - 70 - cores * 5
        self.allocatable_memory = self.capacity_memory - (355 + min(max_pods, 110) * 8) * json_text.MEBIBYTE
        self.requested_cpu = 0
        self.requested_memory = 0
        self.requested_gpus = 0
        self.pods: dict[str, pods.Pod] = {}
        self.next_ip = 2
        self.lost = 0.0  # since when the kubelet has been silent; 0 while it reports
        self.tainted = pool.taint is not None
        self.ready_since = created + 40
        self.booted = created - 25
        self.heartbeat = created
        self.salt = json_text.hashed(name)
        self.labels = self._labels()

    def _labels(self) -> dict[str, str]:
        labels = {
            "beta.kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "failure-domain.beta.kubernetes.io/region": self.zone[:-1],
            "failure-domain.beta.kubernetes.io/zone": self.zone,
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "node.kubernetes.io/instance-type": self.instance_type,
            "pool": self.pool.name,
            "topology.kubernetes.io/region": self.zone[:-1],
            "topology.kubernetes.io/zone": self.zone,
        }
        if self.pool is CONTROL:
            labels |= {
                "node-role.kubernetes.io/control-plane": "",
                "node.kubernetes.io/exclude-from-external-load-balancers": "",
            }
        elif self.gpus:
            labels["nvidia.com/gpu.product"] = "NVIDIA-L4"
        return dict(sorted(labels.items()))

    def address(self) -> str:
        """The next free pod address of the node's /23."""
        used = {pod.ip for pod in self.pods.values()} if self.next_ip > 509 else set()
        while True:
            number = self.index * 512 + self.next_ip % 508 + 2
            self.next_ip += 1
            address = f"10.{64 + number // 65536}.{number // 256 % 256}.{number % 256}"
            if address not in used:
                return address

    def reserve(self, cpu: int, memory: int, *, gpus: int) -> None:
        """Reserve the requests of a pod, or release them with negative amounts."""
        self.requested_cpu += cpu
        self.requested_memory += memory
        self.requested_gpus += gpus

    def fits(self, cpu: int, memory: int, *, gpus: int) -> bool:
        """Whether the node has room for a pod with these requests."""
        return (
            len(self.pods) < self.max_pods
            and self.requested_cpu + cpu <= self.allocatable_cpu
            and self.requested_memory + memory <= self.allocatable_memory
            and self.requested_gpus + gpus <= self.gpus
        )


def pool_of(index: int, count: int) -> Pool:
    """The pool of the node with this number out of `count`."""
    control = 0 if count == 1 else 1 if count < 30 else 3 if count < 500 else 5
    if index < control:
        return CONTROL
    workers = count - control
    position = index - control
    gpus = max(1, workers // 25) if workers >= 3 else 0
    large = max(1, workers // 6) if workers >= 4 else 0
    if position < gpus:
        return GPU
    return MEMORY if position < gpus + large else GENERAL


def build_nodes(
    count: int, *, pods: int, cpu: int, memory: int, uid: Callable[[], str], start: float
) -> list[Node]:
    """Machines large enough that `cpu` millicores and `memory` bytes of requests fill about 60 % of them."""
    kinds = [pool_of(index, count) for index in range(count)]
    workers = sum(1 for kind in kinds if kind is not CONTROL and kind is not GPU) or 1
    cores, size = next(
        (
            (cores, size)
            for cores, size in _SIZES
            if cores * 600 * workers >= cpu and cores * 4 * 0.6 * json_text.GIBIBYTE * workers >= memory
        ),
        _SIZES[-1],
    )
    max_pods = next((limit for limit in (110, 250) if pods * 1.5 <= workers * limit), 500)
    numbers: dict[str, int] = {}
    width = len(str(count)) if count > 99 else 1
    nodes = []
    for index, kind in enumerate(kinds):
        numbers[kind.name] = numbers.get(kind.name, 0) + 1
        small = kind is CONTROL or kind is GPU
        node_cores, node_size = _SIZES[0] if small and cores < 32 else (cores, size)
        nodes.append(
            Node(
                index,
                f"{kind.name}-{numbers[kind.name]:0{width}}",
                pool=kind,
                cores=node_cores,
                size=node_size,
                uid=uid(),
                max_pods=max_pods,
                created=start - 86400.0 * (9 + index * 7 % 90) - index * 13 % 3600,
            )
        )
    return nodes
