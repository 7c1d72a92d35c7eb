"""Autoscalers: do their conditions say that they get their numbers?"""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_SEE = "kubectl -n {namespace} describe hpa {name}"
_NO_METRICS = diagnosis.Diagnosis(
    "hpa_no_resource_metrics", layers.HPA,
    "HPA: it gets no usage of CPU or memory",
    "The resource metrics API does not answer it, or has nothing about its pods yet.",
    (_SEE, "kubectl -n {namespace} top pods"),
    ("Mend metrics-server first, if it is named above. If not: are the pods Ready, older than two minutes, and does the selector match?",),
    "setting the replicas by hand: the autoscaler takes them back when it sees again",
    symptom="unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API",
)  # fmt: skip
_REQUEST = diagnosis.Diagnosis(
    "hpa_request_missing", layers.HPA,
    "HPA: a container has no request, so that there is no percentage",
    "Utilization is a share of requests; every container of the pod needs one, injected sidecars too.",
    (_SEE, "kubectl -n {namespace} get deployment {target} -o yaml"),
    ("Set the request of the container in the message (for a sidecar: in its injector's settings):",
     "! kubectl -n {namespace} set resources deployment {target} -c {container} --requests=cpu=50m",
     "Or measure one container alone: a metric of type ContainerResource."),
    "a higher target: without the request there is no number at all",
    symptom="failed to get cpu utilization: missing request for cpu in container daprd",
)  # fmt: skip
_TARGET = diagnosis.Diagnosis(
    "hpa_target_missing", layers.HPA,
    "HPA: what it should scale is not there",
    "scaleTargetRef names something that does not exist, or another apiVersion.",
    (_SEE,),
    ("Correct scaleTargetRef, or remove the autoscaler:", "! kubectl -n {namespace} delete hpa {name}"),
    "creating an empty Deployment of that name",
    symptom="the HPA controller was unable to get the target's current scale",
)  # fmt: skip
_SELECTOR = diagnosis.Diagnosis(
    "hpa_selector", layers.HPA,
    "HPA: its selector is invalid, or another HPA has the same pods",
    "Two autoscalers for one set of pods would work against each other, so that neither does.",
    (_SEE, "kubectl -n {namespace} get hpa"),
    ("Leave one autoscaler for these pods.",),
    "different minimums for both",
    symptom="pods by selector are controlled by multiple HPAs",
)  # fmt: skip
_CUSTOM = diagnosis.Diagnosis(
    "hpa_no_custom_metrics", layers.HPA,
    "HPA: its metric of pods or objects has no value",
    "The custom metrics API answers, but knows no such series.",
    (_SEE, "kubectl get --raw /apis/custom.metrics.k8s.io/v1beta1"),
    ("Compare the metric's name and labels with the rules of the adapter.",),
    "a default value of 0: it would scale down",
    symptom="unable to get metric http_requests: no metrics returned from custom metrics API",
)  # fmt: skip
_EXTERNAL = diagnosis.Diagnosis(
    "hpa_no_external_metrics", layers.HPA,
    "HPA: its external metric has no value",
    "The external metrics API answers, but knows no such metric; KEDA's operator says why in its log.",
    (_SEE, "kubectl get --raw /apis/external.metrics.k8s.io/v1beta1"),
    ("Look at the ScaledObject, or at the rules of the adapter.",),
    "a default value of 0: it would scale down",
    symptom="unable to get external metric",
)  # fmt: skip
_AT_MAXIMUM = diagnosis.Diagnosis(
    "hpa_at_maximum", layers.HPA,
    "HPA: it wants more replicas than it may have",
    "The wanted number is above maxReplicas; the load is higher than was planned for.",
    (_SEE,),
    ("Raise maxReplicas, if the cluster has room:",
     "! kubectl -n {namespace} patch hpa {name} --type merge -p '{{\"spec\":{{\"maxReplicas\":N}}}}'"),
    "raising the target to make it quiet",
    severity.INFO,
    "the desired replica count is more than the maximum replica count",
)  # fmt: skip
_RESOURCE = ("FailedGetResourceMetric", "FailedGetContainerResourceMetric")


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read the conditions of all autoscalers; those with one cause are one finding."""
    found = lookups.autoscalers(context)
    if not found.items:
        yield diagnosis.Note(layers.HPA, diagnosis.SKIP, "none")
        return
    groups: dict[str, list[tuple[diagnosis.Diagnosis, dict[str, Any], str]]] = {}
    for each in found.items:
        judged = _judge(each)
        if judged is not None:
            page, message = judged
            groups.setdefault(page.id, []).append((page, each, message))
    for members in groups.values():
        page, first, message = members[0]
        names = [diagnosis.place(each) for _, each, _ in members]
        yield diagnosis.find(
            page,
            *(f"{diagnosis.place(each)}: {said}" for _, each, said in members[:3]),
            title=f"{page.title}: {quantity.format_names(names)}",
            damage=f"{len(names)} HPAs cannot scale: {quantity.format_names([_held(each) for _, each, _ in members])}"
            if page.severity == severity.CRITICAL else "",
            scope=names, symptom_of=_below(page),
            about=first,
            target=diagnosis.text(first, "spec", "scaleTargetRef", "name"), container=_container(message),
        )  # fmt: skip
    bad = sum(len(members) for members in groups.values() if members[0][0].severity == severity.CRITICAL)
    yield diagnosis.Note(layers.HPA, diagnosis.OK, f"{len(found.items) - bad}/{len(found.items)} scale")


def _judge(each: dict[str, Any]) -> tuple[diagnosis.Diagnosis, str] | None:
    able, active = diagnosis.condition(each, "AbleToScale"), diagnosis.condition(each, "ScalingActive")
    if able.get("status") == "False" and able.get("reason") == "FailedGetScale":
        return _TARGET, str(able.get("message", ""))
    if active.get("status") == "False":
        reason, message = str(active.get("reason", "")), str(active.get("message", ""))
        if reason == "ScalingDisabled":
            return None
        if "missing request for" in message:
            return _REQUEST, message
        if reason in _RESOURCE:
            return _NO_METRICS, message
        if reason in ("InvalidSelector", "AmbiguousSelector"):
            return _SELECTOR, message
        if reason in ("FailedGetPodsMetric", "FailedGetObjectMetric"):
            return _CUSTOM, message
        if reason == "FailedGetExternalMetric":
            return _EXTERNAL, message
    limited = diagnosis.condition(each, "ScalingLimited")
    if limited.get("status") == "True" and limited.get("reason") == "TooManyReplicas":
        return _AT_MAXIMUM, str(limited.get("message", ""))
    return None


def _below(page: diagnosis.Diagnosis) -> tuple[str, ...]:
    if page is _NO_METRICS:
        return (layers.METRICS_SERVER, layers.CADVISOR, layers.KUBELETS)
    if page is _CUSTOM:
        return (layers.CUSTOM_METRICS, layers.PROMETHEUS)
    return (layers.EXTERNAL_METRICS,) if page is _EXTERNAL else ()


def _held(each: dict[str, Any]) -> str:
    """Return an autoscaler with the number of replicas that it stands at: "shop/api held at 5 (3-20)"."""
    now = diagnosis.dig(each, "status", "currentReplicas")
    least, most = diagnosis.dig(each, "spec", "minReplicas"), diagnosis.dig(each, "spec", "maxReplicas")
    return f"{diagnosis.place(each)} held at {now} ({least}-{most})"


def _container(message: str) -> str:
    _, found, rest = message.partition(" in container ")
    return rest.split()[0].strip(",.;\"'") if found and rest.split() else ""


CHECK = diagnosis.Check(
    "autoscalers", layers.HPA, look, (lookups.AUTOSCALERS,),
    (_NO_METRICS, _REQUEST, _TARGET, _SELECTOR, _CUSTOM, _EXTERNAL, _AT_MAXIMUM),
)  # fmt: skip
