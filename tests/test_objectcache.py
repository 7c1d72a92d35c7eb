"""Further lists of the simulated cluster, read once and followed; kube-state-metrics' families."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests import connected, simulated, waiting
from tests.test_exposition import parse, value

from kubevitals.kube import kube_state_wire, listpages, objectcache
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import kube_state_metrics, kube_state_objects, kube_state_pods
from simcluster import simulation as worlds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.test_exposition import Series

    from kubevitals import cluster as clusters


@pytest.fixture(scope="module")
def world() -> Iterator[worlds.SimulatedCluster]:
    with worlds.SimulatedCluster(nodes=4, pods=60, seed=3, speed=0.0) as running:
        yield running


@pytest.fixture
def cluster(world: worlds.SimulatedCluster) -> Iterator[clusters.Cluster]:
    with connected.connect(world) as made:
        yield made


def names(plural: str) -> dict[str, Callable[[Any], tuple[bytes, ...]]]:
    """Converts an object to its name."""
    return {plural: lambda wire: (f"{wire.metadata.namespace}/{wire.metadata.name}".encode(),)}


def series_of(*held: objectcache.Contents) -> Series:
    body = exposition.render(
        [],
        openmetrics=True,
        options=exposition.make_options(own=False),
        further=kube_state_metrics.samples(held),
    )
    return parse(body.decode(), openmetrics=True)


def test_each_list_is_read_once(cluster: clusters.Cluster, world: worlds.SimulatedCluster) -> None:
    """Every resource of the table can be read, and has the objects that the API lists."""
    held, problems = objectcache.fetch(cluster.client, kube_state_metrics.converts())
    assert not problems
    assert held.keys() == objectcache.RESOURCES.keys()
    for plural, resource in objectcache.RESOURCES.items():
        items = simulated.ask(world, resource.path(None)).json()["items"]
        assert len(held[plural]) == len(items)


def test_one_namespace_has_only_what_is_in_it(cluster: clusters.Cluster) -> None:
    """Of a namespace there are its objects; nodes and namespaces are left out."""
    held, problems = objectcache.fetch(cluster.client, kube_state_metrics.converts(), namespace="shop")
    assert not problems
    assert not {"nodes", "namespaces"} & held.keys()
    assert {dict(labels).get("namespace") for _, labels in series_of(held)} == {"shop"}


def test_a_list_that_is_refused_costs_itself_alone(world: worlds.SimulatedCluster) -> None:
    """Who may read only some lists gets those, followed too, and is told about the others."""
    with connected.connect(world, user="viewer-shop") as limited:
        held, problems = objectcache.fetch(limited.client, kube_state_metrics.converts())
        assert not held
        assert {problem.code for problem in problems} >= {"pods_forbidden", "nodes_forbidden"}
        with objectcache.ObjectCache(
            limited.client, kube_state_metrics.converts(), namespace="shop"
        ) as state:
            assert state.wait_until_ready(10)
            assert state.read()["pods"]


def test_changes_are_followed() -> None:
    """Objects that come and go are in the next reading, and the version tells."""
    moment = [1_790_000_000.0]
    with (
        worlds.SimulatedCluster(nodes=4, pods=60, seed=3, clock=lambda: moment[0]) as world,
        connected.connect(world) as cluster,
        objectcache.ObjectCache(cluster.client, names("pods")) as state,
    ):
        assert state.wait_until_ready(10)
        before, version = set(state.read()["pods"].values()), state.version
        moment[0] += 1800
        expected: set[tuple[bytes, ...]] = set()

        def caught_up() -> bool:
            expected.clear()
            expected.update((f"{pod.namespace}/{pod.name}".encode(),) for pod in cluster.pods() if pod.phase)
            return set(state.read()["pods"].values()) == expected != before

        waiting.until(caught_up)
        assert state.version > version


def test_stopping_ends_the_threads_and_keeps_what_was_read(cluster: clusters.Cluster) -> None:
    """After `stop` the last state stays readable; a second start does nothing."""
    state = objectcache.ObjectCache(cluster.client, names("nodes"))
    state.start()
    assert state.wait_until_ready(10)
    state.stop()
    state.start()
    assert len(state.read()["nodes"]) == 4


def pod_of(**status: Any) -> kube_state_wire.Pod:
    body = {
        "metadata": {
            "name": "web-0",
            "namespace": "shop",
            "uid": "u1",
            "creationTimestamp": "2026-06-01T12:00:00Z",
        },
        "spec": {
            "nodeName": "n1",
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "resources": {
                        "requests": {
                            "cpu": "1500u",
                            "memory": "1.5Gi",
                            "nvidia.com/gpu": "1",
                            "hugepages-2Mi": "4Mi",
                            "example.kubernetes.io/odd": "1",
                            "ephemeral-storage": "nonsense",
                        }
                    },
                }
            ],
        },
        "status": status,
    }
    made: kube_state_wire.Pod = listpages.decoder(kube_state_wire.Pod).decode(json.dumps(body).encode())
    return made


KEY = ("shop", "it")
POD_LABELS = {"namespace": "shop", "pod": "web-0", "uid": "u1"}


def pod_series(**status: Any) -> Series:
    return series_of({"pods": {KEY: kube_state_pods.convert(pod_of(**status))}})


def test_resources_have_their_unit_and_are_rounded_as_kube_state_metrics_does() -> None:
    """CPU is in cores to the millicore, memory in bytes, devices in pieces; what has no unit is left out."""
    found = {
        (dict(labels)["resource"], dict(labels)["unit"]): said
        for (name, labels), said in pod_series().items()
        if name == "kube_pod_container_resource_requests"
    }
    assert found == {
        ("cpu", "core"): 0.002,
        ("memory", "byte"): 1.5 * 2**30,
        ("nvidia_com_gpu", "integer"): 1,
        ("hugepages_2Mi", "byte"): 4 << 20,
    }


def test_a_pod_says_one_of_each_set_of_words() -> None:
    """The current phase, class and readiness are 1 and the others 0; unknown ones have no sample."""
    series = pod_series(
        phase="Running", qosClass="Burstable", conditions=[{"type": "Ready", "status": "False"}]
    )
    assert value(series, "kube_pod_status_phase", **POD_LABELS, phase="Running") == 1
    assert value(series, "kube_pod_status_phase", **POD_LABELS, phase="Failed") == 0
    assert value(series, "kube_pod_status_qos_class", **POD_LABELS, qos_class="Burstable") == 1
    assert value(series, "kube_pod_status_ready", **POD_LABELS, condition="false") == 1
    assert value(series, "kube_pod_owner", **POD_LABELS) == 1
    assert not [
        name for name, _ in pod_series() if name in ("kube_pod_status_phase", "kube_pod_status_ready")
    ]


def test_a_containers_life_is_told() -> None:
    """Waiting, its reason, restarts and the previous end are there."""
    ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-06-01T12:00:00Z"}
    series = pod_series(
        reason="Evicted",
        containerStatuses=[
            {
                "name": "app",
                "image": "app:1",
                "restartCount": 4,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": ended},
            }
        ],
    )
    inside = {**POD_LABELS, "container": "app"}
    waits = {**inside, "reason": "CrashLoopBackOff"}
    assert value(series, "kube_pod_container_status_waiting_reason", **waits) == 1
    assert value(series, "kube_pod_container_status_running", **inside) == 0
    assert value(series, "kube_pod_container_status_restarts_total", **inside) == 4
    assert value(series, "kube_pod_container_status_last_terminated_exitcode", **inside) == 137
    when = "kube_pod_container_status_last_terminated_timestamp"
    assert value(series, when, **inside) == 1_780_315_200
    assert value(series, "kube_pod_status_reason", **POD_LABELS, reason="Evicted") == 1


def thing_of(**parts: Any) -> kube_state_wire.Thing:
    body = {"metadata": {"name": "it", "namespace": "shop"}, **parts}
    made: kube_state_wire.Thing = listpages.decoder(kube_state_wire.Thing).decode(json.dumps(body).encode())
    return made


def test_a_job_tells_why_it_failed() -> None:
    """A known reason is 1; another one counts the pods; none is a plain 0."""
    where = {"namespace": "shop", "job_name": "it"}
    failed = {"failed": 3, "conditions": [{"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}

    def series(status: dict[str, Any]) -> Series:
        return series_of({"jobs": {KEY: kube_state_objects.convert_job(thing_of(status=status))}})

    known = series(failed)
    assert value(known, "kube_job_status_failed", **where, reason="DeadlineExceeded") == 1
    assert value(known, "kube_job_status_failed", **where, reason="Evicted") == 0
    assert value(series({"failed": 3}), "kube_job_status_failed", **where) == 3
    assert value(series({}), "kube_job_status_failed", **where) == 0


def test_quotas_and_claims_have_their_words() -> None:
    """A quota has what is granted and used of each resource, a claim its phase."""
    status = {"hard": {"requests.cpu": "2500m", "pods": "10"}, "used": {"requests.cpu": "100m"}}
    claim = kube_state_objects.convert_claim(thing_of(status={"phase": "Bound"}))
    series = series_of(
        {
            "resourcequotas": {KEY: kube_state_objects.convert_quota(thing_of(status=status))},
            "persistentvolumeclaims": {KEY: claim},
        }
    )
    quota = {"namespace": "shop", "resourcequota": "it"}
    assert value(series, "kube_resourcequota", **quota, resource="requests.cpu", type="hard") == 2.5
    assert value(series, "kube_resourcequota", **quota, resource="pods", type="hard") == 10
    bound = {"namespace": "shop", "persistentvolumeclaim": "it", "phase": "Bound"}
    assert value(series, "kube_persistentvolumeclaim_status_phase", **bound) == 1


def test_two_clusters_are_told_apart() -> None:
    """With a cluster's name given, every series has it."""
    made = [
        {"pods": {KEY: kube_state_metrics.converts(name)["pods"](pod_of(phase="Running"))}}
        for name in ("a", "b")
    ]
    assert {dict(labels)["cluster"] for _, labels in series_of(*made)} == {"a", "b"}
