"""Faults of Prometheus, its targets, its operator, and of what is around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.layerfaults import parts
from simcluster.layerfaults import view as views

if TYPE_CHECKING:
    from simcluster.layerfaults.view import Object, View

_PROMETHEUS = views.is_named("prometheus-0")


def _targets(view: View, job: str, port: int, error: str, *, scheme: str = "http") -> None:
    rows = [
        (job, f"{scheme}://{address}:{port}/metrics", error.replace("{address}", address))
        for address in parts.addresses(view)
    ]
    parts.connect_prometheus(view, targets=rows)


def healthy(view: View) -> None:
    """Prometheus answers, and nothing is wrong with it."""
    parts.connect_prometheus(view)


def kubelets_refuse(view: View) -> None:
    """Kubelets refuse Prometheus."""
    _targets(view, "kubelet", 10250, "server returned HTTP status 403 Forbidden", scheme="https")


def stale_kubelets(view: View) -> None:
    """Kubelet targets of nodes that are gone."""
    error = 'Get "https://10.9.9.9:10250/metrics": context deadline exceeded'
    parts.connect_prometheus(view, targets=[("kubelet", "https://10.9.9.9:10250/metrics", error)])


def doubled(view: View) -> None:
    """k3s: several jobs scrape one process."""
    jobs = ("kubelet", "apiserver", "kube-scheduler")
    parts.connect_prometheus(
        view, series={"count by": [({"__name__": "kubelet_running_pods", "job": job}, "3") for job in jobs]}
    )


def renamed(view: View) -> None:
    """The kubelets' job has another name."""
    parts.connect_prometheus(
        view, series={"count by": [({"__name__": "kubelet_running_pods", "job": "kubernetes-nodes"}, "3")]}
    )


def no_containers(view: View) -> None:
    """Prometheus has series of cgroups, none of containers."""
    parts.connect_prometheus(view, series={'container!=""': []})


def kube_proxy_loopback(view: View) -> None:
    """kube-proxy serves on loopback."""
    _targets(
        view,
        "kube-proxy",
        10249,
        'Get "http://{address}:10249/metrics": dial tcp {address}:10249: connect: connection refused',
    )


def controllers_loopback(view: View) -> None:
    """The controller-manager serves on loopback."""
    _targets(
        view,
        "kube-controller-manager",
        10257,
        "dial tcp {address}:10257: connect: connection refused",
        scheme="https",
    )


def etcd_scheme(view: View) -> None:
    """Etcd is asked in plain HTTP at its TLS port."""
    _targets(
        view,
        "kube-etcd",
        2379,
        'net/http: HTTP/1.x transport connection broken: malformed HTTP response "\\x15\\x03\\x01"',
    )


def content_type(view: View) -> None:
    """An exporter answers as HTML."""
    error = 'received unsupported Content-Type "text/html; charset=utf-8" and no fallback_scrape_protocol specified for target'
    parts.connect_prometheus(view, targets=[("goss", "http://10.64.1.9:8080/healthz", error)])


def target_down(view: View) -> None:
    """An application answers 404."""
    parts.connect_prometheus(
        view,
        targets=[("shop/api", "http://10.64.1.9:8080/metrics", "server returned HTTP status 404 Not Found")],
    )


# --- the operator


def unselected(view: View) -> None:
    """A monitor without the label that Prometheus wants."""
    parts.operate(view, parts.monitor("storefront", labels={}, match={"app": "storefront"}, port="http"))


def wrong_port(view: View) -> None:
    """A monitor that names a port's number."""
    parts.operate(
        view,
        parts.monitor("storefront", labels={"release": "stack"}, match={"app": "storefront"}, port="8080"),
    )


def _asks_for(view: View, name: str) -> None:
    shown = parts.monitor(
        f"stack-{name}",
        labels={"release": "stack"},
        match={"app": name},
        port="http-metrics",
        namespace="kube-system",
    )
    view.add("services", {
        "metadata": {"name": f"stack-{name}", "namespace": "kube-system", "labels": {"app": name}},
        "spec": {"ports": [{"name": "http-metrics", "port": 10259}]},
    })  # fmt: skip
    parts.operate(view, shown)


def managed_but_scraped(view: View) -> None:
    """Monitors for a control plane that is not there."""
    from simcluster.layerfaults import metrics

    metrics.managed(view)
    _asks_for(view, "kube-scheduler")


def kube_proxy_absent(view: View) -> None:
    """A monitor for a kube-proxy that is not there."""
    from simcluster.layerfaults import metrics

    metrics.without_kube_proxy(view)
    _asks_for(view, "kube-proxy")


# --- its pods


def may_not_list(view: View) -> None:
    """Prometheus may not list endpoints."""
    view.log(
        "prometheus-0",
        'level=error msg="Failed to watch" err="failed to list *v1.Endpoints: endpoints is forbidden: User \\"system:serviceaccount:monitoring:prometheus-k8s\\" cannot list resource \\"endpoints\\" in API group \\"\\" in the namespace \\"shop\\""',
    )


def may_not_list_slices(view: View) -> None:
    """Prometheus may not list EndpointSlices."""
    view.log(
        "prometheus-0",
        'level=error err="endpointslices.discovery.k8s.io is forbidden: User \\"system:serviceaccount:monitoring:prometheus-k8s\\" cannot list resource \\"endpointslices\\" in API group \\"discovery.k8s.io\\" in the namespace \\"shop\\""',
    )


def duplicates(view: View) -> None:
    """Samples come twice."""
    view.log(
        "prometheus-0",
        'level=warn msg="Error on ingesting samples with different value but same timestamp" num_dropped=13 scrape_pool=serviceMonitor/shop/api/0',
    )


def disk_full(view: View) -> None:
    """The disk is full."""
    view.log(
        "prometheus-0",
        'level=error msg="Scrape commit failed" err="write to WAL: log samples: write /prometheus/wal/00000123: no space left on device"',
    )


def out_of_memory(view: View) -> None:
    """Killed while it replays its log."""
    view.alter(
        "pods",
        lambda shown: parts.make_unready(
            shown, waiting="CrashLoopBackOff", message="back-off", ended="OOMKilled"
        ),
        _PROMETHEUS,
    )


# --- around it


def _add_kube_state_metrics(view: View, *log: str, ready: bool = True) -> None:
    parts.add_pod(
        view,
        "stack-kube-state-metrics-0",
        {"app.kubernetes.io/name": "kube-state-metrics"},
        container="kube-state-metrics",
        ready=ready,
    )
    view.log("stack-kube-state-metrics", *log)


def kube_state_metrics_forbidden(view: View) -> None:
    """kube-state-metrics may not list what is new."""
    _add_kube_state_metrics(
        view,
        'E1130 reflector.go:205] "Failed to watch" err="failed to list *v1.VolumeAttachment: volumeattachments.storage.k8s.io is forbidden"',
    )


def kube_state_metrics_down(view: View) -> None:
    """kube-state-metrics is not ready."""
    _add_kube_state_metrics(view, ready=False)


def node_exporter_twice(view: View) -> None:
    """A second node-exporter finds its port taken."""
    view.add("daemonsets.apps", {
        "metadata": {"name": "stack-prometheus-node-exporter", "namespace": "monitoring", "labels": {"app.kubernetes.io/name": "prometheus-node-exporter"}},
        "status": {"desiredNumberScheduled": 6, "numberReady": 0},
    })  # fmt: skip

    def alter(shown: Object) -> None:
        shown["status"]["conditions"] = [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/6 nodes are available: 6 node(s) didn't have free ports for the requested pod ports.",
        }]  # fmt: skip
        shown["status"]["phase"] = "Pending"

    view.alter("pods", alter, views.is_named("node-exporter-"))


def _add_alertmanager(view: View, configuration: str) -> None:
    parts.add_pod(
        view, "alertmanager-stack-0", {"app.kubernetes.io/name": "alertmanager"}, container="alertmanager"
    )
    view.answer(
        "/api/v1/namespaces/monitoring/services/alertmanager-operated:9093/proxy/api/v2/status",
        {"config": {"original": configuration}},
    )


def alertmanager_null(view: View) -> None:
    """Alerts end at a receiver that tells nobody."""
    _add_alertmanager(view, 'route:\n  receiver: "null"\nreceivers:\n- name: "null"\n')


def alertmanager_unknown(view: View) -> None:
    """Prometheus knows no Alertmanager."""
    _add_alertmanager(view, "receivers:\n- name: chat\n  slack_configs:\n  - channel: x\n")
    view.answer(
        r"/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/alertmanagers",
        {"status": "success", "data": {"activeAlertmanagers": []}},
    )
    parts.connect_prometheus(view)


def etcd_failing(view: View) -> None:
    """The API server is not ready."""
    view.answer(
        "/readyz",
        "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n",
        status=500,
        content_type="text/plain",
    )


def scheduler_down(view: View) -> None:
    """The scheduler is not ready."""
    view.alter(
        "pods",
        lambda shown: parts.make_unready(shown, waiting="CrashLoopBackOff", message="back-off"),
        views.is_named("kube-scheduler-"),
    )
