"""The columns and cells of each resource in `kubectl get`, as the real table printers define them.

Those of pods are in table_pods, those of workloads in table_workloads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.apiserver import table_cells, table_pods, table_workloads
from simcluster.apiserver.table_cells import NONE, Column, Layout

if TYPE_CHECKING:
    from simcluster.apiserver.table_cells import Shown

__all__ = ["Column", "Layout", "layout"]

_ROLE = "node-role.kubernetes.io/"


def _node(shown: Shown, now: float) -> list[Any]:
    labels = shown["metadata"].get("labels", {})
    status, spec = shown.get("status", {}), shown.get("spec", {})
    ready = next((each for each in status.get("conditions", []) if each["type"] == "Ready"), None)
    words = ["Unknown"] if ready is None else ["Ready" if ready["status"] == "True" else "NotReady"]
    if spec.get("unschedulable"):
        words.append("SchedulingDisabled")
    roles = sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE) and key != _ROLE)
    if labels.get("kubernetes.io/role"):
        roles = sorted({*roles, labels["kubernetes.io/role"]})
    info = status.get("nodeInfo", {})
    addresses = {each["type"]: each["address"] for each in reversed(status.get("addresses", []))}
    return [
        shown["metadata"]["name"],
        ",".join(words),
        ",".join(roles) or NONE,
        table_cells.age(shown, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage") or table_cells.UNKNOWN,
        info.get("kernelVersion") or table_cells.UNKNOWN,
        info.get("containerRuntimeVersion") or table_cells.UNKNOWN,
    ]


def _namespace(shown: Shown, now: float) -> list[Any]:
    return [shown["metadata"]["name"], shown.get("status", {}).get("phase", ""), table_cells.age(shown, now)]


def _service(shown: Shown, now: float) -> list[Any]:
    spec = shown["spec"]
    kind = spec.get("type", "ClusterIP")
    ports = []
    for port in spec.get("ports", []):
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        ports.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    return [
        shown["metadata"]["name"],
        kind,
        spec.get("clusterIP") or NONE,
        _external(shown, kind),
        ",".join(ports) or NONE,
        table_cells.age(shown, now),
        table_cells.format_map(spec.get("selector")),
    ]


def _external(shown: Shown, kind: str) -> str:
    spec = shown["spec"]
    own = ",".join(spec.get("externalIPs", []))
    if kind == "ExternalName":
        return str(spec.get("externalName", NONE))
    if kind == "LoadBalancer":
        balancers = shown.get("status", {}).get("loadBalancer", {}).get("ingress", [])
        given = ",".join(each.get("ip") or each.get("hostname", "") for each in balancers)
        return ",".join(part for part in (given, own) if part) or "<pending>"
    return own or NONE


def _event(shown: Shown, now: float) -> list[Any]:
    about = shown["involvedObject"]
    first = shown.get("firstTimestamp") or shown.get("eventTime")
    series = shown.get("series") or {}
    last = series.get("lastObservedTime") or shown.get("lastTimestamp") or first
    source = shown.get("source") or {}
    component = source.get("component") or shown.get("reportingComponent", "")
    shown_source = f"{component}, {source['host']}" if source.get("host") else component
    return [
        table_cells.since(last, now),
        shown.get("type", ""),
        shown.get("reason", ""),
        f"{about['kind'].lower()}/{about['name']}",
        about.get("fieldPath", ""),
        shown_source,
        shown.get("message", "").strip(),
        table_cells.since(first, now),
        series.get("count") or shown.get("count") or 1,
        shown["metadata"]["name"],
    ]


def _endpoint_slice(shown: Shown, now: float) -> list[Any]:
    ports = [str(port["port"]) for port in shown.get("ports") or [] if port.get("port") is not None]
    addresses = [address for each in shown.get("endpoints") or [] for address in each["addresses"]]
    return [
        shown["metadata"]["name"],
        shown.get("addressType", ""),
        _shortened(ports) or table_cells.UNSET,
        _shortened(addresses) or table_cells.UNSET,
        table_cells.age(shown, now),
    ]


def _shortened(values: list[str]) -> str:
    more = len(values) - 3
    return ",".join(values[:3]) + (f" + {more} more..." if more > 0 else "")


def _api_service(shown: Shown, now: float) -> list[Any]:
    service = shown["spec"].get("service")
    shown_service = f"{service['namespace']}/{service['name']}" if service else "Local"
    available = "Unknown"
    for each in shown.get("status", {}).get("conditions", []):
        if each["type"] == "Available":
            available = (
                each["status"] if each["status"] == "True" else f"{each['status']} ({each.get('reason', '')})"
            )
    return [shown["metadata"]["name"], shown_service, available, table_cells.age(shown, now)]


def _lease(shown: Shown, now: float) -> list[Any]:
    return [
        shown["metadata"]["name"],
        shown.get("spec", {}).get("holderIdentity", ""),
        table_cells.age(shown, now),
    ]


def _config_map(shown: Shown, now: float) -> list[Any]:
    count = len(shown.get("data") or {}) + len(shown.get("binaryData") or {})
    return [shown["metadata"]["name"], count, table_cells.age(shown, now)]


def _plain(shown: Shown, now: float) -> list[Any]:
    del now
    return [shown["metadata"]["name"], shown["metadata"].get("creationTimestamp", "")]


_PLAIN = Layout(table_cells.columns("Name Created_At"), _plain)
_LAYOUTS: dict[str, Layout] = {
    "pods": table_pods.LAYOUT,
    "nodes": Layout(
        table_cells.columns(
            "Name Status Roles Age Version Internal-IP:wide External-IP:wide OS-Image:wide "
            "Kernel-Version:wide Container-Runtime:wide"
        ),
        _node,
    ),
    "namespaces": Layout(table_cells.columns("Name Status Age"), _namespace),
    "services": Layout(
        table_cells.columns("Name Type Cluster-IP External-IP Port(s) Age Selector:wide"), _service
    ),
    "events": Layout(
        table_cells.columns(
            "Last_Seen Type Reason Object Subobject:wide Source:wide Message First_Seen:wide Count#:wide "
            "Name:wide"
        ),
        _event,
    ),
    "endpointslices.discovery.k8s.io": Layout(
        table_cells.columns("Name AddressType Ports Endpoints Age"), _endpoint_slice
    ),
    "apiservices.apiregistration.k8s.io": Layout(
        table_cells.columns("Name Service Available Age"), _api_service
    ),
    "leases.coordination.k8s.io": Layout(table_cells.columns("Name Holder Age"), _lease),
    "configmaps": Layout(table_cells.columns("Name Data# Age"), _config_map),
    **table_workloads.LAYOUTS,
}


def layout(key: str) -> Layout:
    """The layout of the resource with that key in apiobjects.RESOURCES."""
    return _LAYOUTS.get(key, _PLAIN)
