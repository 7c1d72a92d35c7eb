"""With --security: metrics that are read without looking at a certificate."""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_FLAG = "--kubelet-insecure-tls"
_KUBELETS = diagnosis.Diagnosis(
    "metrics_server_insecure_tls", layers.SECURITY,
    "security: metrics-server does not check the kubelets' certificates",
    "It runs with --kubelet-insecure-tls, so that whatever answers at a node's address gets its token.",
    ("kubectl -n {namespace} get pod {name} -o yaml",),
    ("Give kubelets certificates that the cluster's CA signs (serverTLSBootstrap: true, and approve their requests); then take the flag away.",),
    "leaving it because the network is private: any pod with hostNetwork can answer for a kubelet",
    severity.WARNING,
)  # fmt: skip
_API_SERVICE = diagnosis.Diagnosis(
    "api_service_insecure_tls", layers.SECURITY,
    "security: the API server does not check the certificate of an extension server",
    "The APIService has insecureSkipTLSVerify, which is the default of metrics-server's manifest.",
    ("kubectl get apiservice {name} -o yaml",),
    ("Have the chart make or take a certificate (tls.type: helm or cert-manager), which fills caBundle.",),
    "a caBundle that nobody renews: it expires with the certificate",
    severity.INFO,
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read the flags of metrics-server and the APIServices of metrics."""
    found = False
    for group in (lookups.RESOURCE_METRICS, lookups.CUSTOM, lookups.EXTERNAL):
        for service in lookups.api_services(context, group):
            if diagnosis.dig(service, "spec", "insecureSkipTLSVerify") is True:
                found = True
                name = diagnosis.place(service)
                yield diagnosis.find(
                    _API_SERVICE,
                    f"APIService {name}: insecureSkipTLSVerify: true",
                    scope=[name],
                    about=service,
                )
    for service in lookups.api_services(context, lookups.RESOURCE_METRICS)[:1]:
        for pod in lookups.pods_behind(context, *lookups.service_of(service))[:1]:
            words = [
                str(word)
                for container in diagnosis.objects(pod, "spec", "containers")
                for key in ("command", "args")
                for word in diagnosis.dig(container, key) or ()
            ]
            if any(word in (_FLAG, f"{_FLAG}=true") for word in words):
                found = True
                place = diagnosis.place(pod)
                yield diagnosis.find(_KUBELETS, f"pod {place}: {_FLAG}", scope=[place], about=pod)
    if not found:
        yield diagnosis.Note(layers.SECURITY, diagnosis.OK)


CHECK = diagnosis.Check(
    "insecure_tls", layers.SECURITY, look, (lookups.API_SERVICES, lookups.PODS), (_KUBELETS, _API_SERVICE)
)
