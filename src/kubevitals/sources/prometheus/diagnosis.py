"""Why Prometheus has no series of a family: a few small questions, asked when there is nothing to show.

The words are for people who know their Prometheus little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import errors, sanitize
from kubevitals.promql import expressions
from kubevitals.sources.prometheus import queries

if TYPE_CHECKING:
    from kubevitals.promql import client as promql_client

_KUBELETS = 'up{job=~".*(kubelet|cadvisor).*"'
_SHOWN = 5  # names of clusters in a message
_LABELS_DROPPED = (
    "a relabelling may drop these labels, or cAdvisor does not see the containers of the runtime "
    "(cgroup driver, cri-dockerd): look at the raw series"
)
_ROOT_DROPPED = (
    'a relabelling may drop the series of nodes, those with id="/" (metricRelabelings), and neither '
    "/metrics/resource nor node-exporter is scraped: look at the raw series"
)
_STOPPED = "look at its targets (Status > Targets): the kubelets' may be down or no longer scraped"
_DOWN = (
    "its page Status > Targets says why: 401 and 403 are rights (nodes/metrics), x509 the certificate, "
    "a timeout a firewall before port 10250"
)
_DROPPED = (
    "a relabelling may drop it (metricRelabelings), or only /metrics is scraped and not /metrics/cadvisor "
    "or /metrics/resource"
)
_NOTHING = (
    "is this the right server, and the right tenant (--prometheus-header X-Scope-OrgID=NAME)? "
    "A server that was just started needs one scrape"
)
_NOT_SELECTED = (
    "kubelets may be scraped by a job of another name, or not at all: is there a ServiceMonitor (or a scrape "
    "job) for their /metrics/cadvisor, with the labels that "
    "Prometheus selects, often `release: NAME`, and in a namespace that it looks at?"
)


def has_series(prometheus: promql_client.Prometheus, selector: str, *, at: float | None) -> bool:
    """Return whether there is any series of a selector now. Raises as `promql_client.Prometheus.query`."""
    return bool(_count(prometheus, selector, at))


def explain(
    prometheus: promql_client.Prometheus,
    family: str,
    *,
    labels: str,
    cluster: str | None,
    cluster_label: str,
    at: float | None,
) -> errors.PrometheusError:
    """Return the error that says what is missing and the probable reason; its code is prometheus_empty.

    `labels` are the matchers of the family that gave nothing, of containers or of nodes.

    Raises as `promql_client.Prometheus.query`.
    """
    message, remedy = _find_reason(
        prometheus, family, labels, cluster=cluster, cluster_label=cluster_label, at=at
    )
    error = errors.PrometheusError(f"{prometheus.server} {message}", remedy=remedy)
    error.code = "prometheus_empty"
    return error


def _find_reason(
    prometheus: promql_client.Prometheus,
    family: str,
    labels: str,
    *,
    cluster: str | None,
    cluster_label: str,
    at: float | None,
) -> tuple[str, str]:
    matcher = "" if cluster is None else expressions.match(cluster_label, cluster)
    if cluster is not None and not _count(prometheus, f"up{{{matcher}}}", at):
        known = prometheus.query(f'count by ({cluster_label}) ({{__name__=~"up|{family}"}})', at=at).series
        names = sorted(filter(None, (each.labels.get(cluster_label) for each in known)))
        if not _count(prometheus, f"{family}{{{matcher}}}", at) and names:
            shown = ", ".join(sanitize.excerpt(name, 60) for name in names[:_SHOWN])
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            return (
                f"knows no cluster {sanitize.excerpt(cluster, 60)!r}: {cluster_label} is {shown}{more}",
                "name one of them by --prometheus-cluster",
            )
        if not names and _count(prometheus, "up", at):
            unknown = sanitize.excerpt(cluster, 60)
            return (
                f"knows no cluster {unknown!r}: neither up nor {family} has the label {cluster_label}",
                "name the label that tells clusters apart: --prometheus-cluster NAME=LABEL",
            )
    if _count(prometheus, f"{family}{{{matcher}}}", at):
        if labels == queries.OF_NODES:
            return f'has {family}, but none of nodes (id="/")', _ROOT_DROPPED
        if _count(prometheus, f"{family}{{{','.join(filter(None, (labels, matcher)))}}}", at):
            return f"has {family}, but no sample of it within the time that is asked for", _STOPPED
        return (
            f"has {family}, but none of containers with the labels namespace, pod and container",
            _LABELS_DROPPED,
        )
    if _count(prometheus, f"last_over_time({family}{{{matcher}}}[1d])", at):
        return (
            f"has no {family} any more: the last sample is minutes old, or older",
            _STOPPED,
        )
    targets = _count(prometheus, f"{_KUBELETS},{matcher}}}", at)
    down = _count(prometheus, f"{_KUBELETS},{matcher}}} == 0", at) if targets else 0
    if down:
        return f"has no {family}: {down} of {targets} kubelet targets are down", _DOWN
    if targets:
        return f"has no {family}, though all of its {targets} kubelet targets are up", _DROPPED
    if _count(prometheus, "up", at):
        return f"has no {family}, and no target whose job is called kubelet or cadvisor", _NOT_SELECTED
    return f"has neither {family} nor up, which every target has", _NOTHING


def _count(prometheus: promql_client.Prometheus, expression: str, at: float | None) -> int:
    found = prometheus.query(f"count({expression})", at=at).series
    return int(found[0].points[0][1]) if found else 0
