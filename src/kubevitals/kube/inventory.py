"""Nodes and pods of a cluster as records: what is there and what it asks for, without usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.kube import codec, listwatch, owners, resources

if TYPE_CHECKING:
    from kubevitals import model
    from kubevitals.kube import client as clients


def fetch_nodes(
    client: clients.Client, *, label_selector: str | None = None, name: str | None = None
) -> tuple[list[model.Node], list[model.Problem]]:
    """Return the cluster's nodes and what could not be read of them. Needs list on nodes.

    Raises:
        errors.ClusterError: the list could not be had.
    """
    fields = None if name is None else f"metadata.name={name}"
    page = listwatch.ListWatch(
        client, resources.NODES, codec.NODES, label_selector=label_selector, field_selector=fields
    ).list()
    return page.items, list(page.problems)


def fetch_pods(
    client: clients.Client,
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
    page = listwatch.ListWatch(
        client,
        resources.PODS,
        codec.PODS,
        namespace=namespace,
        label_selector=label_selector,
        field_selector=field_selector,
    ).list()
    pods, problems = page.items, list(page.problems)
    if with_owners:
        pods, owner_problems = owners.resolve(client, pods, namespace=namespace)
        problems += owner_problems
    return pods, problems


def fetch_names(
    client: clients.Client,
    resource: resources.Resource,
    *,
    namespace: str | None = None,
    label_selector: str | None = None,
    field_selector: str | None = None,
) -> frozenset[codec.Key]:
    """Return (namespace, name) of the objects that the selectors mean; of nodes ("", name).

    Only their metadata is asked for.

    Raises:
        errors.ClusterError: the list could not be had.
    """
    page = listwatch.ListWatch(
        client,
        resource,
        codec.METADATA,
        namespace=namespace,
        label_selector=label_selector,
        field_selector=field_selector,
    ).list()
    return frozenset(map(codec.METADATA.key, page.items))


def any_pod_runs(
    client: clients.Client, *, namespace: str | None = None, label_selector: str | None = None
) -> bool:
    """Return whether a pod is running there, by a request for a single one.

    Raises:
        errors.ClusterError: the list could not be had.
    """
    query = [("fieldSelector", "status.phase=Running"), ("limit", "1")]
    if label_selector:
        query.append(("labelSelector", label_selector))
    return bool(codec.PODS.decode_list(client.fetch(resources.PODS.path(namespace), query)).items)
