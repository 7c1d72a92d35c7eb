"""Usage from the kubelets: all nodes asked at the same time, counters made into rates, failures by node.

It decides which kubelets to ask and puts their answers together. How one is found, asked and read is in the
files beside it.
"""

from __future__ import annotations

import pathlib
import threading
import time

from kubevitals import errors, sources
from kubevitals.sources.kubelet import direct, failures, fanout, nodeproxy, scrape, state, targets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubevitals.kube import client as kube_client
    from kubevitals.sources.kubelet import addresses

REUSE_SECONDS = (
    5.0  # a kubelet reads its containers every 10 to 15 s: what is newer than this is not asked anew
)
_ROUND_TIMEOUTS = 1.5  # times the time-out of one kubelet: what a whole round may take


class Kubelets:
    """The kubelets of one cluster as a source. Threads may use it at the same time.

    Args:
        client: for the lists of nodes and, where a selector is given, of pods; its credentials are shown to
            the kubelets. It stays the caller's.
        proxy: ask through the API server's node proxy, which takes the right nodes/proxy; else directly.
        ca_file: PEM of who signs the kubelets' certificates; the cluster's own CA where None.
        insecure: take any certificate of a kubelet.
        port: of every kubelet; the one that its Node states where None.
        timeout: seconds for one kubelet.
        workers: how many are asked at the same time.
        detail: ask also for network, file systems, throttling and pressure: two more requests a kubelet, and
            the right nodes/stats.
        clock: seconds since 1970.

    Raises:
        errors.ConfigurationError: `ca_file` cannot be read.
    """

    name = sources.KUBELETS

    def __init__(
        self,
        client: kube_client.Client,
        *,
        proxy: bool = False,
        ca_file: str | None = None,
        insecure: bool = False,
        port: int | None = None,
        timeout: float = 10.0,
        workers: int = 32,
        detail: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._proxy = proxy
        self._timeout = timeout
        self._workers = min(workers, nodeproxy.WORKERS) if proxy else workers
        self._detail = detail
        self._clock = clock
        self._kubelets: scrape.KubeletClient
        if proxy:
            self._kubelets = nodeproxy.ProxyClient(client)
        else:
            config = client.config
            ca = config.ca if ca_file is None else _read_ca(ca_file)
            origin = config.origin if ca_file is None else ca_file
            self._kubelets = direct.DirectClient(config.credentials, ca=ca, insecure=insecure, origin=origin)
        self._targets = targets.TargetList(client, port=port, clock=clock)
        self._nodes: dict[str, state.NodeState] = {}
        self._lock = threading.Lock()  # held for a whole round: who comes meanwhile shares its answers

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        """Return the usage of what `scope` names. CPU is unknown until a kubelet was read twice.

        A kubelet that fails costs the rows of its node alone: `node_reasons` and `problems` say why. Two
        calls within seconds share one reading.

        Raises:
            errors.KubeletsError: of a whole cluster, no kubelet could be read.
            errors.ForbiddenError: all of them refuse the account, or the nodes may not be listed.
            errors.ClusterError: the lists of nodes or pods failed in another way.
        """
        with self._lock:
            return self._fetch(scope)

    def close(self) -> None:
        """Close the connections to the kubelets."""
        self._kubelets.close()

    def _fetch(self, scope: sources.Scope) -> sources.Usage:
        if self._client.config.impersonation and not self._proxy:
            raise errors.KubeletsError(
                "kubelets know no impersonation: they would answer you, not whom you act as",
                remedy="leave out --as, or ask through the API server by --kubelet-proxy",
            )
        kubelets = self._find(scope)
        chosen = self._targets.fetch_pod_names(scope) if scope.pods else None
        self._read(kubelets)
        self._insist(scope, kubelets)
        usage = sources.Usage(self.name)
        shown = kubelets
        if scope.nodes and scope.pods:
            names = {each.node for each in self._find(scope, pods=False)}
            shown = [each for each in kubelets if each.node in names]
        if scope.nodes:
            self._add_nodes(usage, shown)
        if scope.pods:
            self._add_pods(usage, kubelets, scope, chosen)
        failed = {
            each.node: failure for each in kubelets if (failure := self._nodes[each.node].failure) is not None
        }
        usage.node_reasons.update({node: failure.code for node, failure in failed.items()})
        usage.problems += failures.describe(failed, proxy=self._proxy)
        lacking = {
            each.node: missing for each in kubelets if (missing := self._nodes[each.node].missing) is not None
        }
        usage.problems += failures.describe_details(lacking)
        return usage

    def _find(self, scope: sources.Scope, *, pods: bool | None = None) -> list[addresses.Kubelet]:
        """Return whom to ask: pods may be on any node."""
        if scope.pods if pods is None else pods:
            found = self._targets.fetch_kubelets()
        else:
            fields = [scope.field_selector, f"metadata.name={scope.name}" if scope.name else None]
            found = self._targets.fetch_kubelets(
                labels=scope.label_selector or "", fields=",".join(filter(None, fields))
            )
        return found

    def _read(self, kubelets: Sequence[addresses.Kubelet]) -> None:
        """Ask those that were not asked just now."""
        self._forget_vanished()
        now = self._clock()
        due = []
        for kubelet in kubelets:
            node = self._nodes.setdefault(kubelet.node, state.NodeState())
            if node.is_due(now, oldest=now - REUSE_SECONDS):
                due.append(kubelet)
        if not due:
            return
        # Who failed the last time comes last, so that it costs no other its turn.
        due.sort(key=lambda each: self._nodes[each.node].failure is not None)
        self._ask(due)
        ended = self._clock()
        for kubelet in due:
            self._nodes[kubelet.node].read_at = ended
        self._targets.note_doubt(doubtful=any(self._nodes[each.node].is_lost for each in due))

    def _ask(self, kubelets: Sequence[addresses.Kubelet]) -> None:
        """Scrape all of them in one round, and note of each the answer or why there is none."""
        scraper = scrape.Scraper(self._kubelets, by_name=self._proxy, clock=self._clock, detail=self._detail)
        nodes = self._nodes
        over = threading.Event()  # who comes back after it comes too late

        def ask(kubelet: addresses.Kubelet, deadline: float) -> None:
            try:
                scraped = scraper.scrape(kubelet, deadline)
            except errors.ClusterError as error:
                if not over.is_set():
                    nodes[kubelet.node].fail(failures.classify(error, proxy=self._proxy), self._clock())
                return
            missing = (
                None if scraped.missing is None else failures.classify(scraped.missing, proxy=self._proxy)
            )
            if not over.is_set():
                nodes[kubelet.node].succeed(scraped, missing)

        seconds = self._timeout * _ROUND_TIMEOUTS
        try:
            late = fanout.scrape_all(
                kubelets, ask, workers=self._workers, timeout=self._timeout, round_seconds=seconds
            )
        finally:
            over.set()
        for kubelet in late:
            nodes[kubelet.node].fail(failures.classify(fanout.not_in_time(seconds)), self._clock())

    def _forget_vanished(self) -> None:
        """Drop what is remembered of nodes that the last list of all nodes does not hold."""
        names = self._targets.all_names()
        if names is None:
            return
        gone = self._nodes.keys() - names
        for node in gone:
            del self._nodes[node]

    def _insist(self, scope: sources.Scope, kubelets: Sequence[addresses.Kubelet]) -> None:
        """Raise if a whole cluster gave nothing; of a part, the rows say why."""
        failed = {each.node: self._nodes[each.node].failure for each in kubelets}
        known = {node: failure for node, failure in failed.items() if failure is not None}
        part = not scope.pods and (scope.name or scope.label_selector or scope.field_selector)
        if known and len(known) == len(failed) and not part:
            failures.raise_all(known, proxy=self._proxy)

    def _add_nodes(self, usage: sources.Usage, kubelets: Sequence[addresses.Kubelet]) -> None:
        for kubelet in kubelets:
            read = self._nodes[kubelet.node].usage
            if read is None:
                continue
            if read.node is not None:
                usage.nodes[kubelet.node] = read.node
            if read.node_code is not None:
                usage.node_reasons[kubelet.node] = read.node_code
            details = self._nodes[kubelet.node].details
            if details and (key := (kubelet.node,)) in details:
                usage.details[key] = details[key]

    def _add_pods(
        self,
        usage: sources.Usage,
        kubelets: Sequence[addresses.Kubelet],
        scope: sources.Scope,
        chosen: frozenset[tuple[str, str]] | None,
    ) -> None:
        whole = scope.namespace is None and scope.name is None and chosen is None
        for kubelet in kubelets:
            node = self._nodes[kubelet.node]
            read = node.usage
            if read is None:
                continue
            self._note_reports(usage, kubelet.node, kubelets)
            if whole:
                usage.pods.update(read.pods)
                usage.pod_reasons.update(read.pod_reasons)
                usage.details.update({key: each for key, each in node.details.items() if len(key) > 1})
                continue
            for key, sample in read.pods.items():
                if (
                    scope.namespace in (None, key[0])
                    and scope.name in (None, key[1])
                    and (chosen is None or key in chosen)
                ):
                    usage.pods[key] = sample
                    if key in read.pod_reasons:
                        usage.pod_reasons[key] = read.pod_reasons[key]
            for place, details in node.details.items():
                if place[:2] in usage.pods:
                    usage.details[place] = details

    def _note_reports(self, usage: sources.Usage, node: str, kubelets: Sequence[addresses.Kubelet]) -> None:
        """Keep apart the samples that this node and one before it have of the same pod."""
        read = self._nodes[node].usage
        assert read is not None
        for key in usage.pods.keys() & read.pods.keys():
            if key not in usage.reports:
                before = next(
                    each.node
                    for each in kubelets
                    if (usage_of_node := self._nodes[each.node].usage) is not None
                    and key in usage_of_node.pods
                )
                usage.reports[key] = {before: usage.pods[key]}
            usage.reports[key][node] = read.pods[key]


def _read_ca(path: str) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise errors.ConfigurationError(
            f"the CA file of the kubelets {path!r} cannot be read: {(error.strerror or 'unknown').lower()}",
            remedy="name a file of PEM certificates",
        ) from error
