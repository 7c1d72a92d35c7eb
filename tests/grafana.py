"""The rendered dashboards as tests read them: their queries, with the values of the variables put in."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GRAFANA = Path(__file__).parent.parent / "deploy" / "grafana"
SLUGS = ("clusters", "cluster", "nodes", "pods", "workload")
SOURCES = ("infinity", "json-api", "prometheus")
# What is chosen above the boards, besides "All" where a variable allows it.
CHOSEN = {
    "cluster": "simulated", "namespace": "shop", "kind": "Deployment", "workload": "cart",
    "node": "general-1",
}  # fmt: skip
_REFERENCE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")


class Question(NamedTuple):
    """One query of a panel or of a variable."""

    board: str
    panel: str
    target: dict[str, Any]


def load(source: str, slug: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GRAFANA / "dashboards" / source / f"{slug}.json").read_text())
    return found


def boards(source: str) -> Iterator[dict[str, Any]]:
    for slug in SLUGS:
        yield load(source, slug)


def values_of(board: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, str]:
    """Return what the variables stand for: what is chosen, else all."""
    return {
        each["name"]: chosen.get(each["name"], each.get("allValue") or "")
        for each in board["templating"]["list"]
    }


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """Put the values in. An unknown variable is an error; Grafana would leave its name in the query."""
    return _REFERENCE.sub(lambda found: values[found[1] or found[3]], text)


def questions(source: str, chosen: Mapping[str, str]) -> list[Question]:
    """Return every query of every panel and variable of one data source's boards, interpolated."""
    found = []
    for board in boards(source):
        values = values_of(board, chosen)
        asked = [
            (f"variable {each['name']}", each["query"].get("infinityQuery", each["query"]))
            for each in board["templating"]["list"]
            if each["type"] == "query"
        ]
        asked += [(each["title"], target) for each in board["panels"] for target in each["targets"]]
        found += [Question(board["uid"], title, put_in(target, values)) for title, target in asked]
    return found


def _shown() -> dict[str, str]:
    """Return what Grafana itself puts in: the hour that is shown."""
    now = round(time.time() * 1000)
    return {"datasource": "", "__from": str(now - 3_600_000), "__to": str(now), "__rate_interval": "1m"}


def put_in(value: Any, values: Mapping[str, str]) -> Any:
    """Return a target with the values of the variables in all its texts."""
    if isinstance(value, str):
        # "(.*)" and "$1" are PromQL's own.
        return interpolate(value.replace('"$1"', '"\0"'), {**_shown(), **values}).replace("\0", "$1")
    if isinstance(value, list):
        return [put_in(each, values) for each in value]
    if isinstance(value, dict):
        return {key: put_in(each, values) for key, each in value.items()}
    return value


def path_of(target: Mapping[str, Any]) -> str:
    """Return the path and query that a target of Infinity or JSON API asks the service for."""
    if "urlPath" in target:
        path, pairs = target["urlPath"], target["params"]
    else:
        path, pairs = (
            target["url"],
            [(each["key"], each["value"]) for each in target["url_options"]["params"]],
        )
    return f"{path}?{urllib.parse.urlencode([tuple(pair) for pair in pairs])}"


def types_of(target: Mapping[str, Any]) -> dict[str, str]:
    """Return the type that a target gives each of its columns; empty for a plain array."""
    if "urlPath" in target:
        return {each["name"]: each["type"] for each in target["fields"]}
    return {each["text"]: each["type"] for each in target["columns"]}
