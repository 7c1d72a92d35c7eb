"""What kubelets have measured of nodes, pods and containers. The world counts in these records."""

from __future__ import annotations


class ContainerStats:
    """A running container as its kubelet measured it last, at `timestamp` (epoch, milliseconds).

    CPU is cumulative since `started` (epoch, seconds), and `cpu_nanocores` the rate of late. `periods` and
    `throttled_periods` are the CFS quota's, `throttled` and `stalled` the nanoseconds that it waited for its
    quota and for memory, `throttling` and `stalling` the same in each second of late. Limits are millicores
    and bytes, 0 where there is none.
    """

    __slots__ = (
        "cpu_limit",
        "cpu_nanocores",
        "cpu_nanoseconds",
        "identity",
        "image",
        "memory_kibibytes",
        "memory_limit",
        "name",
        "out_of_memory",
        "periods",
        "restarts",
        "stalled",
        "stalling",
        "started",
        "throttled",
        "throttled_periods",
        "throttling",
        "timestamp",
    )

    def __init__(
        self,
        name: str,
        *,
        image: str,
        identity: str,
        started: float,
        restarts: int,
        out_of_memory: int,
        cpu_limit: int,
        memory_limit: int,
    ) -> None:
        self.name = name
        self.image = image
        self.identity = identity
        self.started = started
        self.restarts = restarts
        self.out_of_memory = out_of_memory
        self.cpu_limit = cpu_limit
        self.memory_limit = memory_limit
        self.timestamp = 0
        self.cpu_nanoseconds = 0
        self.cpu_nanocores = 0
        self.memory_kibibytes = 0
        self.periods = 0
        self.throttled_periods = 0
        self.throttled = 0
        self.stalled = 0
        self.throttling = 0
        self.stalling = 0


class PodStats:
    """A pod with its running containers; its own CPU goes on when a container restarts.

    `claim` is the volume's name and the claim that it is bound to, if it has one.
    """

    __slots__ = (
        "claim",
        "containers",
        "cpu_nanocores",
        "cpu_nanoseconds",
        "host_network",
        "memory_kibibytes",
        "name",
        "namespace",
        "qos",
        "salt",
        "started",
        "timestamp",
        "uid",
    )

    def __init__(
        self,
        namespace: str,
        name: str,
        *,
        uid: str,
        started: float,
        qos: str,
        salt: int,
        host_network: bool,
        claim: tuple[str, str] | None,
    ) -> None:
        self.namespace = namespace
        self.name = name
        self.uid = uid
        self.started = started
        self.qos = qos
        self.salt = salt
        self.host_network = host_network
        self.claim = claim
        self.containers: list[ContainerStats] = []
        self.timestamp = 0
        self.cpu_nanoseconds = 0
        self.cpu_nanocores = 0
        self.memory_kibibytes = 0


class NodeStats:
    """A node as its kubelet measured it last, since its machine was `started`. Capacity: cores and bytes.

    `identity` are the ids of this boot, of the machine and of the system.
    """

    __slots__ = (
        "cores",
        "cpu_nanocores",
        "cpu_nanoseconds",
        "identity",
        "memory",
        "memory_kibibytes",
        "name",
        "pods",
        "salt",
        "started",
        "timestamp",
    )

    def __init__(
        self,
        name: str,
        *,
        started: float,
        cores: int,
        memory: int,
        salt: int,
        identity: tuple[str, str, str],
    ) -> None:
        self.name = name
        self.started = started
        self.cores = cores
        self.memory = memory
        self.salt = salt
        self.identity = identity
        self.pods: list[PodStats] = []
        self.timestamp = 0
        self.cpu_nanoseconds = 0
        self.cpu_nanocores = 0
        self.memory_kibibytes = 0
