"""Alertmanager: does Prometheus know one, and does it tell anybody?"""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import diagnosis, layers, lookups
from kubevitals.doctor.checks import prometheus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_UNKNOWN = diagnosis.Diagnosis(
    "alertmanager_not_connected", layers.ALERTMANAGER,
    "Alertmanager: it runs, and Prometheus sends it nothing",
    "Prometheus has no active Alertmanager: its alerting section or selector names none.",
    ("kubectl get alertmanagers,prometheuses -A -o yaml",),
    ("Name it in spec.alerting.alertmanagers of the Prometheus.",),
    "sending mail from Grafana beside it",
    severity.WARNING,
    "activeAlertmanagers: []",
)  # fmt: skip
_NOBODY = diagnosis.Diagnosis(
    "alertmanager_tells_nobody", layers.ALERTMANAGER,
    "Alertmanager: every route ends at a receiver that tells nobody",
    "kube-prometheus-stack routes all alerts to a receiver null until you give it another.",
    ("kubectl -n {namespace} get secrets",),
    ("Add a receiver with an integration and a route to it; keep the receiver null for Watchdog.",),
    "removing null: the route that names it makes the whole configuration invalid",
    severity.WARNING,
    'undefined receiver "null" used in route',
)  # fmt: skip
_INTEGRATION = "_configs:"


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look at its pods, at what Prometheus knows, and at the configuration that it shows itself."""
    pods = [pod for pod in lookups.named(context, "alertmanager") if lookups.is_ready(pod)]
    if not pods:
        yield diagnosis.Note(layers.ALERTMANAGER, diagnosis.SKIP, "not installed")
        return
    namespace = diagnosis.text(pods[0], "metadata", "namespace")
    if prometheus.reachable(context):
        known = lookups.ask_prometheus(context, "alertmanagers")
        if isinstance(known, dict) and not list(diagnosis.objects(known, "activeAlertmanagers")):
            yield diagnosis.find(
                _UNKNOWN,
                "GET /api/v1/alertmanagers: activeAlertmanagers is empty",
                damage="alerts reach nobody",
            )
    told = _configuration(context, namespace)
    if told and _INTEGRATION not in told.partition("receivers:")[2]:
        yield diagnosis.find(
            _NOBODY, "receivers without an integration: " + " ".join(told.partition("receivers:")[2].split()[:12]),
            damage="alerts fire and nobody hears of it", namespace=namespace,
        )  # fmt: skip
    yield diagnosis.Note(layers.ALERTMANAGER, diagnosis.OK, f"{len(pods)} pods")


def _configuration(context: contexts.Context, namespace: str) -> str:
    """Return the configuration as its API shows it, which has no secrets; empty where it may not be asked."""
    for name in ("alertmanager-operated", "alertmanager"):
        if not context.allows("get", "services/proxy", namespace=namespace, name=f"{name}:9093"):
            continue
        found = context.get(f"/api/v1/namespaces/{namespace}/services/{name}:9093/proxy/api/v2/status")
        if found is not None:
            return diagnosis.text(found, "config", "original")
    return ""


CHECK = diagnosis.Check("alertmanager", layers.ALERTMANAGER, look, (lookups.PODS,), (_UNKNOWN, _NOBODY))
