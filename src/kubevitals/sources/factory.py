"""Opening the source of usage that was asked for by name, or the choice among all of them."""

from __future__ import annotations

from kubevitals import errors, sources
from kubevitals.sources import metricsapi

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from kubevitals.kube import client as kube_client
    from kubevitals.sources import choice

AUTO = "auto"
NAMES = (AUTO, sources.METRICS_API, sources.KUBELETS, sources.PROMETHEUS, sources.NONE)
_FALLBACK_TIMEOUT = 3.0  # seconds for one kubelet that nobody has asked for: it may be out of reach


def open_source(
    client: kube_client.Client,
    name: str = AUTO,
    *,
    kubelet: Mapping[str, Any] | None = None,
    prometheus: Mapping[str, Any] | None = None,
) -> sources.Source:
    """Return the source of that name. Nothing is requested yet.

    A source that is named is never replaced by another. "auto" takes the best that answers: Prometheus if
    `prometheus` has its address, the metrics API, the kubelets if the rights allow it.

    Args:
        client: of the cluster; it stays the caller's.
        name: one of NAMES.
        kubelet: `ca_file`, `insecure`, `port`, `proxy`; see `kubelet.source.Kubelets`.
        prometheus: `url`, `token_file`, `ca`, `cluster` ...; the fields of
            `promql.config.ServerOptions` and keywords of `sources.prometheus.factory.open_source`. Without
            `url` it is looked for in the cluster.

    Raises:
        errors.UsageError: there is no such source.
        errors.ConfigurationError: a setting cannot be used.
    """
    kubelet, prometheus = kubelet or {}, prometheus or {}
    if name == AUTO:
        from kubevitals.sources import choice

        return choice.Choice(_candidates(client, kubelet, prometheus))
    if name == sources.METRICS_API:
        return metricsapi.MetricsAPI(client)
    if name == sources.KUBELETS:
        return _open_kubelets(client, kubelet)
    if name == sources.PROMETHEUS:
        return _open_prometheus(client, prometheus)
    if name == sources.NONE:
        from kubevitals.sources import none

        return none.NoSource()
    raise errors.UsageError(f"there is no source {name[:60]!r}", remedy=f"the sources are {', '.join(NAMES)}")


def _candidates(
    client: kube_client.Client, kubelet: Mapping[str, Any], prometheus: Mapping[str, Any]
) -> list[choice.Candidate]:
    from kubevitals.sources import choice

    found = [
        choice.Candidate(sources.METRICS_API, lambda: metricsapi.MetricsAPI(client)),
        choice.Candidate(
            sources.KUBELETS,
            lambda: _open_kubelets(client, {"timeout": _FALLBACK_TIMEOUT, **kubelet}),
            check=lambda: _check_kubelet_rights(client, proxy=bool(kubelet.get("proxy"))),
        ),
    ]
    if prometheus.get("url"):
        opened = _open_prometheus(client, prometheus)  # at once: a bad setting is an error now
        found.insert(0, choice.Candidate(sources.PROMETHEUS, lambda: opened))
    return found


def _open_kubelets(client: kube_client.Client, settings: Mapping[str, Any]) -> sources.Source:
    from kubevitals.sources.kubelet import source

    return source.Kubelets(client, **settings)


def _check_kubelet_rights(client: kube_client.Client, *, proxy: bool) -> None:
    """Ask the cluster whether this account may read kubelets.

    Raises:
        errors.NoSourceError: it may not, or the cluster does not answer.
    """
    from kubevitals.kube import accessreview, resourceattributes

    right = resourceattributes.ResourceAttributes("get", "nodes/proxy" if proxy else "nodes/metrics")
    try:
        allowed = accessreview.is_allowed(client, right)
    except errors.ClusterError as error:
        raise errors.NoSourceError(error.message) from error
    if allowed is False:
        refused = errors.NoSourceError(f"this account may not {right}")
        refused.right = right
        raise refused


def _open_prometheus(client: kube_client.Client, settings: Mapping[str, Any]) -> sources.Source:
    from kubevitals.promql import config
    from kubevitals.sources.prometheus import factory

    of_server = {key: value for key, value in settings.items() if key in config.ServerOptions._fields}
    others = {key: value for key, value in settings.items() if key not in of_server}
    return factory.open_source(client, config.ServerOptions(**of_server), **others)
