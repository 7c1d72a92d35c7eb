"""Usage by PromQL: the queries of the table asked, their series made into samples.

It knows nothing of requests and limits. Which query answered is remembered; the scrape interval is found out.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from kubevitals import errors, model, nodenames, sanitize, sources
from kubevitals.promql import expressions, results
from kubevitals.sources.prometheus import answers, conversion, diagnosis, matchers, queries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    from kubevitals.kube import client as kube_client
    from kubevitals.promql import client as promql_client

    KeyT = TypeVar("KeyT")

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
        self._learn_interval(at, usage)
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
        if not cpu.series and not memory.series:
            self._explain([cpu, memory], at, narrow=narrow, labels=queries.OF_CONTAINERS)
            return
        self._tell_missing(cpu, memory, at, usage, queries.OF_CONTAINERS)
        wanted = self._resolve(scope, "pods")
        aliases = conversion.find_aliases([*cpu.series, *memory.series])
        names = conversion.unify(aliases)
        found: list[dict[conversion.ContainerKey, conversion.Measured]] = []
        apart: list[dict[str, dict[conversion.ContainerKey, conversion.Measured]]] = []
        for answer, counters in ((cpu, True), (memory, False)):
            window = self._ready_window(answer)
            by_container = answers.check_labels(
                conversion.by_container(answer.series), answer, queries.CONTAINER_LABELS
            )
            nodes = {key: each[-1].labels.node_name for key, each in by_container.items()}
            measured = conversion.measure(by_container, counters=counters, window=window)
            conversion.drop_ended(measured, nodes, interval=self._interval or _UNKNOWN_INTERVAL)
            found.append(
                {key: each for key, each in measured.items() if matchers.is_wanted(key, scope, wanted)}
            )
            places, by_node = conversion.split_by_node(by_container, names)
            usage.pod_nodes.update((pod, node) for pod, node in places.items() if node)
            apart.append(
                {
                    node: conversion.measure(series, counters=counters, window=window)
                    for node, series in by_node.items()
                }
            )
        usage.pods, usage.pod_reasons = conversion.join_pods(
            *found, missing=answers.find_reason((cpu, memory))
        )
        for node in {**apart[0], **apart[1]}:
            samples, _ = conversion.join_pods(apart[0].get(node, {}), apart[1].get(node, {}))
            for key in samples.keys() & usage.pods.keys():
                usage.reports.setdefault(key, {})[node] = samples[key]
        usage.aliases = {**(usage.aliases or {}), **aliases}

    def _read_nodes(self, scope: sources.Scope, usage: sources.Usage, at: float | None) -> None:
        cpu = self._ask_of_nodes("node_cpu", at, usage)
        memory = self._ask_of_nodes("node_memory", at, usage)
        both = [*cpu.values(), *memory.values()]
        if not any(answer.series for answer in both):
            self._explain(both, at, narrow=False, labels=queries.OF_NODES)
            return
        self._tell_missing(answers.first(cpu), answers.first(memory), at, usage, queries.OF_NODES)
        addresses = self._find_addresses(*both, at=at, usage=usage)
        usage.aliases = conversion.find_aliases([each for answer in both for each in answer.series])
        names = conversion.unify(usage.aliases)
        found: list[dict[str, conversion.Measured]] = []
        for number, of_number in (("node_cpu", cpu), ("node_memory", memory)):
            measured: dict[str, conversion.Measured] = {}
            useful = []
            for index, answer in of_number.items():
                by_node = conversion.by_node(answer.series, addresses)
                if len(of_number) == 1:
                    answers.check_labels(by_node, answer, ("node",))
                told = conversion.measure(
                    by_node, counters=number == "node_cpu", window=self._ready_window(answer)
                )
                before = len(measured)
                for called, each in told.items():
                    measured.setdefault(names.get(called, called), each)
                if len(measured) > before:
                    useful.append(index)
            found.append(measured)
            if (
                number in self._learning
                and useful
                and answers.find_reason(of_number.values()) == "prometheus_empty"
            ):
                self._useful[number] = (self._clock(), useful)
            self._learning.discard(number)
        usage.nodes, usage.node_reasons = conversion.join_nodes(*found, missing=answers.find_reason(both))
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
    ) -> answers.Answer:
        """Return the series of the namespace and the pod that are asked for.

        Their own labels may be exported_namespace and exported_pod: those are asked for where such series
        were seen, and where there is nothing else.
        """
        query = self._table[number][0]
        found = self._ask(query, matchers.match_pods(scope), at, usage)
        self._renames = self._renames or any(conversion.is_renamed(each.labels) for each in found.series)
        if scope.namespace is None and scope.name is None:
            return found
        if found.series and not self._renames:
            return found
        series = list(found.series)
        for wanted in matchers.match_renamed_pods(scope):
            more = self._ask(query, wanted, at, usage)
            if more.series:
                series += more.series
                found = more
        self._renames = self._renames or any(conversion.is_renamed(each.labels) for each in series)
        return found._replace(series=series)

    def _ask_of_nodes(self, number: str, at: float | None, usage: sources.Usage) -> dict[int, answers.Answer]:
        """Return by their places in the table the answers of those queries that tell of nodes.

        Every few minutes all are asked, to learn which of them know nodes that those before do not.
        """
        choices = self._table[number]
        learned_at, useful = self._useful.get(number, (0.0, []))
        if useful and self._clock() - learned_at < _AGAIN_SECONDS:
            found = {index: self._ask_nodes(choices[index], at, usage) for index in useful}
            if any(answer.series for answer in found.values()):
                return found
        self._learning.add(number)
        return {index: self._ask_nodes(query, at, usage) for index, query in enumerate(choices)}

    def _ask_nodes(self, query: queries.Query, at: float | None, usage: sources.Usage) -> answers.Answer:
        """Return the series of nodes, and note all of their labels."""
        try:
            answer = self.prometheus.query(self._render(query, []), at=at)
        except errors.PrometheusError as error:
            return answers.note_failure(query, error, usage)
        usage.problems += answer.problems
        series = []
        for told, points in answer.series:
            labels = conversion.read_labels(told)
            series.append(results.Series(labels, points))
            usage.node_labels.setdefault(labels.node_name, told)
        self._insist_on_one_cluster(series)
        return self._found(query, series, answer.form, answer.problems)

    def _ask(
        self, query: queries.Query, wanted: list[str], at: float | None, usage: sources.Usage
    ) -> answers.Answer:
        try:
            answer = self.prometheus.query_as(self._render(query, wanted), conversion.Labels, at=at)
        except errors.PrometheusError as error:
            return answers.note_failure(query, error, usage)
        usage.problems += answer.problems
        self._insist_on_one_cluster(answer.series)
        return self._found(query, answer.series, answer.form, answer.problems)

    def _found(
        self, query: queries.Query, series: answers.SeriesList, form: str, problems: Sequence[model.Problem]
    ) -> answers.Answer:
        """Return an answer; one that is empty and was warned of is no proof that there are no series."""
        doubt = next((each for each in problems if each.code in sources.NOT_WHOLE), None)
        if series or doubt is None:
            return answers.Answer(series, query, form == "vector")
        error = errors.PrometheusError(
            f"{self.prometheus.server} gives no series of {query.origin or query.family}, "
            f"and its answer may not be whole: {doubt.message}",
            remedy=doubt.remedy or "look at the servers and the stores behind it",
        )
        error.code = "prometheus_partial"
        return answers.Answer(series, query, failure=error)

    def _render(self, query: queries.Query, wanted: list[str]) -> str:
        interval = self._interval or _UNKNOWN_INTERVAL
        return query.render(
            scope=",".join([*self._own_matchers(), *wanted]),
            window=self._window or _within(_WINDOW_INTERVALS * interval),
            recent=_within(_RECENT_INTERVALS * interval),
        )

    def _own_matchers(self) -> list[str]:
        return [] if self._cluster is None else [expressions.match(self._cluster_label, self._cluster)]

    def _ready_window(self, found: answers.Answer) -> float | None:
        """Return the seconds that ready numbers stand for; None for samples, which tell it themselves."""
        if not found.ready:
            return None
        return (
            found.query.window
            or self._window
            or _within(_WINDOW_INTERVALS * (self._interval or _UNKNOWN_INTERVAL))
        )

    def _learn_interval(self, at: float | None, usage: sources.Usage) -> None:
        """Find out how far apart the samples are, now and then."""
        now = self._clock()
        if self._interval is not None and now - self._learned_at < _AGAIN_SECONDS:
            return
        self._learned_at = now
        scope = ",".join(self._own_matchers())
        for text in queries.SAMPLES:
            query = queries.Query(text, "the scrape interval")
            try:
                found = self.prometheus.query(query.render(scope=scope, window=1, recent=1), at=at)
            except errors.PrometheusError as error:
                if isinstance(error.__cause__, errors.RequestTimeoutError):
                    raise  # it is a small query: the others would not be answered either
                answers.note_failure(query, error, usage)
                continue
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

    def _explain(
        self, found: Sequence[answers.Answer], at: float | None, *, narrow: bool, labels: str
    ) -> None:
        """Raise what says why there is nothing, unless only this part of the cluster has nothing."""
        failure = next((answer.failure for answer in found if answer.failure is not None), None)
        if failure is not None:
            raise failure
        query = found[0].query
        if not query.family:
            if not narrow:
                raise self._why_empty(query, at, labels)
            return
        selector = f"{query.family}{{{','.join([labels, *self._own_matchers()])}}}"
        if narrow and diagnosis.has_series(self.prometheus, selector, at=at):
            return
        raise self._why_empty(query, at, labels)

    def _why_empty(self, query: queries.Query, at: float | None, labels: str) -> errors.PrometheusError:
        if query.family:
            return diagnosis.explain(
                self.prometheus,
                query.family,
                labels=labels,
                cluster=self._cluster,
                cluster_label=self._cluster_label,
                at=at,
            )
        error = errors.PrometheusError(
            f"{self.prometheus.server} has no series for {query.origin}", remedy="try it there by hand"
        )
        error.code = "prometheus_empty"
        return error

    def _tell_missing(
        self, cpu: answers.Answer, memory: answers.Answer, at: float | None, usage: sources.Usage, labels: str
    ) -> None:
        """Say which of the two numbers is missing everywhere, if one is."""
        for found in (cpu, memory):
            if not found.series and found.failure is None:
                error = self._why_empty(found.query, at, labels)
                usage.problems.append(model.Problem.of(error))

    def _find_addresses(
        self, *found: answers.Answer, at: float | None, usage: sources.Usage
    ) -> dict[str, str]:
        """Return the names of nodes by their IP, where a series of theirs has no better name."""
        if not any(nodenames.is_address(each.labels.node_name) for answer in found for each in answer.series):
            return {}
        told = self._ask(queries.Query(queries.NODE_ADDRESSES, "kube_node_info"), [], at, usage)
        return {
            each.labels.internal_ip: each.labels.exported_node or each.labels.node for each in told.series
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


def _within(seconds: float) -> float:
    return min(max(seconds, _SHORTEST), _LONGEST)


def _check_scopes(table: Mapping[str, tuple[queries.Query, ...]]) -> None:
    """Refuse queries that would mix clusters though one is named."""
    for choices in table.values():
        for query in choices:
            if "$scope" not in query.text:
                raise errors.ConfigurationError(
                    f"{query.origin} does not use $scope, so that --prometheus-cluster has no effect on it",
                    remedy="write $scope among its matchers",
                )
