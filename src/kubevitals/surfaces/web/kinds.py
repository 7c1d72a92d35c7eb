"""The kinds of rows that the API serves: their keys, their types, how a record becomes a row. Data, and pure.

Rows in base units are the JSON schema of `kubevitals.model`; those below `infra` have the names, units and
rounding that Grafana boards out there already use.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kubevitals import model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MIB = 1 << 20


class Kind(NamedTuple):
    """One kind of rows. `sort` maps what one may sort by to fields or ratios of the record."""

    name: str  # in paths: nodes, infra/pods
    of: str  # what its records are: nodes, pods, containers, namespaces, workloads
    item: str  # Node, PodList without List ...; below infra the key of the list
    types: Mapping[str, str]  # key: type, as the model annotates it
    values_of: Callable[[Any], tuple[Any, ...]]  # a record's values, in the order of the keys
    sort: Mapping[str, str]
    default_sort: tuple[tuple[str, bool], ...]  # (field of the record, descending)
    infra: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a row, in order."""
        return tuple(self.types)


_RATIOS = ("cpu_of_request", "cpu_of_limit", "memory_of_request", "memory_of_limit")
_ratios_of = operator.attrgetter(*_RATIOS)
_NOT_SORTED = frozenset({"labels", "conditions", "taints", "roles"})
_BY_CPU = (("cpu_usage_cores", True), ("namespace", False), ("name", False))


def _pod_values(pod: model.Pod) -> tuple[Any, ...]:
    return (*pod[:-1], *_ratios_of(pod))


def _container_values(container: model.Container) -> tuple[Any, ...]:
    return (*container, *_ratios_of(container))


def _node_values(node: model.Node) -> tuple[Any, ...]:
    return tuple(node.to_dict().values())


def _types_of(record: type[model.Row], blank: model.Row) -> dict[str, str]:
    annotations = {key: str(each) for key, each in record.__annotations__.items()}
    return {key: annotations.get(key, "float | None") for key in blank.to_dict()}


def _kind(name: str, item: str, record: type[model.Row], blank: model.Row, values_of: Any) -> Kind:
    types = _types_of(record, blank)
    ordered = ("namespace", "pod", "name") if record is model.Container else ("namespace", "name")
    return Kind(
        name,
        name,
        item,
        types,
        values_of,
        {key: key for key in types if key not in _NOT_SORTED},
        tuple((key, False) for key in ordered if key in types),
    )


# --- infra: millicores, MiB and percent


def _milli(cores: float | None) -> int | None:
    return None if cores is None else round(cores * 1000)


def _mebi(size: float | None) -> int | None:
    return None if size is None else round(size / _MIB)


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else round(ratio * 100, 1)


def _app(app: str | None) -> str:
    return app or "unknown"


_MILLI, _MEBI, _PERCENT = ("int | None", _milli), ("int | None", _mebi), ("float | None", _percent)
_TEXT, _TRUTH, _COUNT = ("str | None", None), ("bool | None", None), ("int | None", None)
_TIME, _SECONDS = ("datetime | None", None), ("float | None", None)

# key: (field or ratio of the record, (type, conversion))
_INFRA_NODES: dict[str, tuple[str, tuple[str, Any]]] = {
    "node": ("name", ("str", None)),
    "cpu_millicores": ("cpu_usage_cores", _MILLI),
    "cpu_allocatable": ("cpu_allocatable_cores", _MILLI),
    "cpu_pct": ("cpu_of_allocatable", _PERCENT),
    "memory_mi": ("memory_usage_bytes", _MEBI),
    "memory_allocatable_mi": ("memory_allocatable_bytes", _MEBI),
    "memory_pct": ("memory_of_allocatable", _PERCENT),
    "cpu_request_millicores": ("cpu_request_cores", _MILLI),
    "cpu_request_pct": ("cpu_request_of_allocatable", _PERCENT),
    "cpu_limit_millicores": ("cpu_limit_cores", _MILLI),
    "cpu_limit_pct": ("cpu_limit_of_allocatable", _PERCENT),
    "memory_request_mi": ("memory_request_bytes", _MEBI),
    "memory_request_pct": ("memory_request_of_allocatable", _PERCENT),
    "memory_limit_mi": ("memory_limit_bytes", _MEBI),
    "memory_limit_pct": ("memory_limit_of_allocatable", _PERCENT),
    "pods": ("pods", _COUNT),
    "pods_allocatable": ("pods_allocatable", _COUNT),
    "ready": ("ready", _TRUTH),
    "reason": ("status", _TEXT),
    "problem": ("problem", _TEXT),
    "age_seconds": ("age_seconds", _SECONDS),
    "timestamp": ("timestamp", _TIME),
    "stale": ("stale", _TRUTH),
}
_INFRA_PODS: dict[str, tuple[str, tuple[str, Any]]] = {
    "pod": ("name", ("str", None)),
    "app": ("app", ("str", _app)),
    "cpu_millicores": ("cpu_usage_cores", _MILLI),
    "memory_mi": ("memory_usage_bytes", _MEBI),
    "phase": ("phase", _TEXT),
    "restarts": ("restarts", _COUNT),
    "namespace": ("namespace", ("str", None)),
    "node": ("node", _TEXT),
    "cpu_request_millicores": ("cpu_request_cores", _MILLI),
    "cpu_request_pct": ("cpu_of_request", _PERCENT),
    "cpu_limit_millicores": ("cpu_limit_cores", _MILLI),
    "cpu_limit_pct": ("cpu_of_limit", _PERCENT),
    "memory_request_mi": ("memory_request_bytes", _MEBI),
    "memory_request_pct": ("memory_of_request", _PERCENT),
    "memory_limit_mi": ("memory_limit_bytes", _MEBI),
    "memory_limit_pct": ("memory_of_limit", _PERCENT),
    "ready": ("ready", _TRUTH),
    "status": ("status", _TEXT),
    "reason": ("reason", _TEXT),
    "problem": ("problem", _TEXT),
    "age_seconds": ("age_seconds", _SECONDS),
    "timestamp": ("timestamp", _TIME),
    "stale": ("stale", _TRUTH),
}


def _infra(
    of: str, table: dict[str, tuple[str, tuple[str, Any]]], default_sort: tuple[tuple[str, bool], ...]
) -> Kind:
    fields_of = operator.attrgetter(*[field for field, _ in table.values()])
    converted = [(index, form) for index, (_, (_, form)) in enumerate(table.values()) if form is not None]

    def values_of(record: Any) -> tuple[Any, ...]:
        values = list(fields_of(record))
        for index, form in converted:
            values[index] = form(values[index])
        return tuple(values)

    types = {key: kind for key, (_, (kind, _)) in table.items()}
    sort = {key: field for key, (field, _) in table.items()}
    return Kind(f"infra/{of}", of, of, types, values_of, sort, default_sort, infra=True)


_TOTAL = model.Total("")
KINDS = {
    kind.name: kind
    for kind in (
        _kind("nodes", "Node", model.Node, model.Node(""), _node_values),
        _kind("pods", "Pod", model.Pod, model.Pod("", ""), _pod_values),
        _kind("containers", "Container", model.Container, model.Container("", "", ""), _container_values),
        _kind("namespaces", "Namespace", model.Total, _TOTAL, tuple),
        _kind("workloads", "Workload", model.Total, _TOTAL, tuple),
        _infra("nodes", _INFRA_NODES, (("name", False),)),
        _infra("pods", _INFRA_PODS, _BY_CPU),
    )
}


@functools.cache
def struct_of(name: str) -> Callable[..., Any]:
    """Return a type whose instances msgspec writes as rows of the kind of that name."""
    word = name.replace("/", "_")
    return msgspec.defstruct(f"Row_{word}", KINDS[name].keys, frozen=True, gc=False)


def picker(kind: Kind, fields: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return a function that gives a record's values of these keys alone."""
    indices = [kind.keys.index(field) for field in fields]
    values_of = kind.values_of
    if len(indices) == 1:
        only = indices[0]
        return lambda record: (values_of(record)[only],)
    pick = operator.itemgetter(*indices)
    return lambda record: pick(values_of(record))
