"""The simulated cluster is held against the real one: the same requests, the same answers but for values.

It differs only where simcluster_differences.py says so, and why.
"""

from __future__ import annotations

import base64
import concurrent.futures
import fnmatch
import json
import re
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest
from tests import likeness, recordings, simcluster_differences, simulated

from simcluster import apiobjects, simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = recordings.versions()[-1]
RECORDED = recordings.load(VERSION)
SCHEMA = recordings.load_schema(VERSION)
FAULTS = {
    "absent": ["metrics-absent"],
    "unavailable": ["metrics-unavailable"],
    "empty": ["metrics-empty"],
    "killed": ["metrics-unavailable"],
}
KINDS = {resource.key: resource for resource in apiobjects.RESOURCES.values()}

Answers = dict[str, simulated.Answer]


class Ground:
    """A simulated cluster and what the placeholders of the recorded requests are in it."""

    def __init__(self) -> None:
        self.cluster = simulation.SimulatedCluster(tls=False)
        self.names: dict[str, str] = {}

    def look_around(self) -> None:
        """Choose a pod that is measured and stands under a Deployment, and so on."""
        pods = self.get("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods")["items"]
        pod = next(each for each in pods if each["metadata"]["name"].startswith("storefront-"))
        content = self.get("/api/v1/namespaces/shop/pods?limit=2")["metadata"]["continue"]
        node = self.get(f"/api/v1/namespaces/shop/pods/{pod['metadata']['name']}")["spec"]["nodeName"]
        self.names = {
            "namespace": "shop",
            "pod": pod["metadata"]["name"],
            "node": node,
            "deployment": "storefront",
            "label": "app=storefront",
            "nobody": "nothing",
            "viewer": "viewer-shop",
            "token": self.cluster.token_for("reader"),
            "continue": content,
            "expired": _of_version(content, 2),
            "inconsistent": _of_version(content, -1),
        }

    def get(self, path: str) -> Any:
        return simulated.ask(self.cluster, path).json()

    def ask(self, recording: recordings.Recording) -> simulated.Answer:
        """What the simulated cluster says to the recorded request.

        Where the namespace has nothing of the kind, all namespaces are asked: not every kind is in each.
        """
        answer = self._ask(recording.request)
        comparable = recording.name.startswith(("objects/", "forms/")) and not _is_empty(recording.content)
        if comparable and answer.status == 200 and _is_empty(answer.body):
            path = recording.request.path.replace("/namespaces/{namespace}", "")
            return self._ask(recording.request._replace(path=path))
        return answer

    def _ask(self, raw: recordings.Request) -> simulated.Answer:
        request = raw.fill(self.names)
        headers = {"Accept": request.accept, **(request.headers or {})}
        if request.who == "stranger":
            headers["Authorization"] = "Bearer no-such-token"
        user = {"anonymous": None, "stranger": None, "nobody": "nothing", "viewer": "viewer-shop"}
        query = {**request.query, **({"timeoutSeconds": "1"} if "timeoutSeconds" in request.query else {})}
        return simulated.ask(
            self.cluster,
            request.path + ("?" + urllib.parse.urlencode(query) if query else ""),
            method=request.method,
            user=user.get(request.who, "admin"),
            body=request.body,
            headers=headers,
        )


def _is_empty(content: bytes) -> bool:
    value = json.loads(content)
    return not value.get("items", True) or not value.get("rows", True)


def _of_version(token: str, version: int) -> str:
    content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return base64.urlsafe_b64encode(json.dumps({**content, "rv": version}).encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    made = Ground()
    with made.cluster:
        made.look_around()
        yield made


@pytest.fixture(scope="module")
def answers(ground: Ground) -> Answers:
    """The simulated cluster's answer to each recorded request, in the state in which it was recorded."""
    found: Answers = {}
    states = {each.request.state for each in RECORDED.values()} - {"changing"}  # which cannot be repeated
    for state in sorted(states, key=lambda state: state == "compacted"):  # after which there is no way back
        ground.cluster.set_faults(FAULTS.get(state, []))
        if state == "compacted":
            ground.cluster.forget()
        asked = [each for each in RECORDED.values() if each.request.state == state]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:  # watches take a second each
            found |= dict(zip((each.name for each in asked), pool.map(ground.ask, asked), strict=True))
    return found


@pytest.fixture(scope="module")
def objects(ground: Ground, answers: Answers) -> dict[str, list[Any]]:
    """All simulated objects by the key of their resource."""
    found = {}
    for key, resource in KINDS.items():
        root = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
        found[key] = ground.get(f"{root}/{resource.plural}")["items"]
    return found


@pytest.fixture(scope="module")
def differences(ground: Ground, answers: Answers, objects: dict[str, list[Any]]) -> dict[str, list[str]]:
    """What is different, by the recording's name or `kind/KIND`."""
    found = {name: _compare(RECORDED[name], answer, ground.names) for name, answer in answers.items()}
    for key, resource in KINDS.items():
        found[f"kind/{resource.kind}"] = _compare_kind(resource, objects[key])
    return found


def _compare(recording: recordings.Recording, answer: simulated.Answer, names: dict[str, str]) -> list[str]:
    if answer.status != recording.status:
        return [f"status: {answer.status}, recorded {recording.status}"]
    found = []
    media = answer.headers.get("content-type", "")
    if media != recording.content_type:
        found.append(f"content type: {media}, recorded {recording.content_type}")
    if recording.text is not None:
        shown = recordings.unfill(answer.body.decode(), names)
        wanted = recordings.unfill(recording.text, recording.names)
        return found + likeness.compare_values(shown, wanted, "text")
    if recording.events is not None:
        events = [json.loads(line) for line in answer.body.splitlines()]
        return found + _compare_events(events, recording)
    if "json" not in media:
        return [*found, f"text: {answer.body.decode()}, recorded JSON"]
    return found + _compare_bodies(answer.json(), recording, names)


def _compare_events(events: list[Any], recording: recordings.Recording) -> list[str]:
    assert recording.events is not None
    found = []
    shown = [f"{event['type']} {event['object'].get('kind')}" for event in events]
    wanted = [f"{event['type']} {event['object'].get('kind')}" for event in recording.events]
    found += likeness.compare_values(shown, wanted, "events")
    for kind in dict.fromkeys(wanted):
        if kind in shown and not kind.startswith(("ADDED Pod", "MODIFIED Pod", "DELETED Pod")):
            pair = events[shown.index(kind)], recording.events[wanted.index(kind)]
            keys = [likeness.key_paths(_without_metadata(each["object"])) for each in pair]
            found += [f"{kind} {each}" for each in likeness.compare_keys(keys[0], keys[1])]
    return found


def _compare_bodies(shown: Any, recording: recordings.Recording, names: dict[str, str]) -> list[str]:
    recorded = recording.body
    heads = [{key: each.get(key) for key in ("kind", "apiVersion")} for each in (shown, recorded)]
    head = likeness.compare_values(heads[0], heads[1])
    kind = recorded.get("kind")
    if head or kind == "Status":
        pair = (
            recordings.unfill(json.dumps(shown), names),
            recordings.unfill(json.dumps(recorded), recording.names),
        )
        bodies = [json.loads(each) for each in pair]
        for body in bodies:
            body["message"] = re.sub(r"(?<=, current: )\d+", "NOW", body["message"])
            if body.get("metadata", {}).get("continue"):
                body["metadata"]["continue"] = "(a continue token)"
        return likeness.compare_values(bodies[0], bodies[1])
    if _is_empty(json.dumps(shown).encode()) and not _is_empty(json.dumps(recorded).encode()):
        return ["has nothing of the kind", *(_compare_columns(shown, recorded) if kind == "Table" else ())]
    keys = [likeness.key_paths(_without_objects(each)) for each in (shown, recorded)]
    found = likeness.compare_keys(keys[0], keys[1])
    if kind == "Table":
        found += _compare_columns(shown, recorded)
    if kind in {"APIResourceList", "APIGroupDiscoveryList"}:
        found += _compare_resources(shown, recorded)
    return found


def _without_metadata(value: dict[str, Any]) -> dict[str, Any]:
    return {key: part for key, part in value.items() if key != "metadata"} | {
        "metadata": dict.fromkeys(value.get("metadata", {}))
    }


def _without_objects(value: dict[str, Any]) -> dict[str, Any]:
    """The body with nothing but the outermost keys of the objects in it: their kinds are compared apart."""

    def outline(thing: dict[str, Any]) -> dict[str, Any]:
        return dict.fromkeys(thing) if "metadata" in thing else thing

    if "metadata" in value and "/".join((value.get("apiVersion", ""), value["kind"])) in _SCHEMA_KINDS:
        return outline(value)
    if value.get("kind") == "PartialObjectMetadata":
        return outline(value)
    shown = dict(value)
    if isinstance(value.get("items"), list) and not value["kind"].startswith(
        ("APIGroup", "NodeMetrics", "PodMetrics")
    ):
        shown["items"] = [outline(each) for each in value["items"]]
    if isinstance(value.get("rows"), list):
        shown["rows"] = [
            {**row, **({"object": outline(row["object"])} if isinstance(row.get("object"), dict) else {})}
            for row in value["rows"]
        ]
    return shown


_SCHEMA_KINDS = {kind.replace(" ", "/") for kind in SCHEMA["kinds"]}


def _compare_columns(shown: Any, recorded: Any) -> list[str]:
    keys = ("name", "type", "format", "priority")
    pair = [
        [" ".join(str(column[key]) for key in keys) for column in each.get("columnDefinitions") or ()]
        for each in (shown, recorded)
    ]
    found = likeness.compare_values(pair[0], pair[1], "columns")
    if shown.get("rows") and recorded.get("rows"):
        cells = [[type(cell).__name__ for cell in each["rows"][0]["cells"]] for each in (shown, recorded)]
        found += likeness.compare_values(cells[0], cells[1], "cells")
    return found


def _compare_resources(shown: Any, recorded: Any) -> list[str]:
    """What discovery says of the resources that both have."""
    pair = [_by_name(shown), _by_name(recorded)]
    found = []
    for name, resource in pair[0].items():
        if name not in pair[1]:
            found.append(f"has the resource {name}")
            continue
        found += likeness.compare_values(resource, pair[1][name], "resource")
    return found


def _by_name(value: Any) -> dict[str, Any]:
    if value["kind"] == "APIResourceList":
        return {each["name"]: {**each, "storageVersionHash": None} for each in value["resources"]}
    return {
        f"{each['metadata'].get('name', '')}/{version['version']}/{resource['resource']}": resource
        for each in value["items"]
        for version in each["versions"]
        for resource in version.get("resources", ())
    }


def _compare_kind(resource: apiobjects.Resource, items: list[Any]) -> list[str]:
    """Keys that the real objects have and no simulated one, and keys that the kind has not at all."""
    if not items:
        return ["has nothing of the kind"]
    shown = {path for item in items for path in likeness.key_paths(item)}
    recorded = {path for item in _recorded_objects(resource) for path in likeness.key_paths(item)}
    found = [
        each
        for each in likeness.compare_keys(shown, recorded - {"kind", "apiVersion"})
        if each.startswith("lacks")
    ]
    for item in items:
        for each in likeness.check_fields(item, f"{resource.api_version} {resource.kind}", SCHEMA):
            if each not in found:
                found.append(each)
    return found


def _recorded_objects(resource: apiobjects.Resource) -> list[Any]:
    found = []
    for recording in RECORDED.values():
        body = recording.body
        if isinstance(body, dict) and body.get("apiVersion") == resource.api_version:
            if body["kind"] == resource.kind:
                found.append(body)
            elif body["kind"] == f"{resource.kind}List":
                found += body["items"]
    return found


def _is_listed(name: str, difference: str) -> bool:
    return any(_matches(listed, name, difference) for listed in simcluster_differences.LIST)


def _matches(listed: simcluster_differences.Difference, name: str, difference: str) -> bool:
    where = any(fnmatch.fnmatchcase(name, pattern) for pattern in listed.where)
    return where and any(fnmatch.fnmatchcase(difference, pattern) for pattern in listed.what)


COMPARED = [name for name, recording in RECORDED.items() if recording.request.state != "changing"]


@pytest.mark.parametrize("name", [*COMPARED, *(f"kind/{resource.kind}" for resource in KINDS.values())])
def test_answers_as_the_real_cluster(name: str, differences: dict[str, list[str]]) -> None:
    """The answer has the recorded one's status, words and keys, but for differences that are listed."""
    assert [each for each in differences[name] if not _is_listed(name, each)] == []


@pytest.mark.parametrize("listed", simcluster_differences.LIST, ids=lambda listed: listed.why)
def test_listed_difference_is_still_one(
    listed: simcluster_differences.Difference, differences: dict[str, list[str]]
) -> None:
    """Each place and each difference of a listed item occurs: what has become alike leaves the list."""
    pairs = [(name, each) for name, found in differences.items() for each in found]
    for pattern in listed.where:
        assert any(
            fnmatch.fnmatchcase(name, pattern) and _matches(listed, name, each) for name, each in pairs
        ), pattern
    for pattern in listed.what:
        assert any(
            fnmatch.fnmatchcase(each, pattern) and _matches(listed, name, each) for name, each in pairs
        ), pattern
