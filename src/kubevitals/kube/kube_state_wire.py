"""The wire fields that only compatibility with kube-state-metrics needs, as msgspec Structs. No meaning here.

They are read from lists of their own, on demand, so that nobody else pays for them.
"""

from __future__ import annotations

import msgspec

from kubevitals.kube import objects

Amounts = dict[str, objects.Quantity]  # of any resource: cpu, memory, hugepages-2Mi, nvidia.com/gpu ...


class _Wire(msgspec.Struct, rename="camel", gc=False):
    """Base of all: camelCase on the wire, every field optional, unknown fields skipped."""


class Condition(_Wire):
    """A condition, of whatever object."""

    type: str = ""
    status: str = ""
    reason: str | None = None


class Resources(_Wire):
    """What a container asks for and may use."""

    requests: Amounts | None = None
    limits: Amounts | None = None


class ContainerSpec(_Wire):
    """A container as it shall be."""

    name: str = ""
    image: str = ""
    resources: Resources | None = None


class PodSpec(_Wire):
    """A pod as it shall be."""

    node_name: str = ""
    host_network: bool = False
    priority_class_name: str = ""
    containers: list[ContainerSpec] = []


class ContainerStatus(_Wire):
    """A container as it is."""

    name: str = ""
    ready: bool = False
    restart_count: int = 0
    image: str = ""
    image_id: str = msgspec.field(name="imageID", default="")
    container_id: str = msgspec.field(name="containerID", default="")
    state: objects.ContainerState | None = None
    last_state: objects.ContainerState | None = None


class PodStatus(_Wire):
    """A pod as it is."""

    phase: str = ""
    reason: str = ""
    host_ip: str = msgspec.field(name="hostIP", default="")
    pod_ip: str = msgspec.field(name="podIP", default="")
    qos_class: str = ""
    start_time: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(_Wire):
    """A pod."""

    metadata: objects.ObjectMeta
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class NodeInfo(_Wire):
    """What runs on a node beneath the pods."""

    kernel_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""
    kubelet_version: str = ""
    system_uuid: str = msgspec.field(name="systemUUID", default="")


class NodeSpec(_Wire):
    """A node as it shall be."""

    unschedulable: bool = False
    provider_id: str = msgspec.field(name="providerID", default="")
    pod_cidr: str = msgspec.field(name="podCIDR", default="")
    taints: list[objects.NodeTaint] | None = None


class NodeStatus(_Wire):
    """A node as it is."""

    capacity: Amounts | None = None
    allocatable: Amounts | None = None
    conditions: list[Condition] | None = None
    addresses: list[objects.NodeAddress] | None = None
    node_info: NodeInfo = msgspec.field(default_factory=NodeInfo)


class Node(_Wire):
    """A node."""

    metadata: objects.ObjectMeta
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class WorkloadSpec(_Wire):
    """How many of something there shall be."""

    replicas: int | None = None
    max_replicas: int = 0  # of a HorizontalPodAutoscaler


class WorkloadStatus(_Wire):
    """How many of something there are, in the words of each kind; and the phase of what has one."""

    phase: str = ""
    ready_replicas: int = 0
    available_replicas: int = 0
    current_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    failed: int = 0  # pods of a Job
    hard: Amounts | None = None  # of a ResourceQuota
    used: Amounts | None = None
    conditions: list[Condition] | None = None


class Thing(_Wire):
    """A Deployment, StatefulSet, DaemonSet, Job, HorizontalPodAutoscaler, Namespace, claim or quota."""

    metadata: objects.ObjectMeta
    spec: WorkloadSpec = msgspec.field(default_factory=WorkloadSpec)
    status: WorkloadStatus = msgspec.field(default_factory=WorkloadStatus)
