"""Which nodes and pods of the inventory the samples of a database belong to. Pure.

A database names nodes and pods by labels that others wrote, and may hold more than one cluster. What belongs
to no object of the inventory is left out, and told where it is a large part.
"""

from __future__ import annotations

from kubevitals import model, nodenames, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    PodKey = tuple[str, str]

_FEW = 2  # foreign objects say nothing yet
_LARGE = 0.25  # of all that the database names
_LATE_SECONDS = 30.0  # or half a window: a sample so much older than the newest may be of what has ended
_SHOWN = 5
# Labels that tell one target from another, and no cluster from another.
_OF_TARGETS = frozenset(
    {"instance", "node", "nodename", "kubernetes_node", "kubernetes_io_hostname", "exported_node",
     "exported_instance", "id", "pod", "container", "__name__"}
)  # fmt: skip


def attribute(
    usage: sources.Usage | None,
    *,
    nodes: Sequence[model.Node] | None,
    pods: Sequence[model.Pod] | None,
    judge: bool = True,
) -> None:
    """Give the samples of `usage` the names of the inventory, and leave out those that belong to no object.

    Args:
        usage: changed in place; of a source that takes its names from the cluster nothing is changed.
        nodes: of the inventory; None where they may not be listed.
        pods: in the same way.
        judge: say so where a large part of what was measured belongs to no object; False where the lists
            hold less than what was asked for.
    """
    if usage is None or usage.aliases is None:
        return
    names = _Names(usage.aliases, _node_names(nodes, pods))
    if nodes is not None:
        _attribute_nodes(usage, names, judge=judge)
    else:
        _tell_addresses(usage, usage.nodes)
    if pods is not None:
        _attribute_pods(usage, names, nodes, pods, judge=judge)
    usage.aliases = None
    if any(each.code in sources.NOT_WHOLE for each in usage.problems):
        _explain_missing(usage, nodes or (), pods or ())


def _explain_missing(usage: sources.Usage, nodes: Iterable[model.Node], pods: Iterable[model.Pod]) -> None:
    """Note of objects without a sample that an answer was not whole: their kubelets may be well."""
    for node in nodes:
        if node.name not in usage.nodes:
            usage.node_reasons.setdefault(node.name, "prometheus_partial")
    for pod in pods:
        key = (pod.namespace, pod.name)
        if key not in usage.pods:
            usage.pod_reasons.setdefault(key, "prometheus_partial")


class _Names:
    """The nodes that a database's names mean, each looked up once."""

    def __init__(self, aliases: Mapping[str, tuple[str, ...]], nodes: nodenames.NodeNames) -> None:
        self._aliases = aliases
        self._nodes = nodes
        self._found: dict[str, str | None] = {}

    def find(self, name: str) -> str | None:
        if name not in self._found:
            self._found[name] = self._nodes.find((name, *self._aliases.get(name, ())))
        return self._found[name]


def _node_names(nodes: Sequence[model.Node] | None, pods: Sequence[model.Pod] | None) -> nodenames.NodeNames:
    """Return the names of nodes; where they may not be listed, those that pods tell."""
    if nodes is not None:
        return nodenames.NodeNames.of(nodes)
    return nodenames.NodeNames({pod.node: () for pod in pods or () if pod.node})


def _attribute_nodes(usage: sources.Usage, names: _Names, *, judge: bool) -> None:
    samples: dict[str, sources.Sample] = {}
    reasons: dict[str, str] = {}
    foreign: dict[str, sources.Sample] = {}
    for called, sample in usage.nodes.items():
        name = names.find(called)
        if name is None:
            foreign[called] = sample
            continue
        known = samples.get(name)
        samples[name] = made = sample if known is None else _fill(known, sample)
        reason = reasons.pop(name, None) or usage.node_reasons.get(called)
        if reason is not None and None in made:
            reasons[name] = reason
    if judge and foreign:
        if not samples:
            if not _tell_addresses(usage, foreign):
                _tell_names(usage, foreign)
        elif _is_large(_fresh(foreign.values(), usage.nodes.values()), usage.nodes):
            own = [
                usage.node_labels[each]
                for each in usage.nodes
                if each not in foreign and each in usage.node_labels
            ]
            others = [usage.node_labels[each] for each in foreign if each in usage.node_labels]
            usage.problems.append(
                _several_clusters(len(foreign), len(usage.nodes), "nodes", foreign, _splitting(own, others))
            )
    usage.nodes, usage.node_reasons = samples, reasons


def _fill(sample: sources.Sample, other: sources.Sample) -> sources.Sample:
    """Return the sample with the numbers of another one of the same node where it has none."""
    cores, size = sample[2], sample[3]
    if cores is None and other[2] is not None:
        return (other[0], other[1], other[2], size if size is not None else other[3])
    return (sample[0], sample[1], cores, size if size is not None else other[3])


def _attribute_pods(
    usage: sources.Usage,
    names: _Names,
    nodes: Sequence[model.Node] | None,
    pods: Sequence[model.Pod],
    *,
    judge: bool,
) -> None:
    given = usage.pods
    mine = {name for name in map(names.find, set(usage.pod_nodes.values())) if name is not None}
    sure = nodes is not None  # that a name which means no node is no node of this cluster
    kept: dict[PodKey, sources.PodSample] = {}
    for pod in pods:
        key = (pod.namespace, pod.name)
        sample = given.get(key)
        if sample is None:
            continue
        reports = {names.find(called) or called: each for called, each in usage.reports.get(key, {}).items()}
        if pod.node in reports:
            kept[key] = reports[pod.node]
            continue
        place = names.find(usage.pod_nodes.get(key, pod.node or ""))
        if place == pod.node or pod.node not in mine or (place is None and not sure):
            kept[key] = sample  # else it ran elsewhere: on another node before, or in another cluster
    listed = {(pod.namespace, pod.name) for pod in pods}
    foreign = {key: sample for key, sample in given.items() if key not in listed}
    if judge and foreign and _is_large(_fresh(foreign.values(), given.values()), given):
        usage.problems.append(
            _several_clusters(len(foreign), len(given), "pods", ["/".join(key) for key in foreign], ())
        )
    usage.pods, usage.reports = kept, {}
    usage.pod_reasons = {key: each for key, each in usage.pod_reasons.items() if key in kept}


def _fresh(
    samples: Iterable[sources.Sample | sources.PodSample],
    all_samples: Iterable[sources.Sample | sources.PodSample],
) -> int:
    """Return how many are as new as the newest: what has ended leaves samples behind for a while."""
    newest = max((each[0] for each in all_samples if isinstance(each[0], float | int)), default=0.0)
    return sum(
        isinstance(moment, float | int)
        and moment >= newest - max(_LATE_SECONDS, window / 2 if isinstance(window, float | int) else 0.0)
        for moment, window, *_ in samples
    )


def _is_large(count: int, whole: Collection[object]) -> bool:
    return count >= _FEW and count >= _LARGE * len(whole)


def _several_clusters(
    count: int, whole: int, kind: str, named: Iterable[str], splitting: Sequence[str]
) -> model.Problem:
    from kubevitals import sanitize

    shown = ", ".join(sanitize.excerpt(each, 60) for each in sorted(named)[:_SHOWN])
    advice = "if it holds several clusters, name the one that is meant by --prometheus-cluster NAME=LABEL"
    if splitting:
        advice += "; " + ", ".join(splitting)
    return model.Problem(
        "prometheus_clusters",
        f"{count} of {whole} {kind} in Prometheus are not in this cluster and are left out: {shown}"
        + (" ..." if count > _SHOWN else ""),
        advice,
    )


def _splitting(own: Sequence[Mapping[str, str]], others: Sequence[Mapping[str, str]]) -> list[str]:
    """Return in words the labels that have one value on this cluster's nodes, and other ones elsewhere."""
    from kubevitals import sanitize

    found = []
    for label in sorted(set(own[0]) - _OF_TARGETS) if own else ():
        value = own[0][label]
        elsewhere = sorted({each.get(label, "") for each in others})
        if all(each.get(label) == value for each in own) and elsewhere and value not in elsewhere:
            shown = ", ".join(sanitize.excerpt(each, 60) or "missing" for each in elsewhere[:_SHOWN])
            mine = sanitize.excerpt(value, 60)
            found.append(f"the label {label} is {mine} on this cluster's nodes and {shown} on the others")
    return found[:_SHOWN]


def _tell_addresses(usage: sources.Usage, called: Iterable[str]) -> bool:
    """Say that nodes are known by addresses which belong to no node's name, if they are; return whether."""
    found = sorted(each for each in called if nodenames.is_address(each))
    if not found:
        return False
    usage.problems.append(
        model.Problem(
            "prometheus_nodes",
            f"Prometheus knows {len(found)} nodes by an address that no name could be found for: "
            f"{', '.join(found[:_SHOWN])}",
            "add the label `node` to the targets by relabelling, or scrape kube-state-metrics",
        )
    )
    return True


def _tell_names(usage: sources.Usage, called: Iterable[str]) -> None:
    from kubevitals import sanitize

    shown = ", ".join(sanitize.excerpt(each, 60) for each in sorted(called)[:_SHOWN])
    usage.problems.append(
        model.Problem(
            "prometheus_nodes",
            f"no node that Prometheus tells of is in this cluster: {shown}",
            "it may hold another cluster; or the label `node` of its targets is no name or address of a node",
        )
    )
