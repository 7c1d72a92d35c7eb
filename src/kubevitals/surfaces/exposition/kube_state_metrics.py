"""The families of kube-state-metrics that kubevitals can answer, for where that is not installed. Pure.

Names and labels are kube-state-metrics' own: where it is installed too, every series would be there twice, so
they are given on demand only.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from kubevitals.surfaces.exposition import kube_state_objects, kube_state_pods, packing, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from kubevitals.kube import livestate

# the list's plural name: what its objects become
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
_GROUP = 256  # objects, at most, that are compressed together
FAMILIES = tuple(family for families, _ in _KINDS.values() for family in families)


def converts(cluster: str | None = None) -> Mapping[str, Callable[[Any], tuple[bytes, ...]]]:
    """Return what `livestate` is to make of each list; with a label `cluster` if it is given."""
    before = "" if cluster is None else f'cluster="{text.escape(cluster)}",'
    return {
        name: functools.partial(convert, before=before) if before else convert
        for name, (_, convert) in _KINDS.items()
    }


def samples(held: Sequence[livestate.Held]) -> Iterable[tuple[text.Family, Sequence[packing.Group]]]:
    """Yield each family with the lines of all objects, of one or several clusters.

    Objects come in groups that stay together whatever else comes and goes, so that those in which nothing
    has changed need not be compressed again.
    """
    for name, (families, _) in _KINDS.items():
        buckets: list[tuple[object, tuple[tuple[bytes, ...], ...]]] = []
        for number, one in enumerate(held):
            for bucket, members in enumerate(_split(one.get(name, {}))):
                buckets.append(((number, bucket), members))
        for index, family in enumerate(families):
            groups = [packing.Group((name, index, key), members, index) for key, members in buckets]
            if any(made[index] for group in groups for made in group.members):
                yield family, groups


def _split(objects: Mapping[Any, tuple[bytes, ...]]) -> list[tuple[tuple[bytes, ...], ...]]:
    """Return the objects in groups of a few hundred; each object's group depends on its name alone."""
    count = 1 << (len(objects) // _GROUP).bit_length()
    buckets: list[list[tuple[bytes, ...]]] = [[] for _ in range(count)]
    for key, made in objects.items():
        buckets[hash(key) % count].append(made)
    return [tuple(bucket) for bucket in buckets if bucket]
