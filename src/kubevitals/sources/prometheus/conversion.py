"""Series to samples: rates of counters, one series of several that tell the same, nodes' names. Pure.

A rate is made here and not by rate(): that divides by the whole window also where a container is younger, and
says neither how long it measured nor when. Of HA replicas, of two jobs that scrape the same kubelet, and of a
container and its successor after a restart, exactly one series counts. Only the cores that a kubelet counts
one by one (the label `cpu`) are added up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from kubevitals import nodenames, sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from kubevitals.promql import results

    Points = Sequence[tuple[float, float]]
    PodKey = tuple[str, str]
    ContainerKey = tuple[str, str, str]

KeyT = TypeVar("KeyT")
_LATE = 0.9  # of the distance between samples: a series that ends earlier has a successor
_NO_CONTAINER = ("", "POD")  # the groups around containers, and the pause container
_ENDED_INTERVALS = 2.5
_ENDED_SECONDS = 60.0  # at least; cAdvisor looks at an idle container less often


class Labels(msgspec.Struct, gc=False):
    """The labels of a series that are read; those of 150,000 containers are many."""

    namespace: str = ""
    pod: str = ""
    container: str = ""
    exported_namespace: str = ""
    exported_pod: str = ""
    exported_container: str = ""
    cpu: str = ""
    job: str = ""
    cluster: str = ""
    exported_node: str = ""
    exported_instance: str = ""
    node: str = ""
    nodename: str = ""
    kubernetes_node: str = ""
    kubernetes_io_hostname: str = ""
    instance: str = ""
    internal_ip: str = ""

    @property
    def node_name(self) -> str:
        """The node, by the labels that the usual configurations write; perhaps its address."""
        return (
            self.exported_node
            or self.node
            or self.nodename
            or self.kubernetes_node
            or self.kubernetes_io_hostname
            or nodenames.host_of(self.exported_instance or self.instance)
        )

    @property
    def node_names(self) -> tuple[str, ...]:
        """All that the labels call the node, the most telling first."""
        told = (
            self.exported_node or self.node,
            self.nodename,
            self.kubernetes_node,
            self.kubernetes_io_hostname,
            nodenames.host_of(self.exported_instance or self.instance),
        )
        return tuple(dict.fromkeys(each for each in told if each))


def read_labels(labels: results.Labels) -> Labels:
    """Return those of all labels that are read."""
    return msgspec.convert(labels, Labels)


class Measured(NamedTuple):
    """A number, when it was measured (seconds since 1970), and over how many seconds. None is unknown."""

    timestamp: float
    window: float
    value: float | None


def rate(points: Points) -> Measured | None:
    """Return the mean rate of a counter between the first and the last sample since it last began anew.

    One sample alone has no rate: its value is None. None without any sample.
    """
    values = [value for _, value in points]
    if len(values) > 1 and values == sorted(values) and math.isfinite(sum(values)):  # as nearly all are
        window = points[-1][0] - points[0][0]
        if window > 0:
            return Measured(points[-1][0], window, (values[-1] - values[0]) / window)
    return _rate_with_care(points)


def _rate_with_care(points: Points) -> Measured | None:
    """Return the rate where values are missing, repeated, or begin anew."""
    begin = previous = None
    last: tuple[float, float] | None = None
    for moment, value in points:
        if not math.isfinite(value) or (last is not None and moment <= last[0]):
            continue
        if previous is None or value < previous:
            begin = (moment, value)
        previous = value
        last = (moment, value)
    if begin is None or last is None:
        return None
    window = last[0] - begin[0]
    return Measured(last[0], window, (last[1] - begin[1]) / window if window > 0 else None)


def latest(points: Points) -> Measured | None:
    """Return the newest sample of a gauge; None if there is none that is a number."""
    for moment, value in reversed(points):
        if math.isfinite(value):
            return Measured(moment, 0.0, value)
    return None


def choose(series: Iterable[Points]) -> Points:
    """Return the one of several series of the same object that counts.

    A series that ends well before the newest is what was there before a restart. Of those that go on, the
    one with the most samples is the best informed; of replicas that are equally good the newest counts.
    """
    candidates = [points for points in series if points]
    if len(candidates) < 2:
        return candidates[0] if candidates else ()
    oldest = _successors_begin(candidates)
    current = [points for points in candidates if points[-1][0] > oldest] or candidates
    return max(current, key=lambda points: (len(points), points[-1][0], points[-1][1]))


def _successors_begin(candidates: Sequence[Points]) -> float:
    """Return the time at or before which a series has ended, given that others of its object go on."""
    newest = max(points[-1][0] for points in candidates)
    spacing = min(
        ((points[-1][0] - points[0][0]) / (len(points) - 1) for points in candidates if len(points) > 1),
        default=0.0,
    )
    return newest - _LATE * spacing


def parts(series: Iterable[results.Series[Labels]]) -> list[Points]:
    """Return the series of one object whose values add up to its own: one, or one of each core.

    Where a kubelet counts cores one by one there is no `cpu="total"`; where there is, it alone counts. Series
    of the same core are replicas, of which one is chosen.
    """
    given = [each for each in series if each.points]
    if len(given) < 2 or not any(_core(each.labels) for each in given):
        return [choose(each.points for each in given)] if given else []
    oldest = _successors_begin([each.points for each in given])
    by_core: dict[str, list[Points]] = {}
    for each in [each for each in given if each.points[-1][0] > oldest] or given:
        by_core.setdefault(_core(each.labels), []).append(each.points)
    whole = by_core.get("")
    return [choose(each) for each in ((whole,) if whole else by_core.values())]


def _core(labels: Labels) -> str:
    """Return which core a series counts, however it is written (cpu03, 3); nothing for all of them."""
    name = labels.cpu
    return "" if name in ("", "total") else name.removeprefix("cpu").lstrip("0") or "0"


def by_container(
    series: Iterable[results.Series[Labels]],
) -> dict[ContainerKey, list[results.Series[Labels]]]:
    """Return the series of each container; those without a namespace, a pod or a container are none's."""
    given = list(series)
    renamed = _renamed_labels(given)
    found: dict[ContainerKey, list[results.Series[Labels]]] = {}
    for each in given:
        labels = each.labels
        key = (labels.namespace, labels.pod, labels.container)
        if renamed and (names := renamed.get((labels.job, labels.instance))):
            key = (
                labels.exported_namespace if "namespace" in names else labels.namespace,
                labels.exported_pod if "pod" in names else labels.pod,
                labels.exported_container if "container" in names else labels.container,
            )
        if key[0] and key[1] and key[2] not in _NO_CONTAINER:
            found.setdefault(key, []).append(each)
    return found


def is_renamed(labels: Labels) -> bool:
    """Return whether the series' own labels had to make room for those of its target."""
    return bool(labels.exported_namespace or labels.exported_pod or labels.exported_container)


def _renamed_labels(series: Iterable[results.Series[Labels]]) -> dict[tuple[str, str], set[str]]:
    """Return by target (job, instance) which labels are the target's own.

    Without honor_labels, Prometheus renames a label that target and series both have: the series' own is
    exported_namespace then. A series of such a target without it has no namespace, whatever `namespace` is.
    """
    found: dict[tuple[str, str], set[str]] = {}
    for each in series:
        labels = each.labels
        if is_renamed(labels):
            names = found.setdefault((labels.job, labels.instance), set())
            if labels.exported_namespace:
                names.add("namespace")
            if labels.exported_pod:
                names.add("pod")
            if labels.exported_container:
                names.add("container")
    return found


def by_node(
    series: Iterable[results.Series[Labels]], addresses: Mapping[str, str]
) -> dict[str, list[results.Series[Labels]]]:
    """Return the series of each node; `addresses` are the names of nodes by their IP."""
    found: dict[str, list[results.Series[Labels]]] = {}
    for each in series:
        name = each.labels.node_name
        if name:
            found.setdefault(addresses.get(name, name), []).append(each)
    return found


def find_aliases(series: Iterable[results.Series[Labels]]) -> dict[str, tuple[str, ...]]:
    """Return what else each node is called, by its name in the labels.

    What several of them are called, as the address of a proxy before all kubelets, is left out.
    """
    found: dict[str, dict[str, None]] = {}
    owners: dict[str, set[str]] = {}
    seen = set()
    for each in series:
        labels = each.labels
        place = (labels.node_name, labels.instance)
        if place in seen or not place[0]:
            continue
        seen.add(place)
        aliases = found.setdefault(place[0], {})
        for alias in labels.node_names[1:]:
            aliases[alias] = None
            owners.setdefault(alias, set()).add(place[0])
    return {
        name: tuple(alias for alias in aliases if len(owners[alias]) == 1) for name, aliases in found.items()
    }


def unify(aliases: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return one name of each node by all of its names that stand alone in some series.

    `aliases` are those of `find_aliases`.
    """
    owners = {alias: name for name, others in aliases.items() for alias in others}
    return {name: owners[name] if name in owners and owners[name] not in owners else name for name in aliases}


def split_by_node(
    series: Mapping[ContainerKey, Sequence[results.Series[Labels]]], names: Mapping[str, str]
) -> tuple[dict[PodKey, str], dict[str, dict[ContainerKey, list[results.Series[Labels]]]]]:
    """Return the node of each pod; and where several nodes tell of a pod, its series by node.

    `names` are those of `unify`.
    """
    nodes: dict[PodKey, str] = {}
    several: set[PodKey] = set()
    for key, candidates in series.items():
        for each in candidates:
            name = each.labels.node_name
            other = nodes.setdefault(key[:2], name)
            if other != name and names.get(name, name) != names.get(other, other):
                several.add(key[:2])
    apart: dict[str, dict[ContainerKey, list[results.Series[Labels]]]] = {}
    for key, candidates in series.items():
        if key[:2] in several:
            for each in candidates:
                name = names.get(each.labels.node_name, each.labels.node_name)
                apart.setdefault(name, {}).setdefault(key, []).append(each)
    return nodes, apart


def measure(
    series: Mapping[KeyT, Sequence[results.Series[Labels]]], *, counters: bool, window: float | None = None
) -> dict[KeyT, Measured]:
    """Return the number of each object: of `counters` a rate, else the newest value.

    With `window`, the values are ready numbers over so many seconds.
    """
    found: dict[KeyT, Measured] = {}
    for key, candidates in series.items():
        if len(candidates) == 1:
            chosen: Sequence[Points] = (candidates[0].points,)
        elif counters:
            chosen = parts(candidates)
        else:
            chosen = (choose([each.points for each in candidates]),)
        measured = _add(
            [rate(points) if counters and window is None else latest(points) for points in chosen]
        )
        if measured is not None:
            found[key] = measured if window is None else measured._replace(window=window)
    return found


def _add(measured: Sequence[Measured | None]) -> Measured | None:
    """Return the sum of the parts whose value is known, as of the oldest of them.

    A core that has just been used for the first time has one sample and no rate yet: the others count.
    """
    if len(measured) == 1:
        return measured[0]
    seen = [each for each in measured if each is not None]
    known = [each for each in seen if each.value is not None]
    if not known:
        return seen[0] if seen else None
    return Measured(
        min(each.timestamp for each in known),
        max(each.window for each in known),
        math.fsum(each.value for each in known if each.value is not None),
    )


def drop_ended(
    measured: dict[ContainerKey, Measured], nodes: Mapping[ContainerKey, str], *, interval: float
) -> None:
    """Take out containers that have ended: their samples stopped, while those of their node went on."""
    newest: dict[str, float] = {}
    for key, each in measured.items():
        node = nodes.get(key, "")
        newest[node] = max(newest.get(node, 0.0), each.timestamp)
    patience = max(_ENDED_INTERVALS * interval, _ENDED_SECONDS)
    for key in [
        key for key, each in measured.items() if each.timestamp < newest[nodes.get(key, "")] - patience
    ]:
        del measured[key]


def join_pods(
    cpu: Mapping[ContainerKey, Measured],
    memory: Mapping[ContainerKey, Measured],
    *,
    missing: str = "prometheus_empty",
) -> tuple[dict[PodKey, sources.PodSample], dict[PodKey, str]]:
    """Return the sample of each pod, and of those that lack a number why: `missing`, or that it is too early.

    A pod's timestamp and window are those of its oldest container, as in the metrics API.
    """
    times: dict[PodKey, Measured] = {}
    containers: dict[PodKey, list[sources.ContainerSample]] = {}
    pod_reasons: dict[PodKey, str] = {}
    for key in {**cpu, **memory}:
        pod = key[:2]
        cores, size = cpu.get(key), memory.get(key)
        containers.setdefault(pod, []).append((key[2], _value(cores), _whole(size)))
        if cores is None or size is None:
            pod_reasons.setdefault(pod, missing)
        elif cores.value is None:
            pod_reasons[pod] = "first_sample"
        moment = cores or size
        if moment is not None and (pod not in times or moment.timestamp < times[pod].timestamp):
            times[pod] = moment
    return {
        pod: (*_times(times[pod]), sorted(measured, key=_name_of)) for pod, measured in containers.items()
    }, pod_reasons


def join_nodes(
    cpu: Mapping[str, Measured], memory: Mapping[str, Measured], *, missing: str = "prometheus_empty"
) -> tuple[dict[str, sources.Sample], dict[str, str]]:
    """Return the same of nodes."""
    samples: dict[str, sources.Sample] = {}
    node_reasons: dict[str, str] = {}
    for name in {**cpu, **memory}:
        cores, size = cpu.get(name), memory.get(name)
        moment = cores or size
        assert moment is not None
        if cores is None or size is None:
            node_reasons[name] = missing
        elif cores.value is None:
            node_reasons[name] = "first_sample"
        samples[name] = (*_times(moment), _value(cores), _whole(size))
    return samples, node_reasons


def _name_of(container: sources.ContainerSample) -> str:
    return container[0]


def _times(measured: Measured) -> tuple[sources.Time, sources.Time]:
    """When it was measured, and over how long, which a single sample does not tell."""
    return measured.timestamp, measured.window or sources.UNKNOWN


def _value(measured: Measured | None) -> float | None:
    """Cores to the nanocore, as the metrics API has them; no counter runs backwards."""
    if measured is None or measured.value is None or measured.value < 0:
        return None
    return round(measured.value, 9)


def _whole(measured: Measured | None) -> int | None:
    if measured is None or measured.value is None or not 0 <= measured.value < 2**63:
        return None
    return round(measured.value)
