"""Which fields each kind has, as the API server's own OpenAPI description says, in a short form.

    {"kinds": {"apps/v1 Deployment": "apps.v1.Deployment"},
     "types": {"apps.v1.Deployment": {"spec": "apps.v1.DeploymentSpec", "kind": "string", ...}}}

A field's type is `string`, `integer`, `number`, `boolean`, `any`, or the name of another type; `[T]` is a
list of T, `{T}` a map to T.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from simcluster import apiobjects

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e import apiclient

GROUP_VERSIONS = (
    "api/v1",
    "apis/apps/v1",
    "apis/autoscaling/v2",
    "apis/batch/v1",
    "apis/coordination.k8s.io/v1",
    "apis/discovery.k8s.io/v1",
    "apis/apiregistration.k8s.io/v1",
)
KINDS = frozenset(resource.kind for resource in apiobjects.RESOURCES.values())


def write(api: apiclient.Client, path: Path) -> None:
    """Ask the server and write the file."""
    definitions: dict[str, Any] = {}
    kinds: dict[str, str] = {}
    for group_version in GROUP_VERSIONS:
        found = api.get(f"/openapi/v3/{group_version}")["components"]["schemas"]
        definitions |= found
        version = group_version.partition("/")[2]
        for name, definition in found.items():
            for each in definition.get("x-kubernetes-group-version-kind", ()):
                full = f"{each['group']}/{each['version']}" if each["group"] else each["version"]
                if full == version and each["kind"] in KINDS:
                    kinds[f"{full} {each['kind']}"] = name
    types: dict[str, dict[str, str]] = {}
    waiting = sorted(kinds.values())
    while waiting:
        name = waiting.pop()
        if _short(name) in types or "properties" not in definitions[name]:
            continue
        fields = definitions[name]["properties"]
        types[_short(name)] = {field: _type(fields[field], definitions) for field in sorted(fields)}
        waiting += [each for field in fields.values() for each in _references(field)]
    shown = {
        "kinds": {kind: _short(kinds[kind]) for kind in sorted(kinds)},
        "types": dict(sorted(types.items())),
    }
    path.write_text(json.dumps(shown, indent=1) + "\n", encoding="utf-8")


def _short(name: str) -> str:
    for start in ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.apimachinery.pkg.", "io.k8s."):
        name = name.removeprefix(start)
    return name


def _reference(field: dict[str, Any]) -> str | None:
    found = field.get("$ref") or next(
        (each["$ref"] for each in field.get("allOf", ()) if "$ref" in each), None
    )
    return None if found is None else str(found).rpartition("/")[2]


def _references(field: dict[str, Any]) -> list[str]:
    name = _reference(field)
    if name is not None:
        return [name]
    inner = field.get("items") or field.get("additionalProperties")
    return _references(inner) if isinstance(inner, dict) else []


def _type(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    name = _reference(field)
    if name is not None:
        if "properties" in definitions[name]:
            return _short(name)
        return _type(definitions[name], definitions)
    if field.get("type") == "array":
        return f"[{_type(field['items'], definitions)}]"
    if isinstance(field.get("additionalProperties"), dict):
        return f"{{{_type(field['additionalProperties'], definitions)}}}"
    word = str(field.get("type", "any"))
    return "any" if word == "object" else word
