"""Discovery: the groups, versions and resources that the server has, in the plain and the aggregated form.

The callers say which versions of the metrics API are registered and whether it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simcluster import apiobjects

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.1+simcluster",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-06-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "cpython",
    "platform": "simulation",
}

METRICS_GROUP = "metrics.k8s.io"
METRICS = (
    apiobjects.Resource("NodeMetrics", "nodes", group=METRICS_GROUP, namespaced=False, verbs=("get", "list")),
    apiobjects.Resource("PodMetrics", "pods", group=METRICS_GROUP, verbs=("get", "list")),
)
_CREATE = ("create",)
_AUTHENTICATION, _AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"
REVIEWS = tuple(
    apiobjects.Resource(
        kind, f"{kind.lower()}s", group=group, namespaced=kind.startswith("Local"), verbs=_CREATE
    )
    for kind, group in (
        ("SelfSubjectReview", _AUTHENTICATION),
        ("TokenReview", _AUTHENTICATION),
        ("LocalSubjectAccessReview", _AUTHORIZATION),
        ("SelfSubjectAccessReview", _AUTHORIZATION),
        ("SelfSubjectRulesReview", _AUTHORIZATION),
        ("SubjectAccessReview", _AUTHORIZATION),
    )
)
_SUBRESOURCES = {"pods": ("log", "Pod", ("get",))}
# The order in which the real server lists its groups; kubectl resolves ambiguous names by it.
_GROUP_ORDER = (
    "", "apiregistration.k8s.io", "apps", _AUTHENTICATION, _AUTHORIZATION, "autoscaling", "batch",
    "coordination.k8s.io", "discovery.k8s.io", METRICS_GROUP,
)  # fmt: skip

_AGGREGATED = ("v2", "v2beta1")


def groups(metrics_versions: Sequence[str]) -> dict[str, dict[str, list[apiobjects.Resource]]]:
    """A mapping from group to version to resources, in the server's order; without versions no metrics
    group.
    """
    found: dict[str, dict[str, list[apiobjects.Resource]]] = {}
    for group in _GROUP_ORDER:
        if group == METRICS_GROUP:
            if metrics_versions:
                found[group] = {version: list(METRICS) for version in metrics_versions}
            continue
        for resource in (*apiobjects.RESOURCES.values(), *REVIEWS):
            if resource.group == group:
                found.setdefault(group, {}).setdefault(resource.version, []).append(resource)
    return found


def api_versions(host: str) -> dict[str, Any]:
    """The response to /api."""
    address = {"clientCIDR": "0.0.0.0/0", "serverAddress": host}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}


def group_list(metrics_versions: Sequence[str]) -> dict[str, Any]:
    """The response to /apis."""
    found = [_group(group, list(versions)) for group, versions in groups(metrics_versions).items() if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def group(name: str, metrics_versions: Sequence[str]) -> dict[str, Any] | None:
    """The response to /apis/GROUP, None if there is no such group."""
    versions = groups(metrics_versions).get(name)
    return (
        {"kind": "APIGroup", "apiVersion": "v1", **_group(name, list(versions))}
        if name and versions
        else None
    )


def _group(name: str, versions: Sequence[str]) -> dict[str, Any]:
    pairs = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": pairs, "preferredVersion": pairs[0]}


def resource_list(group_name: str, version: str, metrics_versions: Sequence[str]) -> dict[str, Any] | None:
    """The response to /api/v1 and /apis/GROUP/VERSION, None if there is no such version."""
    resources = groups(metrics_versions).get(group_name, {}).get(version)
    if resources is None:
        return None
    rows = []
    for resource in resources:
        rows.append(_plain_row(resource))
        subresource = _SUBRESOURCES.get(resource.key) if resource.group == group_name == "" else None
        if subresource:
            name, kind, verbs = subresource
            rows.append(
                {
                    "name": f"{resource.plural}/{name}",
                    "singularName": "",
                    "namespaced": resource.namespaced,
                    "kind": kind,
                    "verbs": list(verbs),
                }
            )
    if not group_name:  # the oldest list of all does not say of which version it is
        return {"kind": "APIResourceList", "groupVersion": version, "resources": rows}
    group_version = f"{group_name}/{version}"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows}


def _plain_row(resource: apiobjects.Resource) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": resource.plural,
        "singularName": "" if resource.group == METRICS_GROUP else resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    return row


def choose_aggregated(accept: str) -> str | None:
    """The version of APIGroupDiscoveryList that an Accept header asks for, None for the plain form."""
    for clause in accept.split(","):
        if "as=APIGroupDiscoveryList" in clause:
            for version in _AGGREGATED:
                if f"v={version};" in clause + ";":
                    return version
    return None


def aggregated_type(version: str) -> str:
    """The media type of an aggregated response."""
    return f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"


def aggregated(version: str, metrics_versions: Sequence[str], *, core: bool, stale: bool) -> dict[str, Any]:
    """The aggregated form of /api (`core`) or /apis; `stale` marks the metrics API as not answering."""
    items = []
    for name, versions in groups(metrics_versions).items():
        if (name == "") is not core:
            continue
        rows = []
        for each, resources in versions.items():
            lost = stale and name == METRICS_GROUP
            row: dict[str, Any] = {"version": each}
            if not lost:
                row["resources"] = [_aggregated_row(resource) for resource in resources]
            row["freshness"] = "Stale" if lost else "Current"
            rows.append(row)
        items.append({"metadata": {"name": name} if name else {}, "versions": rows})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _aggregated_row(resource: apiobjects.Resource) -> dict[str, Any]:
    kind = {"group": "", "version": "", "kind": resource.kind}  # empty: those that it stands under
    row: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": kind,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": "" if resource.group == METRICS_GROUP else resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        row["shortNames"] = list(resource.short_names)
    if resource.categories:
        row["categories"] = list(resource.categories)
    subresource = _SUBRESOURCES.get(resource.key)
    if subresource and resource.group == "":
        name, _, verbs = subresource
        row["subresources"] = [{"subresource": name, "responseKind": kind, "verbs": list(verbs)}]
    return row
