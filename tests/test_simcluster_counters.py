"""What the simulated kubelets count, against what the simulated metrics API says at the same ticks."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from tests import simulated_life as life

from simcluster import stats
from simcluster.world import counters, usage, world

if TYPE_CHECKING:
    Counted = stats.NodeStats | stats.PodStats | stats.ContainerStats
    Seen = dict[tuple[str, ...], Counted]

NAMES = ("control-1", "general-1", "general-2", "general-3", "gpu-1", "memory-1")


def look(living: world.World) -> Seen:
    """Everything that the kubelets count just now."""
    seen: Seen = {}
    for name in NAMES:
        node = copy.deepcopy(living.read_kubelet(name))
        if node is None:
            continue
        seen[(name,)] = node
        for pod in node.pods:
            seen[pod.namespace, pod.name] = pod
            for container in pod.containers:
                seen[pod.namespace, pod.name, container.name] = container
    return seen


def rate(before: Counted, after: Counted) -> float:
    """Nanocores between two looks."""
    grown = after.cpu_nanoseconds - before.cpu_nanoseconds
    return grown * 1000 / (after.timestamp - before.timestamp)


def test_rates_are_those_of_the_metrics_api() -> None:
    """Whatever happens in an hour and a half, counters grow as the metrics API says, to two nanocores."""
    living = world.World(start=life.START)
    before = look(living)
    compared = 0
    for tick in range(1, 360):
        now = life.START + tick * usage.TICK
        living.advance(now)
        seen = look(living)
        for row in living.node_usage(now):
            old, new = before[(row.name,)], seen[(row.name,)]
            assert rate(old, new) == pytest.approx(row.cpu_nanocores, abs=2)
            assert new.memory_kibibytes == row.memory_kibibytes
            assert new.timestamp == int(row.timestamp * 1000)
        for pod in living.pod_usage(now):
            for name, cpu, memory in pod.containers:
                old = before[pod.namespace, pod.name, name]
                new = seen[pod.namespace, pod.name, name]
                assert rate(old, new) == pytest.approx(cpu, abs=2), (tick, pod.name, name)
                assert new.memory_kibibytes == memory
                compared += 1
        before = seen
    assert compared > 20_000


def test_counters_only_grow_until_their_container_starts_anew() -> None:
    """A container's counter begins anew exactly when its start time moves; its pod's goes on."""
    living = world.World(start=life.START)
    last = look(living)
    restarts = 0
    for tick in range(1, 400):
        living.advance(life.START + tick * usage.TICK)
        seen = look(living)
        for key, new in seen.items():
            old = last.get(key)
            if old is None or old.timestamp == new.timestamp:
                continue
            assert new.timestamp > old.timestamp
            if new.started == old.started:
                assert new.cpu_nanoseconds >= old.cpu_nanoseconds, key
            elif len(key) == 3:
                restarts += 1
                age = new.timestamp - int(new.started * 1000)
                spent = new.cpu_nanoseconds - counters._STARTING
                assert spent == new.cpu_nanocores * age // 1000, key
        for pod in (row for row in seen.values() if isinstance(row, stats.PodStats)):
            assert pod.cpu_nanoseconds > sum(each.cpu_nanoseconds for each in pod.containers)
        last |= seen
    assert restarts >= 3


def test_a_lost_machine_comes_back_rebooted() -> None:
    """While a node is lost its kubelet is silent; then its counter and those of its pods begin at nothing."""
    living = world.World(start=life.START)
    lost = "general-3"
    assert living.read_kubelet(lost) is None
    living.advance(life.START + 62 * usage.TICK)
    node = living.read_kubelet(lost)
    assert node is not None
    boot = node.started
    assert boot > life.START
    assert node.cpu_nanoseconds < 30 * 60 * 1e9
    assert {container.started for pod in node.pods for container in pod.containers} >= {boot}
    events = [life.read(item) for item in living.items() if item.resource.kind == "Event"]
    assert [event["involvedObject"]["name"] for event in events if event["reason"] == "Rebooted"] == [lost]


def test_counts_do_not_depend_on_steps() -> None:
    """Two worlds that were asked at the start say the same later, in whatever steps they came there."""
    first, second = world.World(start=life.START), world.World(start=life.START)
    look(first)
    look(second)
    for tick in range(0, 120, 3):
        first.advance(life.START + tick * usage.TICK)
        look(first)
    first.advance(life.START + 130 * usage.TICK)
    second.advance(life.START + 130 * usage.TICK)
    ours, theirs = look(first), look(second)
    assert ours.keys() == theirs.keys()
    for key, row in ours.items():
        assert row.cpu_nanoseconds == theirs[key].cpu_nanoseconds
        assert row.timestamp == theirs[key].timestamp


def test_each_container_is_measured_at_its_own_moment() -> None:
    """Timestamps of one node differ, and lie within the six seconds before the tick."""
    living = world.World(start=life.START)
    stamps = [row.timestamp for key, row in look(living).items() if len(key) == 3]
    assert len(set(stamps)) > len(stamps) / 2
    assert all(-6000 < stamp - life.START * 1000 <= 0 for stamp in stamps)


def test_what_is_near_its_limit_waits() -> None:
    """Somebody is throttled, and somebody waits for memory; who has no limit is never throttled."""
    living = world.World(start=life.START)
    look(living)
    living.advance(life.START + 90 * usage.TICK)
    containers = [row for row in look(living).values() if isinstance(row, stats.ContainerStats)]
    assert any(row.throttled for row in containers)
    assert any(row.stalled for row in containers)
    assert not any(row.periods for row in containers if not row.cpu_limit)
    assert all(row.throttled_periods <= row.periods for row in containers)


def test_unknown_nodes_have_no_kubelet() -> None:
    """There is nothing to read of a node that is not there."""
    assert world.World(start=life.START).read_kubelet("general-99") is None
