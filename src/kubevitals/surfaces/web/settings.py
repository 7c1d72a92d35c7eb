"""The settings of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kubevitals.surfaces.http import memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubevitals import history as histories
    from kubevitals.doctor import examiner
    from kubevitals.kube import objectcache
    from kubevitals.surfaces import exposition as expositions
    from kubevitals.surfaces.view import recorderstatus
    from kubevitals.surfaces.web import auth

# Labels by which providers and autoscalers name the pool of a node, the first that is there counts.
NODE_POOL_LABELS = (
    "karpenter.sh/nodepool",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "doks.digitalocean.com/node-pool",
    "k8s.scaleway.com/pool-name",
    "lke.linode.com/pool-id",
    "ibm-cloud.kubernetes.io/worker-pool-name",
    "kops.k8s.io/instancegroup",
    "nodepool",
)


class Settings(NamedTuple):
    """How a service behaves.

    `authenticator` decides who may ask for what (None: everybody). `exposition` is what `/metrics` shows, as
    `exposition.Options`, `states` the further lists it needs. `origins` are the web sites whose scripts may
    read the answers (CORS). `hosts` are the names that are served besides those of loopback (None: any), and
    with `address_hosts` whatever is written as an IP address is served too. `streams` is how many event
    streams may be open at once. `history` is what the routes of history answer from; it stays the caller's,
    to be fed and closed. `recorded` tells how it and remote-write are doing; it may look at the disk.
    `examiners` are the doctors of the clusters, by name; None: one of each, without Prometheus.
    """

    authenticator: auth.Authenticator | None = None
    exposition: expositions.Options | None = None
    states: Sequence[objectcache.ObjectCache] = ()
    origins: Sequence[str] = ()
    hosts: Sequence[str] | None = None
    address_hosts: bool = False
    node_pool_labels: Sequence[str] = NODE_POOL_LABELS
    streams: int = 200
    history: histories.History | None = None
    recorded: Callable[[], recorderstatus.RecorderStatus] | None = None
    examiners: Mapping[str, examiner.Examiner] | None = None
    heartbeat_seconds: float = 15.0
    send_timeout: float = 10.0  # seconds that a stream's client may leave an event unread
    open_health: bool = True  # health routes answer without credentials
    answer_bytes: int = memory.DEFAULT  # of all answers: kept, in the making, on their way
    query_bytes: int = 8192  # the longest query
