"""From options to the source: which server, which cluster in it, which queries. It asks nothing yet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from kubevitals import errors
from kubevitals.promql import config
from kubevitals.sources.prometheus import queries as own_queries
from kubevitals.sources.prometheus import source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubevitals.kube import client as kube_client
    from kubevitals.promql import client as promql_client


_NO_ADDRESS = config.ServerOptions()  # it is looked for in the cluster


def open_source(
    client: kube_client.Client | None,
    server: config.ServerOptions = _NO_ADDRESS,
    *,
    range: float | None = None,  # noqa: A002 - the flag is --prometheus-range
    cluster: str | None = None,
    queries: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> source.PrometheusSource:
    """Return the source that the options describe; each keyword is the flag --prometheus-... of that name.

    Args:
        client: of the API server: it finds Prometheus where `server` has no address, and knows what selectors
            mean.
        server: how Prometheus is reached.
        range: seconds over which CPU is averaged; from the scrape interval where None.
        cluster: NAME or NAME=LABEL: take the series whose label `cluster`, or LABEL, is NAME.
        queries: a file with queries of one's own.
        environ: may name a proxy, and tells whether this runs in the cluster.

    Raises:
        errors.ConfigurationError: an option cannot be used.
        errors.CredentialsError: a file cannot be read.
        errors.UsageError: there is neither an address nor a cluster to find it in.
    """
    name, _, label = (cluster or "").partition("=")
    if cluster is not None and not name:
        raise errors.UsageError("--prometheus-cluster has no name", remedy="write it as NAME or NAME=LABEL")
    if range is not None and range <= 0:
        raise errors.UsageError("--prometheus-range is not longer than nothing", remedy="write it as 5m")
    if server.url is None:
        if server != config.ServerOptions(timeout=server.timeout):
            raise errors.UsageError(
                "options of --prometheus-url are given without it",
                remedy="a Prometheus that is found in the cluster is asked without credentials",
            )
        opened = _finder(client, timeout=server.timeout, environ=environ)
    else:
        found = config.open_prometheus(server, environ=environ)

        def opened() -> promql_client.Prometheus:
            return found

    return source.PrometheusSource(
        opened,
        window=range,
        cluster=name or None,
        cluster_label=label or "cluster",
        table=own_queries.TABLE if queries is None else own_queries.load(queries),
        client=client,
    )


def _finder(
    client: kube_client.Client | None, *, timeout: float, environ: Mapping[str, str]
) -> Callable[[], promql_client.Prometheus]:
    """Return what looks for Prometheus when it is needed."""
    if client is None:
        raise errors.UsageError("there is no cluster to find Prometheus in", remedy="give --prometheus-url")

    # A pod may well read another cluster than its own: DNS names lead into its own alone. Looked at now, as
    # the context may be renamed.
    inside = "KUBERNETES_SERVICE_HOST" in environ and client.config.context == "in-cluster"

    def find() -> promql_client.Prometheus:
        from kubevitals.promql import discovery

        return discovery.find(client, inside=inside, timeout=timeout)

    return find
