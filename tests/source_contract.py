"""What every source of usage keeps, whoever answers behind it: inherit from it, and say by `bed` who does.

class TestKubelets(source_contract.SourceContract):
    @pytest.fixture
    def bed(self) -> Iterator[source_contract.Bed]:
        with simulated.SimulatedCluster(...) as world:
            yield source_contract.Bed(source, world=world, clock=clock, hurt=..., kill=...)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from tests import connected
from tests import simulated_life as life

from kubevitals import errors, sources
from kubevitals.sources import metricsapi

if TYPE_CHECKING:
    from collections.abc import Callable

    from simcluster import simulation as simulated

BOTH = sources.Scope(nodes=True, pods=True)
NODES = sources.Scope(nodes=True)
PODS = sources.Scope(pods=True)
TICKS = 8  # after them every source has what it needs for a rate


class Clock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.now = life.START

    def __call__(self) -> float:
        return self.now


class Bed:
    """A source and the simulated cluster that it tells of.

    Args:
        source: that reads the cluster; closed by who made it.
        world: the cluster, on `clock`.
        clock: moved on by `go_on`.
        after_tick: called at each tick of the world, say to scrape it.
        hurt: makes a part of the nodes silent; None where the source has no parts.
        kill: makes the source give nothing at all.
    """

    def __init__(
        self,
        source: sources.Source,
        *,
        world: simulated.SimulatedCluster,
        clock: Clock,
        kill: Callable[[], object],
        hurt: Callable[[], object] | None = None,
        after_tick: Callable[[], object] = lambda: None,
    ) -> None:
        self.source = source
        self.world = world
        self.kill = kill
        self.hurt = hurt
        self._clock = clock
        self._after_tick = after_tick

    def read(self, **scope: Any) -> sources.Usage:
        return self.source.fetch_usage(sources.Scope(**scope))

    def go_on(self, ticks: int = 1) -> None:
        """Let time pass, with the source asked at each tick as a collector does."""
        for _ in range(ticks):
            self._clock.now += 15.0
            self._after_tick()
            self.source.fetch_usage(BOTH)

    def fetch_truth(self) -> sources.Usage:
        """What the metrics API of the same cluster says."""
        with connected.connect(self.world) as cluster:
            return metricsapi.MetricsAPI(cluster.client).fetch_usage(BOTH)


class SourceContract:
    """The tests."""

    def test_name(self, bed: Bed) -> None:
        """The name is a word that does not change, and the answer bears it."""
        before = bed.source.name
        bed.go_on()
        assert bed.source.name == before
        assert bed.read(nodes=True).source == before

    def test_only_what_is_asked_for(self, bed: Bed) -> None:
        """Nodes and pods are each answered only where they are asked for."""
        bed.go_on(TICKS)
        both, nodes, pods = bed.read(nodes=True, pods=True), bed.read(nodes=True), bed.read(pods=True)
        assert both.nodes.keys() == nodes.nodes.keys() != set()
        assert both.pods.keys() == pods.pods.keys() != set()
        assert (nodes.pods, pods.nodes) == ({}, {})

    def test_unknown_is_none(self, bed: Bed) -> None:
        """A number is known and in its unit, or None: never 0 for want of knowledge."""
        for _ in range(TICKS):
            try:
                usage = bed.source.fetch_usage(BOTH)
            except errors.MetricsError:
                usage = sources.Usage()  # it may have nothing yet, and says so
            for _, window, cores, size in usage.nodes.values():
                check(cores, size)
                assert window != 0
            for key, (_, window, containers) in usage.pods.items():
                assert containers
                assert window != 0
                for name, cores, size in containers:
                    assert name
                    check(cores, size)
                if any(cores is None for _, cores, _ in containers):
                    assert usage.pod_reasons.get(key)
            bed.go_on()

    def test_everything_is_known_after_a_while(self, bed: Bed) -> None:
        """After some ticks there is a number for each that the metrics API has one for."""
        bed.go_on(TICKS)
        usage, truth = bed.source.fetch_usage(BOTH), bed.fetch_truth()
        assert usage.nodes.keys() >= truth.nodes.keys() != set()
        assert usage.pods.keys() >= truth.pods.keys() != set()
        assert not {key for key in truth.pods if key in usage.pod_reasons}
        assert {name: code for name, code in usage.node_reasons.items() if name in truth.nodes} == {}

    def test_same_load_as_through_the_metrics_api(self, bed: Bed) -> None:
        """CPU agrees within what the windows differ by, memory to some per cent."""
        bed.go_on(TICKS)
        usage, truth = bed.source.fetch_usage(BOTH), bed.fetch_truth()
        cpu = [(usage.nodes[name][2], truth.nodes[name][2]) for name in truth.nodes]
        memory = [(usage.nodes[name][3], truth.nodes[name][3]) for name in truth.nodes]
        for key, (_, _, containers) in truth.pods.items():
            told = {each[0]: each for each in usage.pods[key][2]}
            assert told.keys() == {each[0] for each in containers}
            cpu += [(told[each[0]][1], each[1]) for each in containers]
            memory += [(told[each[0]][2], each[2]) for each in containers]
        assert agree(cpu, within=0.35) > 0.9
        assert agree(memory, within=0.1) > 0.9
        total = sum(one or 0.0 for one, _ in cpu), sum(other or 0.0 for _, other in cpu)
        assert math.isclose(*total, rel_tol=0.1)

    def test_times(self, bed: Bed) -> None:
        """Each sample says when it was measured, and over how long: not in the future, not long ago."""
        bed.go_on(TICKS)
        usage = bed.source.fetch_usage(BOTH)
        known = [sample for key, sample in usage.pods.items() if key not in usage.pod_reasons]
        times = [each[:2] for each in usage.nodes.values()] + [each[:2] for each in known]
        assert known
        for timestamp, window in times:
            at = parse(timestamp) if isinstance(timestamp, str) else timestamp
            assert -60 < at - bed.world.now() <= 1
            assert 5 <= (float(window.removesuffix("s")) if isinstance(window, str) else window) <= 600

    def test_namespace(self, bed: Bed) -> None:
        """Of one namespace there are its pods, all of them and no others."""
        bed.go_on(TICKS)
        every = bed.read(pods=True).pods
        for namespace in {key[0] for key in every}:
            found = bed.read(pods=True, namespace=namespace).pods
            assert found.keys() == {key for key in every if key[0] == namespace}
        assert bed.read(pods=True, namespace="nowhere").pods == {}

    def test_name_of_one(self, bed: Bed) -> None:
        """One node or one pod may be asked for; one that is not there is no error."""
        bed.go_on(TICKS)
        node = min(bed.read(nodes=True).nodes)
        assert bed.read(nodes=True, name=node).nodes.keys() == {node}
        namespace, name = min(bed.read(pods=True).pods)
        assert bed.read(pods=True, namespace=namespace, name=name).pods.keys() == {(namespace, name)}
        assert bed.read(nodes=True, name="no-such-node").nodes == {}
        assert bed.read(pods=True, namespace=namespace, name="no-such-pod").pods == {}

    def test_selectors(self, bed: Bed) -> None:
        """Labels select as they do in Kubernetes, whether the source knows of them or not."""
        bed.go_on(TICKS)
        with connected.connect(bed.world) as cluster:
            labels = {(pod.namespace, pod.name): pod.labels for pod in cluster.pods()}
        every = bed.read(pods=True).pods
        app = next(each["app"] for key, each in sorted(labels.items()) if "app" in each and key in every)
        found = bed.read(pods=True, label_selector=f"app={app}").pods
        assert found.keys() == {key for key in every if labels.get(key, {}).get("app") == app} != set()
        assert bed.read(pods=True, label_selector="app=nothing-has-this").pods == {}
        workers = bed.read(nodes=True, label_selector="!node-role.kubernetes.io/control-plane").nodes
        assert set() != workers.keys() < bed.read(nodes=True).nodes.keys()

    def test_part_that_fails(self, bed: Bed) -> None:
        """A part that cannot be read costs its own rows, with a reason; the others stay."""
        if bed.hurt is None:
            pytest.skip("it answers as a whole or not at all")
        bed.go_on(TICKS)
        before = bed.source.fetch_usage(BOTH)
        bed.hurt()
        bed.go_on()
        after = bed.source.fetch_usage(BOTH)
        assert set() != after.nodes.keys() < before.nodes.keys()
        assert after.pods
        assert before.pods.keys() - after.pods.keys()
        assert before.nodes.keys() - after.nodes.keys() <= after.node_reasons.keys()
        assert after.problems
        assert all(problem.code and problem.message and problem.remedy for problem in after.problems)

    def test_nothing_at_all(self, bed: Bed) -> None:
        """A source that gives nothing raises one of the errors that a snapshot can tell of, with a remedy."""
        bed.go_on(2)
        bed.kill()
        bed._clock.now += 15.0
        for scope in (NODES, PODS, BOTH):
            with pytest.raises((errors.MetricsError, errors.ClusterError)) as caught:
                bed.source.fetch_usage(scope)
            assert isinstance(caught.value, errors.KubevitalsError)
            assert caught.value.message
            assert caught.value.remedy


def check(cores: float | None, size: int | None) -> None:
    assert cores is None or 0 <= cores < 10_000
    assert size is None or 0 < size < 1 << 45


def agree(pairs: list[tuple[Any, Any]], *, within: float) -> float:
    """The share of the pairs that are nearly the same."""
    close = [
        one is not None and other is not None and math.isclose(one, other, rel_tol=within, abs_tol=0.01)
        for one, other in pairs
    ]
    return sum(close) / len(close)


def parse(text: str) -> float:
    from kubevitals.kube import timestamps

    return timestamps.parse_time(text).timestamp()
