"""The query parameters of the snapshot routes as Pydantic models, and the `Query` that they mean.

FastAPI validates requests against these models and describes them in OpenAPI. A value that is wrong raises a
`problemdetails.Refusal` that says what is allowed.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import pydantic
from pydantic import json_schema

from kubevitals import errors, kinds, sanitize
from kubevitals.selection import Selection, filters, selectors
from kubevitals.surfaces.view import times
from kubevitals.surfaces.web import problemdetails, rowkinds

if TYPE_CHECKING:
    from collections.abc import Sequence

Format = Literal["objects", "columns", "csv"]
MOST = 1_000_000  # of limit and offset

MOMENT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": f"^(?:now|-?{times.LENGTH_PATTERN}|[0-9]{{9,14}})?$"},
        {"type": "string", "format": "date-time"},
    ]
}
"""The JSON schema of a parameter that is a time, or empty."""

ALL = ("*", "$__all")  # the second is Grafana's, of a variable without a value for all
_UNESCAPED = re.compile(r"(T[0-9:.]+) ([0-9]{2}:?[0-9]{2})$")
_POD_FIELDS = {"node": "node", "app": "app", "phase": "phase", "workload_kind": "workload_kind",
               "workload": "workload_name", "pod": "name"}  # fmt: skip
"""Parameters, and the field of a pod that each is a condition on."""


class Query(NamedTuple):
    """What a snapshot route is asked for. Equal queries have equal answers of one snapshot."""

    route: str  # list, one, names, problems, vitals
    kind: str  # in paths: nodes, infra/pods, apps
    selection: Selection
    node_pools: frozenset[str] | None = None
    fields: tuple[str, ...] | None = None
    form: str = "objects"
    path: tuple[str, ...] = ()  # of a single object: namespace, name ...


def read_count(value: Any, info: pydantic.ValidationInfo) -> Any:
    """Return a parameter that is a whole number up to MOST.

    Raises:
        problemdetails.Refusal: it is none.
    """
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) <= MOST):
        raise problemdetails.bad_parameter(
            str(info.field_name),
            f"{sanitize.shorten(text, 100)!r} is no whole number from 0 to {MOST}",
            allowed=[f"0 to {MOST}"],
        )
    return int(text)


def split_words(value: Any) -> Any:
    """Return the words of a parameter that may be repeated and may hold several, separated by commas.

    Grafana writes several values of a variable in braces: `{a,b}`.
    """
    if not isinstance(value, list):
        return value
    return [word for text in value for word in _without_braces(text).split(",")]


def _without_braces(text: str) -> str:
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text


def among(words: Sequence[str]) -> frozenset[str] | None:
    """Return the words of a list that was sent; None, no condition, where it is empty or asks for all."""
    found = frozenset(filter(None, split_words(list(words))))
    return None if not found or not found.isdisjoint(ALL) else found


def read_moment(name: str, text: str, now: datetime) -> datetime:
    """Return the time that a parameter means.

    Raises:
        problemdetails.Refusal: it is none.
    """
    try:
        # A plus that was not escaped came as a blank.
        return times.parse_moment(_UNESCAPED.sub(r"\1+\2", text), now=now, zone=UTC)
    except errors.UsageError as error:
        raise problemdetails.bad_parameter(
            name, f"{sanitize.shorten(text, 100)!r} is no time", allowed=[times.MOMENTS]
        ) from error


def words(description: str) -> Any:
    """Return the field of a parameter that is a list of names."""
    return pydantic.Field(default=[], description=f"{description}, separated by commas; `*` is all")


def terms(description: str, *, example: str = "cpu>500m !kube-system") -> Any:
    """Return the field of a parameter that is a filter, for `read_filter`."""
    return pydantic.Field(default="", description=description, examples=[example], max_length=filters.LONGEST)


Count = Annotated[int, pydantic.Field(ge=0, le=MOST), pydantic.BeforeValidator(read_count)]
CountOrAll = Count | json_schema.SkipJsonSchema[None]


class Parameters(pydantic.BaseModel):
    """What all routes have in common: a parameter that a route does not have is refused."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Cluster(Parameters):
    """Which cluster."""

    cluster: str = pydantic.Field(default="", description="the context's name; the first one by default")
    _query: Query | None = pydantic.PrivateAttr(default=None)

    def to_query(self, route: str, kind: str, path: tuple[str, ...] = ()) -> Query:
        """Return the query that these parameters of a route mean; it is made once.

        Raises:
            problemdetails.Refusal: a selector or a filter is none.
        """
        if self._query is None:
            self._query = _make_query(route, kind, self, path)
        return self._query


class Moment(Cluster):
    """Which cluster, and when."""

    at: str = pydantic.Field(
        default="",
        description=f"as it was then, from history: {times.MOMENTS}. `generated_at` is the moment that was "
        "found; now, the default",
        json_schema_extra=MOMENT_SCHEMA,
    )


class Chosen(pydantic.BaseModel):
    """Which rows: what lists and names share."""

    namespace: list[str] = words("namespaces of the pods")
    name: list[str] = words("names of the rows")
    label_selector: str = pydantic.Field(
        default="",
        description="as kubectl's -l, of pods or nodes",
        examples=["app=web,tier in (a, b),!canary"],
        max_length=selectors.LONGEST,
    )
    field_selector: str = pydantic.Field(
        default="",
        description="as kubectl's: key=value, key!=value",
        examples=["metadata.name!=web-0"],
        max_length=selectors.LONGEST,
    )
    node_pool: list[str] = words("pools of the nodes")
    filter: str = terms("conditions on the rows, all of which hold; docs/filters.md is the grammar")


class ChosenPods(Chosen):
    """Which rows of pods, of their containers or of their sums."""

    node: list[str] = words("nodes that the pods run on")
    app: list[str] = words("values of the label app, else app.kubernetes.io/name")
    phase: list[str] = words("phases of the pods: Running, Pending, Succeeded, Failed, Unknown")
    workload_kind: list[str] = words("kinds of the workloads: Deployment, CronJob ...")
    workload: list[str] = words("names of the workloads")
    pod: list[str] = words("names of the pods")


class Listed(Moment):
    """Which part of a list, and how it is written. `list_model` adds `sort` and `fields` of a kind."""

    limit: CountOrAll = pydantic.Field(default=None, description="the most rows")
    offset: Count = pydantic.Field(default=0, description="rows to leave out before")
    format: Format = pydantic.Field(default="objects", description="how rows are written")


class Names(Moment, Chosen):
    """Which names of nodes or node pools."""


class NamesOfPods(Moment, ChosenPods):
    """Which names of pods, or of something that pods have."""


class Problems(Moment):
    """Which problems."""

    namespace: list[str] = words("namespaces of what has a problem")
    filter: str = terms(
        "conditions on pods, as in lists of pods: the problems of those that meet all of them"
    )
    limit: CountOrAll = pydantic.Field(default=None, description="the most problems")
    offset: Count = pydantic.Field(default=0, description="problems to leave out before")


NAMES: dict[str, tuple[str, str]] = {
    "clusters": ("", ""),
    "namespaces": ("pods", "namespace"),
    "nodes": ("nodes", "name"),
    "pods": ("pods", "name"),
    "apps": ("pods", "app"),
    "workload_kinds": ("pods", "workload_kind"),
    "workloads": ("pods", "workload_name"),
    "containers": ("containers", "name"),
    "node_pools": ("nodes", ""),
}
"""The names that can be asked for: the kind of the rows that have them, and their field."""


def names_model(name: str) -> type[Parameters]:
    """Return the parameters of a route of names."""
    if name == "clusters":
        return Cluster
    return Names if NAMES[name][0] == "nodes" else NamesOfPods


@functools.cache
def list_model(name: str) -> type[Listed]:
    """Return the parameters of the list of a kind of rows."""
    kind = rowkinds.KINDS[name]
    bases: Any = (Listed, Chosen if kind.of == "nodes" else ChosenPods)
    sort = tuple(sign + key for key in kind.sort for sign in ("", "-"))
    made: type[Listed] = pydantic.create_model(
        f"{_class_name(name)}ListParameters",
        __base__=bases,
        sort=_words_of(
            sort, "keys, separated by commas; a minus before one means from the largest; unknown is last"
        ),
        fields=_words_of(kind.keys, "keys of the rows, separated by commas: these and no others"),
    )
    return made


@functools.cache
def single_model(name: str) -> type[Moment]:
    """Return the parameters of the route of one object of a kind."""
    keys = rowkinds.KINDS[name].keys
    return pydantic.create_model(
        f"{_class_name(name)}Parameters",
        __base__=Moment,
        fields=_words_of(keys, "keys of the row, separated by commas: these and no others"),
    )


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("/"))


def _words_of(allowed: Sequence[str], description: str) -> Any:
    """Return the type and the field of a parameter that is a list of these words."""
    each: Any = Literal[tuple(allowed)]
    kind = Annotated[list[each], pydantic.BeforeValidator(split_words)]
    return kind, pydantic.Field(default=[], description=description)


# --- what they mean


def _make_query(route: str, kind: str, given: Any, path: tuple[str, ...]) -> Query:
    of = NAMES[kind][0] if route == "names" else rowkinds.KINDS[kind].of if kind in rowkinds.KINDS else "pods"
    query = Query(route, kind, Selection(of), path=path)
    if isinstance(given, Chosen):
        query = query._replace(selection=_select(of, given), node_pools=among(given.node_pool))
    if isinstance(given, Problems):
        query = query._replace(
            selection=Selection(
                of,
                namespaces=among(given.namespace),
                filter=read_filter(given.filter, of),
                limit=given.limit,
                offset=given.offset,
            )
        )
    if isinstance(given, Listed):
        part = query.selection._replace(
            limit=given.limit, offset=given.offset, order=_order(kind, getattr(given, "sort", ()))
        )
        query = query._replace(selection=part, form=given.format)
    fields = tuple(dict.fromkeys(getattr(given, "fields", ())))
    return query._replace(fields=fields or None)


def _select(of: str, given: Chosen) -> Selection:
    pods = [
        (field, values)
        for parameter, field in _POD_FIELDS.items()
        if (values := among(getattr(given, parameter, ()))) is not None
    ]
    return Selection(
        of,
        namespaces=among(given.namespace),
        pods=tuple(pods),
        names=among(given.name),
        labels=_read_labels(given.label_selector),
        fields=_read_fields(given.field_selector, of),
        filter=read_filter(given.filter, of),
    )


def _order(kind: str, sort: Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """Return what rows are ordered by: the default order decides between rows that are equal otherwise."""
    row = rowkinds.KINDS[kind]
    asked = [(row.sort[word.removeprefix("-")], word.startswith("-")) for word in sort]
    known = {field for field, _ in asked}
    return tuple(dict.fromkeys((*asked, *(each for each in row.default_sort if each[0] not in known))))


def _read_labels(text: str) -> tuple[selectors.LabelRequirement, ...]:
    try:
        return selectors.parse_labels(text)
    except errors.UsageError as error:
        raise problemdetails.bad_parameter(
            "label_selector", error.message, allowed=selectors.LABEL_FORMS
        ) from error


def _read_fields(text: str, of: str) -> tuple[selectors.FieldRequirement, ...]:
    keys = kinds.KINDS[of].selectable
    for part in text.split(","):
        key = part.partition("=")[0].removesuffix("!")
        if "=" in part and key not in keys:
            raise problemdetails.bad_word("field_selector", key, keys)
    try:
        return selectors.parse_fields(text, keys)
    except errors.UsageError as error:
        raise problemdetails.bad_parameter(
            "field_selector", error.message, allowed=[f"{key}=VALUE" for key in keys]
        ) from error


def read_filter(text: str, of: str) -> filters.Filter:
    """Return the terms of a filter of rows of a kind.

    Raises:
        problemdetails.Refusal: it is none.
    """
    try:
        return filters.parse(text, kinds.KINDS[of])
    except errors.UsageError as error:
        refusal = problemdetails.bad_parameter("filter", error.message.removeprefix("filter: "))
        refusal.remedy = error.remedy
        raise refusal from error
