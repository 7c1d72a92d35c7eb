"""The families of kube-state-metrics for nodes, workloads, namespaces, claims and quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.surfaces.exposition import kube_state_samples, text

if TYPE_CHECKING:
    from kubevitals.kube import kube_state_wire

    Lines = tuple[bytes, ...]

_ROLE_PREFIX = "node-role.kubernetes.io/"
_JOB_REASONS = ("BackoffLimitExceeded", "DeadlineExceeded", "Evicted")
_DEPLOYMENT_REASONS = frozenset({
    "", "ReplicaSetUpdated", "ReplicaSetCreateError", "NewReplicaSetCreated", "FoundNewReplicaSet",
    "NewReplicaSetAvailable", "ProgressDeadlineExceeded", "DeploymentPaused", "DeploymentResumed",
    "MinimumReplicasAvailable", "MinimumReplicasUnavailable",
})  # fmt: skip


def _gauge(name: str, help_text: str, *labels: str, stability: str = "stable") -> text.Family:
    return text.Family(f"kube_{name}", "gauge", help_text, labels=labels, stability=stability)


NODE = (
    _gauge(
        "node_info", "Facts about a node, as labels.", "node", "kernel_version", "os_image",
        "container_runtime_version", "kubelet_version", "kubeproxy_version", "provider_id", "pod_cidr",
        "system_uuid", "internal_ip",
    ),
    _gauge("node_created", "When the node was created, in seconds since 1970.", "node"),
    _gauge("node_role", "1 for each role of the node.", "node", "role", stability="alpha"),
    _gauge("node_spec_taint", "1 for each taint of the node.", "node", "key", "value", "effect"),
    _gauge("node_spec_unschedulable", "1 if no new pods are put on the node, else 0.", "node"),
    _gauge(
        "node_status_allocatable", "What pods may be promised, in the unit given.", "node", "resource", "unit"
    ),
    _gauge("node_status_capacity", "What the node has, in the unit given.", "node", "resource", "unit"),
    _gauge("node_status_condition", "1 for what each condition says.", "node", "condition", "status"),
)  # fmt: skip
_DEPLOYMENT_LABELS = ("namespace", "deployment")
DEPLOYMENT = (
    _gauge("deployment_spec_replicas", "Pods that there shall be.", *_DEPLOYMENT_LABELS),
    _gauge("deployment_status_replicas_available", "Pods that are available.", *_DEPLOYMENT_LABELS),
    _gauge("deployment_status_replicas_ready", "Pods that are ready.", *_DEPLOYMENT_LABELS),
    _gauge(
        "deployment_status_condition", "1 for what each condition says.", *_DEPLOYMENT_LABELS, "reason",
        "condition", "status",
    ),
)  # fmt: skip
STATEFULSET = (
    _gauge("statefulset_replicas", "Pods that there shall be.", "namespace", "statefulset"),
    _gauge("statefulset_status_replicas_ready", "Pods that are ready.", "namespace", "statefulset"),
)
DAEMONSET = (
    _gauge(
        "daemonset_status_desired_number_scheduled", "Nodes that shall have a pod.", "namespace", "daemonset"
    ),
    _gauge("daemonset_status_number_ready", "Nodes with a ready pod.", "namespace", "daemonset"),
)
JOB = (
    _gauge(
        "job_status_failed", "Pods that failed; 1 for the reason of the Job's failure.", "namespace",
        "job_name", "reason",
    ),
)  # fmt: skip
_HPA = ("namespace", "horizontalpodautoscaler")
AUTOSCALER = (
    _gauge("horizontalpodautoscaler_spec_max_replicas", "The most pods that there may be.", *_HPA),
    _gauge("horizontalpodautoscaler_status_current_replicas", "Pods that there are.", *_HPA),
)
NAMESPACE = (_gauge("namespace_status_phase", "1 for the namespace's phase.", "namespace", "phase"),)
CLAIM = (
    _gauge(
        "persistentvolumeclaim_status_phase", "1 for the claim's phase.", "namespace",
        "persistentvolumeclaim", "phase",
    ),
)  # fmt: skip
QUOTA = (
    _gauge(
        "resourcequota",
        "What may be used and what is used.",
        "namespace",
        "resourcequota",
        "resource",
        "type",
    ),
)


def convert_node(node: kube_state_wire.Node, *, before: str = "") -> Lines:
    """Return the node's lines for each of NODE."""
    meta, spec, status = node.metadata, node.spec, node.status
    base = f'{before}node="{text.escape(meta.name)}"'
    roles = [key[len(_ROLE_PREFIX) :] for key in meta.labels or () if key.startswith(_ROLE_PREFIX)]
    taints: dict[str, float] = {
        "," + text.labels({"key": each.key, "value": each.value, "effect": each.effect}): 1
        for each in spec.taints or ()
    }
    samples: tuple[kube_state_samples.Samples, ...] = (
        {_node_info(node): 1},
        kube_state_samples.moment(meta.creation_timestamp),
        {kube_state_samples.label("role", role): 1 for role in roles},
        taints,
        {"": int(spec.unschedulable)},
        kube_state_samples.amounts(status.allocatable, pods=True),
        kube_state_samples.amounts(status.capacity, pods=True),
        kube_state_samples.conditions(status.conditions),
    )
    return _blocks(NODE, base, samples)


def convert_deployment(thing: kube_state_wire.Thing, *, before: str = "") -> Lines:
    """Return the lines for each of DEPLOYMENT."""
    status = thing.status
    conditions: dict[str, float] = {}
    for each in status.conditions or ():
        reason = each.reason or ""
        known = reason if reason in _DEPLOYMENT_REASONS else "unknown"
        for more, value in kube_state_samples.conditions([each]).items():
            conditions[kube_state_samples.label("reason", known) + more] = value
    samples = (
        _replicas(thing),
        {"": status.available_replicas},
        {"": status.ready_replicas},
        conditions,
    )
    return _blocks(DEPLOYMENT, _base(thing, "deployment", before), samples)


def convert_statefulset(thing: kube_state_wire.Thing, *, before: str = "") -> Lines:
    """Return the lines for each of STATEFULSET."""
    samples = (_replicas(thing), {"": thing.status.ready_replicas})
    return _blocks(STATEFULSET, _base(thing, "statefulset", before), samples)


def convert_daemonset(thing: kube_state_wire.Thing, *, before: str = "") -> Lines:
    """Return the lines for each of DAEMONSET."""
    samples = ({"": thing.status.desired_number_scheduled}, {"": thing.status.number_ready})
    return _blocks(DAEMONSET, _base(thing, "daemonset", before), samples)


def convert_job(thing: kube_state_wire.Thing, *, before: str = "") -> Lines:
    """Return the lines for each of JOB."""
    failed = thing.status.failed
    samples: dict[str, float] = {}
    if not failed:
        samples[""] = 0
    else:
        reasons = [each.reason or "" for each in thing.status.conditions or () if each.type == "Failed"]
        if reasons:
            samples.update({f',reason="{each}"': int(each in reasons) for each in _JOB_REASONS})
        if not set(reasons) & set(_JOB_REASONS):
            samples[',reason=""'] = failed
    return _blocks(JOB, _base(thing, "job_name", before), (samples,))


def convert_autoscaler(thing: kube_state_wire.Thing, *, before: str = "") -> Lines:
    """Return the lines for each of AUTOSCALER."""
    samples = ({"": thing.spec.max_replicas}, {"": thing.status.current_replicas})
    return _blocks(AUTOSCALER, _base(thing, "horizontalpodautoscaler", before), samples)


def convert_namespace(thing: kube_state_wire.Thing, *, before: str = "") -> Lines:
    """Return the lines for each of NAMESPACE."""
    base = f'{before}namespace="{text.escape(thing.metadata.name)}"'
    samples = kube_state_samples.choice("phase", ("Active", "Terminating"), thing.status.phase)
    return _blocks(NAMESPACE, base, (samples,))


def convert_claim(thing: kube_state_wire.Thing, *, before: str = "") -> Lines:
    """Return the lines for each of CLAIM."""
    phase = thing.status.phase
    samples = kube_state_samples.choice("phase", ("Lost", "Bound", "Pending"), phase) if phase else {}
    return _blocks(CLAIM, _base(thing, "persistentvolumeclaim", before), (samples,))


def convert_quota(thing: kube_state_wire.Thing, *, before: str = "") -> Lines:
    """Return the lines for each of QUOTA."""
    samples: dict[str, float] = {}
    for word, found in (("hard", thing.status.hard), ("used", thing.status.used)):
        for name, said in (found or {}).items():
            value = kube_state_samples.read_amount(name, said)
            if value is not None:
                samples[f'{kube_state_samples.label("resource", name)},type="{word}"'] = value
    return _blocks(QUOTA, _base(thing, "resourcequota", before), (samples,))


def _base(thing: kube_state_wire.Thing, name_label: str, before: str) -> str:
    meta = thing.metadata
    return f'{before}namespace="{text.escape(meta.namespace)}",{name_label}="{text.escape(meta.name)}"'


def _replicas(thing: kube_state_wire.Thing) -> kube_state_samples.Samples:
    return {} if thing.spec.replicas is None else {"": thing.spec.replicas}


def _blocks(
    families: tuple[text.Family, ...], base: str, samples: tuple[kube_state_samples.Samples, ...]
) -> Lines:
    return tuple(
        [
            kube_state_samples.block(each.name, base, found)
            for each, found in zip(families, samples, strict=True)
        ]
    )


def _node_info(node: kube_state_wire.Node) -> str:
    info, spec = node.status.node_info, node.spec
    addresses = [each.address for each in node.status.addresses or () if each.type == "InternalIP"]
    pairs = {
        "kernel_version": info.kernel_version,
        "os_image": info.os_image,
        "container_runtime_version": info.container_runtime_version,
        "kubelet_version": info.kubelet_version,
        "kubeproxy_version": "deprecated",
        "provider_id": spec.provider_id,
        "pod_cidr": spec.pod_cidr,
        "system_uuid": info.system_uuid,
        "internal_ip": addresses[-1] if addresses else "",
    }
    return "," + text.labels(pairs)
