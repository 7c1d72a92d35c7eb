"""The control groups of a node as cAdvisor sees them: the root, slices, pods, sandboxes and containers.

Each pod has two: the group of all its containers, and its sandbox, which has the network.
"""

from __future__ import annotations

from simcluster.kubelets import derived_stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from simcluster import stats

# Parts of a node's CPU and memory that the slices have; shares, because a sum would fall when a pod goes.
_SLICES = (
    ("/kubepods.slice", 0.90),
    ("/kubepods.slice/kubepods-besteffort.slice", 0.04),
    ("/kubepods.slice/kubepods-burstable.slice", 0.71),
    ("/system.slice", 0.07),
    ("/system.slice/containerd.service", 0.03),
    ("/system.slice/kubelet.service", 0.03),
)
_LABELS = ("container", "id", "image", "name", "namespace", "pod")


class Group:
    """One control group. `kind` is "root", "slice", "pod", "sandbox" or "container", `text` its labels."""

    __slots__ = (
        "container",
        "cpu",
        "cpu_limit",
        "kind",
        "labels",
        "memory_kibibytes",
        "memory_limit",
        "pressure",
        "processes",
        "salt",
        "started",
        "text",
        "timestamp",
        "traffic",
    )

    def __init__(
        self,
        kind: str,
        path: str,
        *,
        cpu: int,
        memory: int,
        timestamp: int,
        started: float,
        salt: int,
        names: dict[str, str] | None = None,
    ) -> None:
        self.kind = kind
        self.labels = {"id": path, **(names or {})}
        self.cpu = cpu
        self.memory_kibibytes = memory
        self.timestamp = timestamp
        self.started = started
        self.salt = salt
        self.container: stats.ContainerStats | None = None
        self.cpu_limit = self.memory_limit = 0
        self.processes = 1
        self.pressure = derived_stats.Pressure(cpu)
        self.traffic: derived_stats.Traffic | None = None
        self.text = ",".join(f'{label}="{self.labels.get(label, "")}"' for label in _LABELS)

    def labelled(self, extra: dict[str, str]) -> list[tuple[str, str]]:
        """The labels and `extra`, in alphabetical order."""
        return sorted((dict.fromkeys(_LABELS, "") | self.labels | extra).items())


def list_groups(node: stats.NodeStats) -> list[Group]:
    """All of a node's groups, in the order of their labels."""
    root = Group(
        "root",
        "/",
        cpu=node.cpu_nanoseconds,
        memory=node.memory_kibibytes,
        timestamp=node.timestamp,
        started=node.started,
        salt=node.salt,
    )
    root.memory_limit = node.memory
    root.traffic = derived_stats.Traffic(node.cpu_nanoseconds, node.salt)
    root.processes = 180 + 9 * len(node.pods)
    groups = [root]
    for path, share in _SLICES:
        groups.append(
            Group(
                "slice",
                path,
                cpu=int(node.cpu_nanoseconds * share),
                memory=int(node.memory_kibibytes * share),
                timestamp=node.timestamp,
                started=node.started + 4,
                salt=node.salt,
            )
        )
    for pod in node.pods:
        groups += _of_pod(pod)
    groups.sort(key=lambda group: (group.labels.get("container", ""), group.labels["id"]))
    return groups


def _of_pod(pod: stats.PodStats) -> list[Group]:
    path = derived_stats.control_group(pod)
    belongs = {"namespace": pod.namespace, "pod": pod.name}
    whole = Group(
        "pod",
        path,
        cpu=pod.cpu_nanoseconds,
        memory=pod.memory_kibibytes,
        timestamp=pod.timestamp,
        started=pod.started,
        salt=pod.salt,
        names=belongs,
    )
    if all(each.cpu_limit for each in pod.containers):
        whole.cpu_limit = sum(each.cpu_limit for each in pod.containers)
    if all(each.memory_limit for each in pod.containers):
        whole.memory_limit = sum(each.memory_limit for each in pod.containers)
    whole.processes = 1 + 3 * len(pod.containers)
    sandbox = derived_stats.sandbox(pod)
    pause = Group(
        "sandbox",
        f"{path}/cri-containerd-{sandbox}.scope",
        cpu=31_000_000,
        memory=492,
        timestamp=pod.timestamp,
        started=pod.started,
        salt=pod.salt,
        names=belongs | {"image": derived_stats.PAUSE, "name": sandbox},
    )
    if not pod.host_network:
        pause.traffic = derived_stats.Traffic(pod.cpu_nanoseconds, pod.salt)
    groups = [whole, pause]
    for each in pod.containers:
        own = Group(
            "container",
            f"{path}/cri-containerd-{each.identity}.scope",
            cpu=each.cpu_nanoseconds,
            memory=each.memory_kibibytes,
            timestamp=each.timestamp,
            started=each.started,
            salt=derived_stats.salt_of(each),
            names=belongs | {"container": each.name, "image": each.image, "name": each.identity},
        )
        own.container = each
        own.cpu_limit, own.memory_limit = each.cpu_limit, each.memory_limit
        own.pressure = derived_stats.container_pressure(each)[0]
        own.processes = 3
        groups.append(own)
    return groups
