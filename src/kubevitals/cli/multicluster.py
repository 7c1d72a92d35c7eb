"""The clusters of several contexts, for the commands that run for long: record, serve and export."""

from __future__ import annotations

from kubevitals import errors, sanitize
from kubevitals.cli import clusteroptions, sourceoptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    import contextlib

    from kubevitals import cluster as clusters
    from kubevitals.kube import objectcache
    from kubevitals.surfaces import exposition


def connect_all(arguments: argparse.Namespace, stack: contextlib.ExitStack) -> list[clusters.Cluster]:
    """Return the clusters of all contexts; the stack closes them.

    Raises:
        errors.UsageError: two clusters would have one name, or share one Prometheus.
        errors.KubevitalsError: as of `kubevitals.connect`.
    """
    import argparse

    connected: dict[str, clusters.Cluster] = {}
    name = arguments.cluster_name
    if name is not None and len(set(arguments.context or [None])) > 1:
        raise errors.UsageError(
            "--cluster-name is for one cluster, and there are several contexts",
            remedy="leave it out: each is called by the name of its context",
        )
    if len(set(arguments.context or [None])) > 1 and sourceoptions.has_address(arguments):
        raise errors.UsageError(
            "--prometheus-url is for one cluster, and there are several contexts",
            remedy="run one for each; --source prometheus alone finds the server in each cluster",
        )
    for context in dict.fromkeys(arguments.context or [None]):
        one = argparse.Namespace(**{**vars(arguments), "context": context, "namespace": None})
        cluster = stack.enter_context(clusteroptions.connect(one))
        if name is not None:
            cluster.client.config = cluster.config._replace(context=name)
        if cluster.name in connected:
            raise errors.UsageError(
                f"two clusters are called {sanitize.printable(cluster.name)[:60]!r}",
                remedy="give contexts with different names",
            )
        connected[cluster.name] = cluster
    return list(connected.values())


def check_one_judge(arguments: argparse.Namespace) -> None:
    """Check that the cluster which judges tokens is the one that is shown.

    Raises:
        errors.UsageError: with --auth kubernetes several clusters are shown, and one would judge for all.
    """
    if arguments.auth == "kubernetes" and len(set(arguments.context or [None])) > 1:
        raise errors.UsageError(
            "--auth kubernetes is for one cluster: accounts of the first would read the others too",
            remedy="serve each cluster by itself, or all of them with --auth token-file",
        )


def open_states(
    connected: list[clusters.Cluster], wanted: exposition.Options, *, namespace: str | None
) -> list[objectcache.ObjectCache]:
    """Return what the families of kube-state-metrics are made of, one for each cluster, if wanted."""
    from kubevitals.kube import objectcache
    from kubevitals.surfaces.exposition import kube_state_metrics
    from kubevitals.surfaces.exposition import options as option_set

    if option_set.KUBE_STATE_METRICS not in wanted.compat:
        return []
    several = len(connected) > 1
    return [
        objectcache.ObjectCache(
            cluster.client,
            kube_state_metrics.converts(cluster.name if several else None),
            namespace=namespace,
        )
        for cluster in connected
    ]
