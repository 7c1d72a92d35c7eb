from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests import simulated_life as life

from simcluster.world import pods, world

if TYPE_CHECKING:
    from simcluster import apiobjects

DAY = 86400.0


@pytest.fixture(scope="module")
def day() -> tuple[life.Follower, list[list[apiobjects.Change]]]:
    """A cluster of the default size after a day, followed minute by minute."""
    follower = life.Follower(world.World(start=life.START))
    history = []
    for minute in range(1, 24 * 60 + 1):
        history.append(follower.advance(life.START + minute * 60))
        found = life.all_pods(follower.items.values())
        assert 50 <= len(found) <= 90
        assert_fits(found)
    return follower, history


def assert_fits(found: list[pods.Pod]) -> None:
    for node in {pod.node.name: pod.node for pod in found if pod.node is not None}.values():
        assert 0 <= node.requested_cpu <= node.allocatable_cpu
        assert 0 <= node.requested_memory <= node.allocatable_memory
        assert node.requested_gpus <= node.gpus


def test_changes_lead_from_the_start_to_the_present(
    day: tuple[life.Follower, list[list[apiobjects.Change]]],
) -> None:
    """Changes applied to the start give exactly the items of the present."""
    follower, _ = day
    assert {life.key(item): item for item in follower.world.items()} == follower.items


def test_everything_promised_happens_within_a_day(
    day: tuple[life.Follower, list[list[apiobjects.Change]]],
) -> None:
    """Pods come, go, crash, leak, are evicted, and jobs and autoscaling go on."""
    _, history = day
    seen: set[tuple[str, str]] = set()
    for changes in history:
        for change in changes:
            seen.add((change.type, change.item.resource.kind))
            if isinstance(change.item, pods.Pod):
                pod = change.item
                seen.update({("pod", pod.reason or pod.phase), ("pod", "Terminating" if pod.deleted else "")})
                seen.update(("container", state.reason) for state in pod.containers)
                seen.add(("disrupted", pod.disrupted))
    for kind in ("Pod", "Event", "Job"):
        assert {("ADDED", kind), ("MODIFIED", kind), ("DELETED", kind)} <= seen
    for kind in ("Node", "Lease", "Deployment", "ReplicaSet", "HorizontalPodAutoscaler", "EndpointSlice",
                 "StatefulSet", "DaemonSet", "CronJob"):  # fmt: skip
        assert ("MODIFIED", kind) in seen
    assert {("pod", "Evicted"), ("pod", "Terminating"), ("pod", "Succeeded")} <= seen
    assert {("container", "OOMKilled"), ("container", "CrashLoopBackOff"), ("container", "ErrImagePull"),
            ("container", "ImagePullBackOff"), ("container", "Completed")} <= seen  # fmt: skip
    assert ("disrupted", "DeletionByTaintManager") in seen


def test_owners_exist_after_a_day(day: tuple[life.Follower, list[list[apiobjects.Change]]]) -> None:
    """Every ownerReference leads to an object with that kind, name and uid."""
    follower, _ = day
    there = {(item.resource.kind, item.name, item.uid) for item in follower.items.values()}
    for item in follower.items.values():
        for owner in life.read(item)["metadata"].get("ownerReferences", ()):
            assert (owner["kind"], owner["name"], owner["uid"]) in there, item


def test_status_counts_agree_with_pods(day: tuple[life.Follower, list[list[apiobjects.Change]]]) -> None:
    """A ReplicaSet's status counts the pods that it owns."""
    follower, _ = day
    owned: dict[str, list[pods.Pod]] = {}
    for pod in life.all_pods(follower.items.values()):
        owned.setdefault(pod.pod_set.uid, []).append(pod)
    for item in life.of_kind(follower.items.values(), "ReplicaSet"):
        counted = [pod for pod in owned.get(item.uid, ()) if pod.alive and not pod.deleted]
        status = life.read(item)["status"]
        assert status["replicas"] == len(counted)
        assert status.get("readyReplicas", 0) == sum(pod.ready for pod in counted)


def test_the_last_state_is_kept_after_an_oom_kill(
    day: tuple[life.Follower, list[list[apiobjects.Change]]],
) -> None:
    """After an OOM kill the container runs again with one restart more and lastState 137."""
    _, history = day
    before: dict[str, int] = {}
    kills = 0
    for changes in history:
        for change in changes:
            pod = change.item
            if not isinstance(pod, pods.Pod) or pod.pod_set.workload.entry.scenario != "leak":
                continue
            if not pod.containers:
                continue
            state = pod.containers[0]
            if state.reason == "OOMKilled":
                before[pod.uid] = state.restarts
            elif pod.uid in before and state.kind == "running":
                assert state.restarts == before.pop(pod.uid) + 1
                assert state.last is not None
                assert (state.last.reason, state.last.exit_code) == ("OOMKilled", 137)
                kills += 1
    assert kills > 10


def test_cron_jobs_run_every_five_minutes(day: tuple[life.Follower, list[list[apiobjects.Change]]]) -> None:
    """A day has 288 runs, and three finished jobs are kept."""
    follower, history = day
    started = [
        change
        for changes in history
        for change in changes
        if change.type == "ADDED" and change.item.resource.kind == "Job"
    ]
    assert len(started) == 288
    kept = [
        item
        for item in life.of_kind(follower.items.values(), "Job")
        if item.name.startswith("invoice-export")
    ]
    assert 3 <= len(kept) <= 4


def test_life_does_not_depend_on_how_often_one_looks() -> None:
    """Many small steps and one long one tell the same changes, byte by byte."""
    patient = world.World(start=life.START)
    curious = world.World(start=life.START)
    once = patient.advance(life.START + 5400)
    often = [change for step in range(1, 1081) for change in curious.advance(life.START + step * 5.0)]
    assert [(change.type, change.item.render(1)) for change in once] == [
        (change.type, change.item.render(1)) for change in often
    ]


def test_items_do_not_change_after_they_were_told() -> None:
    """An item rendered when it was told and the same item rendered hours later give the same bytes."""
    living = world.World(start=life.START)
    told = list(living.items())
    for step in range(1, 9):
        told.extend(change.item for change in living.advance(life.START + step * 300))
    early = [item.render(1) for item in told]
    living.advance(life.START + DAY / 2)
    assert early == [item.render(1) for item in told]


def test_a_silent_node_comes_back() -> None:
    """The node that is lost at the start has its pods marked, then replaced elsewhere, and returns."""
    follower = life.Follower(world.World(start=life.START))
    (lost,) = {pod.node.name for pod in life.all_pods(follower.items.values()) if pod.lost and pod.node}
    follower.advance(life.START + 240)
    leaving = [pod for pod in life.all_pods(follower.items.values()) if pod.disrupted]
    assert leaving
    assert all(pod.node is not None and pod.node.name == lost for pod in leaving)
    follower.advance(life.START + 1200)
    assert not [pod for pod in life.all_pods(follower.items.values()) if pod.lost or pod.disrupted]
    assert lost in {usage.name for usage in follower.world.node_usage(life.START + 1200)}


def test_time_that_stands_still_changes_nothing() -> None:
    """Without a new tick, or with a clock that goes back, nothing happens."""
    living = world.World(start=life.START)
    assert living.advance(life.START) == []
    assert living.advance(life.START + 14.9) == []
    assert living.advance(life.START + 15)
    assert living.advance(life.START - 1000) == []


def test_a_tick_of_a_large_cluster_is_bounded() -> None:
    """What changes in a tick does not grow with the cluster."""
    living = world.World(nodes=120, pods=3000, start=life.START)
    most = max(len(living.advance(life.START + tick * 15.0)) for tick in range(1, 200))
    assert most < 600
