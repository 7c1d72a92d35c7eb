"""What a service lacks of rights, all of it in one line of the log, with what grants it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from kubevitals import errors, parallel, rbac
from kubevitals.cli import rights
from kubevitals.kube import accessreview, resourceattributes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from kubevitals import cluster as clusters

_LOG = logging.getLogger("kubevitals.rights")


def check(connected: Iterable[clusters.Cluster], arguments: argparse.Namespace) -> None:
    """Ask each cluster in a thread for the rights of what is switched on, and log those that are missing."""
    features = choose(arguments)
    for cluster in connected:
        threading.Thread(
            target=_tell, args=(cluster, features, arguments.namespace), name="rights", daemon=True
        ).start()


def choose(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the features of `kubevitals rbac` that a service with these options uses."""
    source = "metrics-server" if arguments.source == "auto" else arguments.source
    if getattr(arguments, "detail", False):
        source = "kubelet"
    chosen = set(rbac.choose((), namespace=arguments.namespace, source=source))
    if source == "prometheus" and arguments.prometheus_url:
        chosen -= {"prometheus"}
    if arguments.no_nodes:
        chosen -= {"nodes", "node-usage"}
    chosen |= {"kubelet-detail"} if getattr(arguments, "detail", False) else set()
    chosen |= {"kube-state"} if "kube-state-metrics" in (arguments.compat or ()) else set()
    chosen |= {"auth"} if arguments.auth == "kubernetes" else set()
    chosen |= {"doctor"} if getattr(arguments, "doctor", None) is not None else set()
    return tuple(name for name in rbac.FEATURES if name in chosen)


def find_missing(
    cluster: clusters.Cluster, features: Sequence[str], *, namespace: str | None
) -> list[resourceattributes.ResourceAttributes]:
    """Return the rights of these features that the account does not have, as far as the cluster says.

    Raises:
        errors.ClusterError: the cluster does not answer.
    """
    inside, outside = rbac.split(features, namespaced=namespace is not None)
    wanted = [
        resourceattributes.ResourceAttributes(verb, rule.resource, rule.group, place)
        for rules, place in ((inside, namespace or ""), (outside, ""))
        for rule in rules
        if rule.resource
        for verb in rule.verbs
    ]
    answers: dict[resourceattributes.ResourceAttributes, bool | None] = {}

    def ask(right: resourceattributes.ResourceAttributes) -> None:
        answers[right] = accessreview.is_allowed(cluster.client, right)

    parallel.run([lambda right=right: ask(right) for right in dict.fromkeys(wanted)])  # type: ignore[misc]
    return [right for right in dict.fromkeys(wanted) if answers.get(right) is False]


def _tell(cluster: clusters.Cluster, features: Sequence[str], namespace: str | None) -> None:
    try:
        missing = find_missing(cluster, features, namespace=namespace)
        user = accessreview.whoami(cluster.client) if missing else ""
    except errors.KubevitalsError:  # the collector says so already
        return
    if not missing:
        return
    _LOG.warning(
        "%s: %s lacks %d rights: %s. What grants all: %s",
        cluster.name,
        user or "this account",
        len(missing),
        ", ".join(str(right) for right in missing),
        rights.command(",".join(features), user, namespace or ""),
        extra={"event": "rights_missing", "cluster": cluster.name},
    )
