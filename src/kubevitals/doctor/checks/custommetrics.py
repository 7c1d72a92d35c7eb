"""Custom and external metrics: is there a server, does it answer, do two want to be it?"""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_API_SERVICES = "kubectl get apiservices"
_NO_CUSTOM = diagnosis.Diagnosis(
    "custom_metrics_missing", layers.CUSTOM_METRICS,
    "custom metrics: nobody serves them, and an HPA needs them",
    "No APIService for custom.metrics.k8s.io: the adapter is not installed, or its configuration has resource rules alone.",
    (_API_SERVICES, "kubectl get hpa -A"),
    ("Install prometheus-adapter with rules for the metric, or KEDA.",),
    "an APIService by hand: there is no server behind it",
    symptom="no custom metrics API (custom.metrics.k8s.io) registered",
)  # fmt: skip
_NO_EXTERNAL = diagnosis.Diagnosis(
    "external_metrics_missing", layers.EXTERNAL_METRICS,
    "external metrics: nobody serves them, and an HPA needs them",
    "No APIService for external.metrics.k8s.io: KEDA or the vendor's agent is not installed.",
    (_API_SERVICES, "kubectl get hpa -A"),
    ("Install KEDA, or the agent that has the metric.",),
    "an APIService by hand",
    symptom="no external metrics API (external.metrics.k8s.io) registered",
)  # fmt: skip
_CUSTOM_DOWN = diagnosis.Diagnosis(
    "custom_metrics_unavailable", layers.CUSTOM_METRICS,
    "custom metrics: their server does not answer",
    "The APIService of the adapter is not Available; its message says why.",
    ("kubectl get apiservice {name} -o yaml", "kubectl -n {namespace} get pods"),
    ("Mend the adapter's pods; if it was removed, remove what is left of it:", "! kubectl delete apiservice {name}"),
    "leaving it: namespaces cannot be deleted meanwhile",
    symptom="unable to retrieve the complete list of server APIs: custom.metrics.k8s.io/v1beta1",
)  # fmt: skip
_EXTERNAL_DOWN = _CUSTOM_DOWN._replace(
    id="external_metrics_unavailable", layer=layers.EXTERNAL_METRICS,
    title="external metrics: their server does not answer",
    symptom="external.metrics.k8s.io/v1beta1: the server is currently unable to handle the request",
)  # fmt: skip
_TWO = diagnosis.Diagnosis(
    "external_metrics_two_providers", layers.EXTERNAL_METRICS,
    "external metrics: two servers are installed for them, one is used",
    "One APIService has one server: the other's metrics are never asked for.",
    ("kubectl get apiservice v1beta1.external.metrics.k8s.io -o yaml",),
    ("Leave the API to one of them, and switch it off in the other (KEDA, Datadog, an adapter).",),
    "installing them in turns: the last one wins until the next upgrade",
    severity.WARNING,
    'APIService "v1beta1.external.metrics.k8s.io" exists and cannot be imported into the current release',
)  # fmt: skip
_SERVERS = (
    "keda-operator-metrics-apiserver",
    "datadog-cluster-agent",
    "prometheus-adapter",
    "custom-metrics-stackdriver-adapter",
)


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read the APIServices of both groups, and what autoscalers ask for."""
    wanting: dict[str, list[str]] = {}
    if context.may(lookups.AUTOSCALERS.right):
        for each in lookups.autoscalers(context).items:
            for kind in lookups.wants(each):
                wanting.setdefault(kind, []).append(diagnosis.place(each))
    for layer, group, kinds, missing, down in (
        (layers.CUSTOM_METRICS, lookups.CUSTOM, ("Pods", "Object"), _NO_CUSTOM, _CUSTOM_DOWN),
        (layers.EXTERNAL_METRICS, lookups.EXTERNAL, ("External",), _NO_EXTERNAL, _EXTERNAL_DOWN),
    ):
        services = lookups.api_services(context, group)
        needed = sorted({name for kind in kinds for name in wanting.get(kind, ())})
        bad = next((each for each in services if lookups.unavailable(each)), None)
        if bad is not None:
            told = lookups.unavailable(bad)
            namespace, service = lookups.service_of(bad)
            yield diagnosis.find(
                down, f"APIService {diagnosis.place(bad)}: {told.get('reason')}: {told.get('message')}",
                damage=f"autoscalers without numbers: {quantity.format_names(needed)}" if needed else "namespaces cannot be deleted",
                scope=needed, namespace=namespace, service=service, name=diagnosis.place(bad),
            )  # fmt: skip
        elif not services and needed:
            yield diagnosis.find(
                missing, f"no APIService of the group {group}", damage=f"autoscalers without numbers: {quantity.format_names(needed)}",
                scope=needed,
            )  # fmt: skip
        elif services:
            yield diagnosis.Note(
                layer, diagnosis.OK, f"served by {'/'.join(lookups.service_of(services[0]))}"
            )
        else:
            yield diagnosis.Note(layer, diagnosis.SKIP, "not installed")
        if group == lookups.EXTERNAL and services and context.may(lookups.SERVICES.right):
            yield from _second(context, lookups.service_of(services[0])[1])


def _second(context: contexts.Context, used: str) -> Iterator[diagnosis.Finding]:
    names = {
        diagnosis.text(each, "metadata", "name")
        for each in context.listing(context.within("/api/v1", "services")).items
        if diagnosis.text(each, "metadata", "name") in _SERVERS[:2]
    }
    if used in _SERVERS and len(names - {used}) > 0:
        other = min(names - {used})
        yield diagnosis.find(
            _TWO, f"APIService v1beta1.external.metrics.k8s.io points to {used}", f"Service {other} is there too",
            title=f"external metrics: {used} serves them, {other} wants to",
        )  # fmt: skip


CHECK = diagnosis.Check(
    "other_metrics", layers.CUSTOM_METRICS, look, (lookups.API_SERVICES,),
    (_NO_CUSTOM, _CUSTOM_DOWN, _NO_EXTERNAL, _EXTERNAL_DOWN, _TWO),
)  # fmt: skip
