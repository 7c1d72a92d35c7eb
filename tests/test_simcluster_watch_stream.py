"""Watches of the simulated API server."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import simulated, small_world

from simcluster import apiobjects, simulation
from simcluster.apiserver import negotiation, storage, watch_cache, watch_stream
from simcluster.http import messages

if TYPE_CHECKING:
    from collections.abc import Iterator

PODS = apiobjects.RESOURCES["pods"]


class Scene:
    """A running cluster whose time is moved by hand; each step carries out some changes."""

    def __init__(self) -> None:
        self.world = small_world.SmallWorld(pods=6)
        self._now = small_world.START
        self.cluster = simulation.SimulatedCluster(
            world=self.world, tls=False, clock=lambda: self._now, bookmark_seconds=0.2
        )

    def step(self, *changes: apiobjects.Change) -> None:
        self.world.pending = list(changes)
        self._now += simulation.TICK
        simulated.ask(self.cluster, "/api/v1/namespaces")

    def version(self, path: str = "/api/v1/pods") -> str:
        return str(simulated.ask(self.cluster, path).json()["metadata"]["resourceVersion"])


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    with made.cluster:
        yield made


def shown(events: list[Any]) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def test_changes_arrive_in_order(scene: Scene) -> None:
    """A watch from a list's version sees each later change once, in order, with rising versions."""
    with simulated.watching(
        scene.cluster, f"/api/v1/pods?watch=1&resourceVersion={scene.version()}"
    ) as events:
        scene.step(
            apiobjects.Change("ADDED", small_world.pod("new")),
            apiobjects.Change("MODIFIED", small_world.pod("new", phase="Failed")),
            apiobjects.Change("DELETED", small_world.pod("new", phase="Failed")),
        )
        seen = [next(events) for _ in range(3)]
    assert shown(seen) == [("ADDED", "new"), ("MODIFIED", "new"), ("DELETED", "new")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
    assert versions == sorted(set(versions))
    assert seen[0]["object"]["kind"] == "Pod"


def test_watch_without_version_begins_with_everything(scene: Scene) -> None:
    """Without a version the objects that are there come first, as ADDED."""
    path = "/api/v1/namespaces/shop/pods?watch=true&timeoutSeconds=1"
    with simulated.watching(scene.cluster, path) as events:
        seen = list(events)
    assert shown(seen) == [("ADDED", "pod-000"), ("ADDED", "pod-002"), ("ADDED", "pod-004")]


def test_streaming_list(scene: Scene) -> None:
    """With sendInitialEvents a bookmark tells where the list ends."""
    path = "/api/v1/nodes?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    with simulated.watching(scene.cluster, path) as events:
        seen = [next(events) for _ in range(3)]
    assert [event["type"] for event in seen] == ["ADDED", "ADDED", "BOOKMARK"]
    assert seen[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    wrong = simulated.ask(scene.cluster, "/api/v1/nodes?watch=1&sendInitialEvents=true")
    assert wrong.status == 422


def test_bookmarks(scene: Scene) -> None:
    """Bookmarks tell the latest version, whatever changed, to those who allow them."""
    version = scene.version()
    path = f"/api/v1/pods?watch=1&resourceVersion={version}&timeoutSeconds=2"
    with simulated.watching(scene.cluster, f"{path}&allowWatchBookmarks=true") as events:
        scene.step(apiobjects.Change("MODIFIED", small_world.node("node-1")))
        bookmark = next(events)
        while bookmark["object"]["metadata"]["resourceVersion"] == version:
            bookmark = next(events)
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["kind"] == "Pod"
    with simulated.watching(scene.cluster, path.replace("=2", "=1")) as events:
        assert list(events) == []


def test_selection_is_entered_and_left(scene: Scene) -> None:
    """An object that begins or ceases to match is ADDED or DELETED for that watch."""
    query = simulated.quote(watch="1", fieldSelector="status.phase=Failed", resourceVersion=scene.version())
    with simulated.watching(scene.cluster, f"/api/v1/pods?{query}") as events:
        scene.step(
            apiobjects.Change("MODIFIED", small_world.pod("pod-001", phase="Failed")),
            apiobjects.Change("MODIFIED", small_world.pod("pod-003")),
            apiobjects.Change("MODIFIED", small_world.pod("pod-001")),
        )
        seen = [next(events) for _ in range(2)]
    assert shown(seen) == [("ADDED", "pod-001"), ("DELETED", "pod-001")]
    assert seen[1]["object"]["status"]["phase"] == "Failed"


def test_too_old_version(scene: Scene) -> None:
    """A version that is no longer kept is answered by an ERROR event with 410, and the stream ends."""
    version = scene.version()
    scene.step(apiobjects.Change("MODIFIED", small_world.pod("pod-001")))
    scene.cluster.forget()
    with simulated.watching(scene.cluster, f"/api/v1/pods?watch=1&resourceVersion={version}") as events:
        seen = list(events)
    assert [(event["type"], event["object"]["code"], event["object"]["reason"]) for event in seen] == [
        ("ERROR", 410, "Expired")
    ]
    assert seen[0]["object"]["message"].startswith(f"too old resource version: {version} (")


def test_table_watch(scene: Scene) -> None:
    """`kubectl get -w` watches Tables: the first one names its columns, each carries one row."""
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    path = f"/api/v1/pods?watch=1&resourceVersion={scene.version()}"
    with simulated.watching(scene.cluster, path, accept=accept) as events:
        scene.step(
            apiobjects.Change("MODIFIED", small_world.pod("pod-001")),
            apiobjects.Change("MODIFIED", small_world.pod("pod-003", phase="Failed")),
        )
        first, second = next(events), next(events)
    assert first["object"]["kind"] == "Table"
    assert len(first["object"]["columnDefinitions"]) == 9
    assert second["object"]["columnDefinitions"] == []
    assert second["object"]["rows"][0]["cells"][0] == "pod-003"


def test_stopping_ends_watches() -> None:
    """Stopping the cluster ends a watch at once."""
    scene = Scene()
    with contextlib.ExitStack() as stack:
        scene.cluster.start()
        stack.callback(scene.cluster.stop)
        path = f"/api/v1/pods?watch=1&resourceVersion={scene.version()}"
        events = stack.enter_context(simulated.watching(scene.cluster, path))
        before = time.monotonic()
        scene.cluster.stop()
        with contextlib.suppress(Exception):  # the stream may end by a broken connection
            assert list(events) == []
        assert time.monotonic() - before < 3


NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["put", "drop"]), NAMES, st.sampled_from(["Running", "Failed"])), max_size=4
    ),
    max_size=4,
)


def changes(
    steps: list[tuple[str, str, str]], present: dict[str, small_world.PlainItem]
) -> list[apiobjects.Change]:
    """Legal changes from arbitrary steps; `present` is kept up."""
    found = []
    for action, name, phase in steps:
        if action == "drop":
            if name in present:
                found.append(apiobjects.Change("DELETED", present.pop(name)))
            continue
        item = small_world.pod(name, phase=phase)
        found.append(apiobjects.Change("MODIFIED" if name in present else "ADDED", item))
        present[name] = item
    return found


@settings(deadline=None)
@given(STEPS, st.sampled_from(["", "fieldSelector=status.phase%3DFailed", "labelSelector=app%3Dweb"]))
def test_events_lead_from_list_to_list(steps: list[list[tuple[str, str, str]]], query: str) -> None:
    """The events since a list, carried out on it, give the later list, under any selector."""
    objects = watch_cache.WatchCache([small_world.pod("a"), small_world.pod("b", phase="Failed")])
    reader = storage.Storage(objects)

    def read() -> storage.Page:
        return reader.read(
            storage.ListOptions(PODS, "", messages.Request("GET", f"/api/v1/pods?{query}", headers={}))
        )

    first = read()
    present = {name: small_world.pod(name) for name in ("a", "b")}
    for step in steps:
        objects.apply(changes(step, present))
    request = messages.Request(
        "GET", f"/api/v1/pods?{query}&resourceVersion={first.version}&watch=1", headers={}
    )
    request.gone = lambda: True  # one look, and the stream ends
    watch = watch_stream.Watch(
        objects,
        storage.ListOptions(PODS, "", request),
        request,
        form=negotiation.PLAIN,
        clock=time.time,
        bookmark_seconds=0.0,
    )
    state = {entry.key: entry.encoded() for entry in first.entries}
    for line in watch.stream():
        kind, _, rest = line.partition(b'","object":')
        key = "default/" + rest.partition(b'"name":"')[2].partition(b'"')[0].decode()
        if kind.endswith(b"DELETED"):
            assert state.pop(key)
        else:
            assert (key in state) is kind.endswith(b"MODIFIED")
            state[key] = rest[:-2]
    assert state == {entry.key: entry.encoded() for entry in read().entries}
