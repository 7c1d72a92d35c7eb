"""kube-proxy: is there one? Cilium, GKE's data plane and k3s do without."""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_ABSENT = diagnosis.Diagnosis(
    "kube_proxy_absent_but_scraped", layers.KUBE_PROXY,
    "kube-proxy: there is none, and a monitor asks for it",
    "Cilium, OVN or the platform does its work; the chart's monitor has 0 targets and its alert fires.",
    ("kubectl get daemonsets -n kube-system",),
    ("Switch the chart's block off: kubeProxy.enabled=false.",),
    "installing kube-proxy beside its replacement",
    severity.WARNING,
    "KubeProxyDown, 0/0 up",
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look for the DaemonSet, or for pods."""
    if context.namespace:
        return
    found = lookups.daemon_sets(context, "kube-proxy")
    if found:
        ready, wanted = lookups.readiness(found[0])
        yield diagnosis.Note(layers.KUBE_PROXY, diagnosis.OK, f"{ready}/{wanted} nodes")
        return
    if lookups.labelled(context, "k8s-app=kube-proxy", namespace="kube-system"):
        yield diagnosis.Note(layers.KUBE_PROXY, diagnosis.OK, "static pods")
        return
    asked = [
        diagnosis.place(each)
        for each in lookups.monitoring(context, "servicemonitors")
        if "kube-proxy" in diagnosis.text(each, "metadata", "name")
    ]
    if asked:
        yield diagnosis.find(
            _ABSENT, "kube-system has no kube-proxy", f"servicemonitor {asked[0]}", scope=asked
        )
    yield diagnosis.Note(
        layers.KUBE_PROXY, diagnosis.SKIP, "none: replaced by the network plugin, or in one process"
    )


CHECK = diagnosis.Check(
    "kube_proxy", layers.KUBE_PROXY, look, (lookups.DAEMON_SETS, lookups.PODS), (_ABSENT,)
)
