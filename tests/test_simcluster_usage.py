from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from tests import simulated_life as life

from simcluster.world import json_text, pods, usage, world

if TYPE_CHECKING:
    from simcluster import apiobjects


@pytest.fixture(scope="module")
def living() -> world.World:
    return world.World(start=life.START)


def as_data(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [tuple(getattr(row, name) for name in row.__slots__) for row in rows]


def pods_by_name(living: world.World) -> dict[tuple[str, str], pods.Pod]:
    return {(pod.namespace, pod.name): pod for pod in life.all_pods(living.items())}


def used(living: world.World) -> dict[tuple[str, str], apiobjects.PodUsage]:
    return {(row.namespace, row.name): row for row in living.pod_usage(life.START)}


def test_usage_is_a_function_of_the_tick() -> None:
    """Two worlds at the same moment say the same, whatever was asked before."""
    first, second = world.World(start=life.START), world.World(start=life.START)
    for step in range(8):
        first.advance(life.START + step * 50)
        first.pod_usage(life.START + step * 50)
    first.advance(life.START + 400)
    second.advance(life.START + 400)
    assert as_data(first.pod_usage(life.START + 400)) == as_data(second.pod_usage(life.START + 404.9))
    assert as_data(first.node_usage(life.START + 400)) == as_data(second.node_usage(life.START + 404.9))


def test_timestamps_and_windows_are_like_metrics_server_s(living: world.World) -> None:
    """A measurement ended within six seconds before the scrape, and its window is 9 to 21 seconds."""
    rows: list[Any] = [*living.node_usage(life.START), *living.pod_usage(life.START)]
    for row in rows:
        assert -6 <= row.timestamp - life.START <= 0
        assert 9 <= row.window <= 21


def test_windows_join_without_a_gap(living: world.World) -> None:
    """A window begins where the measurement before it ended."""
    other = world.World(start=life.START)
    before = {row.name: row.timestamp for row in other.node_usage(life.START)}
    other.advance(life.START + 15)
    for row in other.node_usage(life.START + 15):
        assert row.timestamp - row.window == pytest.approx(before[row.name])


def test_silent_nodes_and_their_pods_are_absent(living: world.World) -> None:
    """The lost node has no usage, and neither have its pods."""
    lost = {pod.node.name for pod in pods_by_name(living).values() if pod.node is not None and pod.node.lost}
    assert len(lost) == 1
    assert not lost & {row.name for row in living.node_usage(life.START)}
    found = pods_by_name(living)
    for where in used(living):
        node = found[where].node
        assert node is not None
        assert node.name not in lost


def test_what_does_not_run_is_absent(living: world.World) -> None:
    """Pending, ended, crashed and just started pods are absent; every other running pod is there."""
    there = used(living)
    for where, pod in pods_by_name(living).items():
        sidecars = [state for state in pod.init if state.kind == "running"]
        running = [*sidecars, *(state for state in pod.containers if state.kind == "running")]
        fresh = any(state.started > life.START - usage.FRESH for state in running)
        reported = (
            pod.phase == "Running"
            and any(state.kind == "running" for state in pod.containers)
            and not fresh
            and pod.node is not None
            and not pod.node.lost
        )
        assert (where in there) == reported, pod


def test_some_pod_is_fresh_at_the_start(living: world.World) -> None:
    """At least one pod runs and has no usage yet, for it is too young."""
    there = used(living)
    fresh = [
        where
        for where, pod in pods_by_name(living).items()
        if pod.phase == "Running" and pod.created > life.START - 30 and where not in there
    ]
    assert fresh


def test_a_node_uses_more_than_its_pods_and_less_than_it_has(living: world.World) -> None:
    """Node usage is the sum of its pods plus the system's share, within its capacity, at any hour."""
    for hour in range(24):
        other = world.World(start=life.START + hour * 3600, seed=hour)
        now = life.START + hour * 3600
        nodes = {pod.node.name: pod.node for pod in pods_by_name(other).values() if pod.node is not None}
        sums: dict[str, list[int]] = {}
        found = pods_by_name(other)
        for row in other.pod_usage(now):
            node = found[row.namespace, row.name].node
            assert node is not None
            total = sums.setdefault(node.name, [0, 0])
            total[0] += sum(cpu for _, cpu, _ in row.containers)
            total[1] += sum(memory for _, _, memory in row.containers)
        for usage_of_node in other.node_usage(now):
            cpu, memory = sums.get(usage_of_node.name, [0, 0])
            assert cpu < usage_of_node.cpu_nanocores <= nodes[usage_of_node.name].capacity_cpu * 1_000_000
            assert (
                memory < usage_of_node.memory_kibibytes <= nodes[usage_of_node.name].capacity_memory // 1024
            )


def test_containers_stay_within_their_limits(living: world.World) -> None:
    """No container uses more than its limits, and rows name the containers of the spec."""
    found = pods_by_name(living)
    for where, row in used(living).items():
        declared = {container.name: container for container in found[where].pod_set.template.all_containers}
        for name, cpu, memory in row.containers:
            container = declared[name]
            assert cpu <= (container.cpu[1] * 1_000_000 or cpu)
            assert memory <= (container.memory[1] * 1024 or memory)


def test_the_interesting_usages_are_there(living: world.World) -> None:
    """An idle pod with exactly no CPU, a container at 85 to 99 % of its limit, a pod above its request."""
    found = pods_by_name(living)
    idle = near = above = 0
    for where, row in used(living).items():
        template = found[where].pod_set.template
        idle += all(cpu == 0 for _, cpu, _ in row.containers)
        above += 0 < template.memory_request < sum(memory for _, _, memory in row.containers) * 1024
        for name, _, memory in row.containers:
            limit = next(item.memory[1] for item in template.all_containers if item.name == name)
            near += bool(limit) and 0.85 <= memory / (limit * 1024) <= 0.99
    assert idle == 1
    assert near >= 2
    assert above >= 2


def test_a_leak_grows_until_it_is_killed() -> None:
    """A leaking container's memory rises to its limit, and begins anew after the kill."""
    other = world.World(start=life.START)
    memory: list[int] = []
    for step in range(1, 280):
        now = life.START + step * 15
        other.advance(now)
        rows = [row for row in other.pod_usage(now) if row.name.startswith("order-worker-")]
        if rows:
            first = min(rows, key=lambda row: row.name)
            memory.append(first.containers[0][2])
    assert max(memory) > 0.9 * 320 * 1024
    assert any(later < earlier * 0.7 for earlier, later in itertools.pairwise(memory))


def test_usage_follows_the_day() -> None:
    """A shop is busier in the afternoon than before dawn."""

    def storefront(hour: int) -> float:
        midnight = life.START // 86400 * 86400
        at = midnight + hour * 3600
        rows = [row for row in world.World(start=at).pod_usage(at) if row.name.startswith("storefront-")]
        return sum(cpu for row in rows for _, cpu, _ in row.containers) / len(rows)

    assert sum(map(storefront, (15, 16, 17))) > 1.5 * sum(map(storefront, (3, 4, 5)))


def test_noise_is_even_and_repeatable() -> None:
    """Chance comes from the arguments alone and spreads over [0, 1)."""
    values = [usage.noise(json_text.hashed("pod"), tick) for tick in range(4000)]
    assert values == [usage.noise(json_text.hashed("pod"), tick) for tick in range(4000)]
    assert 0.47 < sum(values) / len(values) < 0.53
    assert min(values) < 0.01
    assert 0.99 < max(values) < 1
