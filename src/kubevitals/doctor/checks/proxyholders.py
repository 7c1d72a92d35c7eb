"""With --security: who holds nodes/proxy, which comes close to being root on every node."""

from __future__ import annotations

from kubevitals import quantity, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_GROUP = "rbac.authorization.k8s.io"
_PATH = f"/apis/{_GROUP}/v1"
_USUAL = frozenset({"cluster-admin", "system:kubelet-api-admin", "system:node"})
_HOLDERS = diagnosis.Diagnosis(
    "nodes_proxy_holders", layers.SECURITY,
    "security: accounts hold nodes/proxy",
    "With get on nodes/proxy its holder can run commands in every pod of every node, which no audit log shows; monitoring often got it by habit.",
    ("kubectl get clusterrolebindings -o wide", "kubectl get clusterrole {name} -o yaml"),
    ("Give nodes/metrics and nodes/stats in its place; of nodes, a scraper needs no more.",),
    "create on nodes/proxy alone taken away: get is enough for a WebSocket",
    severity.WARNING,
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Read cluster roles and their bindings."""
    if context.namespace:
        return
    risky = {
        diagnosis.place(role): role
        for role in context.listing(f"{_PATH}/clusterroles").items
        if any(map(_grants, diagnosis.objects(role, "rules")))
    }
    holders: list[tuple[str, str, dict[str, Any]]] = []
    for binding in context.listing(f"{_PATH}/clusterrolebindings").items:
        role = diagnosis.text(binding, "roleRef", "name")
        if role in risky and role not in _USUAL:
            holders += [
                (_name(subject), role, risky[role]) for subject in diagnosis.objects(binding, "subjects")
            ]
    if not holders:
        yield diagnosis.Note(layers.SECURITY, diagnosis.OK, "nodes/proxy is held by administrators alone")
        return
    names = list(dict.fromkeys(name for name, _, _ in holders))
    yield diagnosis.find(
        _HOLDERS, *(f"{name} by ClusterRole {role}" for name, role, _ in holders[:5]),
        title=f"{_HOLDERS.title}: {quantity.format_names(names)}", scope=names, about=holders[0][2],
    )  # fmt: skip


def _grants(rule: dict[str, Any]) -> bool:
    """Return whether a rule grants reading nodes/proxy."""
    words = {key: diagnosis.dig(rule, key) or () for key in ("apiGroups", "resources", "verbs")}
    return (
        bool({"", "*"} & set(words["apiGroups"]))
        and bool({"nodes/proxy", "nodes/*", "*/proxy", "*"} & set(words["resources"]))
        and bool({"get", "create", "*"} & set(words["verbs"]))
    )


def _name(subject: dict[str, Any]) -> str:
    place = diagnosis.text(subject, "namespace")
    name = diagnosis.text(subject, "name")
    return f"{diagnosis.text(subject, 'kind')} {place + '/' if place else ''}{name}"


CHECK = diagnosis.Check(
    "proxy_holders",
    layers.SECURITY,
    look,
    (lookups.need("list", "clusterroles", _GROUP), lookups.need("list", "clusterrolebindings", _GROUP)),
    (_HOLDERS,),
)
