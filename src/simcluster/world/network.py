"""The objects around workloads: Services, EndpointSlices, autoscalers, APIServices and Leases."""

from __future__ import annotations

from typing import NamedTuple

from simcluster import apiobjects
from simcluster.world import json_text, manifests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from simcluster.world import cluster_state, workloads

_RESOURCES = apiobjects.RESOURCES
_SLICE = 100  # endpoints in a slice, as the endpoint slice controller's default


class Service(NamedTuple):
    """A Service in front of one workload."""

    uid: str
    address: str
    port: int
    target: int
    headless: bool

    @property
    def port_name(self) -> str:
        """The name of the port."""
        return {443: "https", 53: "dns"}.get(self.port, "http")


def service(workload: workloads.Workload) -> manifests.Manifest:
    """The workload's Service."""
    front = workload.service
    assert front is not None
    address = "None" if front.headless else front.address
    return manifests.Manifest(
        _RESOURCES["services"],
        workload.name,
        namespace=workload.namespace,
        uid=front.uid,
        labels=workload.labels,
        created=workload.created,
        make=_service,
        arguments=(workload, address),
        extra={"spec.clusterIP": address, "spec.type": "ClusterIP"},
    )


def _service(workload: workloads.Workload, address: str) -> dict[str, Any]:
    front = workload.service
    assert front is not None
    port = {"name": front.port_name, "protocol": "TCP", "port": front.port, "targetPort": front.target}
    return {
        "spec": {
            "ports": [port],
            "selector": workload.labels,
            "clusterIP": address,
            "clusterIPs": [address],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }


def api_server_service(uid: str, *, created: float) -> manifests.Manifest:
    """default/kubernetes."""
    spec = {
        "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}],
        "clusterIP": "10.96.0.1",
        "clusterIPs": ["10.96.0.1"],
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "internalTrafficPolicy": "Cluster",
    }
    return manifests.Manifest(
        _RESOURCES["services"],
        "kubernetes",
        namespace="default",
        uid=uid,
        labels={"component": "apiserver", "provider": "kubernetes"},
        created=created,
        make=manifests.plain,
        arguments=({"spec": spec, "status": {"loadBalancer": {}}},),
        extra={"spec.clusterIP": "10.96.0.1", "spec.type": "ClusterIP"},
    )


def slices(workload: workloads.Workload, state: cluster_state.State) -> Iterator[manifests.Manifest]:
    """The Service's EndpointSlices; slices that are no longer needed become empty, as real ones do."""
    ends = [
        (pod.name, pod.uid, pod.ip or pod.node.ip, pod.node.name, pod.node.zone, pod.ready, bool(pod.deleted))
        for pod_set in workload.sets
        for pod in pod_set.pods.values()
        if pod.node is not None and pod.started and pod.alive
    ]
    needed = max(1, -(-len(ends) // _SLICE))
    while len(workload.slices) < needed:
        workload.slices.append((f"{workload.name}-{state.suffix(5)}", state.uid()))
    front = workload.service
    assert front is not None
    for index, (name, uid) in enumerate(workload.slices):
        part = tuple(ends[index * _SLICE : (index + 1) * _SLICE])
        yield manifests.Manifest(
            _RESOURCES["endpointslices.discovery.k8s.io"],
            name,
            namespace=workload.namespace,
            uid=uid,
            labels={
                **workload.labels,
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": workload.name,
            },
            created=workload.created,
            make=_slice,
            arguments=(workload.namespace, front.port_name, front.target, part),
            annotations={
                "endpoints.kubernetes.io/last-change-trigger-time": json_text.timestamp(workload.created)
            },
            owner=("v1", "Service", workload.name, front.uid),
            generation=1,
        )


def _slice(namespace: str, port_name: str, port: int, ends: tuple[Any, ...]) -> dict[str, Any]:
    return {
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [address],
                "conditions": {
                    "ready": ready and not leaving,
                    "serving": ready,
                    "terminating": leaving,
                },
                "targetRef": {"kind": "Pod", "namespace": namespace, "name": name, "uid": uid},
                "nodeName": node,
                "zone": zone,
            }
            for name, uid, address, node, zone, ready, leaving in ends
        ],
        "ports": [{"name": port_name, "port": port, "protocol": "TCP"}],
    }


def autoscaler(workload: workloads.Workload, state: cluster_state.State) -> manifests.Manifest:
    """The workload's HorizontalPodAutoscaler."""
    assert workload.entry.hpa is not None
    current = sum(
        1 for pod_set in workload.sets for pod in pod_set.pods.values() if pod.alive and not pod.deleted
    )
    utilization = workload.marks.get("utilization", workload.entry.hpa[2] - 6)
    scaled = float(workload.marks.get("scaled", 0)) or workload.created
    resource = _RESOURCES["horizontalpodautoscalers.autoscaling"]
    return manifests.Manifest(
        resource,
        workload.name,
        namespace=workload.namespace,
        uid=state.uid_of(resource.key, workload.namespace, workload.name),
        labels=workload.labels,
        created=workload.created,
        make=_autoscaler,
        arguments=(workload, workload.desired, current, utilization, scaled),
    )


def _autoscaler(
    workload: workloads.Workload, desired: int, current: int, utilization: int, scaled: float
) -> dict[str, Any]:
    assert workload.entry.hpa is not None
    minimum, maximum, target = workload.entry.hpa
    when = json_text.timestamp(workload.created)
    request = workload.entry.template.cpu_request
    limited = desired in (minimum, maximum)

    def told(kind: str, status: str, *, reason: str, message: str) -> dict[str, str]:
        return {
            "type": kind,
            "status": status,
            "lastTransitionTime": when,
            "reason": reason,
            "message": message,
        }

    return {
        "spec": {
            "scaleTargetRef": {"kind": workload.kind, "name": workload.name, "apiVersion": "apps/v1"},
            "minReplicas": minimum,
            "maxReplicas": maximum,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "target": {"type": "Utilization", "averageUtilization": target},
                    },
                }
            ],
        },
        "status": {
            "lastScaleTime": json_text.timestamp(scaled),
            "currentReplicas": current,
            "desiredReplicas": desired,
            "currentMetrics": [
                {
                    "type": "Resource",
                    "resource": {
                        "name": "cpu",
                        "current": {
                            "averageUtilization": utilization,
                            "averageValue": json_text.cpu(max(1, request * utilization // 100)),
                        },
                    },
                }
            ],
            "conditions": [
                told("AbleToScale", "True", reason="ReadyForNewScale",
                     message="recommended size matches current size"),
                told("ScalingActive", "True", reason="ValidMetricFound",
                     message="the HPA was able to successfully calculate a replica count from cpu resource "
                             "utilization (percentage of request)"),
                told("ScalingLimited", "True" if limited else "False",
                     reason="TooFewReplicas" if desired == minimum else "TooManyReplicas" if limited
                     else "DesiredWithinRange",
                     message="the desired count is within the acceptable range" if not limited
                     else "the desired replica count is at its bound"),
            ],
        },
    }  # fmt: skip


def api_service(
    group: str,
    version: str,
    *,
    uid: str,
    created: float,
    target: tuple[str, str] | None = None,
    available: bool = True,
    reason: str = "",
    message: str = "",
) -> manifests.Manifest:
    """An APIService; `target` is (namespace, name) of an aggregated API's Service, None for a local API."""
    status = {
        "type": "Available",
        "status": "True" if available else "False",
        "lastTransitionTime": json_text.timestamp(created + 60),
        "reason": reason or ("Passed" if target else "Local"),
        "message": message or ("all checks passed" if target else "Local APIServices are always available"),
    }
    spec: dict[str, Any] = {"group": group, "version": version}
    if target is None:
        spec |= {"groupPriorityMinimum": 18000 if not group else 17800, "versionPriority": 15}
    else:
        spec = {
            "service": {"namespace": target[0], "name": target[1], "port": 443},
            **spec,
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        }
    labels = {"k8s-app": target[1]} if target else {"kube-aggregator.kubernetes.io/automanaged": "onstart"}
    return manifests.Manifest(
        _RESOURCES["apiservices.apiregistration.k8s.io"],
        f"{version}.{group}" if group else f"{version}.",
        uid=uid,
        labels=labels,
        created=created,
        make=manifests.plain,
        arguments=({"spec": spec, "status": {"conditions": [status]}},),
    )


def lease(node: Any, *, renewed: float, uid: str) -> manifests.Manifest:
    """A node's heartbeat."""
    spec = {
        "holderIdentity": node.name,
        "leaseDurationSeconds": 40,
        "renewTime": json_text.micro_timestamp(renewed),
    }
    return manifests.Manifest(
        _RESOURCES["leases.coordination.k8s.io"],
        node.name,
        namespace="kube-node-lease",
        uid=uid,
        labels={},
        created=node.created,
        make=manifests.plain,
        arguments=({"spec": spec},),
        owner=("v1", "Node", node.name, node.uid),
    )


def named(
    resource: apiobjects.Resource, name: str, *, namespace: str, uid: str, created: float
) -> manifests.Manifest:
    """An object that has only metadata, such as a service account."""
    return manifests.Manifest(
        resource, name, namespace=namespace, uid=uid, labels={}, created=created, make=manifests.plain,
        arguments=({},),
    )  # fmt: skip
