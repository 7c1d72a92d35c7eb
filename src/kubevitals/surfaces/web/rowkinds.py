"""The kinds of rows that the API serves: their keys, their types, and how records become rows.

Rows in base units are the JSON schema of `kubevitals.model`; those below `infra` have the names, units and
rounding that Grafana boards out there already use. Records become rows a column at a time, many at once.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from kubevitals import kinds, model, totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    Column = Sequence[Any]

_MIB = 1 << 20


class Kind(NamedTuple):
    """One kind of rows. `sort` maps what one may sort by to fields or ratios of the record."""

    name: str  # in paths: nodes, infra/pods
    of: str  # what its records are: nodes, pods, containers, namespaces, workloads
    item: str  # Node, PodList without List ...; below infra the key of the list
    types: Mapping[str, str]  # key: type, as the model annotates it
    made_of: Mapping[
        str, tuple[str, Callable[[Column], Column] | None]
    ]  # key: field or ratio, its conversion
    sort: Mapping[str, str]
    default_sort: tuple[tuple[str, bool], ...]  # (field of the record, descending)
    infra: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a row, in order."""
        return tuple(self.types)

    def columns_of(self, records: Sequence[Any], keys: Iterable[str]) -> list[Column]:
        """Return the values of these keys, a column each. Of many records, give a thousand at a time."""
        names = kinds.KINDS[self.of].record._fields
        fields = zip(*records, strict=True) if records else ((),) * len(names)
        found: dict[str, Column] = dict(zip(names, fields, strict=True))
        columns = []
        for key in keys:
            field, convert = self.made_of[key]
            if field not in found:
                part, whole = _RATIOS[field]
                found[field] = totals.divide(found[part], found[whole])
            columns.append(found[field] if convert is None else convert(found[field]))
        return columns


_RATIOS = {**model.POD_RATIOS, **model.NODE_RATIOS}
_BY_CPU = (("cpu_usage_cores", True), ("namespace", False), ("name", False))


class Condition(msgspec.Struct, frozen=True, gc=False):
    """A condition of a node as an object."""

    type: str
    status: str
    reason: str | None
    message: str | None
    last_transition_at: datetime | None


class Taint(msgspec.Struct, frozen=True, gc=False):
    """A taint of a node as an object."""

    key: str
    value: str | None
    effect: str


def _kind(kind: kinds.Kind) -> Kind:
    annotations = {key: str(each) for key, each in kind.record.__annotations__.items()}
    types = {key: annotations.get(key, "float | None") for key in kind.keys}
    return Kind(
        kind.name,
        kind.name,
        kind.item,
        types,
        {key: (key, _NESTED.get(key)) for key in types},
        {key: key for key in kind.sortable},
        kind.order,
    )


def _objects(make: Callable[..., Any]) -> Callable[[Column], Column]:
    """Return the conversion of lists of records to lists of objects."""
    return lambda column: [[make(*each) for each in records] for records in column]


def _details(column: Column) -> Column:
    return [None if each is None else each._asdict() for each in column]


_NESTED = {"conditions": _objects(Condition), "taints": _objects(Taint), "detail": _details}


# --- infra: millicores, MiB and percent


def _each(convert: Callable[[Any], Any]) -> Callable[[Column], Column]:
    """Return the conversion of a column; what repeats, as requests do, is converted once."""

    def convert_all(column: Column) -> Column:
        values = set(column)
        if len(values) > len(column) // 4:
            return [None if value is None else convert(value) for value in column]
        known = {value: None if value is None else convert(value) for value in values}
        return [known[value] for value in column]

    return convert_all


_milli = _each(lambda cores: round(cores * 1000))
_mebi = _each(lambda size: round(size / _MIB))
_percent = _each(lambda ratio: round(ratio * 1000) / 10)


def _app(column: Column) -> Column:
    return [app or "unknown" for app in column]


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
    types = {key: kind for key, (_, (kind, _)) in table.items()}
    made_of = {key: (field, convert) for key, (field, (_, convert)) in table.items()}
    sort = {key: field for key, (field, _) in table.items()}
    return Kind(f"infra/{of}", of, of, types, made_of, sort, default_sort, infra=True)


KINDS = {
    kind.name: kind
    for kind in (
        *map(_kind, kinds.KINDS.values()),
        _infra("nodes", _INFRA_NODES, (("name", False),)),
        _infra("pods", _INFRA_PODS, _BY_CPU),
    )
}


def maker(name: str, keys: tuple[str, ...] | None = None) -> Callable[..., Any]:
    """Return what makes of a row's values something that msgspec writes as an object: of `keys`, or all."""
    if keys is None:
        return _struct_of(name)
    return lambda *values: dict(zip(keys, values, strict=True))  # a type a choice of keys would stay for ever


@functools.cache
def _struct_of(name: str) -> Callable[..., Any]:
    word = name.replace("/", "_")
    return msgspec.defstruct(f"Row_{word}", KINDS[name].keys, frozen=True, gc=False)
