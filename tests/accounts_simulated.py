"""Accounts of a simulated cluster that have given rights and no others, and remember what they asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simcluster.apiserver import authorizer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kubevitals import rbac
    from simcluster import simulation as simulated

Asked = tuple[str, str, str]  # verb, group, resource


class Account(authorizer.User):
    """A user whose every question about resources is kept, allowed or not."""

    __slots__ = ("asked", "refused")

    def __init__(self, name: str, rules: Sequence[authorizer.Rule]) -> None:
        super().__init__(name, rules=rules)
        self.asked: list[Asked] = []
        self.refused: list[Asked] = []

    def allows(self, what: authorizer.Attributes) -> bool:
        allowed = super().allows(what)
        if not what.path:
            resource = f"{what.resource}/{what.subresource}" if what.subresource else what.resource
            self.asked.append((what.verb, what.group, resource))
            if not allowed:
                self.refused.append(self.asked[-1])
        return allowed


def add(
    world: simulated.SimulatedCluster,
    name: str,
    rules: Iterable[rbac.Rule] = (),
    *,
    namespace: str | None = None,
) -> Account:
    """An account with these rights; with a namespace, those on what lies in one are rights in that one."""
    made = [
        authorizer.Rule(
            rule.verbs, [rule.group], [rule.resource], namespace=namespace if rule.namespaced else None
        )
        for rule in rules
        if not rule.path
    ]
    account = Account(name, made)
    world._registry._add(account)
    return account


def wanted(rules: Iterable[rbac.Rule]) -> set[Asked]:
    """What the rules grant, one by one."""
    return {(verb, rule.group, rule.resource) for rule in rules if not rule.path for verb in rule.verbs}
