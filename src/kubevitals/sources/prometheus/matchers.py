"""The pods that a scope means: as matchers of series, and of containers that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals.promql import expressions

if TYPE_CHECKING:
    from kubevitals import sources
    from kubevitals.sources.prometheus import conversion


def match_pods(scope: sources.Scope) -> list[str]:
    """Return the matchers of the scope's namespace and pod."""
    matchers = [] if scope.namespace is None else [expressions.match("namespace", scope.namespace)]
    return matchers if scope.name is None else [*matchers, expressions.match("pod", scope.name)]


def match_renamed_pods(scope: sources.Scope) -> list[list[str]]:
    """Return matchers that together find the series whose own namespace, pod or both were renamed.

    They may find a little more than that.
    """
    found = []
    if scope.namespace is not None:
        found.append([expressions.match("exported_namespace", scope.namespace)])
        if scope.name is not None:
            found[0].append(expressions.match("pod", scope.name))
    if scope.name is not None:
        found.append([expressions.match("exported_pod", scope.name)])
    return found


def is_wanted(
    key: conversion.ContainerKey, scope: sources.Scope, wanted: frozenset[tuple[str, str]] | None
) -> bool:
    """Return whether the scope means this container; a query of one's own may give more than that."""
    return (
        scope.namespace in (None, key[0])
        and scope.name in (None, key[1])
        and (wanted is None or key[:2] in wanted)
    )
