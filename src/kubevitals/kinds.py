"""The five kinds of rows: words, record, what names one, what they are ordered and selected by.

A surface's own facts about a kind (columns, metric families, conversions) are tables of that surface, keyed
by the names here.
"""

from __future__ import annotations

from kubevitals import errors, model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

# Fields that hold a text, a truth value or nothing: one may select rows by what they are equal to.
_TEXTS = (
    "namespace", "name", "pod", "node", "phase", "status", "reason", "ready", "app", "qos", "ip",
    "workload_kind", "workload_name", "problem", "stale", "unschedulable",
)  # fmt: skip
_WITHOUT_ORDER = frozenset({"labels", "conditions", "taints", "roles", "addresses", "detail"})


class Kind(NamedTuple):
    """What is known of one kind of rows."""

    name: str  # "pods": on the command line and in paths
    singular: str  # "pod": of one of them, in messages and in history
    item: str  # "Pod": `kind` of one in JSON; that of a list is `list_item`
    words: tuple[str, ...]  # all that people may call it on the command line, `name` first
    record: type[Any]  # the class of its rows
    path: tuple[str, ...]  # the fields that name one row, in the order of the path on HTTP
    selected_by: str  # whose labels and fields selectors are about: "nodes" or "pods"; fields of containers
    # are their own
    kubernetes_fields: Mapping[str, str]  # what Kubernetes calls a field in a field selector: our field
    ratios: Mapping[str, tuple[str, str]]  # ratio: (part, whole), where rows have it as a property

    @property
    def list_item(self) -> str:
        """`kind` of a list of them in JSON: "PodList"."""
        return f"{self.item}List"

    @property
    def blank(self) -> Any:
        """A row of which nothing is known: it has every key of the JSON schema."""
        record = self.record
        return record(*[""] * (len(record._fields) - len(record._field_defaults)))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of a row in the JSON schema, in order: fields and ratios."""
        return tuple(self.blank.to_dict())

    @property
    def sortable(self) -> tuple[str, ...]:
        """The fields and ratios that rows can be ordered by."""
        return tuple(key for key in self.keys if key not in _WITHOUT_ORDER)

    @property
    def order(self) -> tuple[tuple[str, bool], ...]:
        """The default order as (field, descending): by place and name."""
        fields = self.record._fields
        return tuple((key, False) for key in ("namespace", "pod", "name") if key in fields)

    @property
    def texts(self) -> tuple[str, ...]:
        """The fields of a row that may be selected by what they are equal to."""
        return tuple(key for key in _TEXTS if key in self.record._fields)

    @property
    def selectable(self) -> dict[str, str]:
        """What a field selector may name: the field that it means, of the object that is selected by."""
        kind = self if self.name == "containers" else KINDS[self.selected_by]
        return {**kind.kubernetes_fields, **{key: key for key in kind.texts}}


_OF_PODS = {
    "metadata.name": "name",
    "metadata.namespace": "namespace",
    "spec.nodeName": "node",
    "status.phase": "phase",
    "status.podIP": "ip",
}
NODES = Kind(
    "nodes",
    "node",
    "Node",
    ("nodes", "node", "no"),
    model.Node,
    ("name",),
    "nodes",
    {"metadata.name": "name"},
    model.NODE_RATIOS,
)
PODS = Kind(
    "pods",
    "pod",
    "Pod",
    ("pods", "pod", "po"),
    model.Pod,
    ("namespace", "name"),
    "pods",
    _OF_PODS,
    model.POD_RATIOS,
)
CONTAINERS = Kind(
    "containers",
    "container",
    "Container",
    ("containers", "container"),
    model.Container,
    ("namespace", "pod", "name"),
    "pods",
    {**_OF_PODS, "metadata.name": "pod"},
    model.POD_RATIOS,
)
NAMESPACES = Kind(
    "namespaces",
    "namespace",
    "Namespace",
    ("namespaces", "namespace", "ns"),
    model.Total,
    ("name",),
    "pods",
    {},
    {},
)
WORKLOADS = Kind(
    "workloads",
    "workload",
    "Workload",
    ("workloads", "workload"),
    model.Total,
    ("namespace", "workload_kind", "name"),
    "pods",
    {},
    {},
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in (NODES, PODS, CONTAINERS, NAMESPACES, WORKLOADS)}
"""All kinds by name, in the order in which they are listed."""

SINGULARS = tuple(kind.singular for kind in KINDS.values())
GROUPS = Kind("groups", "group", "Group", ("groups",), model.Total, ("name",), "pods", {}, {})
"""Sums of pods by a label or field of the caller's choice: the command line has them, paths do not."""

_BY_WORD = {word: kind for kind in KINDS.values() for word in (*kind.words, kind.singular)}


def parse(word: str, *others: str) -> Kind:
    """Return the kind that a word of the command line means; `others` are further words that are allowed.

    Raises:
        errors.UsageError: it means none.
    """
    kind = find(word)
    if kind is None:
        *names, last = (*KINDS, *others)
        raise errors.UsageError(
            f"{word[:60]!r} is not something to show", remedy=f"{', '.join(names)} or {last}"
        )
    return kind


def find(word: str) -> Kind | None:
    """Return the kind that a word of the command line means ("pods", "pod", "po"), or None."""
    return _BY_WORD.get(word)
