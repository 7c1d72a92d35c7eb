"""One pod, node or autoscaler: why does THIS show nothing? The chain of layers that it stands on, and itself."""

from __future__ import annotations

from urllib.parse import quote

from kubevitals import errors, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, NamedTuple

    from kubevitals.doctor import context as contexts
else:
    from kubevitals.namedtuple import NamedTuple

_NEW = 120.0  # seconds until a pod or node has been measured twice
_CHAIN = (layers.API_SERVER, layers.NODES, layers.KUBELETS, layers.CADVISOR, layers.METRICS_SERVER)
KINDS: dict[str, tuple[str, ...]] = {
    "pod": _CHAIN,
    "node": _CHAIN,
    "hpa": (*_CHAIN, layers.CUSTOM_METRICS, layers.EXTERNAL_METRICS, layers.HPA),
}
"""What can be asked about, with the layers that it stands on."""

_NOT_RUNNING = diagnosis.Diagnosis(
    "pod_not_running", layers.CADVISOR,
    "pod: it does not run, so that there is nothing to measure",
    "Usage is measured of running containers alone; the pod waits for a node or an image, or has ended.",
    ("kubectl -n {namespace} describe pod {name}",),
    ("Look at its events. Of a pod that has ended nothing is missing.",),
    "looking for the cause in metrics-server",
    severity.INFO,
    "error: Metrics not available for pod",
)  # fmt: skip
_TOO_NEW = diagnosis.Diagnosis(
    "pod_too_new", layers.METRICS_SERVER,
    "pod: it has just started, and is measured twice before it shows",
    "A kubelet measures every 10 to 15 seconds, metrics-server reads it every 15 to 60, and usage takes two of these.",
    ("kubectl -n {namespace} get pod {name}",),
    ("Wait: kubevitals doctor pod NAMESPACE/NAME --wait 2m",),
    "restarting it: it begins anew",
    severity.INFO,
)  # fmt: skip
_NOT_MEASURED = diagnosis.Diagnosis(
    "pod_not_measured", layers.CADVISOR,
    "pod: it runs, its node is measured, and it has no numbers",
    "The kubelet of its node reports it without usage, or not at all: its runtime or its cgroup.",
    ("kubectl -n {namespace} top pod {name}", "kubectl describe node {node}"),
    ("Do the other pods of the node have numbers? If not, see cadvisor_no_container_labels; if so, restart this pod.",),
    "restarting metrics-server: it has the others",
    severity.WARNING,
    "error: Metrics not available for pod",
)  # fmt: skip
DIAGNOSES = (_NOT_RUNNING, _TOO_NEW, _NOT_MEASURED)


class Subject(NamedTuple):
    """What is asked about: pod, node or hpa; of a node `namespace` is empty."""

    kind: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """Where the API server has it."""
        if self.kind == "node":
            return f"/api/v1/nodes/{quote(self.name, safe='')}"
        base, plural = {
            "pod": ("/api/v1", "pods"),
            "hpa": ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
        }[self.kind]
        return f"{base}/namespaces/{quote(self.namespace, safe='')}/{plural}/{quote(self.name, safe='')}"


def parse(kind: str, text: str, *, namespace: str = "") -> Subject:
    """Return the subject for "NS/NAME", or for a name alone in `namespace`.

    Raises:
        errors.UsageError: the kind is unknown, or the namespace is missing.
    """
    if kind not in KINDS:
        raise errors.UsageError(
            f"doctor does not know {kind[:60]!r}", remedy="pod NS/NAME, node NAME, hpa NS/NAME or explain ID"
        )
    place, slash, name = text.rpartition("/")
    if kind == "node":
        return Subject(kind, "", text)
    if not name or not (place or namespace) or (slash and not place):
        raise errors.UsageError(
            f"{text[:60]!r} is no NS/NAME", remedy=f"kubevitals doctor {kind} NAMESPACE/NAME"
        )
    return Subject(kind, place or namespace, name)


def look(context: contexts.Context, subject: Subject) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look at the object itself.

    Raises:
        errors.UsageError: there is none of that name.
    """
    found = context.get(subject.path)
    if found is None:
        raise errors.UsageError(
            f"there is no {subject.kind} {subject.namespace + '/' if subject.namespace else ''}{subject.name}"
        )
    if subject.kind == "pod":
        yield from _look_at_pod(context, subject, found)


def node_of(context: contexts.Context, subject: Subject) -> str:
    """Return the node that the subject is, or is on; empty for others."""
    if subject.kind == "node":
        return subject.name
    return diagnosis.text(context.get(subject.path), "spec", "nodeName") if subject.kind == "pod" else ""


def is_about(finding: diagnosis.Finding, subject: Subject, node: str) -> bool:
    """Return whether a finding matters to the subject: one on other nodes or other autoscalers does not."""
    if subject.kind == "hpa":
        mine = f"{subject.namespace}/{subject.name}"
        return finding.layer not in (layers.HPA, layers.NODES, layers.KUBELETS) or mine in finding.scope
    if finding.layer in (layers.NODES, layers.KUBELETS) or finding.places.get("node"):
        return not finding.scope or node in finding.scope
    return True


def _look_at_pod(
    context: contexts.Context, subject: Subject, pod: dict[str, Any]
) -> Iterator[diagnosis.Finding]:
    node = diagnosis.text(pod, "spec", "nodeName")
    name = f"{subject.namespace}/{subject.name}"
    phase = diagnosis.text(pod, "status", "phase")
    places = (subject.namespace, subject.name)
    if phase != "Running":
        reason, message = lookups.waiting_reason(pod)
        message = message or str(diagnosis.condition(pod, "PodScheduled").get("message", ""))
        yield _of(_NOT_RUNNING, places, node, f"pod {name}: {phase} {reason} {message}".rstrip())
        return
    base = lookups.metrics_base(context)
    if base is None:
        return
    path = f"{base}/namespaces/{quote(subject.namespace, safe='')}/pods/{quote(subject.name, safe='')}"
    if context.get(path) is not None:
        return
    age = lookups.age(context, diagnosis.text(pod, "status", "startTime"))
    if age is not None and age < _NEW:
        yield _of(_TOO_NEW, places, node, f"pod {name} started {lookups.format_age(age)} ago")
    else:
        found = _of(_NOT_MEASURED, places, node, f"GET {path}: 404")
        yield found._replace(symptom_of=(layers.NODES, layers.KUBELETS, layers.METRICS_SERVER))


def _of(page: diagnosis.Diagnosis, place: tuple[str, str], node: str, *evidence: str) -> diagnosis.Finding:
    namespace, name = place
    return diagnosis.find(
        page, *evidence, title=f"{page.title}: {namespace}/{name}", scope=[f"{namespace}/{name}", node],
        namespace=namespace, name=name, node=node,
    )  # fmt: skip
