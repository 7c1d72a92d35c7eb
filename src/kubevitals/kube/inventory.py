"""Nodes and pods of a cluster as records: what is there and what it asks for, without usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.kube import objects, owners, pages, records
from kubevitals.kube.http import urls

if TYPE_CHECKING:
    from kubevitals import model
    from kubevitals.kube import client


def fetch_nodes(
    source: client.Client, *, label_selector: str | None = None, name: str | None = None
) -> tuple[list[model.Node], list[model.Problem]]:
    """Return the cluster's nodes and what could not be read of them. Needs list on nodes.

    Raises:
        errors.ClusterError: the list could not be had.
    """
    answer = source.fetch_list(
        "/api/v1/nodes",
        decode_nodes,
        query=selectors(label_selector, _name_selector(name)),
        limit=pages.SIZE,
    )
    return pages.join(answer)


def fetch_pods(
    source: client.Client,
    *,
    namespace: str | None = None,
    label_selector: str | None = None,
    field_selector: str | None = None,
    with_owners: bool = True,
) -> tuple[list[model.Pod], list[model.Problem]]:
    """Return the pods of one namespace, or of all (None), and what could not be read of them.

    With `with_owners`, owners that a pod does not tell by itself (the CronJob above its Job) are looked up.

    Raises:
        errors.ClusterError: the list could not be had.
    """
    place = () if namespace is None else ("namespaces", namespace)
    path = urls.path_join("api", "v1", *place, "pods")
    answer = source.fetch_list(
        path, decode_pods, query=selectors(label_selector, field_selector), limit=pages.SIZE
    )
    pods, problems = pages.join(answer)
    if with_owners:
        pods, owner_problems = owners.resolve(source, pods, namespace=namespace)
        problems += owner_problems
    return pods, problems


def any_pod_runs(
    source: client.Client, *, namespace: str | None = None, label_selector: str | None = None
) -> bool:
    """Return whether a pod is running there, by a request for a single one.

    Raises:
        errors.ClusterError: the list could not be had.
    """
    place = () if namespace is None else ("namespaces", namespace)
    query = [*selectors(label_selector, "status.phase=Running"), ("limit", "1")]
    body = source.fetch(urls.path_join("api", "v1", *place, "pods"), query)
    return bool(decode_pods(body).items)


def decode_pods(body: bytes) -> pages.Page[model.Pod]:
    """Return the records of a PodList.

    Raises:
        errors.DecodingError: the body is no PodList.
    """
    wire = pages.decode_list(body, pages.decoder(objects.PodList), kind="PodList")
    reader = records.Reader()
    return pages.Page(
        wire.metadata, [reader.read_pod(each) for each in wire.items or ()], problems=reader.problems
    )


def decode_nodes(body: bytes) -> pages.Page[model.Node]:
    """Return the records of a NodeList.

    Raises:
        errors.DecodingError: the body is no NodeList.
    """
    wire = pages.decode_list(body, pages.decoder(objects.NodeList), kind="NodeList")
    reader = records.Reader()
    return pages.Page(
        wire.metadata, [reader.read_node(each) for each in wire.items or ()], problems=reader.problems
    )


def selectors(labels: str | None, fields: str | None) -> list[tuple[str, str]]:
    """Return the query of a list with those selectors."""
    query = []
    if labels:
        query.append(("labelSelector", labels))
    if fields:
        query.append(("fieldSelector", fields))
    return query


def _name_selector(name: str | None) -> str | None:
    return None if name is None else f"metadata.name={name}"
