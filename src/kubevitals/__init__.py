"""kubevitals: how a Kubernetes cluster is doing.

    >>> import kubevitals
    >>> with kubevitals.connect() as cluster:
    ...     for node in cluster.nodes():
    ...         print(node.name, node.cpu_usage_cores, node.memory_of_allocatable)

The public names are below; each is loaded when it is first used. `kubevitals.compat` holds the official
client's three metrics functions, `kubevitals.errors` the tree of exceptions.
"""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from kubevitals.cluster import Cluster, Clusters, connect, connect_all
    from kubevitals.clusterhistory import ClusterHistory, open_history
    from kubevitals.errors import (
        ClusterError,
        ConfigurationError,
        ForbiddenError,
        KubevitalsError,
        MetricsError,
        MissingPackageError,
        QuantityError,
        UsageError,
    )
    from kubevitals.model import Container, Node, Pod, Problem, Records, Snapshot, Total
    from kubevitals.quantity import format_cpu, format_memory, parse_cpu, parse_memory

__all__ = [
    "Cluster",
    "ClusterError",
    "ClusterHistory",
    "Clusters",
    "ConfigurationError",
    "Container",
    "ForbiddenError",
    "KubevitalsError",
    "MetricsError",
    "MissingPackageError",
    "Node",
    "Pod",
    "Problem",
    "QuantityError",
    "Records",
    "Snapshot",
    "Total",
    "UsageError",
    "connect",
    "connect_all",
    "format_cpu",
    "format_memory",
    "open_history",
    "parse_cpu",
    "parse_memory",
]

_HOMES = {
    **dict.fromkeys(("Cluster", "Clusters", "connect", "connect_all"), "cluster"),
    **dict.fromkeys(("ClusterHistory", "open_history"), "clusterhistory"),
    **dict.fromkeys(("Container", "Node", "Pod", "Problem", "Records", "Snapshot", "Total"), "model"),
    **dict.fromkeys(("format_cpu", "format_memory", "parse_cpu", "parse_memory"), "quantity"),
    **dict.fromkeys(("compat", "errors", "model", "selection", "severity", "totals"), ""),
}


def __getattr__(name: str) -> Any:
    """Load a public name, or one of the public modules, from where it lives."""
    import importlib

    home = _HOMES.get(name, "errors" if name in __all__ else None)
    if home is None:
        raise AttributeError(f"module 'kubevitals' has no attribute {name!r}")
    if not home:
        return importlib.import_module(f"kubevitals.{name}")
    value = getattr(importlib.import_module(f"kubevitals.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_HOMES})
