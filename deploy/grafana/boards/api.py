"""The service's JSON API, as the Infinity and the JSON API data source ask it.

Infinity's backend parser sorts fields by name, so their order is set by a transformation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deploy.grafana.boards import columns, dialects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deploy.grafana.boards.dialects import Json
    from deploy.grafana.boards.words import Ask, Lines, Past, Variable

_AT = ("at", "${__to}")  # the end of the board's range moves tables, numbers and choices, too
_RANGE = (("since", "${__from}"), ("until", "${__to}"), ("format", "rows"))
ROUTES_WITHOUT_FIELDS = ("vitals", "clusters", "problems")
_PATHS = {"clusters": "vitals"}  # of the rows of all clusters
_INFINITY_TYPES = {"time": "timestamp"}
_HELD = ("cluster",)  # variables of one value; the others may hold several, separated by commas


def _parameters(ask: Ask, keys: Sequence[str]) -> list[tuple[str, str]]:
    found = [("cluster", "*" if ask.of == "clusters" else "${cluster}"), _AT, *_where(ask.where)]
    if ask.largest:
        found += [("sort", f"-{ask.largest}"), ("limit", str(ask.limit or ask.cap))]
    if ask.of not in ROUTES_WITHOUT_FIELDS:
        found.append(("fields", ",".join(keys)))
    return found


def _where(where: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(parameter, f"${{{variable}:csv}}") for parameter, variable in where]


def _past_parameters(past: Past) -> list[tuple[str, str]]:
    found = [("cluster", "${cluster}"), *_where(past.ask.where), *_RANGE]
    if past.ask.largest:
        found += [("largest", past.ask.largest), ("limit", str(past.ask.limit))]
    return found


def _past_types(past: Past) -> dict[str, str]:
    return {"timestamp": "time", "name": "string", past.key: "number"}


def _keys_of(_: Ask, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(keys)


def _transformations(_: Ask, keys: Sequence[str]) -> list[Json]:
    return [dialects.organize(keys, {})] if len(keys) > 1 else []


def _variable_parameters(variable: Variable) -> list[tuple[str, str]]:
    return [] if variable.name in _HELD else [("cluster", "${cluster}"), _AT, *_where(variable.where)]


# --- Infinity


def _ask_infinity(path: str, parameters: Sequence[tuple[str, str]], ref: str) -> Json:
    return {
        "refId": ref,
        "type": "json",
        "source": "url",
        "format": "table",
        "parser": "backend",
        "url": path,
        "url_options": {
            "method": "GET",
            "data": "",
            "params": [{"key": key, "value": value} for key, value in parameters],
        },
        "root_selector": "",
        "columns": [],
        "filters": [],
    }


def _infinity_targets(ask: Ask, keys: Sequence[str]) -> list[Json]:
    target = _ask_infinity(f"/api/v1/{_PATHS.get(ask.of, ask.of)}", _parameters(ask, keys), "A")
    # The text of a column is its selector: the parser has taken other texts for unknown columns before.
    target["columns"] = [
        {"selector": key, "text": key, "type": _INFINITY_TYPES.get(kind, kind)}
        for key in keys
        for kind in [columns.column(ask.of, key).type]
    ]
    target["root_selector"] = "items"
    return [target]


def _infinity_lines(panel: Lines) -> list[Json]:
    if panel.past is None:
        return []
    target = _ask_infinity(f"/api/v1/history/{panel.past.ask.of}", _past_parameters(panel.past), "A")
    target["root_selector"] = "items"
    target["columns"] = [
        {"selector": key, "text": key, "type": _INFINITY_TYPES.get(kind, kind)}
        for key, kind in _past_types(panel.past).items()
    ]
    return [target]


def _infinity_variable(variable: Variable) -> Json:
    path = f"/api/v1/names/{variable.of}"
    asked = _ask_infinity(path, _variable_parameters(variable), "variable")
    return {
        "definition": f"kubevitals {path}",
        "query": {"query": "", "queryType": "infinity", "infinityQuery": asked},
    }


INFINITY = dialects.Dialect(
    "infinity",
    "yesoreyeram-infinity-datasource",
    "Infinity",
    _keys_of,
    _infinity_targets,
    _transformations,
    _infinity_variable,
    "*",
    _infinity_lines,
)

# --- JSON API


def _ask_json(path: str, parameters: Sequence[tuple[str, str]], ref: str) -> Json:
    return {
        "refId": ref,
        "method": "GET",
        "urlPath": path,
        "queryParams": "",
        "params": [list(pair) for pair in parameters],
        "headers": [],
        "body": "",
        # Its default is to show the answer of five minutes ago.
        "cacheDurationSeconds": 0,
        "fields": [],
    }


def _json_targets(ask: Ask, keys: Sequence[str]) -> list[Json]:
    target = _ask_json(f"/api/v1/{_PATHS.get(ask.of, ask.of)}", _parameters(ask, keys), "A")
    target["fields"] = [
        {
            "jsonPath": f"$.items[*].{key}",
            "name": key,
            "type": columns.column(ask.of, key).type,
            "language": "jsonpath",
        }
        for key in keys
    ]
    return [target]


def _json_lines(panel: Lines) -> list[Json]:
    if panel.past is None:
        return []
    target = _ask_json(f"/api/v1/history/{panel.past.ask.of}", _past_parameters(panel.past), "A")
    target["fields"] = [
        {"jsonPath": f"$.items[*].{key}", "name": key, "type": kind, "language": "jsonpath"}
        for key, kind in _past_types(panel.past).items()
    ]
    return [target]


def _json_variable(variable: Variable) -> Json:
    path = f"/api/v1/names/{variable.of}"
    asked = _ask_json(path, _variable_parameters(variable), "variable")
    asked["fields"] = [{"jsonPath": "$[*]", "name": "name", "type": "string", "language": "jsonpath"}]
    return {"definition": f"kubevitals {path}", "query": asked}


JSON_API = dialects.Dialect(
    "json-api",
    "marcusolsson-json-datasource",
    "JSON API",
    _keys_of,
    _json_targets,
    _transformations,
    _json_variable,
    "*",
    _json_lines,
)
