"""Clusters as the library shows them: connect, then ask for records or snapshots.

A snapshot needs up to three lists (usage, nodes, pods), which are fetched at the same time. Half an answer
is a snapshot with problems; only when nothing at all could be read is there an exception.
"""

from __future__ import annotations

import functools
import time
from datetime import UTC, datetime

from kubevitals import errors, reader
from kubevitals.kube import client as kube_client
from kubevitals.kube import clientconfig
from kubevitals.kube.http import authentication
from kubevitals.sources import factory, none

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Self

    from kubevitals import clusterhistory, model, problems, sources
    from kubevitals import history as histories
    from kubevitals.history import simulated as simulated_history
    from simcluster import errors as simulated_errors
    from simcluster import simulation as simulated


def connect(
    context: str | None = None,
    *,
    simulate: bool = False,
    simulation: dict[str, Any] | None = None,
    source: str = "auto",
    kubelet: Mapping[str, Any] | None = None,
    prometheus: Mapping[str, Any] | None = None,
    request_timeout: float = 15.0,
    **options: Any,
) -> Cluster:
    """Return the cluster that kubectl would talk to, or a simulated one. Nothing is requested yet.

    Args:
        context: a context of the kubeconfig; its current one where None.
        simulate: start a simulated cluster on loopback instead; it ends with `close()`.
        simulation: how large and how it is: `nodes`, `pods`, `seed`, `faults` ... Implies `simulate`.
        source: where usage comes from: "auto" for the best that answers, or the name of one.
        kubelet: how kubelets are asked: `ca_file`, `insecure`, `port`, `proxy`.
        prometheus: where a Prometheus-compatible server is, and as whom: `url`, `token_file`, `user_file`,
            `ca`, `header`, `cluster` ... With a `url`, "auto" asks it first.
        request_timeout: seconds for one request with all its retries.
        **options: kubectl's global flags with underscores: `kubeconfig`, `namespace`, `cluster`, `user`,
            `server`, `token`, `certificate_authority`, `client_certificate`, `client_key`,
            `insecure_skip_tls_verify`, `tls_server_name`, `as_user`, `as_groups` ...

    Raises:
        errors.NoClusterError: nothing names a cluster.
        errors.ConfigurationError: the kubeconfig or an option cannot be used.
        errors.CredentialsError: a credential could not be had.

    Example:
        >>> with kubevitals.connect("prod") as cluster:
        ...     for pod in cluster.pods(namespace="shop"):
        ...         print(pod.name, pod.cpu_usage_cores, pod.memory_of_limit)
    """
    from kubevitals import parameters

    with parameters.Translation():
        return open_cluster(
            context,
            simulate=simulate,
            simulation=simulation,
            source=source,
            kubelet=kubelet,
            prometheus=prometheus,
            request_timeout=request_timeout,
            **options,
        )


def connect_all(contexts: Iterable[str], **options: Any) -> Clusters:
    """Return several clusters as one, each by its context of the kubeconfig; `options` as for `connect`.

    Raises: as `connect`.

    Example:
        >>> with kubevitals.connect_all(["prod-eu", "prod-us"]) as clusters:
        ...     frame = clusters.pods().to_pandas()  # its column `cluster` says which
    """
    opened = Clusters()
    try:
        for context in dict.fromkeys(contexts):
            opened.clusters += (connect(context, **options),)
    except BaseException:
        opened.close()
        raise
    return opened


def open_cluster(
    context: str | None = None,
    *,
    simulate: bool = False,
    simulation: dict[str, Any] | None = None,
    source: str = "auto",
    kubelet: Mapping[str, Any] | None = None,
    prometheus: Mapping[str, Any] | None = None,
    request_timeout: float = 15.0,
    **options: Any,
) -> Cluster:
    """Return the cluster as `connect` does; its errors speak of the flags of the command line."""
    if simulate or simulation is not None:
        # Its kubelets listen only where they are wanted: their nodes' addresses are this machine's then.
        settings = {"kubelets": source == "kubelet", **(simulation or {})}
        client, world = _open_simulated(settings, request_timeout)
        if settings["kubelets"] and not world.has_kubelet_ports:
            kubelet = {**(kubelet or {}), "proxy": True}
    else:
        client, world = _open_client(context, options, request_timeout), None
    try:
        opened = factory.open_source(client, source, kubelet=kubelet, prometheus=prometheus)
    except BaseException:
        Cluster(client, source=none.NoSource(), world=world).close()
        raise
    return Cluster(client, source=opened, world=world)


def _open_client(context: str | None, options: dict[str, Any], request_timeout: float) -> kube_client.Client:
    import os

    from kubevitals.kube.auth import kubeconfig

    if context is not None:
        options["context"] = context
    config = kubeconfig.open_config(kubeconfig.Options(**options), environ=os.environ)
    return kube_client.Client(config, request_timeout=request_timeout)


def _open_simulated(
    settings: dict[str, Any], request_timeout: float
) -> tuple[kube_client.Client, simulated.SimulatedCluster]:
    """Start a simulated cluster that speaks plain HTTP: a process that talks to itself needs no TLS.

    TLS is there for a fault that shows a certificate. Without the package that makes certificates, kubelets
    have no ports of their own.
    """
    from simcluster import errors as simulated_errors
    from simcluster import faults
    from simcluster import simulation as simulated
    from simcluster.http import certificates

    try:
        shown = faults.showing_certificates(settings.get("faults", ()))
        settings = {"tls": faults.EXPIRED_CERTIFICATE in shown, **settings}
        settings["kubelets"] = settings["kubelets"] and certificates.can_be_made()
        world = simulated.SimulatedCluster(**settings)
        world.start()
    except simulated_errors.SimulationError as error:
        raise translate_simulation_error(error) from error
    config = clientconfig.ClientConfig(
        world.url,
        _Token(world.token),
        context="simulated",
        ca=world.ca or None,
        origin="the simulation",
        compression=False,  # on loopback it costs more than it saves
    )
    return kube_client.Client(config, request_timeout=request_timeout), world


def translate_simulation_error(error: simulated_errors.SimulationError) -> errors.KubevitalsError:
    """Return our own exception for one of a simulated cluster: UsageError for what it cannot be asked for,
    ConfigurationError for what this machine does not have.
    """
    from simcluster import errors as simulated_errors

    if isinstance(error, simulated_errors.PortError | simulated_errors.CertificatesError):
        return errors.ConfigurationError(error.message, remedy=error.remedy)
    return errors.UsageError(error.message, remedy=error.remedy)


class _Token(authentication.Credentials):
    """The token of a simulated cluster."""

    __slots__ = ("_credential",)
    kind = "token"

    def __init__(self, token: str) -> None:
        self._credential = authentication.Credential(f"Bearer {token}")

    def fetch(self) -> authentication.Credential:
        return self._credential


class Cluster:
    """A connected cluster. Use it in a `with` block, or `close()` it. Threads may share it."""

    def __init__(
        self,
        client: kube_client.Client,
        *,
        source: sources.Source | None = None,
        world: simulated.SimulatedCluster | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.client = client
        self.source: sources.Source = source or factory.open_source(client)
        self.world = world
        self._clock = clock

    @property
    def config(self) -> clientconfig.ClientConfig:
        """Where and as whom requests are made."""
        return self.client.config

    @property
    def name(self) -> str:
        """The context's name."""
        return self.config.context

    def snapshot(
        self,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        nodes: bool = True,
        pods: bool = True,
        pod_details: bool = True,
        node_label_selector: str | None = None,
    ) -> model.Snapshot:
        """Return one reading of nodes and pods.

        Args:
            namespace: read one namespace; all of them where None. Sums on nodes need all.
            label_selector: which pods, as in `kubectl -l`.
            field_selector: which pods, as in `kubectl --field-selector`.
            nodes: read nodes and their usage.
            pods: read pods and their usage.
            pod_details: False reads usage alone: no requests, limits or health, and a fraction of the data.
            node_label_selector: which nodes.

        Raises:
            errors.ForbiddenError: the account may read nothing of what is asked for.
            errors.ClusterError: the cluster does not answer, or not as a cluster does.
        """
        return self._read(
            reader.Request(
                nodes=nodes,
                pods=pods,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                node_label_selector=node_label_selector,
                pod_details=pod_details,
            )
        )

    def read(self, request: reader.Request) -> model.Snapshot:
        """Return the snapshot that `request` describes. Raises as `snapshot`.

        Its problems and errors speak of the flags of the command line.
        """
        return reader.read(self.client, self.source, request, now=self.now)

    def _read(self, request: reader.Request) -> model.Snapshot:
        from kubevitals import parameters

        with parameters.Translation():
            return parameters.translate_snapshot(self.read(request))

    def nodes(self, *, label_selector: str | None = None) -> model.Records[model.Node]:
        """Return the nodes with usage, requests and allocatable. Raises as `snapshot`."""
        return self._read(
            reader.Request(pod_usage=False, with_owners=False, node_label_selector=label_selector)
        ).nodes

    def pods(
        self,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> model.Records[model.Pod]:
        """Return the pods of a namespace (None: of all) with usage, requests and limits.

        Raises as `snapshot`.
        """
        return self.snapshot(
            namespace=namespace, label_selector=label_selector, field_selector=field_selector, nodes=False
        ).pods

    def containers(
        self,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> model.Records[model.Container]:
        """Return the containers of those pods. Raises as `snapshot`."""
        return self.snapshot(
            namespace=namespace, label_selector=label_selector, field_selector=field_selector, nodes=False
        ).containers

    def workloads(
        self, *, namespace: str | None = None, label_selector: str | None = None
    ) -> model.Records[model.Total]:
        """Return the sums of those pods by Deployment, CronJob, DaemonSet ... Raises as `snapshot`."""
        return self.pods(namespace=namespace, label_selector=label_selector).group("workload")

    def namespaces(self, *, label_selector: str | None = None) -> model.Records[model.Total]:
        """Return the sums of pods by namespace; one without pods has none. Raises as `snapshot`."""
        return self.pods(label_selector=label_selector).group("namespace")

    def problems(self, *, namespace: str | None = None) -> model.Records[problems.ClusterProblem]:
        """Return all that is wrong, the most serious first; with a namespace, of its pods alone.

        Raises as `snapshot`.
        """
        from kubevitals import problems, recordtuple

        taken = self.snapshot(namespace=namespace, nodes=namespace is None)
        blank = problems.ClusterProblem("", "", "", None, None, "")
        origin = recordtuple.Origin(
            "problems", taken.cluster, taken.generated_at, taken.problems, blank=blank
        )
        return recordtuple.Records(problems.find(taken), origin)

    def history(
        self, location: str | None = None, *, name: str | None = None, **server: Any
    ) -> clusterhistory.ClusterHistory:
        """Return what was recorded of this cluster; `location` and `server` as for `open_history`.

        `name` is the one it was recorded under, if that is not the context's. A simulated cluster has a past
        of a week, where no `location` is given.
        """
        from kubevitals import clusterhistory

        if location is None and self.world is not None:
            return clusterhistory.ClusterHistory(self.past(), cluster=self.name)
        return clusterhistory.open_history(location, cluster=name or self.name, **server)

    def past(
        self, *, recorded: histories.History | None = None, owned: bool = False
    ) -> simulated_history.Simulated:
        """Return the last week of a simulated cluster as a history.

        `recorded` answers what lies within it. With `owned` the cluster ends when the history is closed.

        Raises:
            errors.UsageError: the cluster is not simulated.
        """
        from kubevitals.history import simulated as simulated_history

        if self.world is None:
            raise errors.UsageError("only a simulated cluster knows its past without a recording")
        return simulated_history.Simulated(
            self.name,
            usage_at=self.world.past_usage,
            read=lambda source, moment: reader.read(
                self.client, source, reader.Request(), now=lambda: moment
            ),
            clock=self.now,
            recorded=recorded,
            close=self.close if owned else None,
        )

    def watch(
        self, *, interval: float = 15.0, sleep: Callable[[float], None] = time.sleep, **scope: Any
    ) -> Iterator[model.Snapshot]:
        """Yield a snapshot now and then every `interval` seconds, without end; `scope` as for `snapshot`.

        Raises as `snapshot`, when it happens: catch it around `next` to go on.
        """
        while True:
            started = time.monotonic()
            yield self.snapshot(**scope)
            sleep(max(0.0, interval - (time.monotonic() - started)))

    def now(self) -> datetime:
        """Return the time that ages are counted from."""
        return datetime.fromtimestamp(self._clock(), UTC)

    def close(self) -> None:
        """Close the connections, and end the simulated cluster if this is one."""
        close = getattr(self.source, "close", None)
        if close is not None:
            close()
        self.client.close()
        if self.world is not None:
            self.world.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Clusters:
    """Several connected clusters, asked at the same time. Use it in a `with` block, or `close()` it.

    What cannot be read of one cluster is in `problems` of the Records; an error means that none answered.
    """

    def __init__(self, clusters: Iterable[Cluster] = ()) -> None:
        self.clusters = tuple(clusters)

    def nodes(self, **scope: Any) -> model.Records[model.Node]:
        """Return the nodes of all clusters; `scope` as for `Cluster.nodes`."""
        return self._gather(lambda cluster: cluster.nodes(**scope))

    def pods(self, **scope: Any) -> model.Records[model.Pod]:
        """Return the pods of all clusters; `scope` as for `Cluster.pods`."""
        return self._gather(lambda cluster: cluster.pods(**scope))

    def containers(self, **scope: Any) -> model.Records[model.Container]:
        """Return the containers of all clusters; `scope` as for `Cluster.containers`."""
        return self._gather(lambda cluster: cluster.containers(**scope))

    def workloads(self, **scope: Any) -> model.Records[model.Total]:
        """Return the workloads of each cluster; `scope` as for `Cluster.workloads`."""
        return self._gather(lambda cluster: cluster.workloads(**scope))

    def namespaces(self, **scope: Any) -> model.Records[model.Total]:
        """Return the namespaces of each cluster; `scope` as for `Cluster.namespaces`."""
        return self._gather(lambda cluster: cluster.namespaces(**scope))

    def problems(self, **scope: Any) -> model.Records[problems.ClusterProblem]:
        """Return what is wrong with each cluster; `scope` as for `Cluster.problems`."""
        return self._gather(lambda cluster: cluster.problems(**scope))

    def close(self) -> None:
        """Close all of them."""
        for each in self.clusters:
            each.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _gather(self, read: Callable[[Cluster], model.Records[Any]]) -> model.Records[Any]:
        from kubevitals import model, parallel, recordqueries

        known: dict[int, model.Records[Any]] = {}
        failed: dict[int, errors.KubevitalsError] = {}

        def ask(place: int) -> None:
            try:
                known[place] = read(self.clusters[place])
            except (errors.ClusterError, errors.MetricsError, errors.CredentialsError) as error:
                failed[place] = error

        if not self.clusters:
            return model.Records(())
        places = range(len(self.clusters))
        parallel.run([functools.partial(ask, place) for place in places])
        if not known:
            raise failed[0]
        joined = recordqueries.join([known[place] for place in places if place in known])
        problems = [
            model.Problem.of(failed[place], about=self.clusters[place].name)
            for place in places
            if place in failed
        ]
        return model.Records(joined, joined.origin._replace(problems=(*joined.problems, *problems)))
