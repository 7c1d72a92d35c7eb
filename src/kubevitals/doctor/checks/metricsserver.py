"""metrics-server's pods: do they start, are they ready, and what does their log say?"""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_DESCRIBE = "kubectl -n {namespace} describe pod {name}"
_LOG = "kubectl -n {namespace} logs {name} --tail 50"
_UPGRADE = "! helm -n {namespace} upgrade metrics-server metrics-server/metrics-server --reuse-values"

_PORT_TAKEN = diagnosis.Diagnosis(
    "metrics_server_port_taken", layers.METRICS_SERVER,
    "metrics-server: with hostNetwork it wants port 10250, which the kubelet has",
    "On the host's network the kubelet listens at 10250 already, so that metrics-server cannot.",
    (_LOG,),
    ("Give it another port:", _UPGRADE + " --set containerPort=4443"),
    "moving the kubelet's port",
    symptom="failed to listen on 0.0.0.0:10250: bind: address already in use",
)  # fmt: skip
_IMAGE = diagnosis.Diagnosis(
    "metrics_server_image_pull", layers.METRICS_SERVER,
    "metrics-server: its image cannot be pulled",
    "The registry cannot be reached from the nodes, or the image is not there.",
    (_DESCRIBE,),
    ("Mirror the image, and name the mirror:", _UPGRADE + " --set image.repository=REGISTRY/metrics-server"),
    "another version that happens to be on the node",
    symptom="Back-off pulling image registry.k8s.io/metrics-server/metrics-server",
)  # fmt: skip
_PENDING = diagnosis.Diagnosis(
    "metrics_server_pending", layers.METRICS_SERVER,
    "metrics-server: no node takes its pod",
    "Its requests fit nowhere, or all nodes have taints that it does not tolerate.",
    (_DESCRIBE,),
    ("Make room, or add the toleration that the message names; the priority system-cluster-critical helps.",),
    "removing its requests: it is then the first to be evicted",
    symptom="0/3 nodes are available",
)  # fmt: skip
_CRASHING = diagnosis.Diagnosis(
    "metrics_server_crashing", layers.METRICS_SERVER,
    "metrics-server: it starts and ends again and again",
    "Its log of the run before says why; OOMKilled means that its memory limit is too low for so many nodes and pods.",
    ("kubectl -n {namespace} logs {name} --previous --tail 50", _DESCRIBE),
    ("Follow the log. For OOMKilled allow about 2 MiB a node and 1 m CPU a node:",
     _UPGRADE + " --set resources.limits.memory=SIZE"),
    "a restart: it comes back as it was",
    symptom="Back-off restarting failed container metrics-server",
)  # fmt: skip
_PODS_MISSING = diagnosis.Diagnosis(
    "metrics_server_no_pod_metrics", layers.METRICS_SERVER,
    "metrics-server: nodes have numbers, pods have none; it is not ready for that",
    "From 0.9 on it is ready only with both. The container runtime gives the kubelets no statistics of pods.",
    (_LOG, "kubectl get nodes -o wide"),
    ("See the findings of kubelets and cAdvisor; compare the runtime's version (containerd, cri-dockerd) and cgroup driver.",),
    "going back to 0.8: it would be ready, and autoscalers would still see nothing",
    symptom="Metric storage is not ready, pod metrics are missing",
)  # fmt: skip
_NOT_READY = diagnosis.Diagnosis(
    "metrics_server_not_ready", layers.METRICS_SERVER,
    "metrics-server: it runs, but has no numbers to serve (0/1 Running)",
    "Its first rounds take up to a minute; after that, it could read no kubelet at all.",
    (_LOG, "kubectl get nodes"),
    ("Its log names the reason for each node; kubelets and nodes are the layers to mend.",),
    "removing the readiness probe: empty answers are not better than none",
    symptom='Failed probe probe="metric-storage-ready" err="no metrics to serve"',
)  # fmt: skip

_BELOW = (layers.KUBELETS, layers.CADVISOR)


def explain(context: contexts.Context, pod: dict[str, Any]) -> tuple[diagnosis.Diagnosis, list[str]] | None:
    """Return why a pod of metrics-server is not ready, with the proof; None if it is, or nothing says why."""
    if lookups.is_ready(pod) or diagnosis.dig(pod, "metadata", "deletionTimestamp"):
        return None
    scheduled = diagnosis.condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _PENDING, [str(scheduled.get("message", ""))]
    reason, message = lookups.waiting_reason(pod)
    if reason in severity.IMAGE_REASONS:
        return _IMAGE, [f"{reason}: {message}"]
    lines = context.log(pod, previous=reason == "CrashLoopBackOff") or context.log(pod)
    if taken := lookups.lines_with(lines, "address already in use"):
        return _PORT_TAKEN, taken[:1]
    if reason:
        return _CRASHING, [f"{reason}: {lookups.last_termination(pod)}", *lines[-1:]]
    if none := lookups.lines_with(lines, "pod metrics are missing"):
        return _PODS_MISSING, none[:1]
    waits = lookups.lines_with(lines, "no metrics to serve", "Failed to scrape node")
    return (_NOT_READY, waits[:2]) if diagnosis.text(pod, "status", "phase") == "Running" else None


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look at the pods behind the Service of the metrics API."""
    services = lookups.api_services(context, lookups.RESOURCE_METRICS)
    if not services:
        return
    pods = lookups.pods_behind(context, *lookups.service_of(services[0]))
    if any(lookups.is_ready(pod) for pod in pods):
        return
    for pod in pods:
        found = explain(context, pod)
        if found is None:
            continue
        page, proofs = found
        held = page in (_NOT_READY, _PODS_MISSING)
        yield diagnosis.find(
            page, f"pod {diagnosis.place(pod)} is not ready", *proofs, damage="kubectl top and autoscalers have no numbers",
            symptom_of=(*lookups.behind_nodes(context, pods), *(_BELOW if held else ())),
            about=pod,
        )  # fmt: skip
        return


CHECK = diagnosis.Check(
    "metrics_server_pods",
    layers.METRICS_SERVER,
    look,
    (
        lookups.API_SERVICES,
        lookups.need("get", "services"),
        lookups.PODS,
        lookups.need("get", "pods/log", optional=True),
    ),
    (_PORT_TAKEN, _IMAGE, _PENDING, _CRASHING, _PODS_MISSING, _NOT_READY),
)
