"""The users of the simulated cluster, their tokens and their RBAC rules."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
ANONYMOUS = "system:anonymous"
_OPEN_PATHS = ("/healthz", "/livez", "/readyz", "/version")
_DISCOVERY_PATHS = ("/api", "/apis", "/openapi", *_OPEN_PATHS)


class Rule(NamedTuple):
    """An RBAC rule. `namespace` None means the whole cluster; "*" in a field matches everything."""

    verbs: Sequence[str]
    groups: Sequence[str]
    resources: Sequence[str]
    namespace: str | None = None

    def allows(self, what: Attributes) -> bool:
        """Whether this rule alone grants `what`."""
        if self.namespace is not None and self.namespace != what.namespace:
            return False
        full = f"{what.resource}/{what.subresource}" if what.subresource else what.resource
        return (
            _covers(self.verbs, what.verb)
            and _covers(self.groups, what.group)
            and _covers(self.resources, full)
        )


def _covers(allowed: Sequence[str], wanted: str) -> bool:
    return wanted in allowed or "*" in allowed


class Attributes(NamedTuple):
    """The attributes of a request. With `path` the request is about no resource."""

    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


class User:
    """A user of the cluster, or one whom an administrator impersonates."""

    __slots__ = ("extra", "groups", "name", "rules", "uid")

    def __init__(
        self,
        name: str,
        *,
        groups: Iterable[str] = (AUTHENTICATED,),
        rules: Sequence[Rule] = (),
        uid: str = "",
        extra: dict[str, list[str]] | None = None,
    ) -> None:
        self.name = name
        self.groups = list(groups)
        self.rules = tuple(rules)
        self.uid = uid
        self.extra = extra or {}

    @property
    def master(self) -> bool:
        """Whether the user is in system:masters and may do everything."""
        return MASTERS in self.groups

    def info(self) -> dict[str, object]:
        """UserInfo, as the review APIs show it."""
        info: dict[str, object] = {"username": self.name}
        if self.uid:
            info["uid"] = self.uid
        info["groups"] = self.groups
        if self.extra:
            info["extra"] = self.extra
        return info

    def every_rule(self) -> Sequence[Rule]:
        """The user's own rules, and those of all authenticated users."""
        rules = self.rules
        if self.master:
            rules = (Rule(["*"], ["*"], ["*"]), *rules)
        return (*rules, *_BASIC) if AUTHENTICATED in self.groups else rules

    def allows(self, what: Attributes) -> bool:
        """Whether the user may do `what`."""
        if self.master:
            return True
        if what.path:
            paths = _DISCOVERY_PATHS if AUTHENTICATED in self.groups else _OPEN_PATHS
            known = any(what.path == path or what.path.startswith(path + "/") for path in paths)
            return known and what.verb in {"get", "head"}
        return any(rule.allows(what) for rule in self.every_rule())

    def paths(self) -> Sequence[str]:
        """The paths that the user may get, as SelfSubjectRulesReview shows them."""
        if self.master:
            return ("*",)
        paths = _DISCOVERY_PATHS if AUTHENTICATED in self.groups else _OPEN_PATHS
        return tuple(pattern for path in paths for pattern in (path, f"{path}/*"))


_BASIC = (
    Rule(["create"], ["authorization.k8s.io"], ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
    Rule(["create"], ["authentication.k8s.io"], ["selfsubjectreviews"]),
)
_READ = ("get", "list", "watch")
_VIEWED = (
    "configmaps", "cronjobs", "daemonsets", "deployments", "endpointslices", "events",
    "horizontalpodautoscalers", "jobs", "limitranges", "persistentvolumeclaims", "pods", "pods/log",
    "replicasets", "resourcequotas", "serviceaccounts", "services", "statefulsets",
)  # fmt: skip
_VIEWED_GROUPS = ("", "apps", "autoscaling", "batch", "discovery.k8s.io", "metrics.k8s.io")
_CLUSTER_WIDE = ("nodes", "namespaces", "apiservices", "leases")
VIEWER_PREFIX = "viewer-"


class Registry:
    """The users and their tokens.

    `admin` may do everything, `reader` may read everything, `metrics-reader` only the metrics API,
    `kubelet-reader` nodes, pods and what kubelets measure, `nothing` nothing, and `viewer-NAMESPACE`, for
    each namespace, may read what is in it. Tokens derive from `secret`.
    """

    def __init__(self, secret: bytes, namespaces: Iterable[str]) -> None:
        self._secret = secret
        self._users: dict[str, User] = {}
        self._by_token: dict[str, User] = {}
        everything = (*_VIEWED_GROUPS, "apiregistration.k8s.io", "coordination.k8s.io")
        self._add(User("admin", groups=[MASTERS, AUTHENTICATED]))
        self._add(User("reader", rules=[Rule(_READ, everything, (*_VIEWED, *_CLUSTER_WIDE))]))
        self._add(
            User("metrics-reader", rules=[Rule(("get", "list"), ["metrics.k8s.io"], ["nodes", "pods"])])
        )
        kubelets = Rule(["get"], [""], ["nodes/metrics", "nodes/stats"])
        nodes = Rule(_READ, [""], ["namespaces", "nodes", "pods"])
        self._add(User("kubelet-reader", rules=[kubelets, nodes]))
        self._add(User("nothing"))
        for namespace in namespaces:
            own = Rule(["get"], [""], ["namespaces"], namespace=namespace)
            view = Rule(_READ, _VIEWED_GROUPS, _VIEWED, namespace=namespace)
            self._add(User(f"{VIEWER_PREFIX}{namespace}", rules=[view, own]))

    def _add(self, user: User) -> None:
        self._users[user.name] = user
        self._by_token[self.token(user.name)] = user

    def names(self) -> list[str]:
        """Every user, `admin` first."""
        return list(self._users)

    def token(self, name: str) -> str:
        """The bearer token of the user with that name; KeyError if there is none."""
        user = self._users[name]
        digest = hmac.new(self._secret, user.name.encode(), hashlib.sha256).hexdigest()
        return f"simulated-{digest}"  # digits alone, or 0b..., might be read as a number in YAML

    def by_token(self, token: str) -> User | None:
        """The user with that bearer token, or None."""
        return self._by_token.get(token)

    def by_certificate(self, name: str, groups: Sequence[str]) -> User:
        """The user that a client certificate of our own authority names: common name and organisations."""
        return self.act_as(name, [*groups, AUTHENTICATED])

    def act_as(
        self, name: str, groups: Sequence[str], *, uid: str = "", extra: dict[str, list[str]] | None = None
    ) -> User:
        """The user of that name with exactly these groups, as impersonation gives it."""
        known = self._users.get(name)
        rules = known.rules if known else ()
        everyone = [] if AUTHENTICATED in groups or name == ANONYMOUS else [AUTHENTICATED]
        return User(name, groups=[*groups, *everyone], rules=rules, uid=uid, extra=extra)
