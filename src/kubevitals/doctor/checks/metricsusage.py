"""What the metrics API answers: is anything missing in it, or old?"""

from __future__ import annotations

from kubevitals import errors, quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_LOG = "kubectl -n {namespace} logs -l k8s-app=metrics-server --tail 50"
_OLD = 180.0  # seconds; metrics-server measures every 15 to 60
_MANY = 500  # nodes; above, the pods of kube-system stand for all

_EMPTY = diagnosis.Diagnosis(
    "metrics_server_empty", layers.METRICS_SERVER,
    "metrics-server: it answers, and its answer is empty",
    "It has just started and needs two rounds (a minute); or it can read no kubelet; or the build of a managed add-on is broken.",
    (_LOG, "kubectl get --raw /apis/metrics.k8s.io/v1beta1/nodes"),
    ("Wait a minute: kubevitals doctor --wait 2m. If it stays so, its log names each kubelet that fails;",
     "with a clean log on a managed cluster, take another version of the add-on."),
    "restarting it again and again: each time it begins anew",
    symptom="error: metrics not available yet",
)  # fmt: skip
_NODES_MISSING = diagnosis.Diagnosis(
    "metrics_server_nodes_missing", layers.METRICS_SERVER,
    "metrics-server: it has no numbers of some nodes that are Ready",
    "It could not read the kubelets of these nodes, or they send no usage of CPU or memory.",
    (_LOG, "kubectl describe node {node}"),
    ("Its log says why for each node; the findings of kubelets have the fixes.",),
    "restarting metrics-server: it is about the kubelets",
    severity.WARNING,
    "kubectl top nodes shows <unknown>",
)  # fmt: skip
_PODS_MISSING = diagnosis.Diagnosis(
    "metrics_server_pods_missing", layers.CADVISOR,
    "cAdvisor: nodes have numbers, no running pod of them has any",
    "The kubelet reads its own cgroup but those of no pod: cgroup driver and runtime do not fit together, or the runtime gives no statistics.",
    ("kubectl get nodes -o wide", "kubectl top pods -n kube-system"),
    ("Compare cgroupDriver of kubelet and runtime; update cri-dockerd or containerd.",),
    "restarting metrics-server",
    symptom="error: Metrics not available for pod",
)  # fmt: skip
_STALE = diagnosis.Diagnosis(
    "metrics_server_stale", layers.METRICS_SERVER,
    "metrics-server: its numbers are old",
    "It serves what it measured before and measures nothing new: a hanging round, or a clock that is wrong.",
    (_LOG,),
    ("Restart it, and look at its log before that:", "! kubectl -n {namespace} rollout restart deployment metrics-server"),
    "reading old numbers as live ones",
    severity.WARNING,
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Ask for the usage of nodes and pods, and compare it with the nodes."""
    base = lookups.metrics_base(context)
    if base is None:
        return
    namespace, _ = lookups.service_of(lookups.api_services(context, lookups.RESOURCE_METRICS)[0])
    try:
        usage = list(diagnosis.objects(context.json(f"{base}/nodes"), "items"))
    except errors.ForbiddenError:
        raise
    except errors.ClusterError as error:
        yield diagnosis.Note(layers.METRICS_SERVER, diagnosis.UNKNOWN, error.message)
        return
    nodes = lookups.nodes(context)
    ready = {
        diagnosis.place(node)
        for node in nodes.items
        if lookups.is_ready(node) and not lookups.is_virtual(node)
    }
    if not usage:
        yield diagnosis.find(
            _EMPTY, f"GET {base}/nodes: 200, 0 items", damage="kubectl top and autoscalers have no numbers",
            confidence=diagnosis.LIKELY, symptom_of=(layers.KUBELETS,) if ready else (layers.NODES,), namespace=namespace,
        )  # fmt: skip
        return
    ages = sorted(
        age for each in usage if (age := lookups.age(context, diagnosis.text(each, "timestamp"))) is not None
    )
    if ages and ages[len(ages) // 2] > _OLD:
        yield diagnosis.find(
            _STALE, f"GET {base}/nodes: half of the samples are older than {lookups.format_age(ages[len(ages) // 2])}",
            title=f"metrics-server: its numbers are {lookups.format_age(ages[len(ages) // 2])} old", namespace=namespace,
        )  # fmt: skip
    missing = sorted(ready - {diagnosis.place(each) for each in usage})
    settled = [name for name in missing if _is_old(context, nodes.items, name)]
    if settled:
        yield diagnosis.find(
            _NODES_MISSING, f"GET {base}/nodes: {len(usage)} of {len(ready)} Ready nodes",
            title=f"metrics-server: no numbers of {len(settled)} Ready nodes: {quantity.format_names(settled)}",
            damage=f"no usage of {len(settled)} nodes and the pods on them", scope=settled,
            symptom_of=(layers.KUBELETS,), namespace=namespace, node=settled[0],
        )  # fmt: skip
    yield from _pods(context, base, ready, many=len(usage) > _MANY)
    fresh = f", {lookups.format_age(ages[0])} old" if ages else ""
    yield diagnosis.Note(
        layers.METRICS_SERVER, diagnosis.OK, f"{len(usage)}/{len(ready) + nodes.more} nodes{fresh}"
    )


def _is_old(context: contexts.Context, nodes: tuple[dict[str, Any], ...], name: str) -> bool:
    """Return whether a node has been there long enough to have been measured twice."""
    for node in nodes:
        if diagnosis.place(node) == name:
            since = lookups.age(context, diagnosis.text(node, "metadata", "creationTimestamp"))
            return since is None or since > 180
    return False


def _pods(
    context: contexts.Context, base: str, ready: set[str], *, many: bool
) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Compare running pods with their samples."""
    where = context.namespace or ("kube-system" if many else "")
    within = f"/namespaces/{where}" if where else ""
    if not context.allows("list", "pods", group=lookups.RESOURCE_METRICS, namespace=where):
        return
    try:
        measured = {
            diagnosis.place(each) for each in diagnosis.objects(context.json(f"{base}{within}/pods"), "items")
        }
    except errors.ClusterError:
        return
    pods = context.listing(f"/api/v1{within}/pods")
    expected = [
        diagnosis.place(pod)
        for pod in pods.items
        if diagnosis.text(pod, "status", "phase") == "Running"
        and diagnosis.text(pod, "spec", "nodeName") in ready
        and lookups.is_ready(pod)
        and (lookups.age(context, diagnosis.text(pod, "status", "startTime")) or 0) > 120
    ]
    missing = [name for name in expected if name not in measured]
    if len(expected) > 3 and len(missing) == len(expected):
        yield diagnosis.find(
            _PODS_MISSING, f"GET {base}{within}/pods: none of {len(expected)} running pods",
            damage="kubectl top pods is empty, autoscalers have no numbers", scope=missing[:10],
            symptom_of=(layers.KUBELETS,),
        )  # fmt: skip
    else:
        sample = f" in {where}" if many and where else ""
        yield diagnosis.Note(
            layers.CADVISOR,
            diagnosis.OK,
            f"{len(expected) - len(missing)}/{len(expected)} running pods{sample}",
        )


CHECK = diagnosis.Check(
    "metrics_usage",
    layers.METRICS_SERVER,
    look,
    (lookups.API_SERVICES, lookups.NODES, lookups.PODS, lookups.need("list", "nodes", "metrics.k8s.io")),
    (_EMPTY, _NODES_MISSING, _PODS_MISSING, _STALE),
)
