"""What a request is about, in the words of RBAC: verb, API group, resource, namespace."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple


class ResourceAttributes(NamedTuple):
    """`verb` on `resource` (with its subresource, "pods/log") of `group` in `namespace` (empty: cluster).

    A request that is about no resource has only a verb and a `path`. `user` is who may not do it, where a
    server has said so.
    """

    verb: str
    resource: str = ""
    group: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    user: str = ""

    @property
    def full_resource(self) -> str:
        """As kubectl's --resource takes it: pods, pods.metrics.k8s.io, nodes/proxy."""
        resource, slash, subresource = self.resource.partition("/")
        return resource + (f".{self.group}" if self.group else "") + slash + subresource

    @property
    def rule(self) -> str:
        """The RBAC rule that allows it, as YAML."""
        if not self.resource:
            return f'- nonResourceURLs: ["{self.path}"]\n  verbs: ["{self.verb}"]\n'
        return f'- apiGroups: ["{self.group}"]\n  resources: ["{self.resource}"]\n  verbs: ["{self.verb}"]\n'

    def __str__(self) -> str:
        if not self.resource:
            return f"{self.verb} {self.path}"
        where = f" in the namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.full_resource}{where}"


def parse_request(method: str, path: str, query: Sequence[tuple[str, str]] = ()) -> ResourceAttributes:
    """Derive it from a request, as the API server does."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        group, rest = "", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, rest = parts[1], parts[3:]
    else:
        return ResourceAttributes(_METHODS.get(method, method.lower()), path=path)
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource = rest[0]
    name = rest[1] if len(rest) > 1 else ""
    if len(rest) > 2:
        resource += "/" + rest[2]
    verb = _METHODS.get(method, method.lower())
    if method == "GET" and not name:
        watched = any(key == "watch" and value not in ("0", "false") for key, value in query)
        verb = "watch" if watched else "list"
    return ResourceAttributes(verb, resource, group=group, namespace=namespace, name=name, path=path)


_METHODS = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
