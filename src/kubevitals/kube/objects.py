"""The few wire fields of core objects that are read, as msgspec Structs. No meaning is attached here.

msgspec skips everything that is not named, which is most of a pod. `gc=False` is safe because decoded
JSON has no cycles, and spares the garbage collector a million objects.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

ItemT = TypeVar("ItemT")
Quantity = str | int | float  # the API server writes text; a number in hand-made JSON means the same


class _Wire(msgspec.Struct, rename="camel", gc=False):
    """Base of all: camelCase on the wire, every field optional, unknown fields skipped."""


class ListMeta(_Wire):
    resource_version: str = ""
    continue_: str = msgspec.field(name="continue", default="")
    remaining: int | None = msgspec.field(name="remainingItemCount", default=None)


class ObjectList(_Wire, Generic[ItemT]):
    """A list of any kind."""

    metadata: ListMeta
    items: list[ItemT] | None = None
    kind: str = ""


class OwnerReference(_Wire):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class ObjectMeta(_Wire):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    owner_references: list[OwnerReference] | None = None


class ResourceList(_Wire):
    cpu: Quantity | None = None
    memory: Quantity | None = None
    pods: Quantity | None = None


class ResourceRequirements(_Wire):
    requests: ResourceList | None = None
    limits: ResourceList | None = None


class ContainerSpec(_Wire):
    name: str = ""
    resources: ResourceRequirements | None = None
    restart_policy: str | None = None


class PodSpec(_Wire):
    node_name: str | None = None
    containers: list[ContainerSpec] = []
    init_containers: list[ContainerSpec] | None = None
    ephemeral_containers: list[ContainerSpec] | None = None
    overhead: ResourceList | None = None
    resources: ResourceRequirements | None = None


class Waiting(_Wire):
    reason: str | None = None
    message: str | None = None


class Terminated(_Wire):
    reason: str | None = None
    exit_code: int = 0
    signal: int = 0
    finished_at: str | None = None


class Running(_Wire):
    started_at: str | None = None


class ContainerState(_Wire):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(_Wire):
    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: ContainerState | None = None
    last_state: ContainerState | None = None
    resources: ResourceRequirements | None = None
    allocated_resources: ResourceList | None = None


class ObjectCondition(_Wire):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class PodCondition(_Wire):
    """A pod's condition without its message, which is long and never shown."""

    type: str = ""
    status: str = ""
    reason: str | None = None


class PodStatus(_Wire):
    phase: str | None = None
    reason: str | None = None
    pod_ip: str | None = msgspec.field(name="podIP", default=None)
    qos_class: str | None = None
    conditions: list[PodCondition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    ephemeral_container_statuses: list[ContainerStatus] | None = None


class Pod(_Wire):
    metadata: ObjectMeta
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus = msgspec.field(default_factory=PodStatus)


class NodeTaint(_Wire):
    key: str = ""
    value: str | None = None
    effect: str = ""


class NodeSpec(_Wire):
    unschedulable: bool = False
    provider_id: str | None = msgspec.field(name="providerID", default=None)
    taints: list[NodeTaint] | None = None


class NodeAddress(_Wire):
    type: str = ""
    address: str = ""


class NodeStatus(_Wire):
    capacity: ResourceList | None = None
    allocatable: ResourceList | None = None
    conditions: list[ObjectCondition] | None = None
    addresses: list[NodeAddress] | None = None


class Node(_Wire):
    metadata: ObjectMeta
    spec: NodeSpec = msgspec.field(default_factory=NodeSpec)
    status: NodeStatus = msgspec.field(default_factory=NodeStatus)


class KubeletAnnotations(msgspec.Struct, gc=False):
    """The one annotation of a node that tells where its kubelet serves metrics; the others are long."""

    metrics_path: str | None = msgspec.field(name="metrics.k8s.io/resource-metrics-path", default=None)


class KubeletMeta(_Wire):
    name: str = ""
    annotations: KubeletAnnotations | None = None


class DaemonEndpoint(msgspec.Struct, gc=False):
    port: int = msgspec.field(name="Port", default=0)  # written so by Kubernetes


class DaemonEndpoints(_Wire):
    kubelet_endpoint: DaemonEndpoint | None = None


class KubeletStatus(_Wire):
    addresses: list[NodeAddress] | None = None
    daemon_endpoints: DaemonEndpoints | None = None


class KubeletNode(_Wire):
    """A node as far as it tells how to reach its kubelet."""

    metadata: KubeletMeta
    status: KubeletStatus = msgspec.field(default_factory=KubeletStatus)


class PartialObject(_Wire):
    metadata: ObjectMeta


class MetricsMeta(_Wire):
    name: str = ""
    namespace: str = ""


class UsageAmounts(_Wire):
    cpu: Quantity | None = None
    memory: Quantity | None = None


class ContainerMetrics(_Wire):
    name: str = ""
    usage: UsageAmounts | None = None


class PodMetrics(_Wire):
    metadata: MetricsMeta
    timestamp: str | None = None  # Go writes a time that was never set as null
    window: str | None = None
    containers: list[ContainerMetrics] | None = None


class PodMetricsList(_Wire):
    items: list[PodMetrics] | None = None
    kind: str = ""


class NodeMetrics(_Wire):
    metadata: MetricsMeta
    timestamp: str | None = None  # Go writes a time that was never set as null
    window: str | None = None
    usage: UsageAmounts | None = None


class NodeMetricsList(_Wire):
    items: list[NodeMetrics] | None = None
    kind: str = ""
