"""Details of nodes, pods and containers: what the summary and cAdvisor tell, as amounts and as rates."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import strategies
from tests import connected, kubelets, servers, source_contract

from kubevitals import cluster as clusters
from kubevitals import details, errors, sources
from kubevitals.kube import resourceattributes
from kubevitals.sources.kubelet import cadvisor, detail, source, summary
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH = sources.Scope(nodes=True, pods=True)
NODE, POD, APP = ("node-1",), ("shop", "web-0"), ("shop", "web-0", "app")


def at(seconds: float) -> str:
    return f"2026-01-01T00:00:{seconds:02.0f}Z"


def psi(some: int, full: int) -> dict[str, Any]:
    return {"some": {"total": some, "avg10": 1.5}, "full": {"total": full, "avg10": 0}}


def document(second: float = 0, *, received: int = 1000, waited: int = 0) -> bytes:
    """A summary of one pod, as kubelets write it."""
    time = at(second)
    shown = {
        "node": {
            "nodeName": "node-1",
            "cpu": {"time": time, "usageNanoCores": 1, "psi": psi(waited, 0)},
            "network": {"time": time, "name": "eth0", "rxBytes": received, "txBytes": 2 * received},
            "fs": {"time": time, "usedBytes": 40, "capacityBytes": 100},
            "swap": {"swapUsageBytes": 0},
        },
        "pods": [
            {
                "podRef": {"name": "web-0", "namespace": "shop", "uid": "u"},
                "ephemeral-storage": {"usedBytes": 70, "capacityBytes": 100},
                "containers": [
                    {
                        "name": "app",
                        "io": {"time": time, "psi": psi(waited, waited)},
                        "rootfs": {"usedBytes": 20, "capacityBytes": 100},
                        "logs": {"usedBytes": 30},
                        "swap": {"swapUsageBytes": 5},
                    }
                ],
            }
        ],
    }
    return json.dumps(shown).encode()


def text(*, periods: float = 100, throttled: float = 10, stamp: int = 1000) -> bytes:
    """A part of /metrics/cadvisor."""
    labels = 'container="app",id="/kubepods/x",image="i:1",name="n",namespace="shop",pod="web-0"'
    sandbox = labels.replace('"app"', '""')
    return (
        f"# TYPE {cadvisor.PERIODS} counter\n{cadvisor.PERIODS}{{{sandbox}}} 7 {stamp}\n"
        f"{cadvisor.PERIODS}{{{labels}}} {periods} {stamp}\n"
        f"{cadvisor.THROTTLED}{{{labels}}} {throttled} {stamp}\n"
        f"{cadvisor.OOM_EVENTS}{{{labels}}} 3 {stamp}\n"
        f"container_pressure_cpu_waiting_seconds_total{{{labels}}} 1.5 {stamp}\n"
    ).encode()


def test_amounts() -> None:
    """What is an amount is known from the first reading; what is a rate is not."""
    told = summary.parse(document(), node="node-1")
    made = detail.Details().update([told.gauges], [told.counters])
    assert made == {
        NODE: details.Detail(filesystem_used_bytes=40, filesystem_capacity_bytes=100, swap_used_bytes=0),
        POD: details.Detail(ephemeral_storage_used_bytes=70),
        APP: details.Detail(filesystem_used_bytes=20, ephemeral_storage_used_bytes=50, swap_used_bytes=5),
    }


def test_rates() -> None:
    """Two readings give bytes a second, and pressure as a share of the time between them."""
    state = detail.Details()
    for told in (
        summary.parse(document(0), node="node-1"),
        summary.parse(document(10, received=6000, waited=2_500_000), node="node-1"),
    ):
        made = state.update([told.gauges], [told.counters])
    assert made[NODE] == details.Detail(
        window_seconds=10.0,
        network_receive_bytes_per_second=500.0,
        network_transmit_bytes_per_second=1000.0,
        filesystem_used_bytes=40,
        filesystem_capacity_bytes=100,
        swap_used_bytes=0,
        cpu_pressure_some_of_time=0.25,
        cpu_pressure_full_of_time=0.0,
    )
    assert (made[APP].io_pressure_some_of_time, made[APP].io_pressure_full_of_time) == (0.25, 0.25)


def test_throttling() -> None:
    """The share of periods in which a container was throttled is of those between the readings."""
    state = detail.Details()
    made = state.update([], [cadvisor.parse(text(), received=0)[0]])
    assert made == {}
    counters, gauges = cadvisor.parse(text(periods=200, throttled=35, stamp=11_000), received=0)
    made = state.update([gauges], [counters])
    assert made == {
        APP: details.Detail(
            window_seconds=10.0,
            oom_events=3,
            cpu_throttled_of_periods=0.25,
            cpu_pressure_some_of_time=0.0,
        )
    }
    idle = detail.Details()
    for stamp in (1000, 11_000):
        made = idle.update([], [cadvisor.parse(text(stamp=stamp), received=0)[0]])
    assert made[APP].cpu_throttled_of_periods is None


def test_labels_that_end_alike() -> None:
    """Of a label whose name ends in that of another only that other one counts."""
    labels = 'container="web",container_label_pod="no",namespace="shop",io_namespace="no",pod="web-1"'
    _, gauges = cadvisor.parse(f"\ncontainer_oom_events_total{{{labels}}} 2 10000\n".encode(), received=0)
    assert gauges == {("shop", "web-1", "web"): {"oom_events": 2}}


def test_restart_and_repetition() -> None:
    """A counter that fell is no rate, and the same reading twice is no new one."""
    state = detail.Details()

    def rate(second: float, received: int) -> float | None:
        told = summary.parse(document(second, received=received), node="node-1")
        return state.update([told.gauges], [told.counters])[NODE].network_receive_bytes_per_second

    assert [rate(0, 1000), rate(10, 2000), rate(10, 2000), rate(20, 500), rate(30, 1500)] == [
        None, 100.0, 100.0, None, 100.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"node":7}', b'{"node":{"fs":{"usedBytes":"x"}}}', b"[" * 100_000]
)
def test_no_summary(body: bytes) -> None:
    """What is no summary is said to be none."""
    with pytest.raises(errors.DecodingError, match="no summary"):
        summary.parse(body, node="n")


@hypothesis.given(strategies.binary(max_size=200), strategies.sampled_from(list(cadvisor._PRESSURE)))
def test_hostile_text(body: bytes, name: str) -> None:
    """Nothing but numbers that can be, or an error, comes of any bytes."""
    try:
        counters, _ = cadvisor.parse(f"\n{name}{{".encode() + body + b"\n", received=0)
    except errors.DecodingError:
        return
    assert all(value >= 0 for fields in counters.values() for value, _ in fields.values())


@hypothesis.given(strategies.recursive(
    strategies.none() | strategies.floats() | strategies.integers() | strategies.text(max_size=3),
    lambda inner: strategies.dictionaries(
        strategies.sampled_from(["fs", "network", "time", "rxBytes", "usedBytes", "psi", "cpu"]),
        inner, max_size=4,
    ) | strategies.lists(inner, max_size=3),
))  # fmt: skip
def test_hostile_summary(shown: Any) -> None:
    """No document makes more than an error or amounts that can be."""
    try:
        told = summary.parse(json.dumps({"node": shown, "pods": []}).encode(), node="n")
    except errors.DecodingError:
        return
    made = detail.Details().update([told.gauges], [told.counters])
    assert all(value is None or value >= 0 for each in made.values() for value in each)


def scene(*answers: Any) -> kubelets.Scene:
    return kubelets.Scene({"node-1": list(answers)}, detail=True)


def test_asked_of_a_kubelet() -> None:
    """Details take two more requests to the same kubelet, beside the path of its metrics."""
    bodies = [servers.answer(200, document()), servers.answer(200, text(), kind="text/plain")]
    with scene(kubelets.answer(), *bodies) as made:
        usage = made.source.fetch_usage(BOTH)
        assert kubelets.targets(made.servers["node-1"]) == [
            "/metrics/resource", "/stats/summary", "/metrics/cadvisor",
        ]  # fmt: skip
    assert usage.details.keys() == {NODE, POD, APP}
    assert usage.details[APP].oom_events == 3
    assert usage.problems == []


def test_without_the_right() -> None:
    """Without nodes/stats usage is as it was, what cAdvisor tells too, and a problem holds the rule."""
    refusal = servers.answer(403, "Forbidden (user=x, verb=get, resource=nodes, subresource=stats)")
    with scene(kubelets.answer(), refusal, servers.answer(200, text())) as made:
        usage = made.source.fetch_usage(BOTH)
    assert usage.pods.keys() == {POD}
    assert usage.details.keys() == {APP}
    (problem,) = usage.problems
    assert problem.code == "details_unknown"
    assert problem.message.startswith("not all details of node-1 are known: HTTP 403")
    assert 'resources: ["nodes/metrics", "nodes/stats"]' in str(problem.remedy)
    assert problem.right == resourceattributes.ResourceAttributes("get", "nodes/stats")


def test_scope() -> None:
    """Details are of what was asked for alone."""
    bodies = [servers.answer(200, document()), servers.answer(200, text())]
    with scene(kubelets.answer(), *bodies) as made:
        assert made.source.fetch_usage(sources.Scope(nodes=True)).details.keys() == {NODE}
        assert made.source.fetch_usage(sources.Scope(pods=True)).details.keys() == {POD, APP}
        assert made.source.fetch_usage(sources.Scope(pods=True, namespace="x")).details == {}


@pytest.fixture
def simulation() -> Iterator[tuple[clusters.Cluster, source_contract.Clock]]:
    clock = source_contract.Clock()
    with (
        simulated.SimulatedCluster(nodes=5, pods=40, kubelets=True, clock=clock) as world,
        connected.connect(world) as plain,
    ):
        read = source.Kubelets(plain.client, clock=clock, detail=True)
        yield clusters.Cluster(plain.client, source=read, clock=world.now), clock
        read.close()


def test_up_to_the_snapshot(simulation: tuple[clusters.Cluster, source_contract.Clock]) -> None:
    """A snapshot's nodes, pods and containers each have their details after two readings."""
    cluster, clock = simulation
    cluster.snapshot()
    clock.now += 15
    snapshot = cluster.snapshot()
    nodes = [each.detail for each in snapshot.nodes if each.problem is None]
    assert nodes
    for each in nodes:
        assert each is not None
        assert each.network_receive_bytes_per_second is not None
        assert each.filesystem_capacity_bytes
        assert each.memory_pressure_some_of_time is not None
    running = [pod for pod in snapshot.pods if pod.problem is None]
    assert running
    assert all(pod.detail is not None and pod.detail.ephemeral_storage_used_bytes for pod in running)
    containers = [each.detail for pod in running for each in pod.containers]
    assert all(each is not None and each.oom_events is not None for each in containers)
    assert any(each is not None and each.cpu_throttled_of_periods is not None for each in containers)
    assert not [problem for problem in snapshot.problems if problem.code == "details_unknown"]
