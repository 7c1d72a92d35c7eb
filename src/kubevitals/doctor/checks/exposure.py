"""With --security: metrics that can be read from outside of the cluster, or by every pod of it."""

from __future__ import annotations

import re

from kubevitals import errors, quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_OUTSIDE = ("LoadBalancer", "NodePort")
_MONITORS = re.compile("prometheus|alertmanager|thanos|victoria|vmselect|grafana-agent")
_DATABASE = diagnosis.Diagnosis(
    "monitoring_exposed", layers.SECURITY,
    "security: Prometheus or Alertmanager can be reached from outside of the cluster",
    "Its Service is of the type LoadBalancer or NodePort, and neither of the two asks who is there.",
    ("kubectl -n {namespace} get service {name} -o yaml",),
    ("Make it a ClusterIP and put a proxy that authenticates before it, or reach it by kubectl port-forward.",),
    "a path that nobody guesses: /api/v1/status/config is the same everywhere",
    severity.WARNING,
)  # fmt: skip
_PORTS = diagnosis.Diagnosis(
    "metrics_port_exposed", layers.SECURITY,
    "security: metrics of applications can be reached from outside of the cluster",
    "A port named for metrics is part of a Service of the type LoadBalancer or NodePort.",
    ("kubectl -n {namespace} get service {name} -o yaml",),
    ("Give the metrics a Service of their own, of the type ClusterIP.",),
    "an Ingress rule that hides the path: the port stays open",
    severity.WARNING,
)  # fmt: skip
_KUBE_PROXY = diagnosis.Diagnosis(
    "kube_proxy_open", layers.SECURITY,
    "security: kube-proxy tells its metrics to everybody who reaches a node",
    "metricsBindAddress is not on loopback, so that port 10249 answers on the node's addresses without asking who is there.",
    ("kubectl -n kube-system get configmap kube-proxy -o yaml",),
    ("If Prometheus scrapes it, let a firewall or host policy allow that alone; else bind it to 127.0.0.1:10249.",),
    "taking it from Prometheus without looking at its alerts",
    severity.INFO,
)  # fmt: skip
_NODE_EXPORTER = diagnosis.Diagnosis(
    "node_exporter_open", layers.SECURITY,
    "security: node-exporter tells its metrics to everybody who reaches a node",
    "It uses the node's network, which NetworkPolicies do not cover, and asks nobody who is there.",
    ("kubectl -n {namespace} get daemonset {name} -o yaml",),
    ("Put kube-rbac-proxy before it (the chart: kubeRBACProxy.enabled=true), or let a firewall allow Prometheus alone.",),
    "a NetworkPolicy: it does not hold for hostNetwork",
    severity.INFO,
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look at Services, and at what listens on the nodes' own addresses."""
    found = [*_of_services(context), *_of_kube_proxy(context), *_of_node_exporter(context)]
    yield from found
    if not found:
        yield diagnosis.Note(layers.SECURITY, diagnosis.OK)


def _of_services(context: contexts.Context) -> Iterator[diagnosis.Finding]:
    outside = [
        each
        for each in context.listing(context.within("/api/v1", "services")).items
        if diagnosis.text(each, "spec", "type") in _OUTSIDE
    ]
    databases = [each for each in outside if _MONITORS.search(diagnosis.text(each, "metadata", "name"))]
    ports = [
        each
        for each in outside
        if each not in databases
        and any(
            "metrics" in diagnosis.text(port, "name") for port in diagnosis.objects(each, "spec", "ports")
        )
    ]
    for page, services in ((_DATABASE, databases), (_PORTS, ports)):
        if services:
            names = [diagnosis.place(each) for each in services]
            yield diagnosis.find(
                page,
                *(f"Service {diagnosis.place(each)}: {diagnosis.text(each, 'spec', 'type')}" for each in services[:3]),
                title=f"{page.title}: {quantity.format_names(names)}", scope=names, about=services[0],
            )  # fmt: skip


def _of_kube_proxy(context: contexts.Context) -> Iterator[diagnosis.Finding]:
    place = "/api/v1/namespaces/kube-system/configmaps/kube-proxy"
    if not context.allows("get", "configmaps", namespace="kube-system", name="kube-proxy"):
        return
    try:
        text = diagnosis.text(context.get(place), "data", "config.conf")
    except errors.ClusterError:
        return
    said = re.search(r"^metricsBindAddress: *[\"']?([^\s\"']+)", text, re.MULTILINE)
    address = said.group(1) if said else ""
    if address and not address.startswith(("127.", "[::1]", "localhost")):
        yield diagnosis.find(_KUBE_PROXY, f"configmap kube-system/kube-proxy: metricsBindAddress: {address}")


def _of_node_exporter(context: contexts.Context) -> Iterator[diagnosis.Finding]:
    if not context.may(lookups.DAEMON_SETS.right):
        return
    for each in lookups.daemon_sets(context, "node-exporter", "prometheus-node-exporter"):
        spec = diagnosis.dig(each, "spec", "template", "spec")
        names = [diagnosis.text(container, "name") for container in diagnosis.objects(spec, "containers")]
        if diagnosis.dig(spec, "hostNetwork") is True and not any("rbac-proxy" in name for name in names):
            place = diagnosis.place(each)
            yield diagnosis.find(
                _NODE_EXPORTER,
                f"DaemonSet {place}: hostNetwork, containers {', '.join(names)}",
                scope=[place],
                about=each,
            )


CHECK = diagnosis.Check(
    "exposure",
    layers.SECURITY,
    look,
    (lookups.SERVICES, lookups.need("list", "daemonsets", "apps", optional=True)),
    (_DATABASE, _PORTS, _KUBE_PROXY, _NODE_EXPORTER),
)
