"""The OpenAPI description, made of the same tables that the routes are made of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import kubevitals
from kubevitals import details
from kubevitals.surfaces.view import historydocuments, recorderstatus
from kubevitals.surfaces.web import (
    historyquery,
    kinds,
    problemdetails,
    queries,
    renderer,
    selectors,
    servicestatus,
    stream,
    vitalsrow,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLAIN_TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "tuple[str, ...]": {"type": "array", "items": {"type": "string"}},
    "Mapping[str, str]": {"type": "object", "additionalProperties": {"type": "string"}},
    "Mapping[str, int]": {"type": "object", "additionalProperties": {"type": "integer"}},
    "tuple[Condition, ...]": {"type": "array", "items": {"type": "object"}},
    "tuple[Taint, ...]": {"type": "array", "items": {"type": "object"}},
}
_PROBLEM = {
    "type": "object",
    "required": ["code", "message", "remedy", "object"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "remedy": {"type": ["string", "null"]},
        "object": {"type": ["string", "null"]},
    },
}
_REFUSAL = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "remedy", "parameter", "allowed"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "remedy": {"type": ["string", "null"]},
        "parameter": {"type": ["string", "null"]},
        "allowed": {"type": ["array", "null"], "items": {"type": "string"}},
    },
}
_PROBLEMS = {"type": "array", "items": {"$ref": "#/components/schemas/Problem"}}
_REFUSALS = {
    "401": "who asks is not known",
    "403": "who asks may not",
    "404": "the snapshot does not hold it",
    "422": "a parameter is unknown or has a bad value; `allowed` says what is allowed",
    "429": "too many requests",
    "500": "the service failed",
    "503": "there is no snapshot yet: `detail` says why and `remedy` what to do; or the service ends",
}
_HEADERS = {
    "ETag": {"schema": {"type": "string"}, "description": "another one for each snapshot and coding"},
    "Age": {"schema": {"type": "string"}, "description": "seconds since `generated_at`"},
    "X-Total-Count": {"schema": {"type": "string"}, "description": "rows without limit and offset"},
}


def describe(clusters: Sequence[str]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a service of these clusters."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kubevitals",
            "version": kubevitals.__version__,
            "description": "How a Kubernetes cluster is doing. Every key is always present; unknown is null.",
        },
        "paths": {**_snapshot_paths(clusters), **_history_paths(clusters), **_service_paths(clusters)},
        "components": {
            "schemas": {
                "Problem": _PROBLEM,
                "Refusal": _REFUSAL,
                **{_row_name(kind): _object(kind.types) for kind in kinds.KINDS.values()},
            }
        },
    }


def _snapshot_paths(clusters: Sequence[str]) -> dict[str, Any]:
    paths = {}
    for kind in kinds.KINDS.values():
        columns = {"type": "object", "additionalProperties": {"type": "array"}}
        schema = {"anyOf": [_list_of(kind), _list_of(kind, columns)]}
        content = {renderer.JSON: {"schema": schema}, renderer.CSV: {"schema": {"type": "string"}}}
        paths[f"/api/v1/{kind.name}"] = _operation(
            f"list_{kind.name}",
            f"{kind.of} in millicores, MiB and percent" if kind.infra else f"{kind.of} in base units",
            content,
            queries.parameters_of("list", kind.name),
            kind=kind.name,
            clusters=clusters,
        )
    for name, path in renderer.PATHS.items():
        kind = kinds.KINDS[name]
        schema = _envelope({"item": _partial(kind)})
        operation = _operation(
            f"read_{name}",
            f"one of the {name}",
            {renderer.JSON: {"schema": schema}},
            queries.parameters_of("one", name),
            kind=name,
            clusters=clusters,
        )
        operation["get"]["parameters"] += _places(path)
        paths[f"/api/v1/{name}/" + "/".join(f"{{{key}}}" for key in path)] = operation
    for name in queries.NAMES:
        schema = _schema("tuple[str, ...]")
        paths[f"/api/v1/names/{name}"] = _operation(
            f"names_{name}",
            f"the names of {name.replace('_', ' ')} as a plain array",
            {renderer.JSON: {"schema": schema}},
            queries.parameters_of("names", name),
            kind=name,
            clusters=clusters,
        )
    items = {"type": "array", "items": _object(renderer.PROBLEM_TYPES)}
    paths["/api/v1/problems"] = _operation(
        "problems",
        "what is wrong in the cluster, and what could not be read",
        {renderer.JSON: {"schema": _envelope({"items": items})}},
        queries.parameters_of("problems", "problems"),
        kind="pods",
        clusters=clusters,
    )
    items = {"type": "array", "items": _object(vitalsrow.VITALS_TYPES)}
    paths["/api/v1/vitals"] = _operation(
        "vitals",
        "the cluster in one row: counts, and shares of what is allocatable",
        {renderer.JSON: {"schema": _envelope({"items": items})}},
        queries.parameters_of("vitals", "vitals"),
        kind="pods",
        clusters=clusters,
    )
    return paths


def _history_paths(clusters: Sequence[str]) -> dict[str, Any]:
    series = _object(historydocuments.SERIES_TYPES)
    series["properties"]["points"] = {"type": "array", "items": _object(historydocuments.POINT_TYPES)}
    more = _properties(historydocuments.HEAD_TYPES)
    forms = [
        _envelope({**more, "items": {"type": "array", "items": series}}),
        _envelope({**more, "items": {"type": "array", "items": _object(historydocuments.ROW_TYPES)}}),
        _envelope({**more, "columns": {"type": "object", "additionalProperties": {"type": "array"}}}),
    ]
    content = {renderer.JSON: {"schema": {"anyOf": forms}}, renderer.CSV: {"schema": {"type": "string"}}}
    paths = {}
    for name, path in renderer.PATHS.items():
        for single in (False, True):
            operation = _operation(
                f"history_of_one_of_{name}" if single else f"history_of_{name}",
                f"what {'one of the ' if single else ''}{name} used over time",
                content,
                historyquery.parameters_of(name, single=single),
                kind=name,
                clusters=clusters,
            )
            found = operation["get"]["parameters"]
            found += _places(path) if single else []
            next(each for each in found if each["name"] == "format").update(historyquery.FORMAT)
            paths["/".join((f"/api/v1/history/{name}", *(f"{{{key}}}" for key in path if single)))] = (
                operation
            )
    return paths


def _places(path: Sequence[str]) -> list[dict[str, Any]]:
    """Return the parameters of a path."""
    return [{"name": key, "in": "path", "required": True, "schema": {"type": "string"}} for key in path]


def _service_paths(clusters: Sequence[str]) -> dict[str, Any]:
    text = {"text/plain; charset=utf-8": {"schema": {"type": "string"}}}
    cluster = _object(servicestatus.STATUS_TYPES)
    cluster["properties"]["sources"] = {"type": "array", "items": _object(servicestatus.SOURCE_TYPES)}
    status = {
        "type": "object",
        "required": ["schema", "kind", "version", "ready", "history", "remote_write", "clusters"],
        "properties": {
            "history": _or_none(recorderstatus.HISTORY_TYPES),
            "remote_write": _or_none(recorderstatus.REMOTE_WRITE_TYPES),
            "clusters": {"type": "array", "items": cluster},
        },
    }
    events = {"type": "string", "description": f"events with {', '.join(stream.EVENT_TYPES)} as JSON"}
    metrics = {
        "text/plain; version=0.0.4; charset=utf-8": {"schema": {"type": "string"}},
        "application/openmetrics-text; version=1.0.0; charset=utf-8": {"schema": {"type": "string"}},
    }

    def operation(
        name: str, text: str, content: Mapping[str, Any], parameters: Sequence[str] = ()
    ) -> dict[str, Any]:
        return _operation(name, text, content, parameters, kind="pods", clusters=clusters)

    paths = {
        "/": operation(
            "page", "a page with links", {"text/html; charset=utf-8": {"schema": {"type": "string"}}}
        ),
        "/style.css": operation(
            "style", "of the page", {"text/css; charset=utf-8": {"schema": {"type": "string"}}}
        ),
        "/openapi.json": operation("openapi", "this", {renderer.JSON: {"schema": {"type": "object"}}}),
        "/metrics": operation("metrics", "Prometheus text 0.0.4, or OpenMetrics 1.0 by Accept", metrics),
        "/api/v1/status": operation(
            "status", "how the service is doing", {renderer.JSON: {"schema": status}}, ("cluster",)
        ),
        "/api/v1/stream": operation(
            "stream", "an event a snapshot", {stream.MEDIA_TYPE: {"schema": events}}, ("cluster",)
        ),
    }
    for name, says in (("healthz", "ticks"), ("livez", "ticks"), ("readyz", "has a current snapshot")):
        paths[f"/{name}"] = operation(name, f"200 where it {says}, else 503", text)
        paths[f"/{name}"]["get"]["responses"]["503"] = {"description": "it does not", "content": text}
    return paths


def _operation(
    name: str,
    text: str,
    content: Mapping[str, Any],
    parameters: Sequence[str],
    *,
    kind: str,
    clusters: Sequence[str],
) -> dict[str, Any]:
    refusal = {problemdetails.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Refusal"}}}
    return {
        "get": {
            "operationId": re.sub(r"\W", "_", name),
            "summary": text,
            "parameters": [_parameter(each, kind, clusters) for each in parameters],
            "responses": {
                "200": {"description": text, "content": dict(content), "headers": _HEADERS},
                "304": {"description": "the client has it: If-None-Match names its ETag"},
                **{code: {"description": said, "content": refusal} for code, said in _REFUSALS.items()},
            },
        }
    }


def _parameter(name: str, kind: str, clusters: Sequence[str]) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "in": "query", "required": False}
    text, schema = _PARAMETERS.get(name, (None, None))
    if name in historyquery.PARAMETERS:
        text, schema = historyquery.PARAMETERS[name], historyquery.schema_of(name)
    elif name == "cluster":
        text, schema = "the context's name; the first one by default", {"enum": ["", *clusters]}
    elif name in queries.POD_FILTERS:
        text, schema = queries.POD_FILTERS[name][1], {"type": "string"}
    elif name == "sort":
        text = "keys, separated by commas; a minus before one means from the largest; unknown is last"
        schema = _list_schema(queries.sort_words(kind))
    elif name == "fields":
        text, schema = "keys of the rows, separated by commas", _list_schema(kinds.KINDS[kind].keys)
    elif name == "field_selector":
        text = "as kubectl's: key=value, key!=value"
        pattern = selectors.fields_pattern(queries.field_keys(kind))
        schema = {"type": "string", "pattern": pattern, "maxLength": 1000}
    if name in ("sort", "fields"):
        described |= {"style": "form", "explode": False}
    return {**described, "description": text, "schema": schema}


def _list_schema(words: Sequence[str]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string", "enum": list(words)}, "minItems": 1}


_PARAMETERS: dict[str, tuple[str, dict[str, Any]]] = {
    "name": ("names of the rows, separated by commas", {"type": "string"}),
    "node_pool": ("pools of the nodes, separated by commas", {"type": "string"}),
    "label_selector": (
        "as kubectl's -l, of pods or nodes",
        {"type": "string", "pattern": selectors.LABELS, "maxLength": 1000},
    ),
    "limit": ("the most rows", {"type": "integer", "minimum": 0, "maximum": queries.MOST}),
    "offset": ("rows to leave out before", {"type": "integer", "minimum": 0, "maximum": queries.MOST}),
    "format": ("how rows are written", {"type": "string", "enum": list(queries.FORMATS)}),
}


def _row_name(kind: kinds.Kind) -> str:
    return f"Infra{kind.of[:-1].capitalize()}" if kind.infra else kind.item


def _partial(kind: kinds.Kind) -> dict[str, Any]:
    """Return the schema of a row of which `fields` may have chosen some keys."""
    return {"type": "object", "properties": _properties(kind.types), "additionalProperties": False}


def _list_of(kind: kinds.Kind, columns: dict[str, Any] | None = None) -> dict[str, Any]:
    items = columns or {"type": "array", "items": _partial(kind)}
    if kind.infra:
        head = {
            "generated_at": _schema("datetime"), "cluster": _schema("str"), "source": _schema("str"),
            "problems": _PROBLEMS, kind.item: items,
        }  # fmt: skip
        return {"type": "object", "required": list(head), "properties": head, "additionalProperties": False}
    return _envelope({"columns" if columns else "items": items})


def _envelope(more: Mapping[str, Any]) -> dict[str, Any]:
    properties = {
        "schema": {"const": "kubevitals/v1"}, "kind": _schema("str"), "cluster": _schema("str"),
        "source": _schema("str"), "generated_at": _schema("datetime"), "problems": _PROBLEMS, **more,
    }  # fmt: skip
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _object(types: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "object", "required": list(types), "properties": _properties(types)}


def _or_none(types: Mapping[str, str]) -> dict[str, Any]:
    return {**_object({**types, "problem": "Mapping[str, str] | None"}), "type": ["object", "null"]}


def _properties(types: Mapping[str, str]) -> dict[str, Any]:
    return {key: _schema(text) for key, text in types.items()}


def _schema(text: str) -> dict[str, Any]:
    """Return the schema of a type as the model annotates it."""
    plain = text.removesuffix(" | None")
    if plain == "details.Detail":
        schema = _object({key: str(each) for key, each in details.Detail.__annotations__.items()})
    else:
        schema = dict(_PLAIN_TYPES[plain])
    if plain != text:
        schema["type"] = [schema["type"], "null"]
    return schema
