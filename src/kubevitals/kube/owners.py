"""The upper end of the owner chain: which CronJob is behind a Job, which Deployment behind a ReplicaSet.

Only owners that pods do not tell by themselves are asked for, as metadata alone, so that a cluster
without such pods costs no request and no rights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import errors, model
from kubevitals.kube import codec, listwatch, resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubevitals.kube import client as clients
    from kubevitals.kube import records

PARENTS = {"Job": resources.JOBS, "ReplicaSet": resources.REPLICASETS}
"""The kinds that may have an owner of their own."""


def resolve(
    client: clients.Client, pods: Sequence[model.Pod], *, namespace: str | None
) -> tuple[list[model.Pod], list[model.Problem]]:
    """Return the pods with the top of their owner chain, and why some owners stay unknown.

    Where Jobs or ReplicaSets cannot be listed, a pod keeps its direct owner.
    """
    found: dict[tuple[str, str, str], records.Owner] = {}
    problems: list[model.Problem] = []
    for kind in sorted({pod.workload_kind for pod in pods if pod.workload_kind in PARENTS}):
        parents = listwatch.ListWatch(client, PARENTS[kind], codec.METADATA, namespace=namespace)
        try:
            page = parents.list()
        except errors.ClusterError as error:  # half an answer is better than none
            about = f"what owns the {kind}s is unknown"
            problems.append(model.Problem.of(error, code="owners_unknown", about=about))
            continue
        for each in page.items:
            if each.owner is not None:
                found[kind, each.namespace, each.name] = each.owner
    return [_with_top(pod, found) for pod in pods] if found else list(pods), problems


def _with_top(pod: model.Pod, found: dict[tuple[str, str, str], records.Owner]) -> model.Pod:
    owner = found.get((pod.workload_kind or "", pod.namespace, pod.workload_name or ""))
    return pod if owner is None else with_owner(pod, owner)


def with_owner(pod: model.Pod, owner: records.Owner) -> model.Pod:
    """Return the pod and its containers with that owner."""
    containers = tuple(
        each._replace(workload_kind=owner[0], workload_name=owner[1]) for each in pod.containers
    )
    return pod._replace(workload_kind=owner[0], workload_name=owner[1], containers=containers)
