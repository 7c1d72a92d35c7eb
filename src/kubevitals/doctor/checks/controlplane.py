"""The control plane: are its pods there to be scraped at all, or is it managed by somebody else?"""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_NAMES = ("etcd", "kube-scheduler", "kube-controller-manager")
_DOWN = diagnosis.Diagnosis(
    "control_plane_pod_not_ready", layers.CONTROL_PLANE,
    "control plane: a component is not ready",
    "The static pod of etcd, the scheduler or the controller-manager does not run on one of the control-plane nodes.",
    ("kubectl -n kube-system get pods -l tier=control-plane -o wide", "kubectl -n kube-system logs {name} --tail 50"),
    ("On that node: look at its manifest below /etc/kubernetes/manifests and at crictl ps -a.",),
    "deleting the mirror pod: the kubelet makes it again",
)  # fmt: skip
_MANAGED = diagnosis.Diagnosis(
    "control_plane_managed_but_scraped", layers.CONTROL_PLANE,
    "control plane: it is managed, there is nothing to scrape, and monitors ask for it",
    "EKS, GKE and AKS run scheduler, controller-manager and etcd out of sight; alerts that miss them fire for ever.",
    ("kubectl get servicemonitors -A",),
    ("Switch the chart's blocks off: kubeScheduler.enabled=false, kubeControllerManager.enabled=false, kubeEtcd.enabled=false.",),
    "silencing the alerts: the next upgrade brings them back",
    severity.WARNING,
    "KubeSchedulerDown, KubeControllerManagerDown",
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look for the control plane's pods in kube-system."""
    if context.namespace:
        return
    pods = lookups.labelled(context, f"component in ({','.join(_NAMES)})", namespace="kube-system")
    if not pods:
        asked = [
            diagnosis.place(each)
            for each in lookups.monitoring(context, "servicemonitors")
            if any(
                word in diagnosis.text(each, "metadata", "name")
                for word in ("kube-scheduler", "kube-controller-manager", "kube-etcd")
            )
        ]
        if asked:
            yield diagnosis.find(
                _MANAGED, "kube-system has no pod of scheduler, controller-manager or etcd", scope=asked
            )
        yield diagnosis.Note(
            layers.CONTROL_PLANE, diagnosis.SKIP, "managed, or one process: nothing to scrape"
        )
        return
    bad = [pod for pod in pods if not lookups.is_ready(pod)]
    lost = {diagnosis.place(node) for node in lookups.nodes(context).items if not lookups.is_ready(node)}
    for pod in bad:
        on_lost = diagnosis.text(pod, "spec", "nodeName") in lost
        yield diagnosis.find(
            _DOWN, f"pod {diagnosis.place(pod)}: {lookups.waiting_reason(pod)[0] or 'not ready'}",
            title=f"control plane: {diagnosis.place(pod)} is not ready", scope=[diagnosis.place(pod)],
            symptom_of=(layers.NODES,) if on_lost else (), name=diagnosis.text(pod, "metadata", "name"),
        )  # fmt: skip
    names = [name for name in _NAMES if any(diagnosis.labels(pod).get("component") == name for pod in pods)]
    yield diagnosis.Note(
        layers.CONTROL_PLANE, diagnosis.OK, ", ".join(name.removeprefix("kube-") for name in names)
    )


CHECK = diagnosis.Check(
    "control_plane", layers.CONTROL_PLANE, look, (lookups.PODS, lookups.NODES), (_DOWN, _MANAGED)
)
