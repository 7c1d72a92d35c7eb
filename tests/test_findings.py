"""What counts as wrong, in which order, and what is told together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubevitals import findings, model, severity

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OLD = NOW - timedelta(days=2)
MIB = 1 << 20


def pod(name: str = "web-1", **fields: Any) -> model.Pod:
    facts: dict[str, Any] = {
        "phase": "Running", "status": "Running", "ready": True, "created_at": OLD, "node": "node-1",
        "containers_ready": 1, "containers_total": 1,
    }  # fmt: skip
    return model.Pod("shop", name)._replace(**{**facts, **fields})


def container(name: str = "app", **fields: Any) -> model.Container:
    return model.Container("shop", "web-1", name, status="Running")._replace(**fields)


def ended(minutes: float, reason: str, code: int) -> dict[str, Any]:
    return {
        "last_termination_at": NOW - timedelta(minutes=minutes),
        "last_termination_reason": reason,
        "last_termination_exit_code": code,
    }


def node(name: str = "node-1", *, ready: str = "True", **fields: Any) -> model.Node:
    conditions = (
        model.Condition("Ready", ready, "KubeletReady" if ready == "True" else "Silent", None, OLD),
    )
    return model.Node(name, ready == "True", conditions=conditions)._replace(**fields)


def words(*pods: model.Pod, nodes: tuple[model.Node, ...] = ()) -> list[str]:
    return [each.reason for each in findings.inspect(nodes, pods, now=NOW)]


def test_health() -> None:
    """A cluster of ready nodes and running pods has no trouble."""
    assert findings.inspect([node()], [pod(), pod("web-2")], now=NOW) == []


def test_crash_loop() -> None:
    """A crash loop says how often and how the container ended last."""
    looping = pod(
        status="CrashLoopBackOff", restarts=14, ready=False, containers=(container(**ended(2, "Error", 3)),)
    )
    (found,) = findings.inspect([], [looping], now=NOW)
    assert found.reason == "CrashLoopBackOff"
    assert found.message == "14 restarts, Error (exit code 3)"
    assert found.last_seen_at == NOW - timedelta(minutes=2)
    assert found.severity == severity.CRITICAL
    assert found.remedy == "kubectl -n shop logs web-1 --previous"


@pytest.mark.parametrize(
    ("restarts", "age", "begun"),
    [
        (1, timedelta(days=2), timedelta(seconds=130)),  # one pause of ten seconds before the last end
        (3, timedelta(days=2), timedelta(seconds=190)),
        (14, timedelta(days=2), timedelta(seconds=120 + 310 + 9 * 300)),
        (14, timedelta(minutes=20), timedelta(minutes=20)),
        (100_000, timedelta(days=2), timedelta(days=2)),
    ],
)
def test_since_when_it_loops(restarts: int, age: timedelta, begun: timedelta) -> None:
    """A crash loop began before its pauses, which grow to five minutes, and not before its pod."""
    app = container(status="CrashLoopBackOff", restarts=restarts, **ended(2, "Error", 1))
    looping = pod(status="CrashLoopBackOff", containers=(app,), created_at=NOW - age)
    (found,) = findings.inspect([], [looping], now=NOW)
    assert found.since == NOW - begun


def test_the_worst_container_decides() -> None:
    """Each container is judged on its own: one that has completed hides none that crashes."""
    done = container("job", status="Completed", **ended(600, "Completed", 0))
    crashing = container("app", status="CrashLoopBackOff", restarts=57, **ended(1, "Error", 1))
    for parts in ((done, crashing), (crashing, done)):
        (found,) = findings.inspect([], [pod(status="Completed", ready=False, containers=parts)], now=NOW)
        assert (found.code, found.message) == (
            "CrashLoopBackOff",
            "57 restarts, Error (exit code 1), container app",
        )
        assert found.remedy == "kubectl -n shop logs web-1 -c app --previous"
    waiting = container("app", status="ImagePullBackOff", message="registry.test/app:2: not found")
    both = pod(status="Completed", containers=(done, waiting, crashing._replace(name="other")))
    assert words(both) == ["CrashLoopBackOff"]


@pytest.mark.parametrize(
    "word", ["CrashLoopBackOff", "ImagePullBackOff", "OOMKilled", "CreateContainerError"]
)
def test_an_init_container_decides(word: str) -> None:
    """An init container that fails is found, by its own row, whatever the pod's STATUS says."""
    setup = container("setup", status=word, type="init")
    for status in ("Pending", f"Init:{word}", "Init:0/1"):
        (found,) = findings.inspect([], [pod(phase="Pending", status=status, containers=(setup,))], now=NOW)
        assert found.code == word


@pytest.mark.parametrize("code", [137, 0, 1, None])
def test_killed_for_memory_whatever_the_exit_code(code: int | None) -> None:
    """A program may end with any code after its child was killed for memory: the reason decides."""
    killed = container(**{**ended(5, "OOMKilled", 0), "last_termination_exit_code": code})
    assert words(pod(containers=(killed,))) == ["OOMKilled"]


def test_what_the_registry_said() -> None:
    """An image that cannot be pulled is told with the kubelet's words, which name it."""
    said = 'Back-off pulling image "shop/web:9": not found'
    waiting = container(status="ImagePullBackOff", message=said)
    (found,) = findings.inspect(
        [], [pod(phase="Pending", status="ImagePullBackOff", containers=(waiting,))], now=NOW
    )
    assert (found.code, found.message, found.since) == ("ImagePullBackOff", said, OLD)


@pytest.mark.parametrize(("minutes", "stuck"), [(-1, False), (0, False), (5, False), (6, True), (600, True)])
def test_a_pod_that_does_not_go(minutes: int, stuck: bool) -> None:
    """A pod that is being deleted is found five minutes after its grace has ended, and not before."""
    leaving = pod(status="Terminating", deletion_at=NOW - timedelta(minutes=minutes))
    found = findings.inspect([], [leaving], now=NOW)
    assert [(each.code, each.since) for each in found] == (
        [("StuckTerminating", leaving.deletion_at)] if stuck else []
    )


@pytest.mark.parametrize(
    ("kind", "status", "bad"),
    [
        ("CSIReady", "False", True), ("CSIReady", "Unknown", True), ("CSIReady", "True", False),
        ("GPUProblem", "True", True), ("GPUProblem", "False", False), ("GPUProblem", "Unknown", False),
        ("NvidiaXidError", "True", True), ("DiskUnhealthy", "True", True),
        ("ReadyForUpgrade", "False", False),
        ("EtcdIsVoter", "True", False), ("EtcdIsVoter", "False", False),
    ],
)  # fmt: skip
def test_conditions_of_third_parties(kind: str, status: str, bad: bool) -> None:
    """Conditions that nobody has heard of are judged by what their names mean."""
    conditions = (model.Condition("Ready", "True"), model.Condition(kind, status))
    assert words(nodes=(node(conditions=conditions),)) == ([kind] if bad else [])


@pytest.mark.parametrize("state", ["Infeasible", "Deferred", "Error", "InProgress"])
def test_resize(state: str) -> None:
    """A resize in place that cannot be done, or waits, is found; one that goes on is not."""
    found = findings.inspect([], [pod(resize=state)], now=NOW)
    assert [each.code for each in found] == ([] if state == "InProgress" else [f"Resize{state}"])


def test_codes_hold_no_numbers() -> None:
    """A code is a stable word: the number that is too high stands in a field of its own."""
    full = pod(memory_usage_bytes=94, memory_limit_bytes=100)
    busy = node(memory_usage_bytes=95, memory_allocatable_bytes=100)
    assert [(each.code, each.value, each.reason) for each in findings.inspect([busy], [full], now=NOW)] == [
        ("MemoryNearLimit", 0.94, "memory 94%"),
        ("NodeMemoryFull", 0.95, "memory 95%"),
    ]


def test_init_crash_loop() -> None:
    """A crash loop of an init container is one too."""
    (found,) = findings.inspect([], [pod(phase="Pending", status="Init:CrashLoopBackOff")], now=NOW)
    assert (found.rank, found.reason) == (severity.CRASHING, "Init:CrashLoopBackOff")


def test_recent_oom() -> None:
    """A container killed for memory within the hour is trouble, although it runs again."""
    killed = container(**ended(59, "OOMKilled", 137), memory_limit_bytes=320 * MIB)
    (found,) = findings.inspect([], [pod(restarts=1, containers=(killed,))], now=NOW)
    assert (found.reason, found.message) == ("OOMKilled", "1 restart, limit 320Mi")


def test_old_oom() -> None:
    """A kill for memory longer ago than an hour is history."""
    assert words(pod(containers=(container(**ended(61, "OOMKilled", 137)),))) == []


def test_masked_oom() -> None:
    """A kill for memory is seen although another container of the pod ended later."""
    sidecar = container("sidecar", **ended(1, "Error", 1))
    killed = container("app", **ended(30, "OOMKilled", 137))
    (found,) = findings.inspect([], [pod(restarts=2, containers=(killed, sidecar))], now=NOW)
    assert (found.reason, found.message) == ("OOMKilled", "2 restarts, no memory limit, container app")


def test_image() -> None:
    """An image that cannot be pulled is trouble from the first try on."""
    assert words(pod(phase="Pending", status="ErrImagePull", created_at=NOW)) == ["ErrImagePull"]


def test_configuration() -> None:
    """A container that cannot be created for its configuration is trouble."""
    assert words(pod(phase="Pending", status="CreateContainerConfigError")) == ["CreateContainerConfigError"]


def test_unschedulable() -> None:
    """A pod that fits no node says what it asks for."""
    waiting = pod(
        phase="Pending", status="Pending", reason="Unschedulable", node=None, cpu_request_cores=4.0,
        memory_request_bytes=256 * MIB,
    )  # fmt: skip
    (found,) = findings.inspect([], [waiting], now=NOW)
    assert (found.reason, found.message, found.since) == (
        "Unschedulable",
        "asks for 4000m CPU and 256Mi",
        OLD,
    )


def test_starting() -> None:
    """A pod may take five minutes to start."""
    young, old = NOW - timedelta(minutes=4), NOW - timedelta(minutes=6)
    assert words(pod(phase="Pending", status="ContainerCreating", created_at=young)) == []
    assert words(pod(phase="Pending", status="ContainerCreating", created_at=old)) == ["ContainerCreating"]


def test_near_limit() -> None:
    """It is the container near its own memory limit that is told, however roomy the pod is."""
    small = container("small", memory_usage_bytes=94 * MIB, memory_limit_bytes=100 * MIB)
    large = container("large", memory_usage_bytes=10 * MIB, memory_limit_bytes=900 * MIB)
    full = pod(containers=(large, small), memory_usage_bytes=104 * MIB, memory_limit_bytes=1000 * MIB)
    (found,) = findings.inspect([], [full], now=NOW)
    assert (found.reason, found.message) == ("memory 94%", "94Mi of 100Mi in container small")
    assert found.severity == severity.WARNING


def test_at_the_threshold() -> None:
    """Exactly 85 % of a limit is not above it."""
    assert words(pod(memory_usage_bytes=85, memory_limit_bytes=100)) == []
    assert words(pod(memory_usage_bytes=86, memory_limit_bytes=100)) == ["memory 86%"]


def test_not_ready() -> None:
    """A pod that runs and is not ready is trouble once it had time to settle."""
    fields: dict[str, Any] = {"ready": False, "containers_ready": 1, "containers_total": 2}
    (found,) = findings.inspect([], [pod(**fields)], now=NOW)
    assert (found.reason, found.message) == ("NotReady", "1 of 2 containers ready, on node-1")
    assert words(pod(**fields, created_at=NOW - timedelta(minutes=1))) == []
    assert words(pod(**fields, containers=(container(**ended(1, "Error", 1)),))) == ["Restarted"]


def test_restarted() -> None:
    """A bad end within the hour is told, a good one is not."""
    assert words(pod(containers=(container(**ended(20, "Error", 1)),))) == ["Restarted"]
    assert words(pod(containers=(container(**ended(20, "Completed", 0)),))) == []


def test_ended() -> None:
    """Failed pods are told, completed ones and those being deleted are not."""
    assert words(pod(phase="Failed", status="Evicted")) == ["Evicted"]
    assert words(pod(phase="Succeeded", status="Completed")) == []
    assert words(pod(status="Terminating", ready=False)) == []


def test_unknown_health() -> None:
    """Of a pod whose health may not be read nothing is claimed."""
    assert words(model.Pod("shop", "web-1", cpu_usage_cores=1.0)) == []


def test_lost_node() -> None:
    """A lost node is one trouble that counts its pods, which are not told again."""
    pods = [pod(f"web-{number}", ready=False) for number in range(3)] + [pod("job", phase="Succeeded")]
    (found,) = findings.inspect([node(ready="Unknown")], pods, now=NOW)
    assert (found.kind, found.name, found.reason) == ("Node", "node-1", "NotReady")
    assert (found.message, found.since) == ("Silent, 3 pods on it", OLD)


def test_node_without_conditions() -> None:
    """A node that never reported is not ready."""
    assert words(nodes=(model.Node("new", ready=False),)) == ["NotReady"]


def test_pressure() -> None:
    """Conditions of pressure are trouble when True; other conditions that are True need not be."""
    conditions = (
        model.Condition("Ready", "True"),
        model.Condition("DiskPressure", "True", "KubeletHasDiskPressure"),
        model.Condition("MemoryPressure", "False"),
        model.Condition("EtcdIsVoter", "True"),
    )
    assert words(nodes=(node(conditions=conditions),)) == ["DiskPressure"]


def test_busy_node() -> None:
    """A node above 85 % of its allocatable memory or CPU is told with the amounts."""
    busy = node(
        cpu_usage_cores=3.6, cpu_allocatable_cores=4.0, memory_usage_bytes=95, memory_allocatable_bytes=100
    )
    found = findings.inspect([busy], [], now=NOW)
    assert [(each.reason, each.rank) for each in found] == [
        ("memory 95%", severity.NODE_BUSY),
        ("CPU 90%", severity.NODE_BUSY),
    ]
    assert found[1].message == "3600m of 4000m"


def test_grouping() -> None:
    """Pods of one workload with the same trouble are one line, and the worst of them speaks."""
    owner = {"workload_kind": "Deployment", "workload_name": "web"}
    pods = [
        pod(f"web-{number}", memory_usage_bytes=number, memory_limit_bytes=100, **owner)
        for number in (90, 99, 100, 91)
    ]
    (found,) = findings.inspect([], pods, now=NOW)
    assert (found.kind, found.name, found.pods, found.reason) == ("Deployment", "web", 4, "memory 100%")


def test_namespaces_stay_apart() -> None:
    """Workloads of the same name in two namespaces are two."""
    owner = {"workload_kind": "Deployment", "workload_name": "web", "status": "CrashLoopBackOff"}
    pods = [pod(**owner), pod(**owner)._replace(namespace="other")]
    assert [each.namespace for each in findings.inspect([], pods, now=NOW)] == ["other", "shop"]


def test_order() -> None:
    """The most serious stands first: what is broken before what may break."""
    pods = [
        pod("a", phase="Failed", status="Evicted"),
        pod("b", memory_usage_bytes=90, memory_limit_bytes=100),
        pod("c", phase="Pending", status="ImagePullBackOff"),
        pod("d", status="CrashLoopBackOff"),
    ]
    assert words(*pods, nodes=(node("other", ready="False"),)) == [
        "NotReady", "CrashLoopBackOff", "ImagePullBackOff", "memory 90%", "Evicted",
    ]  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # of a machine with other work
@given(
    st.lists(
        st.builds(
            lambda name, phase, status, ready, restarts: pod(
                name, phase=phase, status=status, ready=ready, restarts=restarts
            ),
            st.text("abc", min_size=1, max_size=3),
            st.sampled_from(["Running", "Pending", "Failed", "Succeeded", "Unknown", None]),
            st.sampled_from(["Running", "CrashLoopBackOff", "Init:Error", "OOMKilled", "Odd", None]),
            st.sampled_from([True, False, None]),
            st.one_of(st.none(), st.integers(0, 9)),
        ),
        max_size=8,
    )
)
def test_any_pods(pods: list[model.Pod]) -> None:
    """Whatever pods there are: no failure, ordered ranks, and no pod is told of twice."""
    found = findings.inspect([], pods, now=NOW)
    assert [each.rank for each in found] == sorted(each.rank for each in found)
    assert sum(each.pods for each in found) <= len(pods)
    assert all(each.reason for each in found)
