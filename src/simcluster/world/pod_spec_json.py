"""The JSON of a pod's spec, as a dict with slots for what differs from pod to pod."""

from __future__ import annotations

from simcluster.world import json_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from simcluster.world import pod_template, pods

_TOKEN = f"kube-api-access-{json_text.slot('nonce')}"
_PRIORITIES = {
    "": 0,
    "system-node-critical": 2000001000,
    "system-cluster-critical": 2000000000,
    "batch-low": -10,
}


def service_account(pod_set: pods.PodSet) -> str:
    """The service account of a set's pods: one for each workload, as charts make them."""
    if pod_set.kind in ("Node", ""):
        return "" if pod_set.kind else "default"
    return str(pod_set.workload.name)


def resources(container: pod_template.Container) -> dict[str, dict[str, str]]:
    """A container's `resources`."""
    sides: dict[str, dict[str, str]] = {}
    for index, side in ((1, "limits"), (0, "requests")):
        amounts: dict[str, str] = {}
        if container.cpu[index]:
            amounts["cpu"] = json_text.cpu(container.cpu[index])
        if container.memory[index]:
            amounts["memory"] = json_text.memory(container.memory[index] * json_text.MEBIBYTE)
        if container.gpu:
            amounts["nvidia.com/gpu"] = str(container.gpu)
        if amounts:
            sides[side] = amounts
    return sides


def mounts(pod_set: pods.PodSet) -> list[dict[str, Any]]:
    """The volume mounts of each container of the set."""
    if pod_set.kind == "Node":
        return [{"name": "config", "mountPath": "/etc/kubernetes", "readOnly": True}]
    mounted: list[dict[str, Any]] = [{"name": "config", "mountPath": "/etc/config", "readOnly": True}]
    if pod_set.template.volume:
        mounted.append({"name": pod_set.template.volume, "mountPath": "/data"})
    mounted.append(
        {
            "name": _TOKEN,
            "readOnly": True,
            "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
        }
    )
    return mounted


def spec(pod_set: pods.PodSet) -> dict[str, Any]:
    """The whole `spec` of the set's pods, in the order in which the API server writes it."""
    template = pod_set.template
    result: dict[str, Any] = {"volumes": _volumes(pod_set)}
    if template.init:
        result["initContainers"] = [_container(pod_set, container) for container in template.init]
    result["containers"] = [_container(pod_set, container) for container in template.containers]
    result["restartPolicy"] = template.restart_policy
    result["terminationGracePeriodSeconds"] = template.grace
    result["dnsPolicy"] = "ClusterFirst"
    if template.pool:
        result["nodeSelector"] = {"pool": template.pool}
    account = service_account(pod_set)
    if account:
        result |= {"serviceAccountName": account, "serviceAccount": account}
    result |= json_text.member_slot("node")
    if template.host_network:
        result["hostNetwork"] = True
    user = 0 if template.everywhere or pod_set.kind == "Node" else template.user
    result["securityContext"] = (
        {
            "runAsUser": user,
            "runAsNonRoot": True,
            "fsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        if user
        else {}
    )
    if pod_set.kind == "StatefulSet":
        result |= {"hostname": json_text.slot("name"), "subdomain": pod_set.name}
    result["schedulerName"] = "default-scheduler"
    result["tolerations"] = _tolerations(template)
    if template.priority_class:
        result["priorityClassName"] = template.priority_class
    result["priority"] = _PRIORITIES[template.priority_class]
    if template.runtime_class:
        result["runtimeClassName"] = template.runtime_class
    result["enableServiceLinks"] = True
    result["preemptionPolicy"] = "PreemptLowerPriority"
    if any(template.overhead):
        cpu, memory = template.overhead
        result["overhead"] = {
            "cpu": json_text.cpu(cpu),
            "memory": json_text.memory(memory * json_text.MEBIBYTE),
        }
    if template.pod_resources is not None:
        cpu, cpu_limit, memory, memory_limit = template.pod_resources
        mebibyte = json_text.MEBIBYTE
        result["resources"] = {
            "limits": {"cpu": json_text.cpu(cpu_limit), "memory": json_text.memory(memory_limit * mebibyte)},
            "requests": {"cpu": json_text.cpu(cpu), "memory": json_text.memory(memory * mebibyte)},
        }
    return result


def template(pod_set: pods.PodSet) -> dict[str, Any]:
    """The pod template in the owner's spec."""
    inner = {
        key: value
        for key, value in spec(pod_set).items()
        if key
        not in ("tolerations", "priority", "preemptionPolicy", "enableServiceLinks", "hostname", "subdomain")
        and not key.startswith("@@")
    }
    inner["volumes"] = [
        volume
        for volume in inner["volumes"]
        if volume["name"] != _TOKEN and "persistentVolumeClaim" not in volume
    ]
    for group in ("initContainers", "containers"):
        for container in inner.get(group, ()):
            container["volumeMounts"] = [
                mount for mount in container["volumeMounts"] if mount["name"] != _TOKEN
            ]
    metadata: dict[str, Any] = {"labels": pod_set.labels}
    if pod_set.annotations:
        metadata["annotations"] = pod_set.annotations
    return {"metadata": metadata, "spec": inner}


def _volumes(pod_set: pods.PodSet) -> list[dict[str, Any]]:
    name = pod_set.workload.name
    if pod_set.kind == "Node":
        return [{"name": "config", "hostPath": {"path": "/etc/kubernetes", "type": "DirectoryOrCreate"}}]
    volumes: list[dict[str, Any]] = [
        {"name": "config", "configMap": {"name": f"{name}-config", "defaultMode": 420}}
    ]
    if pod_set.template.volume:
        claim = f"{pod_set.template.volume}-{json_text.slot('name')}"
        volumes.append({"name": pod_set.template.volume, "persistentVolumeClaim": {"claimName": claim}})
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]
    volumes.append({"name": _TOKEN, "projected": {"sources": sources, "defaultMode": 420}})
    return volumes


def _container(pod_set: pods.PodSet, container: pod_template.Container) -> dict[str, Any]:
    result: dict[str, Any] = {"name": container.name, "image": container.image}
    if container.arguments:
        result["args"] = list(container.arguments)
    if container.port:
        result["ports"] = [{"name": "http", "containerPort": container.port, "protocol": "TCP"}]
    if pod_set.kind != "Node":
        result["env"] = _environment(pod_set, container)
    result["resources"] = resources(container)
    if container.sidecar:
        result["restartPolicy"] = "Always"
    result["volumeMounts"] = mounts(pod_set)
    if container.port:
        probe = {"httpGet": {"path": "/readyz", "port": container.port, "scheme": "HTTP"}}
        often = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
        result["readinessProbe"] = {**probe, "initialDelaySeconds": 15, **often}
    result["terminationMessagePath"] = "/dev/termination-log"
    result["terminationMessagePolicy"] = "File"
    result["imagePullPolicy"] = "IfNotPresent"
    if not pod_set.template.everywhere and pod_set.kind != "Node":
        result["securityContext"] = {
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
        }
    return result


def _environment(pod_set: pods.PodSet, container: pod_template.Container) -> list[dict[str, Any]]:
    def field(path: str) -> dict[str, Any]:
        return {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}

    return [
        {"name": "POD_NAME", "valueFrom": field("metadata.name")},
        {"name": "SERVICE_NAME", "value": f"{pod_set.workload.name}/{container.name}"},
    ]


def _tolerations(template: pod_template.PodTemplate) -> list[dict[str, Any]]:
    if template.everywhere:
        return [{"operator": "Exists"}]
    tolerations: list[dict[str, Any]] = []
    if template.pool == "gpu":
        tolerations.append({"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"})
    tolerations.extend(
        {
            "key": f"node.kubernetes.io/{condition}",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        }
        for condition in ("not-ready", "unreachable")
    )
    return tolerations
