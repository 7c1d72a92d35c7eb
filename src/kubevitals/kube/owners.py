"""The upper end of the owner chain: which CronJob is behind a Job, which Deployment behind a ReplicaSet.

Only owners that pods do not tell by themselves are asked for, as metadata alone, so that a cluster
without such pods costs no request and no rights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import errors, model
from kubevitals.kube import objects, pages
from kubevitals.kube.http import urls

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubevitals.kube import client

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
# Kinds that may have an owner of their own.
PARENTS = {"Job": ("batch", "jobs"), "ReplicaSet": ("apps", "replicasets")}

Owner = tuple[str, str]  # kind, name


def resolve(
    source: client.Client, pods: Sequence[model.Pod], *, namespace: str | None
) -> tuple[list[model.Pod], list[model.Problem]]:
    """Return the pods with the top of their owner chain, and why some owners stay unknown.

    Where Jobs or ReplicaSets cannot be listed, a pod keeps its direct owner.
    """
    parents: dict[tuple[str, str, str], Owner] = {}
    problems: list[model.Problem] = []
    for kind in sorted({pod.workload_kind for pod in pods if pod.workload_kind in PARENTS}):
        try:
            parents.update(_fetch_parents(source, kind, namespace=namespace))
        except errors.ClusterError as error:  # half an answer is better than none
            problems.append(
                model.Problem.of(error, code="owners_unknown", about=f"what owns the {kind}s is unknown")
            )
    if not parents:
        return list(pods), problems
    return [_with_parent(pod, parents) for pod in pods], problems


def _fetch_parents(
    source: client.Client, kind: str, *, namespace: str | None
) -> dict[tuple[str, str, str], Owner]:
    path = path_of(kind, namespace=namespace)
    answer = source.fetch_list(path, decode_metadata, limit=pages.SIZE, accept=METADATA_ONLY)
    parents = {}
    for page in answer:
        for meta in page.items:
            owner = find_owner(meta)
            if owner is not None:
                parents[kind, meta.namespace, meta.name] = owner
    return parents


def path_of(kind: str, *, namespace: str | None) -> str:
    """Return the path of the list of one of PARENTS."""
    group, plural = PARENTS[kind]
    place = () if namespace is None else ("namespaces", namespace)
    return urls.path_join("apis", group, "v1", *place, plural)


def find_owner(meta: objects.ObjectMeta) -> Owner | None:
    """Return what controls the object, if anything does."""
    owner = next((each for each in meta.owner_references or () if each.controller), None)
    return None if owner is None else (owner.kind, owner.name)


def decode_metadata(body: bytes) -> pages.Page[objects.ObjectMeta]:
    """Return the metadata of a PartialObjectMetadataList.

    Raises:
        errors.DecodingError: the body is none.
    """
    wire = pages.decode_list(body, pages.decoder(objects.PartialObjectList), kind="PartialObjectMetadataList")
    return pages.Page(wire.metadata, [each.metadata for each in wire.items or ()], problems=())


def _with_parent(pod: model.Pod, parents: dict[tuple[str, str, str], Owner]) -> model.Pod:
    kind, name = pod.workload_kind, pod.workload_name
    if kind is None or name is None:
        return pod
    owner = parents.get((kind, pod.namespace, name))
    return pod if owner is None else with_owner(pod, owner)


def with_owner(pod: model.Pod, owner: Owner) -> model.Pod:
    """Return the pod and its containers with that owner."""
    containers = tuple(
        each._replace(workload_kind=owner[0], workload_name=owner[1]) for each in pod.containers
    )
    return pod._replace(workload_kind=owner[0], workload_name=owner[1], containers=containers)
