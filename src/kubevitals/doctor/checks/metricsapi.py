"""The metrics API: who serves it, and why the API server does not get through to that."""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_SEE = "kubectl get apiservice v1beta1.metrics.k8s.io -o yaml"
_PODS = "kubectl -n {namespace} get pods -o wide"
_UPGRADE = "! helm -n {namespace} upgrade metrics-server metrics-server/metrics-server --reuse-values"

_MISSING = diagnosis.Diagnosis(
    "metrics_server_missing", layers.METRICS_SERVER,
    "metrics-server: not installed, and autoscalers need it",
    "No APIService serves metrics.k8s.io: nothing collects usage for kubectl top and for HPAs on CPU or memory.",
    ("kubectl get apiservices", "kubectl get hpa -A"),
    ("Install it, or switch on the add-on of a managed cluster:",
     "! helm -n kube-system install metrics-server metrics-server/metrics-server"),
    "a second server for metrics.k8s.io beside a Prometheus adapter that has it: only one can",
    symptom="the server could not find the requested resource (get pods.metrics.k8s.io)",
)  # fmt: skip
_ORPHANED = diagnosis.Diagnosis(
    "metrics_api_orphaned", layers.METRICS_SERVER,
    "metrics-server: the APIService points to a Service that is gone",
    "metrics-server was removed and its APIService stayed; discovery is slow and namespaces cannot be deleted.",
    (_SEE, "kubectl -n {namespace} get services"),
    ("Install metrics-server again, or remove what is left of it:", "! kubectl delete apiservice {name}"),
    "removing finalizers of namespaces that hang because of it",
    symptom="unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1",
)  # fmt: skip
_PORT = diagnosis.Diagnosis(
    "metrics_api_port_missing", layers.METRICS_SERVER,
    "metrics-server: its Service has not the port that the APIService names",
    "Manifests of two versions were mixed (443, 4443 and 10250 were all used).",
    (_SEE, "kubectl -n {namespace} get service {service} -o yaml"),
    ("Apply all objects of one version again, by its chart or manifest:", _UPGRADE),
    "changing the port alone: the container may listen at a third one",
    symptom='service/metrics-server in "kube-system" is not listening on port 443',
)  # fmt: skip
_NO_ENDPOINTS = diagnosis.Diagnosis(
    "metrics_server_no_endpoints", layers.METRICS_SERVER,
    "metrics-server: no pod of it is ready",
    "The Service has no ready endpoint; the pods say why.",
    (_PODS, "kubectl -n {namespace} describe pods -l k8s-app=metrics-server"),
    ("Look at the pods: are there any, do they start, what does the readiness probe say?",),
    "deleting the APIService: autoscalers would still have no numbers",
    symptom='endpoints for service/metrics-server have no addresses with port name "https"',
)  # fmt: skip
_UNREACHABLE = diagnosis.Diagnosis(
    "metrics_server_unreachable", layers.METRICS_SERVER,
    "metrics-server: it runs, but the API server cannot reach it",
    "The control plane has no way to the pod network, or a firewall or NetworkPolicy drops its packets.",
    (_SEE, _PODS),
    ("Allow TCP from the control plane to the pod's port (10250) in the cloud's rules and NetworkPolicies.",
     "Where the control plane does not know the pod network: hostNetwork.enabled=true AND another secure port:",
     _UPGRADE + " --set hostNetwork.enabled=true --set containerPort=4443"),
    "hostNetwork with port 10250: the kubelet has that port on every node",
    symptom="FailedDiscoveryCheck: failing or missing response from https://10.96.0.101:443/apis/metrics.k8s.io/v1beta1: context deadline exceeded",
)  # fmt: skip
_FRONT_PROXY = diagnosis.Diagnosis(
    "metrics_server_front_proxy", layers.METRICS_SERVER,
    "metrics-server: it does not accept the API server's own certificate (front proxy)",
    "The aggregation layer's client certificate is not signed by the requestheader CA that extension servers read from kube-system.",
    (_SEE, "kubectl -n kube-system get configmap extension-apiserver-authentication -o yaml"),
    ("Let --requestheader-client-ca-file and --proxy-client-cert-file of the API servers be of one CA;",
     "may metrics-server read the ConfigMap? Its Role binding is extension-apiserver-authentication-reader."),
    "insecureSkipTLSVerify: it is about the other direction",
    symptom="Unable to authenticate the request: x509: certificate signed by unknown authority",
)  # fmt: skip
_EXPIRED = diagnosis.Diagnosis(
    "metrics_server_certificate_expired", layers.METRICS_SERVER,
    "metrics-server: its serving certificate has expired",
    "The APIService verifies metrics-server's certificate, and nothing renewed it.",
    (_SEE,),
    ("Renew it where it is made (cert-manager, Helm). Helm keeps the old one (tls.helm.lookup): remove its Secret first:",
     "! kubectl -n {namespace} delete secret {service}",
     _UPGRADE),
    "insecureSkipTLSVerify: anything may then answer as metrics-server",
    symptom="x509: certificate has expired or is not yet valid",
)  # fmt: skip
_EXPIRES = _EXPIRED._replace(
    id="metrics_server_certificate_expires",
    title="metrics-server: its certificate in the APIService ends within 30 days",
    severity=severity.WARNING,
    symptom="",
)
_UNTRUSTED = diagnosis.Diagnosis(
    "metrics_server_certificate_untrusted", layers.METRICS_SERVER,
    "metrics-server: the API server does not trust its certificate",
    "The caBundle of the APIService is not of the CA that signed the certificate, or that names another host.",
    (_SEE,),
    ("Give the APIService the right caBundle; with Helm, let tls.type make both of one CA:", _UPGRADE),
    "insecureSkipTLSVerify: anything may then answer as metrics-server",
    symptom="x509: certificate signed by unknown authority",
)  # fmt: skip
_WRONG_SERVER = diagnosis.Diagnosis(
    "metrics_api_wrong_server", layers.METRICS_SERVER,
    "metrics-server: something else answers behind its Service",
    "The API server gets through and gets an answer that is no metrics API: a proxy between them, or a Service that selects other pods.",
    (_SEE, "kubectl -n {namespace} get endpointslices -l kubernetes.io/service-name={service}"),
    ("Compare the addresses of the EndpointSlice with the pods; keep cluster addresses out of the API server's proxy (NO_PROXY).",),
    "insecureSkipTLSVerify: that is how a stranger's answer gets in",
    symptom="FailedDiscoveryCheck: bad status from https://10.96.0.101:443/apis/metrics.k8s.io/v1beta1: 404",
)  # fmt: skip
_UNAVAILABLE = diagnosis.Diagnosis(
    "metrics_api_unavailable", layers.METRICS_SERVER,
    "metrics-server: the API server says that the metrics API is not available",
    "The APIService is not Available for another reason; its message says which.",
    (_SEE, _PODS),
    ("Follow the message above.",),
    "deleting the APIService",
    symptom="the server is currently unable to handle the request (get nodes.metrics.k8s.io)",
)  # fmt: skip
_PROVIDERS = diagnosis.Diagnosis(
    "metrics_api_two_providers", layers.METRICS_SERVER,
    "metrics API: two servers are installed for it, one is used",
    "A metrics-server runs, but the APIService points to another server (an adapter of Prometheus, a vendor's).",
    (_SEE,),
    ("Decide for one, and switch the other off: the adapter's resource rules, or metrics-server.",),
    "uninstalling the one in use first: kubectl top and autoscalers stop at once",
    severity.WARNING,
    'apiservices.apiregistration.k8s.io "v1beta1.metrics.k8s.io" already exists',
)  # fmt: skip
_ONLY_V1 = diagnosis.Diagnosis(
    "metrics_api_only_v1", layers.METRICS_SERVER,
    "metrics API: only v1 is registered, many clients ask for v1beta1",
    "The aggregation layer converts nothing: a client that asks for v1beta1 gets 404.",
    ("kubectl get apiservices",),
    ("Register both versions, if the server has them, or update the clients.",),
    "an APIService v1beta1 for a server that does not serve it",
    severity.INFO,
    "404 page not found",
)  # fmt: skip
_BY_REASON = {
    "ServiceNotFound": _ORPHANED,
    "ServicePortError": _PORT,
    "EndpointsNotFound": _NO_ENDPOINTS,
    "MissingEndpoints": _NO_ENDPOINTS,
}
_CONNECTION = (
    "deadline exceeded",
    "i/o timeout",
    "no route to host",
    "connection refused",
    "EOF",
    "Client.Timeout",
)


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read the APIServices of metrics.k8s.io."""
    services = lookups.api_services(context, lookups.RESOURCE_METRICS)
    waiting = _dependents(context)
    if not services:
        if waiting:
            yield diagnosis.find(
                _MISSING, "no APIService of the group metrics.k8s.io",
                damage=f"autoscalers without numbers: {quantity.format_names(waiting)}", scope=waiting,
            )  # fmt: skip
        else:
            yield diagnosis.Note(layers.METRICS_SERVER, diagnosis.SKIP, "not installed")
        return
    for each in services:
        told = lookups.unavailable(each)
        if told:
            yield from _explain(context, each, told, waiting)
            return
    served = services[0]
    namespace, service = lookups.service_of(served)
    versions = [diagnosis.text(each, "spec", "version") for each in services]
    if versions == ["v1"]:
        yield diagnosis.find(_ONLY_V1, "APIService v1.metrics.k8s.io alone", confidence=diagnosis.CERTAIN)
    for each in services:
        yield from _certificate(context, each)
    if "metrics-server" not in service:
        yield from _second(context, served, f"{namespace}/{service}")
    by = "" if service == "metrics-server" else f", served by {namespace}/{service}"
    yield diagnosis.Note(layers.METRICS_SERVER, diagnosis.OK, f"{'+'.join(versions)} available{by}")


def _dependents(context: contexts.Context) -> list[str]:
    """Return the autoscalers that need usage of CPU or memory."""
    if not context.may(lookups.AUTOSCALERS.right):
        return []
    return [
        diagnosis.place(each)
        for each in lookups.autoscalers(context).items
        if {"Resource", "ContainerResource"} & lookups.wants(each)
    ]


def _explain(
    context: contexts.Context, each: dict[str, Any], told: dict[str, Any], waiting: list[str]
) -> Iterator[diagnosis.Finding]:
    reason, message = str(told.get("reason", "")), str(told.get("message", ""))
    page = _BY_REASON.get(reason) or _of_message(context, each, message)
    down = lookups.age(context, str(told.get("lastTransitionTime", "")))
    since = "" if down is None else f", for {lookups.format_age(down)}"
    namespace, service = lookups.service_of(each)
    damage = "kubectl top shows nothing"
    proofs = [f"APIService {diagnosis.place(each)}: Available={told.get('status')} {reason}", message]
    ends = lookups.certificate_ends(diagnosis.text(each, "spec", "caBundle"))
    if page is _EXPIRED and ends is not None:
        proofs.append(f"caBundle: not after {ends.isoformat()}")
    symptom: tuple[str, ...] = ()
    if page is _NO_ENDPOINTS:  # then the pods say why, and their nodes and kubelets may be behind that
        pods = lookups.pods_behind(context, namespace, service)
        if _is_explained_by(context, pods):
            return
        symptom = (*lookups.behind_nodes(context, pods), layers.KUBELETS)
    yield diagnosis.find(
        page, *proofs, title=page.title + since, damage=damage, scope=waiting,
        confidence=diagnosis.LIKELY if page is _UNREACHABLE else diagnosis.CERTAIN,
        symptom_of=symptom, namespace=namespace, service=service, name=diagnosis.place(each),
    )  # fmt: skip


def _is_explained_by(context: contexts.Context, pods: list[dict[str, Any]]) -> bool:
    """Return whether the check of metrics-server's pods will say more than that none is ready."""
    from kubevitals.doctor.checks import metricsserver

    return any(metricsserver.explain(context, pod) for pod in pods)


def _of_message(context: contexts.Context, each: dict[str, Any], message: str) -> diagnosis.Diagnosis:
    ends = lookups.certificate_ends(diagnosis.text(each, "spec", "caBundle"))
    if "certificate has expired" in message or (ends is not None and ends.timestamp() < context.wall()):
        return _EXPIRED
    if "x509" in message:
        return _UNTRUSTED
    if "bad status" in message and ("401" in message or "403" in message):
        return _FRONT_PROXY
    if "bad status" in message:
        return _WRONG_SERVER
    return _UNREACHABLE if any(words in message for words in _CONNECTION) else _UNAVAILABLE


def _certificate(context: contexts.Context, each: dict[str, Any]) -> Iterator[diagnosis.Finding]:
    ends = lookups.certificate_ends(diagnosis.text(each, "spec", "caBundle"))
    if ends is None:
        return
    if (ending := lookups.find_ending(context, ends)) is not None:
        namespace, service = lookups.service_of(each)
        ended, words = ending
        page, when = (_EXPIRED, f"expired {words}") if ended else (_EXPIRES, f"ends {words}")
        yield diagnosis.find(
            page, f"APIService {diagnosis.place(each)}: caBundle: not after {ends.isoformat()}",
            title=f"metrics-server: its certificate {when}", namespace=namespace, service=service,
        )  # fmt: skip


def _second(context: contexts.Context, served: dict[str, Any], used: str) -> Iterator[diagnosis.Finding]:
    if not context.may(lookups.PODS.right):
        return
    others = [pod for pod in lookups.named(context, "metrics-server") if lookups.is_ready(pod)]
    if others:
        yield diagnosis.find(
            _PROVIDERS, f"APIService {diagnosis.place(served)} points to {used}",
            f"pod {diagnosis.place(others[0])} runs and is not asked",
            title=f"metrics API: {used} serves it, and a metrics-server runs beside it",
        )  # fmt: skip


CHECK = diagnosis.Check(
    "metrics_api",
    layers.METRICS_SERVER,
    look,
    (lookups.API_SERVICES, lookups.need("list", "horizontalpodautoscalers", "autoscaling", optional=True)),
    (_MISSING, _ORPHANED, _PORT, _NO_ENDPOINTS, _UNREACHABLE, _FRONT_PROXY, _EXPIRED, _EXPIRES, _UNTRUSTED,
     _WRONG_SERVER,
     _UNAVAILABLE, _PROVIDERS, _ONLY_V1),
)  # fmt: skip
