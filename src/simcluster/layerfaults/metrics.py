"""Faults of metrics-server, of the other metrics APIs and of autoscalers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.layerfaults import parts
from simcluster.layerfaults import view as views

if TYPE_CHECKING:
    from simcluster.layerfaults.view import Object, View

_URL = "https://10.96.0.11:443/apis/metrics.k8s.io/v1beta1"
_FAILING = f'failing or missing response from {_URL}: Get "{_URL}": '


def _refuse(view: View, message: str) -> None:
    parts.make_unavailable(view, "FailedDiscoveryCheck", message)


def unreachable(view: View) -> None:
    """The API server cannot reach the pod."""
    _refuse(view, _FAILING + "context deadline exceeded")


def wrong_server(view: View) -> None:
    """Something else answers behind metrics-server's Service."""
    _refuse(view, f"failing or missing response from {_URL}: bad status from {_URL}: 404")


def front_proxy(view: View) -> None:
    """metrics-server does not take the API server's certificate."""
    _refuse(view, f"failing or missing response from {_URL}: bad status from {_URL}: 401")
    view.log(
        "metrics-server",
        'E1130 authentication.go:73] "Unable to authenticate the request" err="x509: certificate signed by unknown authority"',
    )


def certificate_expired(view: View) -> None:
    """metrics-server's certificate has expired."""
    _refuse(
        view,
        _FAILING
        + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-11-30T03:52:07Z is after 2026-11-30T02:14:07Z",
    )


def certificate_untrusted(view: View) -> None:
    """The caBundle is of another authority."""
    _refuse(
        view, _FAILING + "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )


def orphaned(view: View) -> None:
    """The Service is gone, the APIService stayed, a namespace cannot go."""
    view.remove("services", parts.METRICS_SERVER)
    view.remove("pods", parts.METRICS_SERVER)
    parts.make_unavailable(view, "ServiceNotFound", 'service/metrics-server in "kube-system" is not present')
    view.add("namespaces", {
        "metadata": {"name": "old-shop", "deletionTimestamp": "2026-11-29T10:00:00Z"},
        "status": {
            "phase": "Terminating",
            "conditions": [{
                "type": "NamespaceDeletionDiscoveryFailure", "status": "True", "reason": "DiscoveryFailed",
                "message": "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: "
                           "metrics.k8s.io/v1beta1: the server is currently unable to handle the request",
            }],
        },
    })  # fmt: skip


def port_missing(view: View) -> None:
    """The Service has another port."""
    parts.make_unavailable(
        view, "ServicePortError", 'service/metrics-server in "kube-system" is not listening on port 443'
    )


def port_taken(view: View) -> None:
    """On the host's network port 10250 is the kubelet's."""
    parts.stop_metrics_server(
        view, "panic: failed to create listener: failed to listen on 0.0.0.0:10250: listen tcp 0.0.0.0:10250: bind: address already in use",
        waiting="CrashLoopBackOff", message="back-off 5m0s restarting failed container",
    )  # fmt: skip


def image_pull(view: View) -> None:
    """The image cannot be pulled."""
    parts.stop_metrics_server(
        view,
        waiting="ImagePullBackOff",
        message='Back-off pulling image "registry.k8s.io/metrics-server/metrics-server:v0.9.0"',
    )


def out_of_memory(view: View) -> None:
    """metrics-server is killed for lack of memory."""
    parts.stop_metrics_server(
        view, "I1130 serving", waiting="CrashLoopBackOff", message="back-off", ended="OOMKilled"
    )


def pending(view: View) -> None:
    """No node takes the pod."""

    def alter(shown: Object) -> None:
        shown["spec"].pop("nodeName", None)
        shown["status"] = {
            "phase": "Pending",
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/6 nodes are available: 6 Insufficient cpu.",
                }
            ],
        }

    parts.stop_metrics_server(view)
    view.alter("pods", alter, parts.METRICS_SERVER)


def not_ready(view: View) -> None:
    """It runs and has nothing to serve."""
    parts.stop_metrics_server(
        view, 'I1130 server.go:191] "Failed probe" probe="metric-storage-ready" err="no metrics to serve"'
    )


def no_pod_metrics(view: View) -> None:
    """Nodes come, pods do not."""
    parts.stop_metrics_server(
        view, 'I1130 server.go:203] "Metric storage is not ready, pod metrics are missing, this may indicate a container-runtime or kubelet issue"'
    )  # fmt: skip


def two_providers(view: View) -> None:
    """An adapter serves the API, and a metrics-server runs beside it."""

    def alter(shown: Object) -> None:
        shown["spec"]["service"] = {"namespace": "monitoring", "name": "prometheus-adapter", "port": 443}

    view.alter(parts.API_SERVICES, alter, parts.is_metrics_api)


def no_pods_measured(view: View) -> None:
    """Nodes have numbers, no pod has any."""
    for version in ("v1", "v1beta1"):
        empty = {
            "kind": "PodMetricsList",
            "apiVersion": f"metrics.k8s.io/{version}",
            "metadata": {},
            "items": [],
        }
        view.answer(f"/apis/metrics.k8s.io/{version}/(namespaces/[^/]+/)?pods", empty)


# --- autoscalers


def request_missing(view: View) -> None:
    """An injected sidecar has no request."""
    parts.stop_autoscalers(
        view,
        message="the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container daprd of Pod storefront-7d9f-x2x",
    )


def target_missing(view: View) -> None:
    """What should be scaled is not there."""
    view.alter(parts.AUTOSCALERS, lambda shown: parts.set_condition(
        shown, "AbleToScale", "False", reason="FailedGetScale",
        message='the HPA controller was unable to get the target\'s current scale: deployments.apps "storefront" not found', now=view.now,
    ))  # fmt: skip


def ambiguous(view: View) -> None:
    """Two autoscalers have the same pods."""
    parts.stop_autoscalers(
        view,
        "AmbiguousSelector",
        "pods by selector app=storefront are controlled by multiple HPAs: [shop/storefront shop/other]",
    )


def _ask_for(view: View, kind: str) -> None:
    def alter(shown: Object) -> None:
        shown["spec"]["metrics"] = [{"type": kind}]

    view.alter(parts.AUTOSCALERS, alter)


def custom_missing(view: View) -> None:
    """Nobody serves custom metrics."""
    _ask_for(view, "Pods")
    parts.stop_autoscalers(
        view,
        "FailedGetPodsMetric",
        "unable to get metric http_requests: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered",
    )


def _register(view: View, group: str, service: str, *, available: bool = True) -> None:
    shown = {
        "metadata": {"name": f"v1beta1.{group}", "labels": {}},
        "spec": {
            "group": group,
            "version": "v1beta1",
            "service": {"namespace": "keda", "name": service, "port": 443},
        },
    }
    parts.set_condition(
        shown, "Available", "True" if available else "False", reason="Passed" if available else "MissingEndpoints",
        message="all checks passed" if available else f'endpoints for service/{service} in "keda" have no addresses', now=view.now,
    )  # fmt: skip
    view.add("apiservices.apiregistration.k8s.io", shown)
    _add_service(view, service)


def _add_service(view: View, name: str) -> None:
    view.add(
        "services",
        {"metadata": {"name": name, "namespace": "keda", "labels": {}}, "spec": {"ports": [{"port": 443}]}},
    )


def external_down(view: View) -> None:
    """KEDA's server is gone."""
    _ask_for(view, "External")
    _register(view, "external.metrics.k8s.io", "keda-operator-metrics-apiserver", available=False)
    parts.stop_autoscalers(
        view,
        "FailedGetExternalMetric",
        "unable to get external metric shop/s0-rabbitmq: the server is currently unable to handle the request",
    )


def external_missing(view: View) -> None:
    """Nobody serves external metrics."""
    _ask_for(view, "External")
    parts.stop_autoscalers(
        view,
        "FailedGetExternalMetric",
        "unable to get external metric: no external metrics API (external.metrics.k8s.io) registered",
    )


def external_two(view: View) -> None:
    """KEDA and Datadog want to serve external metrics."""
    _register(view, "external.metrics.k8s.io", "datadog-cluster-agent")
    _add_service(view, "keda-operator-metrics-apiserver")


# --- shapes of healthy clusters


def managed(view: View) -> None:
    """A cluster whose control plane is somebody else's."""
    view.remove(
        "pods", views.is_named("etcd-", "kube-scheduler-", "kube-controller-manager-", "kube-apiserver-")
    )


def without_kube_proxy(view: View) -> None:
    """Cilium in place of kube-proxy."""
    view.remove("pods", views.is_named("kube-proxy-"))
    view.remove(parts.DAEMON_SETS, views.is_named("kube-proxy"))


def k3s(view: View) -> None:
    """One process for all."""
    managed(view)
    without_kube_proxy(view)


def kubelet_only(view: View) -> None:
    """Nothing but kubelets: no metrics-server, no autoscaler, no monitoring."""
    view.remove(
        "pods", lambda shown: shown["metadata"]["namespace"] == "monitoring" or parts.METRICS_SERVER(shown)
    )
    view.remove(
        "services",
        lambda shown: shown["metadata"]["namespace"] == "monitoring" or parts.METRICS_SERVER(shown),
    )
    view.remove(parts.DAEMON_SETS, lambda shown: shown["metadata"]["namespace"] == "monitoring")
    view.remove(parts.AUTOSCALERS)
    view.remove(parts.API_SERVICES, parts.is_metrics_api)
    view.answer("/apis/metrics.k8s.io/.*", "404 page not found", status=404, content_type="text/plain")
