"""Faults that silence nothing: what is too open, and endpoints of applications that Prometheus could not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.layerfaults import parts

if TYPE_CHECKING:
    from simcluster.layerfaults.view import Object, View

_RBAC = "rbac.authorization.k8s.io"
_APPLICATIONS = r"/api/v1/namespaces/[^/]+/pods/[^/]+/proxy/.*"


def kubelets_open(view: View) -> None:
    """Kubelets answer everybody, and on the read-only port too."""
    settings = {"readOnlyPort": 10255, "authentication": {"anonymous": {"enabled": True}}}
    view.answer(r"/api/v1/nodes/[^/]+/proxy/configz", {"kubeletconfig": settings})


def insecure_tls(view: View) -> None:
    """metrics-server does not look at certificates, and the API server not at its."""

    def add_flag(shown: Object) -> None:
        for container in shown["spec"]["containers"]:
            container.setdefault("args", []).append("--kubelet-insecure-tls")

    def skip(shown: Object) -> None:
        shown["spec"]["insecureSkipTLSVerify"] = True

    view.alter("pods", add_flag, parts.METRICS_SERVER)
    view.alter(parts.API_SERVICES, skip, parts.is_metrics_api)


def monitoring_exposed(view: View) -> None:
    """Prometheus has a LoadBalancer, and an application's metrics have a NodePort."""
    for namespace, name, kind, port in (
        ("monitoring", "prometheus-public", "LoadBalancer", "web"),
        ("default", "shop-public", "NodePort", "http-metrics"),
    ):
        ports = [{"name": port, "port": 9090, "protocol": "TCP"}]
        view.add("services", {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"type": kind, "ports": ports, "selector": {"app": "none"}},
        })  # fmt: skip


def nodes_proxy(view: View) -> None:
    """An exporter holds nodes/proxy."""
    rules = [{"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]}]
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": "exporter"}
    subject = {"kind": "ServiceAccount", "name": "exporter", "namespace": "monitoring"}
    view.list(_RBAC, "v1", "clusterroles", [{"metadata": {"name": "exporter"}, "rules": rules}])
    view.list(
        _RBAC, "v1", "clusterrolebindings",
        [{"metadata": {"name": "exporter"}, "roleRef": reference, "subjects": [subject]}],
    )  # fmt: skip


def kube_proxy_open(view: View) -> None:
    """kube-proxy's metrics are on all addresses of the nodes."""
    view.answer(
        "/api/v1/namespaces/kube-system/configmaps/kube-proxy",
        {
            "kind": "ConfigMap",
            "apiVersion": "v1",
            "metadata": {"name": "kube-proxy", "namespace": "kube-system"},
            "data": {"config.conf": "kind: KubeProxyConfiguration\nmetricsBindAddress: 0.0.0.0:10249\n"},
        },
    )


def application_refuses(view: View) -> None:
    """Applications listen on 127.0.0.1 alone."""
    view.answer(
        _APPLICATIONS,
        "error trying to reach service: dial tcp 10.64.2.9:8080: connect: connection refused",
        status=503,
        content_type="text/plain",
    )


def application_path(view: View) -> None:
    """Applications have their metrics on another path."""
    view.answer(_APPLICATIONS, "404 page not found", status=404, content_type="text/plain")


def application_login(view: View) -> None:
    """Applications have a login before their metrics."""
    view.answer(_APPLICATIONS, "Unauthorized", status=401, content_type="text/plain")


def application_page(view: View) -> None:
    """Applications answer with a page."""
    view.answer(_APPLICATIONS, "<!doctype html><title>shop</title>", content_type="text/html")
