"""The families of kube-state-metrics that kubevitals exposes where that is not installed.

Names and labels are those of kube-state-metrics: where it is installed too, each series would exist twice, so
these families are exposed on demand only.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from kubevitals.surfaces.exposition import cache as caches
from kubevitals.surfaces.exposition import kube_state_objects, kube_state_pods, text

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from typing import Any

    from kubevitals import compression
    from kubevitals.kube import objectcache

    _Members = tuple[tuple[bytes, ...], ...]  # of each object, its lines of each family
    _Groups = Mapping[tuple[int, int], _Members]

# by the plural name of a list: its families, and what turns an object into its lines of each
_KINDS: dict[str, tuple[tuple[text.Family, ...], Callable[..., tuple[bytes, ...]]]] = {
    "nodes": (kube_state_objects.NODE, kube_state_objects.convert_node),
    "pods": (kube_state_pods.FAMILIES, kube_state_pods.convert),
    "deployments": (kube_state_objects.DEPLOYMENT, kube_state_objects.convert_deployment),
    "statefulsets": (kube_state_objects.STATEFULSET, kube_state_objects.convert_statefulset),
    "daemonsets": (kube_state_objects.DAEMONSET, kube_state_objects.convert_daemonset),
    "jobs": (kube_state_objects.JOB, kube_state_objects.convert_job),
    "horizontalpodautoscalers": (kube_state_objects.AUTOSCALER, kube_state_objects.convert_autoscaler),
    "namespaces": (kube_state_objects.NAMESPACE, kube_state_objects.convert_namespace),
    "persistentvolumeclaims": (kube_state_objects.CLAIM, kube_state_objects.convert_claim),
    "resourcequotas": (kube_state_objects.QUOTA, kube_state_objects.convert_quota),
}
_GROUP_SIZE = 256  # objects, at most, that are compressed together
FAMILIES = tuple(family for families, _ in _KINDS.values() for family in families)


def converts(cluster: str | None = None) -> Mapping[str, Callable[[Any], tuple[bytes, ...]]]:
    """Return what turns the objects of each list into lines; with a label `cluster` if that is given."""
    before = "" if cluster is None else f'cluster="{text.escape(cluster)}",'
    return {
        name: functools.partial(convert, before=before) if before else convert
        for name, (_, convert) in _KINDS.items()
    }


def samples(
    held: Sequence[objectcache.Contents], *, cache: caches.Cache | None = None
) -> Iterator[tuple[text.Family, Sequence[caches.Piece]]]:
    """Yield each family that has samples with the lines of all objects, of one or several clusters.

    With `cache` the pieces are compressed, those in which nothing has changed since the last time not again.
    """
    for name, (families, _) in _KINDS.items():
        groups = {
            (number, bucket): members
            for number, one in enumerate(held)
            for bucket, members in _split(one.get(name, {}))
        }
        pieces: list[list[caches.Piece]] = [[] for _ in families]
        for index, piece in _cached(name, groups, cache) if cache is not None else _joined(groups):
            pieces[index].append(piece)
        for family, some in zip(families, pieces, strict=True):
            if some:
                yield family, some


def _joined(groups: _Groups) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of each group and family, the family by its place."""
    for members in groups.values():
        for index, lines in _texts(members):
            if lines:
                yield index, lines


def _cached(name: str, groups: _Groups, cache: caches.Cache) -> Iterator[tuple[int, compression.Chunk]]:
    """Yield the same as chunks, and leave them in the cache."""
    known = cache.groups("kube-state-metrics", name)
    found: dict[Hashable, caches.Group] = {}
    for key, members in groups.items():
        group = known.get(key)
        if group is None or group.members != members:
            group = caches.Group(members, caches.make_chunks(_texts(members), group))
        found[key] = group
        yield from group.chunks.items()
    cache.replace("kube-state-metrics", name, found)


def _texts(members: _Members) -> Iterator[tuple[int, bytes]]:
    return enumerate(map(b"".join, zip(*members, strict=True)))


def _split(objects: Mapping[Any, tuple[bytes, ...]]) -> Iterator[tuple[int, _Members]]:
    """Yield the objects in numbered groups of a few hundred; an object's name alone says which is its."""
    count = 1 << (len(objects) // _GROUP_SIZE).bit_length()
    buckets: list[list[tuple[bytes, ...]]] = [[] for _ in range(count)]
    for key, lines in objects.items():
        buckets[hash(key) % count].append(lines)
    for number, bucket in enumerate(buckets):
        if bucket:
            yield number, tuple(bucket)
