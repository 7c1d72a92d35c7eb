"""The JSON of a pod: a text with slots, compiled once for each set of pods and filled for each pod."""

from __future__ import annotations

from typing import NamedTuple

from simcluster.world import json_text, pod_spec_json, pod_status_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from simcluster.world import pod_template, pods

    Parts = tuple[str, str, str]

service_account = pod_spec_json.service_account


class Text(NamedTuple):
    """The compiled JSON of one set: the whole pod with slots, and the fixed parts of its containers'
    statuses.
    """

    whole: json_text.Form
    init: list[Parts]
    containers: list[Parts]
    qos: str


def compile_text(pod_set: pods.PodSet) -> Text:
    """The compiled JSON of a set. It takes some hundred microseconds."""
    template = pod_set.template
    spec = pod_spec_json.spec(pod_set)
    owner = _owner(pod_set)
    metadata: dict[str, Any] = {"name": json_text.slot("name")}
    if pod_set.kind not in ("", "Node"):
        metadata["generateName"] = f"{pod_set.name}-"
    metadata |= {
        "namespace": pod_set.namespace,
        "uid": json_text.slot("uid"),
        "resourceVersion": json_text.slot("version"),
        "generation": 1,
        "creationTimestamp": json_text.slot("created"),
        **json_text.member_slot("deletion"),
        "labels": json_text.value_slot("labels"),
    }
    if pod_set.annotations:
        metadata["annotations"] = pod_set.annotations
    if owner:
        metadata["ownerReferences"] = owner
    metadata["managedFields"] = _managed_fields(pod_set, spec, owner)
    whole = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": spec,
        "status": json_text.value_slot("status"),
    }
    every = (*template.init, *template.containers)
    parts = [_container_parts(container) for container in every]
    count = len(template.init)
    return Text(json_text.Form(whole), parts[:count], parts[count:], qos=template.qos)


def _owner(pod_set: pods.PodSet) -> list[dict[str, Any]]:
    if not pod_set.kind:
        return []
    version = {"Job": "batch/v1", "Node": "v1"}.get(pod_set.kind, "apps/v1")
    static = pod_set.kind == "Node"
    reference: dict[str, Any] = {
        "apiVersion": version,
        "kind": pod_set.kind,
        "name": json_text.slot("node_name") if static else pod_set.name,
        "uid": json_text.slot("node_uid") if static else pod_set.uid,
        "controller": True,
    }
    return [reference if static else reference | {"blockOwnerDeletion": True}]


def _managed_fields(
    pod_set: pods.PodSet, spec: dict[str, Any], owner: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    metadata: dict[str, Any] = {"labels": {".": 0, **pod_set.labels}}
    if owner:
        metadata = {"generateName": "", **metadata, "ownerReferences": owner}
    condition = {"lastProbeTime": 0, "lastTransitionTime": 0, "status": 0}
    status = {
        "conditions": [
            {"type": kind, **condition}
            for kind in ("ContainersReady", "Initialized", "PodReadyToStartContainers")
        ]
        + [{"type": "Ready", **condition}],
        "containerStatuses": 0,
        "hostIP": 0,
        "hostIPs": 0,
        "initContainerStatuses": 0,
        "phase": 0,
        "podIP": 0,
        "podIPs": [{"ip": json_text.slot("pod_ip")}],
        "startTime": 0,
    }
    who = {"": "kubectl-run", "Node": "kubelet"}.get(pod_set.kind, "kube-controller-manager")
    declared = {
        key: value
        for key, value in spec.items()
        if key not in ("volumes", "tolerations", "preemptionPolicy", "priority") and not key.startswith("@@")
    }
    return [
        json_text.managed(who, json_text.slot("created"), {"metadata": metadata, "spec": declared}),
        json_text.managed("kubelet", json_text.slot("touched"), {"status": status}, status=True),
    ]


def _container_parts(container: pod_template.Container) -> Parts:
    """What is fixed in a container's status: its start, its image, and its end."""
    resources = pod_spec_json.resources(container)
    end: dict[str, Any] = {}
    if "requests" in resources:
        end["allocatedResources"] = resources["requests"]
    end["resources"] = resources
    end["user"] = {"linux": {"uid": 0, "gid": 0, "supplementalGroups": [0]}}
    return (
        f'{{"name":{json_text.compact(container.name)},"state":',
        f',"image":{json_text.compact(container.image)},"imageID":{json_text.compact(container.image_id)}',
        json_text.compact(end)[1:],
    )


def render(pod: pods.Pod, text: Text, resource_version: int) -> bytes:
    """Fill the slots."""
    pod_set = pod.pod_set
    node = pod.node
    deletion = ""
    if pod.deleted:
        deletion = (
            f'"deletionTimestamp":"{json_text.timestamp(pod.deleted)}",'
            f'"deletionGracePeriodSeconds":{pod_set.template.grace},'
        )
    labels = pod_set.labels_text if pod.labels is pod_set.labels else json_text.compact(pod.labels)
    filled = text.whole.fill(
        {
            "name": pod.name,
            "uid": pod.uid,
            "version": str(resource_version),
            "created": json_text.timestamp(pod.created),
            "touched": json_text.timestamp(pod.ready_at),
            "deletion": deletion,
            "labels": labels,
            "nonce": json_text.name_suffix(pod.uid[-5:]),
            "node": f'"nodeName":"{node.name}",' if node is not None else "",
            "node_name": node.name if node is not None else "",
            "node_uid": node.uid if node is not None else "",
            "pod_ip": pod.ip or (node.ip if node is not None else ""),
            "status": pod_status_json.status(pod, text),
        }
    )
    return filled.encode()
