"""Where the simulated cluster answers otherwise than the recorded one, each with its reason.

An item that is no difference any more fails test_simcluster_recorded.py: the list can only be true.
"""

from __future__ import annotations

from typing import NamedTuple


class Difference(NamedTuple):
    """`where` are names of recordings, `what` their differences; both with `*` and `?` as in file names."""

    why: str
    where: tuple[str, ...]
    what: tuple[str, ...]


LIST: tuple[Difference, ...] = (
    Difference(
        "the simulation is read-only: it offers no verbs that write, and no subresources but logs",
        ("discovery/*", "metrics/unavailable-apis-aggregated"),
        (
            "resource.verbs: [[]'get', 'list', 'watch'], recorded *'create'*",
            "resource.subresources: *",
            "lacks items*.subresources",
            "lacks resources[[]].group",
            "lacks resources[[]].version",
        ),
    ),
    Difference(
        "it is read-only: nothing is created, not even for trial", ("statuses/422-pod",), ("status: 405,*",)
    ),
    Difference(
        "it stores nothing in etcd, and so has no hashes of storage versions",
        ("discovery/core", "discovery/apps", "discovery/batch", "discovery/autoscaling"),
        ("lacks resources[[]].storageVersionHash",),
    ),
    Difference("it speaks JSON and protobuf, not YAML", ("statuses/200-yaml",), ("status: 406,*",)),
    Difference("/version is JSON whoever asks", ("statuses/406-version",), ("status: 200,*",)),
    Difference("discovery answers GET only, not any method", ("statuses/405-apis",), ("status: 405,*",)),
    Difference(
        "that metrics-server is gone is noticed at once, not after seconds of refused connections",
        ("metrics/killed-nodes",),
        ("text: service unavailable*",),
    ),
    Difference(
        "its world has nothing of these kinds",
        (
            *(
                f"objects/{kind}"
                for kind in ("configmaps", "limitranges", "persistentvolumeclaims", "resourcequotas")
            ),
            *(
                f"kind/{kind}"
                for kind in ("ConfigMap", "LimitRange", "PersistentVolumeClaim", "ResourceQuota")
            ),
            "forms/persistentvolumeclaims-table",
        ),
        ("has nothing of the kind", "columns: *"),
    ),
    Difference(
        "pods that ended are in its world, and none in the recorded one: rows of those have conditions",
        ("forms/pods-table", "forms/pods-table-no-object"),
        ("has rows[[]].conditions",),
    ),
    Difference(
        "who writes what is not tracked in reviews, which are never stored",
        ("reviews/*",),
        ("lacks metadata.managedFields",),
    ),
    Difference(
        "it does not repeat the token that it was asked about", ("reviews/token-*",), ("lacks spec.token",)
    ),
    Difference(
        "its users have names and groups alone, neither uids nor credentials that could be named",
        ("reviews/token-good", "reviews/who-am-i*"),
        ("lacks status.user*.extra", "lacks status.user.uid"),
    ),
    Difference(
        "what Go's decoder says of bodies that are no objects is not copied",
        ("reviews/no-json",),
        ("message: *",),
    ),
    Difference(
        "events do not tell at which version of an object they happened",
        ("kind/Event",),
        ("lacks involvedObject.resourceVersion",),
    ),
    Difference("kwok gives nodes a phase, kubelets do not", ("kind/Node",), ("lacks status.phase",)),
    Difference(
        "its DaemonSets place pods without an affinity, its Jobs count them without a finalizer",
        ("kind/Pod",),
        ("lacks spec.affinity", "lacks metadata.finalizers"),
    ),
    Difference(
        "its metrics-server is registered without a certificate authority, as its own manifests do it",
        ("kind/APIService",),
        ("lacks spec.caBundle",),
    ),
    Difference(
        "none of its workloads of these kinds chooses nodes",
        ("kind/Deployment", "kind/ReplicaSet", "kind/StatefulSet"),
        ("lacks spec.template.spec.nodeSelector",),
    ),
    Difference(
        "slices get their names without a prefix", ("kind/EndpointSlice",), ("lacks metadata.generateName",)
    ),
)
