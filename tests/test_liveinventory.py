"""The live inventory against the simulated cluster: it equals a fresh list whatever happens in between."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests import informers, servers, simulated, small_world, waiting

import kubevitals
from kubevitals.kube import client, clientconfig, codec, informer, inventory, listwatch, liveinventory
from kubevitals.kube.http import retries
from simcluster import apiobjects, simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubevitals import cluster as clusters


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(listwatch, "_LONGEST_DELAY", 0.2)
    monkeypatch.setattr(retries, "_FIRST_DELAY", 0.02)


class Scene:
    """A small cluster whose changes are made by hand, and a live inventory of it."""

    def __init__(self, stack: contextlib.ExitStack, **options: Any) -> None:
        self.world = small_world.SmallWorld(pods=8)
        self._now = small_world.START
        settings = {"world": self.world, "tls": False, "clock": lambda: self._now, "bookmark_seconds": 0.1}
        self.cluster = stack.enter_context(kubevitals.connect(simulation=settings))
        assert self.cluster.world is not None
        self.simulated = self.cluster.world
        self.live = stack.enter_context(liveinventory.LiveInventory(self.cluster.client, **options))

    def step(self, *changes: apiobjects.Change) -> None:
        self.world.pending = list(changes)
        self._now += simulation.TICK
        simulated.ask(self.simulated, "/api/v1/namespaces")

    def pods(self) -> list[str]:
        return [pod.name for pod in self.live.read().pods]


@pytest.fixture
def scene() -> Iterator[Scene]:
    with contextlib.ExitStack() as stack:
        made = Scene(stack)
        assert made.live.wait_until_ready(5)
        yield made


def equals_fresh_list(cluster: clusters.Cluster, inventory_: liveinventory.LiveInventory) -> bool:
    nodes, _ = inventory.fetch_nodes(cluster.client)
    pods, _ = inventory.fetch_pods(cluster.client)
    held = inventory_.read()
    return sorted(held.nodes) == sorted(nodes) and sorted(map(repr, held.pods)) == sorted(map(repr, pods))


def test_ready_with_what_a_fresh_list_says(scene: Scene) -> None:
    """Once ready it holds the nodes and pods of a list, without problems, and the positions of both."""
    assert scene.live.ready
    assert equals_fresh_list(scene.cluster, scene.live)
    held = scene.live.read()
    assert held.problems == ()
    assert held.resource_versions.keys() == {"nodes", "pods"}
    assert scene.live.restarts == informers.relists(scene.live) == {"nodes": 0, "pods": 0}


def test_changes_arrive(scene: Scene) -> None:
    """Additions, changes and deletions show without another list; a copy that was read stays as it was."""
    before = scene.live.read()
    scene.step(
        apiobjects.Change("ADDED", small_world.pod("new")),
        apiobjects.Change("MODIFIED", small_world.pod("pod-001", phase="Failed")),
        apiobjects.Change("DELETED", small_world.pod("pod-003")),
        apiobjects.Change("ADDED", small_world.node("node-3")),
    )
    waiting.until(
        lambda: len(scene.live.read().nodes) == 3 and "new" in scene.pods() and "pod-003" not in scene.pods()
    )
    assert {pod.name: pod.phase for pod in scene.live.read().pods}["pod-001"] == "Failed"
    assert equals_fresh_list(scene.cluster, scene.live)
    assert informers.relists(scene.live) == {"nodes": 0, "pods": 0}
    assert len(before.pods) == 8
    assert "new" not in [pod.name for pod in before.pods]


def test_reading_twice_copies_once(scene: Scene) -> None:
    """As long as nothing changes, reading gives the same tuples: it costs nothing."""
    first, second = scene.live.read(), scene.live.read()
    assert first.pods is second.pods
    assert first.nodes is second.nodes


def test_bookmarks_move_the_position(scene: Scene) -> None:
    """Changes elsewhere move the position of a list in which nothing happens."""
    before = int(scene.live.resource_versions["pods"])
    scene.step(apiobjects.Change("MODIFIED", small_world.node("node-1")))
    waiting.until(lambda: int(scene.live.resource_versions["pods"]) > before)
    assert informers.relists(scene.live)["pods"] == 0


def test_forgotten_history_is_listed_again(scene: Scene) -> None:
    """With every watch answered by 410 the inventory lists again and again, with pauses, and stays right."""
    scene.simulated.set_faults(["watch-gone"])
    scene.step(apiobjects.Change("DELETED", small_world.pod("pod-003")))
    scene.simulated.forget()
    with contextlib.ExitStack() as stack:
        second = stack.enter_context(liveinventory.LiveInventory(scene.cluster.client))
        assert second.wait_until_ready(5)
        waiting.until(lambda: informers.relists(second)["pods"] >= 3)
        assert "pod-003" not in [pod.name for pod in second.read().pods]
        assert equals_fresh_list(scene.cluster, second)
        scene.simulated.set_faults([])
        time.sleep(0.3)
        scene.step(apiobjects.Change("ADDED", small_world.pod("late")))
        waiting.until(lambda: "late" in [pod.name for pod in second.read().pods])
        assert second.problems == ()


def test_resets_are_survived() -> None:
    """Connections that are reset at the start and at each new stream cost nothing but time."""
    with contextlib.ExitStack() as stack:
        made = Scene(stack, stream_seconds=1)
        made.simulated.set_faults(["connection-reset=7"])
        assert made.live.wait_until_ready(5)
        made.simulated.set_faults(["connection-reset=5"])
        waiting.until(lambda: made.live.restarts["pods"] >= 2)
        made.step(apiobjects.Change("ADDED", small_world.pod("late")))
        waiting.until(lambda: "late" in made.pods())
        assert equals_fresh_list(made.cluster, made.live)
        assert made.live.problems == ()
        assert informers.relists(made.live) == {"nodes": 0, "pods": 0}


def test_a_living_cluster_is_followed() -> None:
    """After minutes of a cluster's life, owners included, the inventory equals a fresh list."""
    settings = {"nodes": 10, "pods": 200, "speed": 200.0}
    with (
        kubevitals.connect(simulation=settings) as cluster,
        liveinventory.LiveInventory(cluster.client, stream_seconds=1) as following_,
    ):
        assert cluster.world is not None
        assert following_.wait_until_ready(5)
        first = {pod.uid for pod in following_.read().pods}
        waiting.until(lambda: {pod.uid for pod in following_.read().pods} != first, seconds=8)
        waiting.until(lambda: following_.restarts["pods"] > 0)
        waiting.until(lambda: equals_fresh_list(cluster, following_))
        assert "jobs" in following_.resource_versions
        kinds = {pod.workload_kind for pod in following_.read().pods}
        assert "CronJob" in kinds
        assert following_.problems == ()


def test_without_owners() -> None:
    """Without owners Jobs are not followed, and pods name their Job."""
    with (
        kubevitals.connect(simulation={"nodes": 10, "pods": 200, "speed": 0}) as cluster,
        liveinventory.LiveInventory(cluster.client, with_owners=False, nodes=False) as following_,
    ):
        assert following_.wait_until_ready(5)
        held = following_.read()
        assert held.resource_versions.keys() == {"pods"}
        assert held.nodes == ()
        pods, _ = inventory.fetch_pods(cluster.client, with_owners=False)
        assert sorted(map(repr, held.pods)) == sorted(map(repr, pods))


def test_a_part_of_the_cluster() -> None:
    """A namespace and selectors bound what is followed; a pod that leaves the selection is gone."""
    with contextlib.ExitStack() as stack:
        made = Scene(
            stack,
            namespace="default",
            label_selector="app=web",
            field_selector="status.phase=Running",
            node_label_selector="kubernetes.io/hostname=node-1",
        )
        assert made.live.wait_until_ready(5)
        held = made.live.read()
        assert [node.name for node in held.nodes] == ["node-1"]
        assert {pod.namespace for pod in held.pods} == {"default"}
        assert "pod-001" in made.pods()
        made.step(apiobjects.Change("MODIFIED", small_world.pod("pod-001", phase="Failed")))
        waiting.until(lambda: "pod-001" not in made.pods())


def test_half_an_answer() -> None:
    """An account that may not list nodes gets pods, is ready, and is told why there are no nodes."""
    with contextlib.ExitStack() as stack:
        made = Scene(stack)
        made.live.stop()
        made.simulated.set_faults(["forbidden=nodes"])
        second = stack.enter_context(liveinventory.LiveInventory(made.cluster.client))
        assert second.wait_until_ready(5)
        held = second.read()
        assert held.nodes == ()
        assert len(held.pods) == 8
        (problem,) = held.problems
        assert problem.code == "nodes_forbidden"
        assert problem.message.startswith("nodes unknown: ")
        made.simulated.set_faults([])
        waiting.until(lambda: len(second.read().nodes) == 2)
        assert second.problems == ()


def test_nothing_but_refusals_is_not_ready() -> None:
    """Where nothing may be read it never becomes ready, and says why."""
    with contextlib.ExitStack() as stack:
        made = Scene(stack)
        made.simulated.set_faults(["forbidden"])
        second = stack.enter_context(liveinventory.LiveInventory(made.cluster.client))
        waiting.until(lambda: len(second.problems) == 2)
        assert not second.wait_until_ready(0.1)
        assert second.read().pods == ()


def test_a_cluster_that_comes_late() -> None:
    """It waits for an API server that is not there yet, saying so, and outlives its absence."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    plain = clientconfig.ClientConfig(f"http://127.0.0.1:{port}")
    with client.Client(plain, environ={}) as late, liveinventory.LiveInventory(late) as following_:
        waiting.until(lambda: len(following_.problems) == 2)
        assert {problem.code for problem in following_.problems} == {"nodes_unreachable", "pods_unreachable"}
        assert not following_.ready
        pods = b'{"kind":"PodList","metadata":{"resourceVersion":"5"},"items":[]}'
        nodes = pods.replace(b"Pod", b"Node")

        def route(target: str) -> bytes:
            return nodes if "nodes" in target else pods

        with routed(port, route):
            assert following_.wait_until_ready(5)
            assert following_.resource_versions == {"nodes": "5", "pods": "5"}


@contextlib.contextmanager
def routed(port: int, route: Callable[[str], bytes]) -> Iterator[None]:
    """A server on that port: lists by `route`, watches that stay silent."""
    import http.server

    release = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            if "watch=1" in self.path:
                self.end_headers()
                release.wait(5)
                return
            body = route(self.path)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            release.set()
            server.shutdown()
            thread.join()


def test_a_refused_watch_is_not_hammered(monkeypatch: pytest.MonkeyPatch) -> None:
    """With list allowed and watch refused, it lists again with growing pauses and says what is missing."""
    monkeypatch.setattr(listwatch, "_LONGEST_DELAY", 30.0)
    listed = servers.answer(
        200, {"kind": "PodList", "metadata": {"resourceVersion": "5"}, "items": [PLAIN_POD]}
    )
    refused = servers.answer(403, servers.status_object(403, "Forbidden", "no watch"))
    with (
        servers.Server(*[listed, refused] * 20, refused) as server,
        client.Client(clientconfig.ClientConfig(server.url), environ={}, jitter=lambda: 1.0) as plain,
        liveinventory.LiveInventory(plain, nodes=False) as following_,
    ):
        assert following_.wait_until_ready(5)
        waiting.until(lambda: [each.code for each in following_.problems] == ["pods_forbidden"])
        assert following_.problems[0].message.startswith("pods unverified since 20")
        time.sleep(0.4)
        assert len(server.requests) <= 12  # after 0.02, 0.04, 0.08, 0.16, 0.32 seconds
        assert [pod.name for pod in following_.read().pods] == ["a"]


PLAIN_POD: dict[str, Any] = {
    "metadata": {"name": "a", "namespace": "x", "resourceVersion": "4", "uid": "1"},
    "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]},
    "status": {"phase": "Running"},
}


def test_a_bad_quantity_is_a_problem_as_long_as_its_pod_is_there() -> None:
    """What cannot be read of an object is told with its name until it is mended or gone."""
    with contextlib.ExitStack() as stack:
        made = Scene(stack)
        assert made.live.wait_until_ready(5)
        bad = small_world.pod("bad")
        bad.body["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "12x"}}
        made.step(apiobjects.Change("ADDED", bad))
        waiting.until(lambda: made.live.problems)
        assert {problem.object for problem in made.live.problems} == {"default/bad"}
        made.simulated.forget()
        second = stack.enter_context(liveinventory.LiveInventory(made.cluster.client))
        assert second.wait_until_ready(5)
        assert second.problems == made.live.problems
        made.step(apiobjects.Change("DELETED", bad))
        waiting.until(lambda: not made.live.problems and not second.problems)


def test_stopping_is_prompt_and_leaves_no_thread(scene: Scene) -> None:
    """stop() ends silent watches at once; what was read stays readable, and a second call is harmless."""
    before = time.monotonic()
    scene.live.stop()
    scene.live.stop()
    assert time.monotonic() - before < 1
    assert not [each for each in threading.enumerate() if each.name.startswith("informer-")]
    assert len(scene.pods()) == 8
    scene.live.start()
    assert not [each for each in threading.enumerate() if each.name.startswith("informer-")]


def test_waiting_ends_with_stop() -> None:
    """Who waits for readiness is let go when it is stopped."""
    with client.Client(clientconfig.ClientConfig("http://127.0.0.1:9"), environ={}) as nowhere:
        following_ = liveinventory.LiveInventory(nowhere)
        following_.start()
        timer = threading.Timer(0.1, following_.stop)
        timer.start()
        before = time.monotonic()
        assert not following_.wait_until_ready(5)
        assert time.monotonic() - before < 2
        timer.join()


def test_an_unexpected_failure_is_told_and_retried(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the code itself does not silence a thread: it is a problem, and the list is tried again."""
    broken = threading.Event()
    good = informer.Informer._apply

    def apply(self: informer.Informer[Any], event: codec.Event) -> None:
        if event.type == "ADDED" and not broken.is_set():
            broken.set()
            raise ZeroDivisionError("secret")
        good(self, event)

    monkeypatch.setattr(informer.Informer, "_apply", apply)
    scene.step(apiobjects.Change("ADDED", small_world.pod("new")))
    waiting.until(broken.is_set)
    waiting.until(lambda: "new" in scene.pods())
    assert informers.relists(scene.live)["pods"] == 1
    assert scene.live.problems == ()


def test_many_readers_see_whole_states(scene: Scene) -> None:
    """Threads that read while the cluster changes never see a pod twice, or a state that never was."""
    stop = threading.Event()
    wrong: list[object] = []

    def look() -> None:
        while not stop.is_set():
            names = scene.pods()
            if len(names) != len(set(names)) or not 8 <= len(names) <= 9:
                wrong.append(names)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(20):
        scene.step(
            apiobjects.Change("ADDED", small_world.pod(f"new-{number}")),
            apiobjects.Change("DELETED", small_world.pod(f"new-{number}")),
        )
    stop.set()
    for reader in readers:
        reader.join()
    assert wrong == []
