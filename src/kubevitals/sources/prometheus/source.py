"""Usage by PromQL: the queries of the table asked, their series made into samples.

It knows nothing of requests and limits. Which query answered is remembered; the scrape interval is found out.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from kubevitals import errors, model, nodenames, sanitize, sources
from kubevitals.promql import expressions, results
from kubevitals.sources.prometheus import conversion, diagnosis, queries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from kubevitals.kube import client as kube_client
    from kubevitals.promql import client as promql_client

    KeyT = TypeVar("KeyT")
    SeriesList = list[results.Series[conversion.Labels]]
    Found = tuple[SeriesList, queries.Query, bool]  # series, of which, ready numbers

_WINDOW_INTERVALS, _RECENT_INTERVALS = 4.5, 2.5
_SHORTEST, _LONGEST = 60.0, 3600.0  # seconds: cAdvisor itself looks every 10 to 15 seconds
_UNKNOWN_INTERVAL = 60.0
_COUNTED_SECONDS = 600.0
_AGAIN_SECONDS = 600.0  # how long a scrape interval is believed
_SHOWN = 5


class PrometheusSource:
    """The usage of one cluster, as a Prometheus-compatible server knows it.

    Args:
        open_prometheus: gives the server; asked when it is needed for the first time, and again if it failed.
        window: seconds over which CPU is averaged; found out from the scrape interval where None.
        cluster: which cluster's series to take, by the value of the label `cluster_label`.
        cluster_label: its name.
        table: the queries; see `queries.load`.
        client: of the API server, which alone knows what a label selector means.
        at: the time to ask for, in seconds since 1970; None, or None from it, is the server's now.
        clock: seconds that only go on, for how long a scrape interval is believed.
    """

    name = sources.PROMETHEUS

    def __init__(
        self,
        open_prometheus: Callable[[], promql_client.Prometheus],
        *,
        window: float | None = None,
        cluster: str | None = None,
        cluster_label: str = "cluster",
        table: Mapping[str, tuple[queries.Query, ...]] = queries.TABLE,
        client: kube_client.Client | None = None,
        at: Callable[[], float | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_prometheus = open_prometheus
        self._opened: promql_client.Prometheus | None = None
        self._opening = threading.Lock()
        self._window = window
        self._cluster = cluster
        self._cluster_label = expressions.check_label(cluster_label)
        self._table = table
        self._client = client
        self._at = at
        self._clock = clock
        self._interval: float | None = None
        self._learned_at = 0.0
        self._renames = False  # whether series were seen whose own labels are exported_namespace and the like
        # Of each number of nodes, when it was learned which of its queries add nodes, and which.
        self._useful: dict[str, tuple[float, list[int]]] = {}
        self._learning: set[str] = set()
        if cluster is not None:
            _check_scopes(table)

    @property
    def prometheus(self) -> promql_client.Prometheus:
        """The server. Raises as `fetch_usage`, where it has to be found first."""
        with self._opening:  # nodes and pods are asked for at the same time
            if self._opened is None:
                self._opened = self._open_prometheus()
            return self._opened

    @property
    def origin(self) -> str:
        """How the server was found, for people; empty as long as it was not needed."""
        return "" if self._opened is None else f"{self._opened.server} ({self._opened.origin})"

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        """Return the usage of what `scope` names.

        Raises:
            errors.PrometheusError: the server does not answer as it should, or holds no usage of the cluster.
            errors.UsageError: the scope has a selector, and there is no API server to ask what it means.
            errors.ClusterError: the API server did not tell what a selector means.
        """
        usage = sources.Usage(self.name)
        at = self._at()
        self._learn_interval(at)
        if scope.nodes:
            self._read_nodes(scope, usage, at)
        if scope.pods:
            self._read_pods(scope, usage, at)
        usage.problems = list(dict.fromkeys(usage.problems))
        return usage

    def close(self) -> None:
        """Close the connections to the server."""
        if self._opened is not None:
            self._opened.close()

    def _read_pods(self, scope: sources.Scope, usage: sources.Usage, at: float | None) -> None:
        narrow = scope.namespace is not None or scope.name is not None
        cpu = self._ask_of_pods("container_cpu", scope, at, usage)
        memory = self._ask_of_pods("container_memory", scope, at, usage)
        if not cpu[0] and not memory[0]:
            self._explain(cpu[1], at, narrow=narrow, labels='container!=""')
            return
        self._tell_missing(cpu, memory, at, usage)
        wanted = self._resolve(scope, "pods")
        aliases = conversion.find_aliases([*cpu[0], *memory[0]])
        names = conversion.unify(aliases)
        found: list[dict[conversion.ContainerKey, conversion.Measured]] = []
        apart: list[dict[str, dict[conversion.ContainerKey, conversion.Measured]]] = []
        for answer, counters in ((cpu, True), (memory, False)):
            window = self._ready_window(answer)
            by_container = _checked(conversion.by_container(answer[0]), answer, queries.CONTAINER_LABELS)
            nodes = {key: each[-1].labels.node_name for key, each in by_container.items()}
            measured = conversion.measure(by_container, counters=counters, window=window)
            conversion.drop_ended(measured, nodes, interval=self._interval or _UNKNOWN_INTERVAL)
            found.append({key: each for key, each in measured.items() if _is_wanted(key, scope, wanted)})
            places, by_node = conversion.split_by_node(by_container, names)
            usage.pod_nodes.update((pod, node) for pod, node in places.items() if node)
            apart.append(
                {
                    node: conversion.measure(series, counters=counters, window=window)
                    for node, series in by_node.items()
                }
            )
        usage.pods, usage.pod_reasons = conversion.join_pods(*found)
        for node in {**apart[0], **apart[1]}:
            samples, _ = conversion.join_pods(apart[0].get(node, {}), apart[1].get(node, {}))
            for key in samples.keys() & usage.pods.keys():
                usage.reports.setdefault(key, {})[node] = samples[key]
        usage.aliases = {**(usage.aliases or {}), **aliases}

    def _read_nodes(self, scope: sources.Scope, usage: sources.Usage, at: float | None) -> None:
        cpu = self._ask_of_nodes("node_cpu", at, usage)
        memory = self._ask_of_nodes("node_memory", at, usage)
        answers = [*cpu.values(), *memory.values()]
        if not any(answer[0] for answer in answers):
            self._explain(self._table["node_cpu"][0], at, narrow=False, labels='id="/"')
            return
        self._tell_missing(_first(cpu), _first(memory), at, usage)
        addresses = self._find_addresses(*answers, at=at)
        usage.aliases = conversion.find_aliases([each for answer in answers for each in answer[0]])
        names = conversion.unify(usage.aliases)
        found: list[dict[str, conversion.Measured]] = []
        for number, of_number in (("node_cpu", cpu), ("node_memory", memory)):
            measured: dict[str, conversion.Measured] = {}
            useful = []
            for index, answer in of_number.items():
                by_node = conversion.by_node(answer[0], addresses)
                if len(of_number) == 1:
                    _checked(by_node, answer, ("node",))
                told = conversion.measure(
                    by_node, counters=number == "node_cpu", window=self._ready_window(answer)
                )
                before = len(measured)
                for called, each in told.items():
                    measured.setdefault(names.get(called, called), each)
                if len(measured) > before:
                    useful.append(index)
            found.append(measured)
            if number in self._learning and useful:
                self._useful[number] = (self._clock(), useful)
            self._learning.discard(number)
        usage.nodes, usage.node_reasons = conversion.join_nodes(*found)
        for address, name in addresses.items():
            usage.aliases[name] = (*usage.aliases.get(name, ()), address)
        self._select_nodes(scope, usage)

    def _select_nodes(self, scope: sources.Scope, usage: sources.Usage) -> None:
        """Leave the nodes that the scope means, under their names in the inventory."""
        selected = self._resolve(scope, "nodes")
        if scope.name is None and selected is None:
            return
        wanted = {scope.name} if selected is None else {name for _, name in selected}
        if scope.name is not None:
            wanted &= {scope.name}
        names = {called: called for called in usage.nodes if called in wanted}
        if self._client is not None and wanted - names.keys() and usage.nodes.keys() - names.keys():
            from kubevitals.kube import inventory

            try:
                listed, _ = inventory.fetch_nodes(
                    self._client, label_selector=scope.label_selector, name=scope.name
                )
            except errors.ForbiddenError:
                listed = []
            index = nodenames.NodeNames.of([each for each in listed if each.name not in names])
            for called in usage.nodes.keys() - names.keys():
                found = index.find((called, *(usage.aliases or {}).get(called, ())))
                if found is not None:
                    names[called] = found
        usage.nodes = {names[called]: sample for called, sample in usage.nodes.items() if called in names}
        usage.node_reasons = {
            names[called]: each for called, each in usage.node_reasons.items() if called in names
        }

    def _ask_of_pods(
        self, number: str, scope: sources.Scope, at: float | None, usage: sources.Usage
    ) -> Found:
        """Return the series of the namespace and the pod that are asked for.

        Their own labels may be exported_namespace and exported_pod: those are asked for where such series
        were seen, and where there is nothing else.
        """
        query = self._table[number][0]
        found = self._ask(query, _match_pods(scope), at, usage)
        self._renames = self._renames or any(conversion.is_renamed(each.labels) for each in found[0])
        if scope.namespace is None and scope.name is None:
            return found
        if found[0] and not self._renames:
            return found
        series = list(found[0])
        for matchers in _match_renamed_pods(scope):
            more = self._ask(query, matchers, at, usage)
            if more[0]:
                series += more[0]
                found = more
        self._renames = self._renames or any(conversion.is_renamed(each.labels) for each in series)
        return series, found[1], found[2]

    def _ask_of_nodes(self, number: str, at: float | None, usage: sources.Usage) -> dict[int, Found]:
        """Return by their places in the table the answers of those queries that tell of nodes.

        Every few minutes all are asked, to learn which of them know nodes that those before do not.
        """
        choices = self._table[number]
        learned_at, useful = self._useful.get(number, (0.0, []))
        if useful and self._clock() - learned_at < _AGAIN_SECONDS:
            found = {index: self._ask_nodes(choices[index], at, usage) for index in useful}
            if any(answer[0] for answer in found.values()):
                return found
        self._learning.add(number)
        return {index: self._ask_nodes(query, at, usage) for index, query in enumerate(choices)}

    def _ask_nodes(self, query: queries.Query, at: float | None, usage: sources.Usage) -> Found:
        """Return the series of nodes, and note all of their labels."""
        answer = self.prometheus.query(self._render(query, []), at=at)
        usage.problems += answer.problems
        series = []
        for told, points in answer.series:
            labels = conversion.read_labels(told)
            series.append(results.Series(labels, points))
            usage.node_labels.setdefault(labels.node_name, told)
        self._insist_on_one_cluster(series)
        return series, query, answer.form == "vector"

    def _ask(
        self, query: queries.Query, matchers: list[str], at: float | None, usage: sources.Usage
    ) -> Found:
        answer = self.prometheus.query_as(self._render(query, matchers), conversion.Labels, at=at)
        usage.problems += answer.problems
        self._insist_on_one_cluster(answer.series)
        return answer.series, query, answer.form == "vector"

    def _render(self, query: queries.Query, matchers: list[str]) -> str:
        interval = self._interval or _UNKNOWN_INTERVAL
        return query.render(
            scope=",".join([*self._own_matchers(), *matchers]),
            window=self._window or _within(_WINDOW_INTERVALS * interval),
            recent=_within(_RECENT_INTERVALS * interval),
        )

    def _own_matchers(self) -> list[str]:
        return [] if self._cluster is None else [expressions.match(self._cluster_label, self._cluster)]

    def _ready_window(self, found: Found) -> float | None:
        """Return the seconds that ready numbers stand for; None for samples, which tell it themselves."""
        _, query, ready = found
        if not ready:
            return None
        return (
            query.window or self._window or _within(_WINDOW_INTERVALS * (self._interval or _UNKNOWN_INTERVAL))
        )

    def _learn_interval(self, at: float | None) -> None:
        """Find out how far apart the samples are, now and then."""
        now = self._clock()
        if self._interval is not None and now - self._learned_at < _AGAIN_SECONDS:
            return
        self._learned_at = now
        scope = ",".join(self._own_matchers())
        for text in queries.SAMPLES:
            found = self.prometheus.query(queries.Query(text).render(scope=scope, window=1, recent=1), at=at)
            samples = found.series[0].points[0][1] if found.series else 0.0
            if samples >= 2:
                self._interval = _COUNTED_SECONDS / samples
                return

    def _insist_on_one_cluster(self, series: list[results.Series[conversion.Labels]]) -> None:
        """Refuse to mix the clusters of one database."""
        if self._cluster is not None:
            return
        names = sorted({each.labels.cluster for each in series} - {""})
        if len(names) > 1:
            shown = ", ".join(sanitize.excerpt(name, 60) for name in names[:_SHOWN])
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            raise errors.PrometheusError(
                f"{self.prometheus.server} holds several clusters: {shown}{more}",
                remedy="name the one that is meant by --prometheus-cluster",
            )

    def _explain(self, query: queries.Query, at: float | None, *, narrow: bool, labels: str) -> None:
        """Raise what says why there is nothing, unless only this part of the cluster has nothing."""
        if not query.family:
            if not narrow:
                raise self._why_empty(query, at)
            return
        selector = f"{query.family}{{{','.join([labels, *self._own_matchers()])}}}"
        if narrow and diagnosis.has_series(self.prometheus, selector, at=at):
            return
        raise self._why_empty(query, at)

    def _why_empty(self, query: queries.Query, at: float | None) -> errors.PrometheusError:
        if query.family:
            return diagnosis.explain(
                self.prometheus,
                query.family,
                cluster=self._cluster,
                cluster_label=self._cluster_label,
                at=at,
            )
        error = errors.PrometheusError(
            f"{self.prometheus.server} has no series for {query.origin}", remedy="try it there by hand"
        )
        error.code = "prometheus_empty"
        return error

    def _tell_missing(self, cpu: Found, memory: Found, at: float | None, usage: sources.Usage) -> None:
        """Say which of the two numbers is missing everywhere, if one is."""
        for found in (cpu, memory):
            if not found[0]:
                error = self._why_empty(found[1], at)
                usage.problems.append(model.Problem.of(error))

    def _find_addresses(self, *found: Found, at: float | None) -> dict[str, str]:
        """Return the names of nodes by their IP, where a series of theirs has no better name."""
        if not any(nodenames.is_address(each.labels.node_name) for answer in found for each in answer[0]):
            return {}
        answer = self.prometheus.query_as(
            self._render(queries.Query(queries.NODE_ADDRESSES), []), conversion.Labels, at=at
        )
        return {
            each.labels.internal_ip: each.labels.exported_node or each.labels.node for each in answer.series
        }

    def _resolve(self, scope: sources.Scope, plural: str) -> frozenset[tuple[str, str]] | None:
        """Return the namespaces and names that the selectors of the scope mean; None without any."""
        if not (scope.label_selector or scope.field_selector):
            return None
        if self._client is None:
            raise errors.UsageError(
                "Prometheus does not know what a selector means",
                remedy="connect to the cluster's API server too",
            )
        from kubevitals.kube import inventory, resources

        return inventory.fetch_names(
            self._client,
            resources.NODES if plural == "nodes" else resources.PODS,
            namespace=scope.namespace,
            label_selector=scope.label_selector,
            field_selector=scope.field_selector,
        )


def _first(found: Mapping[int, Found]) -> Found:
    """Return the first answer that has series, or the first."""
    return next((answer for answer in found.values() if answer[0]), next(iter(found.values())))


def _within(seconds: float) -> float:
    return min(max(seconds, _SHORTEST), _LONGEST)


def _match_pods(scope: sources.Scope) -> list[str]:
    matchers = [] if scope.namespace is None else [expressions.match("namespace", scope.namespace)]
    return matchers if scope.name is None else [*matchers, expressions.match("pod", scope.name)]


def _match_renamed_pods(scope: sources.Scope) -> list[list[str]]:
    """Return matchers that together find the series whose own namespace, pod or both were renamed.

    They may find a little more than that.
    """
    found = []
    if scope.namespace is not None:
        found.append([expressions.match("exported_namespace", scope.namespace)])
        if scope.name is not None:
            found[0].append(expressions.match("pod", scope.name))
    if scope.name is not None:
        found.append([expressions.match("exported_pod", scope.name)])
    return found


def _is_wanted(
    key: conversion.ContainerKey, scope: sources.Scope, wanted: frozenset[tuple[str, str]] | None
) -> bool:
    """Return whether the scope means this container; a query of one's own may give more than that."""
    return (
        scope.namespace in (None, key[0])
        and scope.name in (None, key[1])
        and (wanted is None or key[:2] in wanted)
    )


def _checked(
    grouped: dict[KeyT, SeriesList], found: Found, labels: tuple[str, ...]
) -> dict[KeyT, SeriesList]:
    """Return what was grouped by labels.

    Raises:
        errors.PrometheusError: there are series, and none of them has the labels.
    """
    series, query, _ = found
    if series and not grouped:
        what = query.origin or query.family
        raise errors.PrometheusError(
            f"the series of {what} lack one of the labels {', '.join(labels)}",
            remedy="docs/prometheus.md says what each query has to give",
        )
    return grouped


def _check_scopes(table: Mapping[str, tuple[queries.Query, ...]]) -> None:
    """Refuse queries that would mix clusters though one is named."""
    for choices in table.values():
        for query in choices:
            if "$scope" not in query.text:
                raise errors.ConfigurationError(
                    f"{query.origin} does not use $scope, so that --prometheus-cluster has no effect on it",
                    remedy="write $scope among its matchers",
                )
