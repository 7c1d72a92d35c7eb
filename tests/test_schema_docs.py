"""docs/schema.md tells of every kind and every key that the service answers."""

from __future__ import annotations

import json
import pathlib
import re
from typing import TYPE_CHECKING, Any

import pytest
from tests import web_service

from kubevitals.surfaces.view import historydocuments
from kubevitals.surfaces.web import stream

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TEXT = (pathlib.Path(__file__).parent.parent / "docs" / "schema.md").read_text("utf-8")
DOCUMENT = web_service.describe()
JSON = "application/json"
LISTS = [
    path
    for path, item in DOCUMENT["paths"].items()
    if JSON in item["get"]["responses"]["200"]["content"]
    and path != "/openapi.json"
    and not path.startswith("/api/v1/history/")
]
FREE = frozenset({"labels", "failures"})  # below them stand names that others choose


@pytest.fixture(scope="module")
def service() -> Iterator[web_service.Service]:
    """One with usage, and with a problem since then."""
    with web_service.serve() as made:
        made.tick()
        made.world.set_faults(["metrics-unavailable"])
        made.tick()
        yield made


def is_told(word: str) -> bool:
    """Whether the text names it, or the key of CPU that its pattern follows."""
    patterned = re.sub(r"^memory_(?=.*of_)", "cpu_", word)
    patterned = re.sub(r"^memory_(.+)_bytes$", r"cpu_\1_cores", patterned)
    return f"`{word}`" in TEXT or f"`{patterned}`" in TEXT


def keys_of(value: Any) -> set[str]:
    """All keys, at every depth."""
    if isinstance(value, list):
        return {key for each in value for key in keys_of(each)}
    if not isinstance(value, dict):
        return set()
    return set(value) | {key for name, each in value.items() if name not in FREE for key in keys_of(each)}


def first(service: web_service.Service, path: str) -> str:
    """The path with the names of an object that is there."""
    if "{" not in path:
        return path
    items = service.get(path.partition("/{")[0]).json()["items"]
    row: Mapping[str, Any] = next(each for each in items if each.get("workload_name") or "node" not in each)
    return path.format(**row)


@pytest.mark.parametrize("path", LISTS)
def test_every_answer_is_documented(service: web_service.Service, path: str) -> None:
    """The kind of the answer of each route stands in the schema, and so does each of its keys."""
    answer = service.get(first(service, path))
    assert answer.status_code == 200, answer.text
    document = answer.json()
    if path.startswith("/api/v1/names/"):
        assert all(isinstance(each, str) for each in document)
        return
    kind = document.get("kind")
    if not path.startswith("/api/v1/infra/"):
        assert is_told(kind) or ("{" in path and is_told(f"{kind}List")), kind
    for key in keys_of(document):
        assert is_told(key), key


@pytest.mark.parametrize("path", ["/api/v1/pods", "/api/v1/infra/nodes"])
def test_columns_are_documented(service: web_service.Service, path: str) -> None:
    """The other form of a list has documented keys too."""
    for key in service.get(f"{path}?format=columns").json():
        assert is_told(key), key


def test_refusals_and_events_are_documented(service: web_service.Service) -> None:
    """Problem documents and events have documented keys."""
    for key in {*json.loads(service.get("/api/v1/pods?x=1").content), *stream.EVENT_TYPES}:
        assert is_told(key), key


def test_history_is_documented() -> None:
    """So are the kind of history, its envelope, its series and its points."""
    assert is_told(historydocuments.KIND)
    for key in {
        *historydocuments.HEAD_TYPES,
        *historydocuments.SERIES_TYPES,
        "points",
        *historydocuments.POINT_TYPES,
    }:
        assert is_told(key), key


def test_every_parameter_is_documented() -> None:
    """Every query parameter of every route is in the schema."""
    operations = [item["get"] for item in DOCUMENT["paths"].values()]
    found = {
        each["name"] for one in operations for each in one.get("parameters", ()) if each["in"] == "query"
    }
    assert len(found) > 20
    for name in found:
        assert is_told(name), name


def test_every_key_is_described() -> None:
    """The description has words for every key of every answer and for every parameter."""
    schemas = DOCUMENT["components"]["schemas"]
    for name, schema in schemas.items():
        for key, each in schema["properties"].items():
            assert each.get("description"), (name, key)
    for path, item in DOCUMENT["paths"].items():
        assert item["get"]["summary"], path
        for parameter in item["get"].get("parameters", ()):
            assert parameter["description"], (path, parameter["name"])
