"""What a path and a method mean: verb, resource, namespace and name."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simcluster import apiobjects
from simcluster.apiserver import authorizer, discovery

if TYPE_CHECKING:
    from simcluster.http import messages

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
_REVIEWS = {(each.group, each.plural): each for each in discovery.REVIEWS}
_NAMESPACE_PARTS = {"status", "finalize"}


class RequestInfo(NamedTuple):
    """The meaning of a request. `resource` is None for a path that is no resource; `known` is False
    for an unknown resource.
    """

    attributes: authorizer.Attributes
    resource: apiobjects.Resource | None = None
    known: bool = True


def parse(request: messages.Request) -> RequestInfo:
    """The meaning of `request`."""
    parts = [part for part in request.path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":
        return _resource_route(request, "", parts[1], parts[2:])
    if len(parts) >= 4 and parts[0] == "apis":
        return _resource_route(request, parts[1], parts[2], parts[3:])
    verb = request.method.lower()
    return RequestInfo(authorizer.Attributes(verb, path="/" + "/".join(parts)))


def _resource_route(request: messages.Request, group: str, version: str, rest: list[str]) -> RequestInfo:
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and rest[2] not in _NAMESPACE_PARTS:
        namespace, rest = rest[1], rest[2:]
    plural = rest[0]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""  # what follows is for a proxy, not for RBAC
    resource = _find(group, version, plural)
    known = resource is not None and not (namespace and not resource.namespaced)
    if resource is not None and resource.namespaced and name and not namespace:
        known = False
    if plural == "namespaces" and group == "" and name:
        namespace = name  # as the real server does: rights within a namespace cover the namespace itself
    attributes = authorizer.Attributes(
        _verb(request, name),
        group=group,
        version=version,
        resource=plural,
        subresource=subresource,
        namespace=namespace,
        name=name,
    )
    return RequestInfo(attributes, resource, known=known)


def _verb(request: messages.Request, name: str) -> str:
    verb = _VERBS.get(request.method, request.method.lower())
    if verb == "get" and not name:
        return "watch" if request.flag("watch") else "list"
    return "deletecollection" if verb == "delete" and not name else verb


def _find(group: str, version: str, plural: str) -> apiobjects.Resource | None:
    if group == discovery.METRICS_GROUP:
        return next((each for each in discovery.METRICS if each.plural == plural), None)
    resource = apiobjects.RESOURCES.get(f"{plural}.{group}" if group else plural) or _REVIEWS.get(
        (group, plural)
    )
    return resource if resource is not None and resource.version == version else None
