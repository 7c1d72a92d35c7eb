"""Which pods or nodes a selector means: their names alone, read as metadata. It must not know usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.kube import owners, pages
from kubevitals.kube.http import urls

if TYPE_CHECKING:
    from kubevitals.kube import client as kube_client


def fetch(
    client: kube_client.Client,
    plural: str,
    *,
    namespace: str | None = None,
    label_selector: str | None = None,
    field_selector: str | None = None,
) -> frozenset[tuple[str, str]]:
    """Return (namespace, name) of the pods or nodes that the selectors mean; of nodes ("", name).

    Raises:
        errors.ClusterError: the list could not be read.
    """
    place = () if namespace is None or plural == "nodes" else ("namespaces", namespace)
    selectors = (("labelSelector", label_selector), ("fieldSelector", field_selector))
    answer = client.fetch_list(
        urls.path_join("api", "v1", *place, plural),
        owners.decode_metadata,
        query=[(key, value) for key, value in selectors if value],
        limit=pages.SIZE,
        accept=owners.METADATA_ONLY,
    )
    return frozenset((meta.namespace, meta.name) for page in answer for meta in page.items)
