"""Query parameters: reading them, saying what is allowed instead, choosing the records they mean.

A `Query` is hashable: equal queries have equal answers of one snapshot. It must not know HTTP.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any, NamedTuple

from kubevitals import sanitize, totals
from kubevitals.surfaces.web import kinds, problemdetails, selectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from kubevitals import model

FORMATS = ("objects", "columns", "csv")
MOST = 1_000_000  # of limit and offset
_LONGEST = 1_000  # characters of a selector

# What Kubernetes calls a field in a field selector, beside the keys of the rows themselves.
_POD_FIELDS = {
    "metadata.name": "name",
    "metadata.namespace": "namespace",
    "spec.nodeName": "node",
    "status.phase": "phase",
    "status.podIP": "ip",
}
_TEXTS = (
    "namespace", "name", "pod", "node", "phase", "status", "reason", "ready", "app", "qos", "ip",
    "workload_kind", "workload_name", "problem", "stale", "unschedulable",
)  # fmt: skip

# parameter: (field of a pod, what it means)
POD_FILTERS = {
    "namespace": ("namespace", "namespaces of the pods, separated by commas; `*` is all"),
    "node": ("node", "nodes that the pods run on"),
    "app": ("app", "values of the label app, else app.kubernetes.io/name"),
    "phase": ("phase", "phases of the pods: Running, Pending, Succeeded, Failed, Unknown"),
    "workload_kind": ("workload_kind", "kinds of the workloads: Deployment, CronJob ..."),
    "workload": ("workload_name", "names of the workloads"),
    "pod": ("name", "names of the pods"),
}
NAMES = {
    "clusters": "", "namespaces": "namespace", "nodes": "name", "pods": "name", "apps": "app",
    "workloads": "workload_name", "containers": "name", "node_pools": "",
}  # fmt: skip


class Query(NamedTuple):
    """What is asked for. None is no condition; of a route without a parameter its default stands here."""

    route: str  # list, one, names, problems, vitals
    kind: str
    cluster: str | None = None
    among: tuple[tuple[str, frozenset[str]], ...] = ()  # field of a pod: the values it may have
    names: frozenset[str] | None = None  # of the rows themselves
    labels: str = ""
    fields_are: tuple[tuple[str, str, bool], ...] = ()  # of the rows' records
    node_pools: frozenset[str] | None = None
    sort: tuple[tuple[str, bool], ...] = ()  # fields of the record, descending
    limit: int | None = None
    offset: int = 0
    fields: tuple[str, ...] | None = None
    form: str = "objects"
    path: tuple[str, ...] = ()  # of a single object: namespace, name ...


def parameters_of(route: str, kind: str) -> tuple[str, ...]:
    """Return the parameters that a route has."""
    if route == "one":
        return ("cluster", "fields")
    if route == "problems":
        return ("cluster", "namespace", "limit", "offset")
    if route in ("status", "vitals"):
        return ("cluster",)
    if route == "names":
        return ("cluster",) if kind == "clusters" else ("cluster", *_filters(kind))
    return ("cluster", *_filters(kind), "sort", "limit", "offset", "fields", "format")


def _filters(kind: str) -> tuple[str, ...]:
    of = kinds.KINDS[kind].of if kind in kinds.KINDS else kind
    if of in ("nodes", "node_pools"):
        return ("namespace", "name", "label_selector", "field_selector", "node_pool")
    return (*POD_FILTERS, "name", "label_selector", "field_selector", "node_pool")


def field_keys(kind: str) -> dict[str, str]:
    """Return what a field selector of a kind may name, and the record's field that it means."""
    of = kinds.KINDS[kind].of if kind in kinds.KINDS else kind
    if of in ("nodes", "node_pools"):
        return {"metadata.name": "name", **_own("nodes")}
    if of == "containers":
        return {**_POD_FIELDS, "metadata.name": "pod", **_own("containers")}
    if of in ("namespaces", "workloads", "apps"):  # of the pods that are added up
        return {**_POD_FIELDS, **_own("pods")}
    return {**_POD_FIELDS, **_own("pods")}


def _own(kind: str) -> dict[str, str]:
    return {key: key for key in _TEXTS if key in kinds.KINDS[kind].keys}


def sort_words(kind: str) -> list[str]:
    """Return what one may sort rows by: a key, or with a minus before it from the largest."""
    return [sign + key for key in kinds.KINDS[kind].sort for sign in ("", "-")]


def parse(route: str, kind: str, text: bytes, path: tuple[str, ...] = ()) -> Query:
    """Return the query in the text after the question mark.

    Raises:
        problems.Refusal: a parameter is unknown or has a bad value; it says what is allowed.
    """
    allowed = parameters_of(route, kind)
    given = split(text, allowed)
    return Query(
        route,
        kind,
        cluster=single(given, "cluster") or None,
        among=tuple(
            (field, values)
            for name, (field, _) in POD_FILTERS.items()
            if name in allowed and (values := several(given, name)) is not None
        ),
        names=several(given, "name"),
        labels=_labels(given),
        fields_are=_fields_are(given, kind),
        node_pools=several(given, "node_pool"),
        sort=_sort(given, route, kind),
        limit=number(given, "limit"),
        offset=number(given, "offset") or 0,
        fields=_fields(given, kind),
        form=word(given, "format", FORMATS),
        path=path,
    )


def split(text: bytes, allowed: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each parameter in a query.

    Raises:
        problems.Refusal: it is none, or has a parameter that is not allowed.
    """
    try:
        pairs = urllib.parse.parse_qsl(
            text.decode("ascii"), keep_blank_values=True, max_num_fields=100, errors="strict"
        )
    except ValueError as error:
        raise problemdetails.Refusal(422, "bad_query", "the query is not UTF-8 text with % and &") from error
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if name not in allowed:
            raise problemdetails.unknown_parameter(name, allowed)
        given.setdefault(name, []).append(value)
    return given


def single(given: Mapping[str, list[str]], name: str) -> str:
    """Return the value of a parameter that is given once at most; nothing where it is not given."""
    values = given.get(name, [""])
    if len(values) > 1:
        raise problemdetails.bad_parameter(name, "is given more than once")
    return values[0]


def several(given: Mapping[str, list[str]], name: str) -> frozenset[str] | None:
    """Return the words of a list; None, which is no condition, where it is empty or holds a star."""
    words = frozenset(filter(None, ",".join(given.get(name, ())).split(",")))
    return None if not words or "*" in words else words


def number(given: Mapping[str, list[str]], name: str) -> int | None:
    """Return the value of a parameter that is a count; None where it is not given."""
    if name not in given:
        return None
    text = single(given, name)
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) <= MOST):
        raise problemdetails.bad_parameter(
            name,
            f"{sanitize.shorten(text, 100)!r} is no whole number from 0 to {MOST}",
            allowed=[f"0 to {MOST}"],
        )
    return int(text)


def word(given: Mapping[str, list[str]], name: str, allowed: Sequence[str]) -> str:
    """Return the value of a parameter that is one of these words; the first one where it is not given."""
    if name not in given:
        return allowed[0]
    text = single(given, name)
    if text not in allowed:
        raise problemdetails.bad_word(name, text, allowed)
    return text


def _labels(given: Mapping[str, list[str]]) -> str:
    text = single(given, "label_selector")
    if text:
        try:
            selectors.parse_labels(_bounded(text))
        except ValueError as error:
            raise problemdetails.bad_parameter(
                "label_selector",
                f"{sanitize.shorten(text, 100)!r}: {error}",
                allowed=["key=value", "key!=value", "key in (a, b)", "key notin (a, b)", "key", "!key"],
            ) from error
    return text


def _bounded(text: str) -> str:
    if len(text) > _LONGEST:
        raise ValueError(f"longer than {_LONGEST} characters")
    return text


def _fields_are(given: Mapping[str, list[str]], kind: str) -> tuple[tuple[str, str, bool], ...]:
    text = single(given, "field_selector")
    if not text:
        return ()
    keys = field_keys(kind)
    try:
        return selectors.parse_fields(_bounded(text), keys)
    except KeyError as error:
        raise problemdetails.bad_word("field_selector", str(error.args[0]), keys) from error
    except ValueError as error:
        raise problemdetails.bad_parameter(
            "field_selector",
            f"{sanitize.shorten(text, 100)!r}: {error}",
            allowed=[f"{key}=VALUE" for key in keys],
        ) from error


def _sort(given: Mapping[str, list[str]], route: str, kind: str) -> tuple[tuple[str, bool], ...]:
    if "sort" not in given:
        return kinds.KINDS[kind].default_sort if route == "list" else ()
    keys = kinds.KINDS[kind].sort
    words = [word for text in given["sort"] for word in text.split(",")]
    for word in words:
        if word.removeprefix("-") not in keys or word.startswith("--"):
            raise problemdetails.bad_word("sort", word, keys)
    # The default order decides between rows that are equal otherwise.
    asked = [(keys[word.removeprefix("-")], word.startswith("-")) for word in words]
    known = {field for field, _ in asked}
    rest = [each for each in kinds.KINDS[kind].default_sort if each[0] not in known]
    return tuple(dict.fromkeys((*asked, *rest)))


def _fields(given: Mapping[str, list[str]], kind: str) -> tuple[str, ...] | None:
    if "fields" not in given:
        return None
    keys = kinds.KINDS[kind].keys
    words = [word for text in given["fields"] for word in text.split(",")]
    for word in words:
        if word not in keys:
            raise problemdetails.bad_word("fields", word, keys)
    return tuple(dict.fromkeys(words))


# --- choosing records


def choose(query: Query, held: model.Snapshot, *, pools: Mapping[str, str | None]) -> list[Any]:
    """Return the records of the snapshot that a query means, in its order, before limit and offset.

    `pools` names the pool of each node.
    """
    of = kinds.KINDS[query.kind].of if query.kind in kinds.KINDS else query.kind
    records: list[Any]
    if of in ("nodes", "node_pools"):
        records = _choose_nodes(query, held, pools)
    else:
        pods = _choose_pods(query, held, pools)
        records = pods
        if of == "containers":
            records = [each for pod in pods for each in pod.containers]
        elif of == "namespaces" and query.route != "names":
            records = list(totals.total_by_namespace(pods))
        elif of == "workloads" and query.route != "names":
            records = list(totals.total_by_workload(pods))
        if of == "containers" and query.fields_are:
            records = list(filter(selectors.field_matcher(query.fields_are), records))
        if query.names is not None:
            records = [record for record in records if record.name in query.names]
    return records


def _choose_nodes(query: Query, held: model.Snapshot, pools: Mapping[str, str | None]) -> list[model.Node]:
    conditions: list[Callable[[model.Node], bool]] = []
    names, wanted = query.names, query.node_pools
    if names is not None:
        conditions.append(lambda node: node.name in names)
    if wanted is not None:
        conditions.append(lambda node: pools.get(node.name) in wanted)
    if query.among:  # the nodes on which there is a pod like that
        running = {pod.node for pod in held.pods if not pod.terminated and _is_among(pod, query.among)}
        conditions.append(lambda node: node.name in running)
    if query.labels:
        required = selectors.parse_labels(query.labels)
        conditions.append(lambda node: selectors.matches(node.labels, required))
    if query.fields_are:
        conditions.append(selectors.field_matcher(query.fields_are))
    return [node for node in held.nodes if all(meets(node) for meets in conditions)]


def _choose_pods(query: Query, held: model.Snapshot, pools: Mapping[str, str | None]) -> list[model.Pod]:
    pods: Iterable[model.Pod] = held.pods
    if query.among:
        pods = [pod for pod in pods if _is_among(pod, query.among)]
    wanted = query.node_pools
    if wanted is not None:
        pods = [pod for pod in pods if pod.node is not None and pools.get(pod.node) in wanted]
    if query.labels:
        required = selectors.parse_labels(query.labels)
        pods = [pod for pod in pods if selectors.matches(pod.labels, required)]
    if query.fields_are and query.kind != "containers":
        pods = filter(selectors.field_matcher(query.fields_are), pods)
    return list(pods)


def _is_among(pod: model.Pod, among: tuple[tuple[str, frozenset[str]], ...]) -> bool:
    return all(getattr(pod, field) in values for field, values in among)


def name_pools(nodes: Iterable[model.Node], labels: Sequence[str]) -> dict[str, str | None]:
    """Return the pool of each node: the value of the first of these labels that it has."""
    return {
        node.name: next((node.labels[label] for label in labels if label in node.labels), None)
        for node in nodes
    }


def list_names(query: Query, held: model.Snapshot, pools: Mapping[str, str | None]) -> list[str]:
    """Return the different names that a query means, in order."""
    records = choose(query, held, pools=pools)
    if query.kind == "node_pools":
        found = {pools.get(node.name) for node in records}
    elif query.kind == "containers":
        found = {record.name for record in records}
    else:
        field = NAMES[query.kind]
        found = {getattr(record, field) for record in records}
    return sorted(name for name in found if name)
