"""Joining what is there with what it uses: records without usage and samples become rows with both. Pure.

Every pod and node of either side keeps its row; where a number is missing the row says why by a problem
code, whose meaning is in `REASONS`.
"""

from __future__ import annotations

from kubevitals import measurements, model, reservations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from kubevitals import details, sources

# Why a row has no usage, or a doubtful one. The words follow a count: "3 not running".
REASONS = {
    "ended": "ended",
    "not_running": "not running",
    "starting": "started less than 2 minutes ago",
    "not_ready": "not ready",
    "node_not_ready": "on a node that is not ready",
    "node_silent": "on a node without any sample (look at its kubelet)",
    "no_sample": "running without a sample (the kubelet or the runtime gives none)",
    "gone": "in the metrics only (just ended)",
    "bad_quantity": "with a value that is missing, no quantity or impossible",
    "usage_incomplete": "with a running container that has no sample",
    "older_sample": "with a sample older than the pod itself (of its predecessor, or by a slow clock)",
    "clock_ahead": "with a sample from the future (the clock of its node, or of this machine, is wrong)",
    "stale": "with a sample older than three of its windows",
    "metrics_not_installed": "without the metrics API, which is not installed",
    "metrics_unavailable": "without the metrics API, which is unavailable",
    "metrics_empty": "without the metrics API, which has collected nothing yet",
    "usage_forbidden": "without the right to read usage",
    "usage_failed": "without usage, whose source did not answer as it should",
    "no_source": "without a source of usage, as --source none asks for",
    "first_sample": "seen once so far: usage of CPU needs two readings",
    "kubelet_unreachable": "on a node whose kubelet cannot be reached",
    "kubelet_timeout": "on a node whose kubelet answers too slowly",
    "kubelet_unauthorized": "on a node whose kubelet does not accept this account's credentials",
    "kubelet_forbidden": "on a node whose kubelet refuses this account (nodes/metrics)",
    "kubelet_tls": "on a node whose kubelet's certificate cannot be trusted",
    "kubelet_failed": "on a node whose kubelet's answer could not be read",
    "kubelets_unreadable": "without any kubelet that could be read",
    "prometheus_unavailable": "without Prometheus, which does not answer",
    "prometheus_empty": "without a series in Prometheus",
    "prometheus_partial": "without a series in Prometheus, whose answer is not whole",
}
_NOTHING: Mapping[Any, str] = {}  # never changed
_STARTING_SECONDS = 120.0  # kubectl too expects a sample after two minutes, and not before

_POD_FACTS = model.Pod._fields.index("timestamp")
_CONTAINER_FACTS = model.Container._fields.index("timestamp")
_NODE_FACTS = model.Node._fields.index("timestamp")
_UNKNOWN_POD = model.Pod("", "")[2:_POD_FACTS]
_UNKNOWN_CONTAINER = model.Container("", "", "")[3:_CONTAINER_FACTS]
_make = tuple.__new__  # what `_make` of a record does but for counting its fields: half of the time


def join_pods(
    pods: Iterable[model.Pod],
    samples: Mapping[tuple[str, str], sources.PodSample],
    *,
    now: datetime,
    unready_nodes: frozenset[str] = frozenset(),
    failure: str | None = None,
    keep_unlisted: bool = True,
    node_reasons: Mapping[str, str] = _NOTHING,
    pod_reasons: Mapping[tuple[str, str], str] = _NOTHING,
) -> list[model.Pod]:
    """Return one row a pod of either side.

    Args:
        pods: from the list, without usage.
        samples: by namespace and name.
        now: the time that ages are counted from.
        unready_nodes: names of nodes that are not ready.
        failure: the code of why there is no usage at all.
        keep_unlisted: give a pod that only has a sample a row ("gone"); else the list decides.
        node_reasons: as in `sources.Usage`.
        pod_reasons: as in `sources.Usage`.
    """
    pods = list(pods)
    moments = measurements.Moments(now)
    # Each pod is looked up once: in a large cluster that is a fourth of the work.
    found = [samples.get((pod.namespace, pod.name)) for pod in pods]
    mute = _find_silent_nodes(pods, found, now) - unready_nodes if failure is None else frozenset()
    rows = []
    for pod, sample in zip(pods, found, strict=True):
        if sample is None:
            key = (pod.namespace, pod.name)
            why = _why_silent(pod, now, unready_nodes)
            if why in ("no_sample", "starting"):
                stated = pod_reasons.get(key) or node_reasons.get(pod.node or "")
                if stated is not None:
                    why = stated
                elif why == "no_sample" and pod.node in mute:
                    why = "node_silent"
            rows.append(_without_usage(pod, why if why == "ended" else failure or why))
            continue
        unread = pod_reasons.get((pod.namespace, pod.name), "bad_quantity") if pod_reasons else "bad_quantity"
        rows.append(_with_usage(pod, sample, moments, unread))
    if not keep_unlisted or len(found) - found.count(None) == len(samples):
        return rows
    listed = {(pod.namespace, pod.name) for pod in pods}
    for (namespace, name), sample in samples.items():
        if (namespace, name) in listed:
            continue
        bare = model.Pod(
            namespace, name, containers=tuple(model.Container(namespace, name, each[0]) for each in sample[2])
        )
        row = _with_usage(bare, sample, moments, pod_reasons.get((namespace, name), "bad_quantity"))
        rows.append(row._replace(problem=row.problem or "gone"))
    return rows


def choose_reports(
    usage: sources.Usage, pods: Iterable[model.Pod]
) -> Mapping[tuple[str, str], sources.PodSample]:
    """Return the samples of pods: of one that several nodes report, that of the node where it runs."""
    if not usage.reports:
        return usage.pods
    samples = dict(usage.pods)
    for pod in pods:
        key = (pod.namespace, pod.name)
        reports = usage.reports.get(key)
        if reports is None:
            continue
        if pod.node in reports:
            samples[key] = reports[pod.node]
        else:
            del samples[key]
    return samples


def rows_of_samples(
    samples: Mapping[tuple[str, str], sources.PodSample],
    *,
    now: datetime,
    with_containers: bool = True,
    pod_reasons: Mapping[tuple[str, str], str] = _NOTHING,
) -> list[model.Pod]:
    """Return one row a sample where nothing else of the pods is known or asked for."""
    moments = measurements.Moments(now)
    make, a_pod, a_container = _make, model.Pod, model.Container
    rows = []
    for (namespace, name), (timestamp, window, reported) in samples.items():
        moment, doubt = moments.read(timestamp, window)
        measured = measurements.plausible(reported)
        unread = pod_reasons.get((namespace, name), "bad_quantity") if pod_reasons else "bad_quantity"
        containers: tuple[model.Container, ...] = ()
        if with_containers:
            containers = tuple(
                [
                    make(
                        a_container,
                        (
                            namespace,
                            name,
                            container,
                            *_UNKNOWN_CONTAINER,
                            *moment,
                            cpu,
                            memory,
                            doubt if cpu is not None and memory is not None else unread,
                        ),
                    )
                    for container, cpu, memory in measured
                ]
            )
        cpu, memory = measurements.sum_containers(measured)
        if cpu is None or memory is None:
            doubt = unread
        rows.append(make(a_pod, (namespace, name, *_UNKNOWN_POD, *moment, cpu, memory, doubt, containers)))
    return rows


def join_nodes(
    nodes: Iterable[model.Node] | None,
    samples: Mapping[str, sources.Sample],
    *,
    now: datetime,
    pods: Sequence[model.Pod] | None = None,
    failure: str | None = None,
    node_reasons: Mapping[str, str] = _NOTHING,
) -> list[model.Node]:
    """Return one row a node of either side, with the sums over its `pods` (None: unknown).

    `nodes` is None where they could not be listed: then a node of `samples` alone is none that is gone.
    `node_reasons` is that of `sources.Usage`; `failure` is the code of why there is no usage at all.
    """
    moments = measurements.Moments(now)
    held = None if pods is None else reservations.sum_by_node(pods)
    rows = []
    unseen = dict(samples)
    for node in nodes or ():
        record = node if held is None else reservations.with_sums(node, held.get(node.name))
        sample = unseen.pop(node.name, None)
        if sample is None:
            why = failure or ("not_ready" if not node.ready else node_reasons.get(node.name, "no_sample"))
            rows.append(_node(record, measurements.NEVER, None, None, why))
        else:
            rows.append(
                _node_with_usage(record, sample, moments, node_reasons.get(node.name, "bad_quantity"))
            )
    for name, sample in unseen.items():
        row = _node_with_usage(model.Node(name), sample, moments, node_reasons.get(name, "bad_quantity"))
        rows.append(row if nodes is None else row._replace(problem=row.problem or "gone"))
    return rows


def without_unlisted(taken: model.Snapshot) -> model.Snapshot:
    """Return the snapshot without what is in the metrics only though the lists are known: for series.

    Usage outlives a deleted pod for a moment. Its series would go on under other labels, without a node and a
    uid. Where a list may not be read, usage is all there is, and stays.
    """
    nodes = [node for node in taken.nodes if node.status is not None]
    if nodes and len(nodes) < len(taken.nodes):
        taken = taken._replace(nodes=model.Records(nodes))
    pods = [pod for pod in taken.pods if pod.phase is not None]
    if len(pods) < len(taken.pods):
        pods = pods or [pod for pod in taken.pods if pod.problem != "gone"]
        taken = taken._replace(pods=model.Records(pods))
    return taken


def add_details_of_nodes(
    nodes: list[model.Node], found: Mapping[tuple[str, ...], details.Detail]
) -> list[model.Node]:
    """Return the rows with the details that a source has of them, if it has any."""
    return [each._replace(detail=found.get((each.name,))) for each in nodes] if found else nodes


def add_details_of_pods(
    pods: list[model.Pod], found: Mapping[tuple[str, ...], details.Detail]
) -> list[model.Pod]:
    """Return the rows of pods and of their containers with the details that a source has of them."""
    if not found:
        return pods
    return [
        pod._replace(
            detail=found.get((pod.namespace, pod.name)),
            containers=tuple(
                [
                    each._replace(detail=found.get((each.namespace, each.pod, each.name)))
                    for each in pod.containers
                ]
            ),
        )
        for pod in pods
    ]


def expect_usage(pods: Iterable[model.Pod], now: datetime, *, whole: bool) -> bool:
    """Return whether a metrics API that works would have a sample of at least one of the pods.

    Any running pod will do if these are all pods of a cluster; of a part of them, one that is not new.
    """
    running = [
        pod for pod in pods if pod.phase == "Running" and _why_silent(pod, now, frozenset()) != "not_running"
    ]
    return any(whole or _why_silent(pod, now, frozenset()) == "no_sample" for pod in running)


def _find_silent_nodes(
    pods: Sequence[model.Pod], found: Sequence[sources.PodSample | None], now: datetime
) -> frozenset[str]:
    """Return the nodes of which no pod has a sample though two or more should: their kubelet is silent."""
    without = [
        pod for pod, sample in zip(pods, found, strict=True) if sample is None and pod.node is not None
    ]
    if not without:
        return frozenset()
    heard = {pod.node for pod, sample in zip(pods, found, strict=True) if sample is not None}
    counts: dict[str, int] = {}
    for pod in without:
        if (
            pod.node is not None
            and pod.node not in heard
            and _why_silent(pod, now, frozenset()) == "no_sample"
        ):
            counts[pod.node] = counts.get(pod.node, 0) + 1
    return frozenset(name for name, count in counts.items() if count > 1)


def _with_usage(
    pod: model.Pod, sample: sources.PodSample, moments: measurements.Moments, unread: str
) -> model.Pod:
    """Return the pod with its sample; `unread` is why one of its numbers is missing, if one is."""
    timestamp, window, measured = sample
    moment, doubt = moments.read(timestamp, window)
    if moment[0] is not None and pod.created_at is not None and moment[0] < pod.created_at:
        return _without_usage(pod, "older_sample")
    measured = measurements.plausible(measured)
    tail: tuple[object, ...]
    if len(pod.containers) == len(measured) == 1 and pod.containers[0].name == measured[0][0]:
        _, cpu, memory = measured[0]  # most pods are like that, and have one and the same tail
        tail = (*moment, cpu, memory, unread if cpu is None or memory is None else doubt)
        container = _make(model.Container, pod.containers[0][:_CONTAINER_FACTS] + tail)
        return _make(model.Pod, (*pod[:_POD_FACTS], *tail, (container,)))
    by_name = {each[0]: each for each in measured}
    containers = []
    owned = []  # what a sample says of names that the pod does not have is not the pod's
    incomplete = False
    for container in pod.containers:
        found = by_name.get(container.name)
        if found is None:
            runs = container.status == "Running"
            incomplete = incomplete or runs
            tail = (*measurements.NEVER, None, None, "no_sample" if runs else "not_running")
        else:
            owned.append(found)
            lacks = found[1] is None or found[2] is None
            tail = (*moment, found[1], found[2], unread if lacks else doubt)
        containers.append(_make(model.Container, container[:_CONTAINER_FACTS] + tail))
    if incomplete:
        return _make(
            model.Pod, (*pod[:_POD_FACTS], *moment, None, None, "usage_incomplete", tuple(containers))
        )
    cpu, memory = measurements.sum_containers(owned)
    if cpu is None or memory is None:
        doubt = unread
    return _make(model.Pod, (*pod[:_POD_FACTS], *moment, cpu, memory, doubt, tuple(containers)))


def _without_usage(pod: model.Pod, why: str) -> model.Pod:
    tail = (*measurements.NEVER, None, None, why)
    containers = tuple([_make(model.Container, (*each[:_CONTAINER_FACTS], *tail)) for each in pod.containers])
    return _make(model.Pod, (*pod[:_POD_FACTS], *tail, containers))


def _why_silent(pod: model.Pod, now: datetime, unready_nodes: frozenset[str]) -> str:
    if pod.terminated:
        return "ended"
    if pod.node is not None and pod.node in unready_nodes:
        return "node_not_ready"
    if pod.phase != "Running" or any(each.status != "Running" for each in pod.containers):
        return "not_running"
    if pod.created_at is not None and (now - pod.created_at).total_seconds() < _STARTING_SECONDS:
        return "starting"
    return "no_sample"


def _node_with_usage(
    node: model.Node, sample: sources.Sample, moments: measurements.Moments, unread: str
) -> model.Node:
    moment, problem = moments.read(sample[0], sample[1])
    cpu, memory = measurements.bounded_cores(sample[2]), measurements.bounded_bytes(sample[3])
    if cpu is None or memory is None:
        problem = unread
    return _node(node, moment, cpu, memory, problem)


def _node(
    node: model.Node, moment: measurements.Moment, cpu: float | None, memory: int | None, problem: str | None
) -> model.Node:
    return model.Node._make((*node[:_NODE_FACTS], *moment, cpu, memory, problem))
