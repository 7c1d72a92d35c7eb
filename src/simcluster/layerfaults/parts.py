"""What several faults of layers have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster.apiserver import go_formats
from simcluster.layerfaults import view as views

if TYPE_CHECKING:
    from simcluster.layerfaults.view import Object, View

API_SERVICES = "apiservices.apiregistration.k8s.io"
AUTOSCALERS = "horizontalpodautoscalers.autoscaling"
DAEMON_SETS = "daemonsets.apps"
METRICS_SERVER = views.is_named("metrics-server")
_SINCE = 5880.0  # seconds


def is_metrics_api(shown: Object) -> bool:
    """Whether it is an APIService of metrics.k8s.io itself."""
    return bool(shown["spec"].get("group") == "metrics.k8s.io")


def set_condition(shown: Object, kind: str, status: str, *, reason: str, message: str, now: float) -> None:
    """Put a condition in place of the one of its type."""
    told = {
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": go_formats.format_time(now - _SINCE),
    }  # fmt: skip
    status_ = shown.setdefault("status", {})
    status_["conditions"] = [*(each for each in status_.get("conditions", ()) if each["type"] != kind), told]


def make_unavailable(view: View, reason: str, message: str) -> None:
    """The metrics API is not Available, answers 503, and the autoscalers have no numbers."""

    def alter(shown: Object) -> None:
        set_condition(shown, "Available", "False", reason=reason, message=message, now=view.now)

    view.alter(API_SERVICES, alter, is_metrics_api)
    view.answer("/apis/metrics.k8s.io/.*", "service unavailable", status=503, content_type="text/plain")
    stop_autoscalers(view)


def stop_autoscalers(view: View, reason: str = "FailedGetResourceMetric", message: str = "") -> None:
    """The autoscalers say that they cannot scale."""
    said = message or (
        "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for "
        "resource cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle "
        "the request (get pods.metrics.k8s.io)"
    )
    view.alter(
        AUTOSCALERS,
        lambda shown: set_condition(
            shown, "ScalingActive", "False", reason=reason, message=said, now=view.now
        ),
    )


def make_unready(shown: Object, *, waiting: str = "", message: str = "", ended: str = "") -> None:
    """A pod that is not ready, whose containers wait, or ended for a reason."""
    for each in shown["status"]["conditions"]:
        if each["type"] in ("Ready", "ContainersReady"):
            each["status"] = "False"
    for each in shown["status"].get("containerStatuses", ()):
        each["ready"] = False
        if waiting:
            each["state"] = {"waiting": {"reason": waiting, "message": message}}
            each["restartCount"] = 7
        if ended:
            each["lastState"] = {"terminated": {"reason": ended, "exitCode": 137}}


def stop_metrics_server(view: View, *log: str, waiting: str = "", message: str = "", ended: str = "") -> None:
    """metrics-server's pod is not ready, so that nothing is behind the metrics API."""
    view.alter(
        "pods",
        lambda shown: make_unready(shown, waiting=waiting, message=message, ended=ended),
        METRICS_SERVER,
    )
    make_unavailable(
        view, "MissingEndpoints",
        'endpoints for service/metrics-server in "kube-system" have no addresses with port name "https"',
    )  # fmt: skip
    view.log("metrics-server", *log)


def fail_scrapes(view: View, error: str, *, nodes: int | None = None) -> None:
    """metrics-server cannot read kubelets: all of them, or so many, whose errors say `error`.

    {node} and {address} in it are those of the node.
    """
    lines = []
    names = []
    for node in view.objects("nodes")[: nodes or None]:
        name = node["metadata"]["name"]
        address = next(
            each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP"
        )
        names.append(name)
        said = error.replace("{node}", name).replace("{address}", address)
        lines.append(f'E1130 03:52:07.1 1 scraper.go:149] "Failed to scrape node" err="{said}" node="{name}"')
    if nodes is None:
        stop_metrics_server(
            view, *lines, 'I1130 "Failed probe" probe="metric-storage-ready" err="no metrics to serve"'
        )
        return
    view.log("metrics-server", *lines)
    for version in ("v1", "v1beta1"):
        view.answer(f"/apis/metrics.k8s.io/{version}/nodes", _usage(view, version, set(names)))


def _usage(view: View, version: str, without: set[str]) -> Object:
    stamp = go_formats.format_time(view.now - 12)
    return {
        "kind": "NodeMetricsList",
        "apiVersion": f"metrics.k8s.io/{version}",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": node["metadata"]["name"]},
                "timestamp": stamp,
                "window": "15s",
                "usage": {"cpu": "100m", "memory": "1Gi"},
            }
            for node in view.objects("nodes")
            if node["metadata"]["name"] not in without
        ],
    }


# --- Prometheus

_PROXY = r"/api/v1/namespaces/monitoring/services/prometheus:9090/proxy/api/v1/"


def connect_prometheus(
    view: View,
    *,
    targets: list[tuple[str, str, str]] | None = None,
    series: dict[str, list[Any]] | None = None,
) -> None:
    """Let Prometheus answer: with targets that are down (job, URL, error), and series by a word of the query."""
    if targets is None:
        targets = []
    view.alter(
        "services", lambda shown: shown["metadata"]["labels"].update({"operated-prometheus": "true"}),
        lambda shown: shown["metadata"]["namespace"] == "monitoring" and shown["metadata"]["name"] == "prometheus",
    )  # fmt: skip
    up = [("kubelet", f"https://{address}:10250/metrics", "") for address in addresses(view)]
    rows = [
        {"labels": {"job": job}, "scrapeUrl": url, "health": "down" if error else "up", "lastError": error}
        for job, url, error in [*up, *targets]
    ]
    view.answer(f"{_PROXY}targets", {"status": "success", "data": {"activeTargets": rows}})
    view.answer(
        f"{_PROXY}alertmanagers",
        {"status": "success", "data": {"activeAlertmanagers": [{"url": "http://am:9093"}]}},
    )
    jobs = [
        ("kubelet_running_pods", "kubelet"),
        ("kube_node_info", "kube-state-metrics"),
        ("node_uname_info", "node-exporter"),
    ]
    known: dict[str, list[Any]] = {
        "count by": [({"__name__": family, "job": job}, "3") for family, job in jobs],
        'container!=""': [({}, "120")],
        "count(container_memory_working_set_bytes)": [({}, "300")],
        **(series or {}),
    }
    view.answer(f"{_PROXY}query", _encode_queries(known))


def _encode_queries(known: dict[str, list[Any]]) -> Any:
    """The table of answers to instant queries, in which a query is looked up by a word in it."""
    return {
        "by_query": [
            [
                word,
                {
                    "status": "success",
                    "data": {
                        "resultType": "vector",
                        "result": [{"metric": labels, "value": [0, value]} for labels, value in rows],
                    },
                },
            ]
            for word, rows in known.items()
        ]
    }


def addresses(view: View) -> list[str]:
    """The nodes' internal addresses."""
    return [
        next(each["address"] for each in node["status"]["addresses"] if each["type"] == "InternalIP")
        for node in view.objects("nodes")
    ]


def add_pod(
    view: View,
    name: str,
    labels: dict[str, str],
    *,
    container: str,
    namespace: str = "monitoring",
    ready: bool = True,
) -> None:
    """Add a running pod of one container."""
    status = "True" if ready else "False"
    view.add(
        "pods",
        {
            "metadata": {"name": name, "namespace": namespace, "labels": labels},
            "spec": {
                "nodeName": view.objects("nodes")[0]["metadata"]["name"],
                "containers": [{"name": container}],
            },
            "status": {
                "phase": "Running",
                "conditions": [
                    {"type": "Ready", "status": status},
                    {"type": "PodScheduled", "status": "True"},
                ],
                "containerStatuses": [{"name": container, "ready": ready, "state": {"running": {}}}],
            },
        },
    )


def monitor(
    name: str, *, labels: dict[str, str], match: dict[str, str], port: str, namespace: str = "shop"
) -> Object:
    """A ServiceMonitor."""
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"selector": {"matchLabels": match}, "endpoints": [{"port": port}]},
    }


def operate(view: View, *monitors: Object) -> None:
    """The Prometheus operator, with one Prometheus that wants release: stack, and these monitors."""
    server = {
        "metadata": {"name": "stack", "namespace": "monitoring"},
        "spec": {
            "serviceMonitorSelector": {"matchLabels": {"release": "stack"}},
            "serviceMonitorNamespaceSelector": {},
        },
    }
    group = ("monitoring.coreos.com", "v1")
    view.list(*group, "prometheuses", [server])
    view.list(*group, "servicemonitors", list(monitors))
    view.list(*group, "podmonitors", [])
