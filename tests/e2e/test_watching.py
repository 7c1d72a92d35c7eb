"""Watching on the real API server: whatever happens in between, the inventory equals a fresh list afterwards.

"Fresh" is said twice: by kubevitals' own list, record by record, and by a client that shares no code with it.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from tests import informers, waiting
from tests.e2e import apiclient, controlplane, population

import kubevitals
from kubevitals.kube import codec, inventory, liveinventory, resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubevitals import cluster as clusters

NAMESPACE = "default"
NODES = 4


@contextlib.contextmanager
def connected(cluster: controlplane.ControlPlane) -> Iterator[clusters.Cluster]:
    """The product, as administrator; quick to give up, so that a dead server shows soon."""
    with kubevitals.connect(kubeconfig=str(cluster.kubeconfig), request_timeout=5) as found:
        yield found


@pytest.fixture(scope="module")
def ground(bare_tools: None) -> Iterator[controlplane.ControlPlane]:
    """A small cluster for this file, which its last test breaks."""
    with controlplane.ControlPlane() as running:
        running.add_nodes(NODES)
        running.add_pods(20)
        yield running


def differences(
    found: clusters.Cluster, held: liveinventory.LiveInventory, cluster: controlplane.ControlPlane
) -> str:
    """What tells the inventory from fresh lists; empty if nothing does."""
    nodes, _ = inventory.fetch_nodes(found.client)
    pods, _ = inventory.fetch_pods(found.client)
    identities = {
        (item["metadata"]["namespace"], item["metadata"]["name"], item["metadata"]["uid"])
        for item in cluster.api.get("/api/v1/pods")["items"]
    }
    now = held.read()
    for what, mine, fresh in (("node", now.nodes, nodes), ("pod", now.pods, pods)):
        ours, theirs = {repr(each) for each in mine}, {repr(each) for each in fresh}
        assert len(ours) == len(mine), f"a {what} is there twice"
        if ours != theirs:
            return f"{what}s: {len(ours - theirs)} only here, {len(theirs - ours)} only there"
    held_identities = {(pod.namespace, pod.name, pod.uid) for pod in now.pods}
    return "" if held_identities == identities else "other pods than the server's"


def wait_until_equal(
    found: clusters.Cluster, held: liveinventory.LiveInventory, cluster: controlplane.ControlPlane
) -> None:
    """Fails with the difference if the inventory does not come to equal a fresh list."""
    waiting.until(
        lambda: not differences(found, held, cluster),
        what=lambda: differences(found, held, cluster),
        pause=0.2,
    )
    assert held.problems == ()


def pod_path(name: str) -> str:
    return f"/api/v1/namespaces/{NAMESPACE}/pods/{name}"


def create_pods(api: apiclient.Client, prefix: str, count: int) -> list[str]:
    """Pods whose running kwok brings about, each a further change or two."""
    names = [f"{prefix}-{number}" for number in range(count)]
    population.create(
        api,
        [population.varied_pod(name, number, f"node-{number % NODES}") for number, name in enumerate(names)],
    )
    return names


def label_pods(api: apiclient.Client, names: list[str], value: str) -> None:
    """One change of each."""
    body = {"metadata": {"labels": {"round": value}}}

    def label(client: apiclient.Client, thing: dict[str, Any]) -> None:
        client.json("PATCH", pod_path(thing["name"]), body, content_type=apiclient.MERGE)

    apiclient.in_parallel(api, label, [{"name": name} for name in names], threads=4)


def delete_pods(api: apiclient.Client, names: list[str]) -> None:
    def delete(client: apiclient.Client, thing: dict[str, Any]) -> None:
        client.json("DELETE", f"{pod_path(thing['name'])}?gracePeriodSeconds=0")

    apiclient.in_parallel(api, delete, [{"name": name} for name in names], threads=4)


def cordon(api: apiclient.Client, name: str, *, on: bool) -> None:
    body = {"spec": {"unschedulable": on}}
    api.json("PATCH", f"/api/v1/nodes/{name}", body, content_type=apiclient.MERGE)


def test_1000_changes_leave_the_inventory_equal_to_a_fresh_list(ground: controlplane.ControlPlane) -> None:
    """Through 1,000 changes, and streams that end every 3 seconds, nothing is lost or listed again."""
    api = ground.api
    with connected(ground) as found, liveinventory.LiveInventory(found.client, stream_seconds=3) as held:
        assert held.wait_until_ready(10)
        assert differences(found, held, ground) == ""
        started = time.monotonic()
        names = create_pods(api, "many", 250)  # 250 changes
        label_pods(api, names, "1")  # 500
        for number in range(40):  # 580
            cordon(api, f"node-{number % NODES}", on=True)
            cordon(api, f"node-{number % NODES}", on=False)
        delete_pods(api, names[:100])  # 680
        create_pods(api, "many", 100)  # 780: the same names, other pods
        label_pods(api, names[100:220], "2")  # 900
        delete_pods(api, names[150:])  # 1,000
        wait_until_equal(found, held, ground)
        waiting.until(lambda: held.restarts["pods"] >= 2, seconds=8)
        assert informers.relists(held) == {"nodes": 0, "pods": 0}, time.monotonic() - started
        assert {"many-0", "many-149"} <= {pod.name for pod in held.read().pods}
        delete_pods(api, names[:150])
        wait_until_equal(found, held, ground)


@contextlib.contextmanager
def bustle(api: apiclient.Client, name: str) -> Iterator[None]:
    """A pod that changes a few times each second."""
    stop = threading.Event()

    def work() -> None:
        turn = 0
        while not stop.wait(0.2):
            turn += 1
            label_pods(api, [name], f"busy-{turn}")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_bookmark_only_hour_moves_the_position(ground: controlplane.ControlPlane) -> None:
    """A quiet selection beside a busy cluster: bookmarks alone move it on, and it is never listed again.

    A real server sends one each minute, and one before it ends a stream, if it has news: streams of 3 seconds
    make the hour short.
    """
    api = ground.api
    with (
        connected(ground) as found,
        liveinventory.LiveInventory(
            found.client, stream_seconds=3, label_selector="round=quiet", nodes=False
        ) as held,
    ):
        assert held.wait_until_ready(10)
        first = held.resource_versions["pods"]
        with bustle(api, "pod-0"):
            waiting.until(lambda: held.restarts["pods"] >= 2)
            latest = int(api.get(pod_path("pod-0"))["metadata"]["resourceVersion"])
            waiting.until(lambda: int(held.resource_versions["pods"]) > latest, seconds=10)
        assert int(first) < latest
        assert held.read().pods == ()
        assert informers.relists(held)["pods"] == 0
        assert held.problems == ()
        label_pods(api, ["pod-1"], "quiet")
        waiting.until(lambda: [pod.name for pod in held.read().pods] == ["pod-1"], seconds=5)


def test_silence_does_not_slow_a_watch_down(ground: controlplane.ControlPlane) -> None:
    """Streams that end without a word, as on a quiet cluster, are begun anew at once: news arrive."""
    with (
        connected(ground) as found,
        liveinventory.LiveInventory(
            found.client, stream_seconds=1, label_selector="round=silent", nodes=False
        ) as held,
    ):
        assert held.wait_until_ready(10)
        started = time.monotonic()
        waiting.until(lambda: held.restarts["pods"] >= 4)
        assert time.monotonic() - started < 7, "four streams of a second"
        label_pods(ground.api, ["pod-1"], "silent")
        waiting.until(lambda: held.read().pods, seconds=3)
        assert informers.relists(held)["pods"] == 0


def owned(kind: str, name: str) -> list[dict[str, Any]]:
    version = {"Job": "batch/v1", "CronJob": "batch/v1", "ReplicaSet": "apps/v1"}.get(kind, "test.example/v1")
    uid = f"00000000-0000-4000-8000-{zlib.crc32(name.encode()):012d}"
    return [{"apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": True}]


def job(name: str, cron: str) -> dict[str, Any]:
    spec = {"restartPolicy": "Never", "containers": [population.container("app")]}
    metadata = {"name": name, "namespace": NAMESPACE, "ownerReferences": owned("CronJob", cron)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"template": {"spec": spec}},
    }


def pod_of(kind: str, owner: str, name: str) -> dict[str, Any]:
    found = population.pod(name, node_name="node-0")
    found["metadata"]["ownerReferences"] = owned(kind, owner)
    return found


def test_owners_are_followed_as_metadata(ground: controlplane.ControlPlane) -> None:
    """The CronJob above a Job that comes later is found by watching metadata alone; so is a foreign set's."""
    api = ground.api
    api.create(job("nightly-1", "nightly"))
    api.create(pod_of("Job", "nightly-1", "nightly-1-a"))
    with connected(ground) as found, liveinventory.LiveInventory(found.client) as held:
        assert held.wait_until_ready(10)
        assert differences(found, held, ground) == ""
        api.create(pod_of("Job", "nightly-2", "nightly-2-a"))
        waiting.until(lambda: _workload(held, "nightly-2-a") == ("Job", "nightly-2"))
        api.create(job("nightly-2", "nightly"))
        waiting.until(lambda: _workload(held, "nightly-2-a") == ("CronJob", "nightly"))
        assert _workload(held, "nightly-1-a") == ("CronJob", "nightly")
        template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [population.container("app")]}}
        metadata = {
            "name": "rollout-1",
            "namespace": NAMESPACE,
            "ownerReferences": owned("Rollout", "rollout"),
        }
        spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": template}
        api.create({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec})
        api.create(pod_of("ReplicaSet", "rollout-1", "rollout-1-a"))
        waiting.until(lambda: _workload(held, "rollout-1-a") == ("Rollout", "rollout"))
        wait_until_equal(found, held, ground)
        assert held.resource_versions.keys() == {"nodes", "pods", "jobs", "replicasets"}


def _workload(held: liveinventory.LiveInventory, name: str) -> tuple[str | None, str | None] | None:
    found = [(pod.workload_kind, pod.workload_name) for pod in held.read().pods if pod.name == name]
    return found[0] if found else None


def test_the_server_sends_metadata_alone_for_owners(ground: controlplane.ControlPlane) -> None:
    """What is asked for as metadata comes so, in lists and in watches: a Job's template is not sent."""
    ground.api.create(job("slim", "cron"))
    path = resources.JOBS.path()
    with connected(ground) as found:
        body = found.client.fetch(path, accept=codec.METADATA.list_accept)
        assert b"PartialObjectMetadataList" in body
        assert b"containers" not in body.replace(b"f:containers", b"")
        assert "slim" in {meta.name for meta in codec.METADATA.decode_list(body).items}
        query = {"watch": "1", "resourceVersion": "0", "timeoutSeconds": "2"}
        stream = found.client.open_stream(path, query, read_timeout=10, accept=codec.METADATA.watch_accept)
        first = json.loads(next(iter(stream)))
        stream.close()
        assert first["object"]["kind"] == "PartialObjectMetadata"
        assert "spec" not in first["object"]


def test_a_compacted_history_is_listed_anew(make_cluster: Callable[..., controlplane.ControlPlane]) -> None:
    """Where the server has forgotten the position (410), one new list mends it, and the watch goes on.

    Without its watch cache the server answers from etcd, whose history is compacted while pods are quiet and
    nodes are not: the stream of pods ends, and what it would resume from is gone.
    """
    cluster = make_cluster(api_server_flags=["--watch-cache=false"])
    cluster.add_nodes(NODES)
    cluster.add_pods(10)
    with connected(cluster) as found, liveinventory.LiveInventory(found.client, stream_seconds=4) as held:
        assert held.wait_until_ready(10)
        before = int(held.resource_versions["pods"])
        for number in range(5):
            cordon(cluster.api, f"node-{number % NODES}", on=number % 2 == 0)
        assert cluster.compact_history() > before
        waiting.until(lambda: informers.relists(held)["pods"] == 1, seconds=15)
        wait_until_equal(found, held, cluster)
        delete_pods(cluster.api, ["pod-3"])
        create_pods(cluster.api, "late", 3)
        waiting.until(lambda: {"late-0", "late-2"} <= {pod.name for pod in held.read().pods}, seconds=5)
        wait_until_equal(found, held, cluster)
        assert informers.relists(held)["pods"] == 1


def test_a_restart_of_the_api_server_is_survived(ground: controlplane.ControlPlane) -> None:
    """While it is down the last state stays readable beside the problem; afterwards all is followed again.

    Changes are made at once when it is back, before the watches are.
    """
    with connected(ground) as found, liveinventory.LiveInventory(found.client) as held:
        assert held.wait_until_ready(10)
        known = {pod.name for pod in held.read().pods}
        ground.stop_api_server()
        waiting.until(
            lambda: {"nodes_unreachable", "pods_unreachable"} <= {each.code for each in held.problems},
            seconds=20,
        )
        problems = {problem.code: problem.message for problem in held.problems}
        assert problems["pods_unreachable"].startswith("pods unverified since 20")
        assert {pod.name for pod in held.read().pods} == known
        assert held.ready
        ground.restart_api_server()
        delete_pods(ground.api, ["pod-2", "pod-3"])
        create_pods(ground.api, "after", 5)
        cordon(ground.api, "node-1", on=True)
        wait_until_equal(found, held, ground)
        names = {pod.name for pod in held.read().pods}
        assert "after-4" in names
        assert "pod-2" not in names
        # and the watches stand again
        create_pods(ground.api, "later", 2)
        waiting.until(lambda: "later-1" in {pod.name for pod in held.read().pods}, seconds=5)
        wait_until_equal(found, held, ground)
    assert not [each for each in threading.enumerate() if each.name.startswith("informer-")]
