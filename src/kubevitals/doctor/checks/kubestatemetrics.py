"""kube-state-metrics: is it ready, and may it list all that it is to show?"""

from __future__ import annotations

from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_FORBIDDEN = diagnosis.Diagnosis(
    "kube_state_metrics_right_missing", layers.KUBE_STATE_METRICS,
    "kube-state-metrics: it may not list resources that its version wants to show",
    "Its ClusterRole is older than its image: new resources came with the upgrade.",
    ("kubectl -n {namespace} logs {name} --tail 50",),
    ("Upgrade chart and image together, or apply the ClusterRole of this version; or leave the resource out: --resources.",),
    "cluster-admin for it: it would read Secrets too",
    symptom="Failed to list *v1.VolumeAttachment: volumeattachments.storage.k8s.io is forbidden",
)  # fmt: skip
_DOWN = diagnosis.Diagnosis(
    "kube_state_metrics_not_ready", layers.KUBE_STATE_METRICS,
    "kube-state-metrics: no pod of it is ready",
    "It crashes or does not start; on large clusters it is killed for lack of memory.",
    ("kubectl -n {namespace} describe pod {name}",),
    ("OOMKilled: raise its memory limit, or shard it. Else follow the events.",),
    "a longer scrape timeout",
    symptom="kube-state-metrics OOMKilled",
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look at its pods and their log."""
    pods = lookups.named(context, "kube-state-metrics")
    if not pods:
        yield diagnosis.Note(layers.KUBE_STATE_METRICS, diagnosis.SKIP, "not installed")
        return
    ready = [pod for pod in pods if lookups.is_ready(pod)]
    first = (ready or pods)[0]
    namespace, name = (
        diagnosis.text(first, "metadata", "namespace"),
        diagnosis.text(first, "metadata", "name"),
    )
    refused = lookups.lines_with(context.log(first), "is forbidden")
    if refused:
        yield diagnosis.find(
            _FORBIDDEN,
            *refused[:3],
            damage="the state of these objects is missing in Prometheus",
            namespace=namespace,
            name=name,
        )
    elif not ready:
        reason = lookups.waiting_reason(first)[0] or "not ready"
        yield diagnosis.find(
            _DOWN, f"pod {diagnosis.place(first)}: {reason} {lookups.last_termination(first)}".rstrip(),
            damage="requests, limits and state are missing in Prometheus", symptom_of=lookups.behind_nodes(context, pods), namespace=namespace, name=name,
        )  # fmt: skip
    yield diagnosis.Note(layers.KUBE_STATE_METRICS, diagnosis.OK, f"{len(ready)}/{len(pods)} pods")


CHECK = diagnosis.Check(
    "kube_state_metrics", layers.KUBE_STATE_METRICS, look,
    (lookups.PODS, lookups.need("get", "pods/log", optional=True)), (_FORBIDDEN, _DOWN),
)  # fmt: skip
