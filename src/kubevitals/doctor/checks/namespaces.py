"""Namespaces that are stuck in Terminating, because an API behind another server does not answer."""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_STUCK = diagnosis.Diagnosis(
    "namespace_terminating", layers.API_SERVER,
    "API server: namespaces cannot be deleted, an API does not answer",
    "To delete a namespace the API server lists everything in it; an APIService whose server is gone stops that.",
    ("kubectl get apiservices", "kubectl get namespace {name} -o yaml"),
    ("Mend or remove the APIService that is not Available; the namespaces then go by themselves.",),
    "removing the finalizers of the namespace: what was in it stays behind, invisible",
    severity.WARNING,
    "unable to retrieve the complete list of server APIs: metrics.k8s.io/v1beta1",
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read the conditions of namespaces that are being deleted."""
    if context.namespace:
        return
    stuck = [
        (diagnosis.text(each, "metadata", "name"), condition)
        for each in context.listing("/api/v1/namespaces").items
        if diagnosis.text(each, "status", "phase") == "Terminating"
        and (condition := diagnosis.condition(each, "NamespaceDeletionDiscoveryFailure")).get("status")
        == "True"
    ]
    if stuck:
        names = [name for name, _ in stuck]
        text = str(stuck[0][1].get("message", ""))
        group: tuple[str, ...] = ()
        if lookups.RESOURCE_METRICS in text:
            group = (layers.CUSTOM_METRICS,) if "custom." in text else (layers.METRICS_SERVER,)
        yield diagnosis.find(
            _STUCK, text, title=f"namespaces stuck in Terminating: {quantity.format_names(names)}",
            scope=names, name=names[0], symptom_of=group,
        )  # fmt: skip


CHECK = diagnosis.Check(
    "namespaces", layers.API_SERVER, look, (lookups.need("list", "namespaces", optional=True),), (_STUCK,)
)
