"""Joining records with samples: every row of either side stays, and says why a number is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import strategies

from kubevitals import model, snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kubevitals import sources

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)
OLD = NOW - timedelta(hours=1)
STAMP, WINDOW = "2026-07-30T09:59:50Z", "15s"


def pod(
    name: str = "web-0",
    *,
    namespace: str = "shop",
    containers: Sequence[str] = ("app",),
    word: str = "Running",
    **facts: Any,
) -> model.Pod:
    given: dict[str, Any] = {"phase": "Running", "created_at": OLD, "node": "node-1", "status": word}
    return model.Pod(
        namespace,
        name,
        containers=tuple(model.Container(namespace, name, each, status=word) for each in containers),
        **(given | facts),
    )


def sample(
    *containers: sources.ContainerSample, stamp: str = STAMP, window: str = WINDOW
) -> sources.PodSample:
    return (stamp, window, list(containers))


def join(
    pods: Sequence[model.Pod], samples: dict[str, sources.PodSample] | None = None, **options: Any
) -> list[model.Pod]:
    keyed = {("shop", name): each for name, each in (samples or {}).items()}
    return snapshot.join_pods(pods, keyed, **{"now": NOW, **options})


def test_usage_joins_its_pod() -> None:
    """A pod gets the sum of its containers, each container its own, all with time, window and age."""
    rows = join([pod(containers=("app", "proxy"))], {"web-0": sample(("app", 0.25, 100), ("proxy", 0.1, 20))})
    (row,) = rows
    assert (row.cpu_usage_cores, row.memory_usage_bytes, row.problem) == (0.35, 120, None)
    assert (row.window_seconds, row.age_seconds, row.stale) == (15.0, 10.0, False)
    assert row.timestamp == NOW - timedelta(seconds=10)
    assert [(each.name, each.cpu_usage_cores) for each in row.containers] == [("app", 0.25), ("proxy", 0.1)]
    assert {each.age_seconds for each in row.containers} == {10.0}


def test_the_same_name_elsewhere() -> None:
    """Pods are told apart by namespace and name, as names repeat."""
    samples = {("a", "web"): sample(("app", 1.0, 1)), ("b", "web"): sample(("app", 2.0, 2))}
    rows = snapshot.join_pods([pod("web", namespace="b"), pod("web", namespace="a")], samples, now=NOW)
    assert [(row.namespace, row.cpu_usage_cores) for row in rows] == [("b", 2.0), ("a", 1.0)]


def test_a_pod_in_the_list_only() -> None:
    """A pod without a sample keeps its row: unknown is None, never zero, and says why."""
    (row,) = join([pod()])
    assert (row.cpu_usage_cores, row.memory_usage_bytes) == (None, None)
    assert (row.timestamp, row.window_seconds, row.age_seconds, row.stale) == (None, None, None, None)
    assert row.problem == "no_sample"
    assert [each.problem for each in row.containers] == ["no_sample"]


def test_a_pod_in_the_metrics_only() -> None:
    """A pod that only has a sample keeps its row with its usage, unless the list decides who is there."""
    samples = {"left": sample(("app", 0.5, 7))}
    (row,) = join([], samples)
    assert (row.namespace, row.name, row.cpu_usage_cores, row.problem) == ("shop", "left", 0.5, "gone")
    assert (row.phase, row.node, row.cpu_request_cores) == (None, None, None)
    assert [(each.name, each.memory_usage_bytes) for each in row.containers] == [("app", 7)]
    assert join([], samples, keep_unlisted=False) == []


@pytest.mark.parametrize(
    ("measured", "stamp", "pod_reasons", "why"),
    [
        (("app", None, 7), STAMP, {}, "bad_quantity"),
        (("app", 0.5, None), STAMP, {}, "bad_quantity"),
        (("app", None, 7), STAMP, {("shop", "left"): "first_sample"}, "first_sample"),
        (("app", 0.5, 7), "2026-07-30T09:00:00Z", {}, "stale"),
    ],
)
def test_a_doubtful_sample_of_a_pod_in_the_metrics_only(
    measured: sources.ContainerSample, stamp: str, pod_reasons: dict[tuple[str, str], str], why: str
) -> None:
    """That a pod is gone hides nothing that is wrong with its sample."""
    (row,) = join([], {"left": sample(measured, stamp=stamp)}, pod_reasons=pod_reasons)
    assert (row.problem, [each.problem for each in row.containers]) == (why, [why])


@pytest.mark.parametrize("containers", [("app",), ("app", "proxy")])
@pytest.mark.parametrize(("cpu", "memory"), [(0.5, None), (None, 7), (None, None)])
def test_an_unknown_number_of_a_container(
    containers: Sequence[str], cpu: float | None, memory: int | None
) -> None:
    """A number that is missing of one container is unknown for it and its pod, and the other one is known."""
    others: list[sources.ContainerSample] = [(name, 0.25, 5) for name in containers[1:]]
    (row,) = join([pod(containers=containers)], {"web-0": sample(("app", cpu, memory), *others)})
    first = row.containers[0]
    assert (first.cpu_usage_cores, first.memory_usage_bytes, first.problem) == (cpu, memory, "bad_quantity")
    of_others = (0.25 * len(others), 5 * len(others))
    assert row.cpu_usage_cores == (None if cpu is None else cpu + of_others[0])
    assert row.memory_usage_bytes == (None if memory is None else memory + of_others[1])
    assert (row.problem, row.timestamp) == ("bad_quantity", first.timestamp)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, "no_sample"),
        ({"phase": "Succeeded", "word": "Completed"}, "ended"),
        ({"phase": "Failed", "word": "Evicted"}, "ended"),
        ({"phase": "Pending"}, "not_running"),
        ({"word": "CrashLoopBackOff"}, "not_running"),
        ({"created_at": NOW - timedelta(seconds=119)}, "starting"),
        ({"created_at": NOW - timedelta(seconds=120)}, "no_sample"),
        ({"node": "lost"}, "node_not_ready"),
        ({"node": "lost", "phase": "Succeeded"}, "ended"),
        (
            {"node": "lost", "phase": "Pending"},
            "node_not_ready",
        ),  # the node is the cause of whatever the pod is
        ({"node": "lost", "word": "CrashLoopBackOff"}, "node_not_ready"),
        ({"node": "lost", "created_at": NOW}, "node_not_ready"),
        ({"node": None, "phase": "Pending"}, "not_running"),
    ],
)
def test_reasons(facts: dict[str, Any], why: str) -> None:
    """Why a pod has no usage is told from what is known of it, and every reason has its words."""
    (row,) = join([pod(**facts)], unready_nodes=frozenset({"lost"}))
    assert row.problem == why
    assert why in snapshot.REASONS


def test_a_silent_node() -> None:
    """Where two or more pods of a node should have samples and none has, its kubelet is what is silent."""
    rows = join(
        [pod("a", node="mute"), pod("b", node="mute"), pod("c"), pod("d"), pod("e", node="lonely")],
        {"c": sample(("app", 1.0, 1))},
    )
    assert [row.problem for row in rows] == ["node_silent", "node_silent", None, "no_sample", "no_sample"]


@pytest.mark.parametrize(
    ("facts", "pod_reasons", "why"),
    [
        ({}, {}, "kubelet_timeout"),
        ({"created_at": NOW}, {}, "kubelet_timeout"),
        ({"phase": "Pending"}, {}, "not_running"),
        ({"phase": "Failed"}, {}, "ended"),
        ({"node": "lost"}, {}, "node_not_ready"),
        ({"node": "other"}, {}, "no_sample"),
        ({}, {("shop", "web-0"): "first_sample"}, "first_sample"),  # of the pod itself
    ],
)
def test_what_a_source_says_of_a_silent_node(
    facts: dict[str, Any], pod_reasons: dict[tuple[str, str], str], why: str
) -> None:
    """The source's reason is that of pods that should have a sample, new ones too, and of no others."""
    node_reasons = {"node-1": "kubelet_timeout", "lost": "kubelet_timeout"}
    (row,) = join(
        [pod(**facts)], unready_nodes=frozenset({"lost"}), node_reasons=node_reasons, pod_reasons=pod_reasons
    )
    assert row.problem == why


def test_a_source_that_fails() -> None:
    """If there is no usage at all every pod says so, but for those that have ended."""
    rows = join([pod("a"), pod("b", phase="Succeeded"), pod("c", phase="Pending")], failure="metrics_empty")
    assert [row.problem for row in rows] == ["metrics_empty", "ended", "metrics_empty"]


def test_one_container_is_missing() -> None:
    """A running container without a sample leaves its pod's usage unknown; the others keep theirs."""
    (row,) = join([pod(containers=("app", "proxy"))], {"web-0": sample(("app", 0.25, 100))})
    assert (row.cpu_usage_cores, row.memory_usage_bytes, row.problem) == (None, None, "usage_incomplete")
    assert [(each.cpu_usage_cores, each.problem) for each in row.containers] == [
        (0.25, None),
        (None, "no_sample"),
    ]
    assert row.containers[1].age_seconds is None


def test_a_container_that_does_not_run_is_not_missed() -> None:
    """A container that waits or has ended uses nothing: the pod's usage is that of the others."""
    stopped = pod(containers=("app", "job"))
    app, job = stopped.containers
    stopped = stopped._replace(containers=(app, job._replace(status="Completed")))
    (row,) = join([stopped], {"web-0": sample(("app", 0.25, 100))})
    assert (row.cpu_usage_cores, row.memory_usage_bytes, row.problem) == (0.25, 100, None)
    assert [each.problem for each in row.containers] == [None, "not_running"]
    (row,) = join([pod(word="CrashLoopBackOff")], {"web-0": sample(("proxy", 0.1, 1))})
    assert (row.cpu_usage_cores, [each.problem for each in row.containers]) == (None, ["not_running"])


@pytest.mark.parametrize("foreign", [("other", 9.0, 900), ("app2", 0.1, 1), ("", 1.0, 1), ("POD", 0.0, 0)])
def test_names_that_a_pod_does_not_have(foreign: sources.ContainerSample) -> None:
    """What a sample says of containers that the pod does not have is in no sum."""
    for measured in ([("app", 0.25, 100), foreign], [foreign, ("app", 0.25, 100)]):
        (row,) = join([pod()], {"web-0": sample(*measured)})
        assert (row.cpu_usage_cores, row.memory_usage_bytes, row.problem) == (0.25, 100, None)
        assert [each.name for each in row.containers] == ["app"]
    (row,) = join([pod()], {"web-0": sample(foreign)})
    assert (row.cpu_usage_cores, row.memory_usage_bytes, row.problem) == (None, None, "usage_incomplete")


@pytest.mark.parametrize(("age", "own"), [(3600, True), (11, True), (10, True), (9, False), (0, False)])
def test_a_sample_that_is_older_than_the_pod(age: float, own: bool) -> None:
    """A sample from before the pod was created is that of its predecessor of the same name."""
    (row,) = join(
        [pod(created_at=NOW - timedelta(seconds=age))], {"web-0": sample(("app", 0.5, 900), stamp=STAMP)}
    )
    assert row.problem == (None if own else "older_sample")
    assert row.memory_usage_bytes == (900 if own else None)
    assert row.containers[0].memory_usage_bytes == (900 if own else None)


IMPOSSIBLE = [
    (-0.005, 100), (-1e-9, 100), (float("nan"), 100), (float("inf"), 100), (float("-inf"), 100), (1e7, 100),
    (0.5, -1), (0.5, 1 << 61), (0.5, 1 << 80),
]  # fmt: skip


@pytest.mark.parametrize(("cores", "size"), IMPOSSIBLE)
def test_numbers_that_no_machine_has(cores: float, size: int) -> None:
    """A negative, endless or absurd number is unknown, and costs nothing but itself."""
    known = (None, size) if not 0 <= cores <= model.MOST_CORES else (cores, None)
    (row,) = join([pod()], {"web-0": sample(("app", cores, size))})
    assert (row.cpu_usage_cores, row.memory_usage_bytes, row.problem) == (*known, "bad_quantity")
    (container,) = row.containers
    assert (container.cpu_usage_cores, container.memory_usage_bytes) == known
    both = {"web-0": sample(("app", cores, size), ("proxy", 0.1, 20))}
    (row,) = join([pod(containers=("app", "proxy"))], both)
    assert row.problem == "bad_quantity"
    assert [each.problem for each in row.containers] == ["bad_quantity", None]
    (row,) = snapshot.rows_of_samples({("shop", "web-0"): both["web-0"]}, now=NOW)
    assert None in (row.cpu_usage_cores, row.memory_usage_bytes)
    (node,) = snapshot.join_nodes([], {"node-1": (STAMP, WINDOW, cores, size)}, now=NOW)
    assert (node.cpu_usage_cores, node.memory_usage_bytes, node.problem) == (*known, "bad_quantity")


@pytest.mark.parametrize("seconds", [31, 600, 3 * 3600, 40 * 86_400])
def test_a_sample_from_the_future(seconds: int) -> None:
    """A sample of a clock that is ahead keeps its numbers, counts as taken now, has no age, and says so."""
    stamp = (NOW + timedelta(seconds=seconds)).isoformat()
    (row,) = join([pod()], {"web-0": sample(("app", 0.5, 900), stamp=stamp)})
    assert (row.cpu_usage_cores, row.timestamp, row.age_seconds, row.stale) == (0.5, NOW, None, None)
    assert (row.problem, row.containers[0].problem) == ("clock_ahead", "clock_ahead")
    (node,) = snapshot.join_nodes([], {"node-1": (stamp, WINDOW, 0.5, 900)}, now=NOW)
    assert (node.cpu_usage_cores, node.timestamp, node.problem) == (0.5, NOW, "clock_ahead")


def test_a_bad_number() -> None:
    """A value that could not be read leaves that sum unknown, and the other one known."""
    (row,) = join(
        [pod(containers=("app", "proxy"))], {"web-0": sample(("app", None, 100), ("proxy", 0.1, 20))}
    )
    assert (row.cpu_usage_cores, row.memory_usage_bytes, row.problem) == (None, 120, "bad_quantity")
    assert [each.problem for each in row.containers] == ["bad_quantity", None]
    (row,) = join([pod()], {"web-0": sample()})
    assert (row.cpu_usage_cores, row.memory_usage_bytes, row.problem) == (None, None, "usage_incomplete")


@pytest.mark.parametrize(
    ("age", "stale"), [(0.0, False), (45.0, False), (45.001, True), (3600.0, True), (-5.0, False)]
)
def test_stale(age: float, stale: bool) -> None:
    """A sample older than three of its windows is stale, and still shown; one from the future is fresh."""
    stamp = (NOW - timedelta(seconds=age)).isoformat()
    (row,) = join([pod()], {"web-0": sample(("app", 1.0, 1), stamp=stamp)})
    assert row.stale is stale
    assert row.age_seconds == max(age, 0.0)
    assert row.cpu_usage_cores == 1.0
    assert row.problem == ("stale" if stale else None)


@pytest.mark.parametrize("stamp", ["", "now", "2026-07-30T09:59:50"])
def test_an_unreadable_time(stamp: str) -> None:
    """A sample whose time cannot be read keeps its numbers; whether it is stale is unknown."""
    (row,) = join([pod()], {"web-0": sample(("app", 1.0, 1), stamp=stamp)})
    assert (row.cpu_usage_cores, row.timestamp, row.stale, row.problem) == (1.0, None, None, None)


def test_an_unreadable_window() -> None:
    """Without its window a sample has an age, but whether it is stale is unknown."""
    (row,) = join([pod()], {"web-0": sample(("app", 1.0, 1), window="soon")})
    assert (row.age_seconds, row.window_seconds, row.stale) == (10.0, None, None)


@hypothesis.given(strategies.lists(strategies.integers(0, 10**12), min_size=1, max_size=30))
def test_sums_are_exact_to_the_nanocore(nanocores: list[int]) -> None:
    """However many containers a pod has, its CPU is the sum of their nanocores."""
    names = [f"c{index}" for index in range(len(nanocores))]
    samples = {
        "web-0": sample(*((name, each / 10**9, each) for name, each in zip(names, nanocores, strict=True)))
    }
    (row,) = join([pod(containers=names)], samples)
    assert row.cpu_usage_cores == sum(nanocores) / 10**9
    assert row.memory_usage_bytes == sum(nanocores)


@hypothesis.given(
    strategies.lists(strategies.sampled_from("abcdefgh"), unique=True),
    strategies.lists(strategies.sampled_from("abcdefgh"), unique=True),
)
def test_nobody_is_lost(listed: list[str], measured: list[str]) -> None:
    """Each pod of either side has exactly one row, those of the list first and in its order."""
    rows = join([pod(name) for name in listed], {name: sample(("app", 1.0, 1)) for name in measured})
    assert [row.name for row in rows][: len(listed)] == listed
    assert sorted(row.name for row in rows) == sorted({*listed, *measured})


def test_rows_of_samples_alone() -> None:
    """Without a list of pods the samples are the rows, and nothing else is claimed of them."""
    rows = snapshot.rows_of_samples(
        {
            ("shop", "a"): sample(("app", 0.25, 1), ("proxy", 0.5, 2)),
            ("shop", "b"): sample(("app", None, 3)),
            ("shop", "c"): sample(("app", 1.0, 1), stamp="2026-07-30T09:00:00Z"),
        },
        now=NOW,
    )
    assert [(row.name, row.cpu_usage_cores, row.memory_usage_bytes) for row in rows] == [
        ("a", 0.75, 3),
        ("b", None, 3),
        ("c", 1.0, 1),
    ]
    assert [row.problem for row in rows] == [None, "bad_quantity", "stale"]
    assert [each.problem for row in rows for each in row.containers] == [None, None, "bad_quantity", "stale"]
    assert {(row.phase, row.node, row.cpu_request_cores, row.labels == {}) for row in rows} == {
        (None, None, None, True)
    }


# --- nodes


def node(name: str = "node-1", *, ready: bool = True) -> model.Node:
    return model.Node(name, ready=ready, cpu_allocatable_cores=4.0, memory_allocatable_bytes=1000)


def join_nodes(
    nodes: Sequence[model.Node],
    samples: dict[str, tuple[float | None, int | None]] | None = None,
    **options: Any,
) -> list[model.Node]:
    keyed = {name: (STAMP, WINDOW, *amounts) for name, amounts in (samples or {}).items()}
    return snapshot.join_nodes(nodes, keyed, **{"now": NOW, **options})


def test_usage_joins_its_node() -> None:
    """A node has its usage, and a ratio of what it can give."""
    (row,) = join_nodes([node()], {"node-1": (1.0, 250)})
    assert (row.cpu_of_allocatable, row.memory_of_allocatable, row.age_seconds) == (0.25, 0.25, 10.0)
    assert (row.pods, row.cpu_request_cores, row.problem) == (None, None, None)


def test_nodes_of_one_side_only() -> None:
    """A node without a sample, and a sample without a node, keep their rows and say so."""
    rows = join_nodes([node("a"), node("b", ready=False)], {"c": (1.0, 1), "d": (None, 1)})
    assert [(row.name, row.problem) for row in rows] == [
        ("a", "no_sample"),
        ("b", "not_ready"),
        ("c", "gone"),
        ("d", "bad_quantity"),
    ]
    assert rows[0].cpu_usage_cores is None
    assert rows[2].cpu_allocatable_cores is None
    assert rows[2].cpu_of_allocatable is None


@pytest.mark.parametrize(
    ("amounts", "stamp", "node_reasons", "why"),
    [
        ((1.0, None), STAMP, {}, "bad_quantity"),
        ((None, 1), STAMP, {}, "bad_quantity"),
        ((None, 1), STAMP, {"node-1": "first_sample"}, "first_sample"),
        ((1.0, 1), "2026-07-30T09:00:00Z", {}, "stale"),
        ((1.0, 1), STAMP, {}, None),
    ],
)
@pytest.mark.parametrize("listed", [True, False])
def test_a_doubtful_sample_of_a_node(
    amounts: tuple[float | None, int | None],
    stamp: str,
    node_reasons: dict[str, str],
    why: str | None,
    listed: bool,
) -> None:
    """A node of which a number is unknown or old has that as its problem, be it listed or not."""
    samples = {"node-1": (stamp, WINDOW, *amounts)}
    (row,) = snapshot.join_nodes([node()] if listed else [], samples, now=NOW, node_reasons=node_reasons)
    assert (row.cpu_usage_cores, row.memory_usage_bytes) == amounts
    assert row.problem == (why or (None if listed else "gone"))


def test_a_node_that_is_not_ready() -> None:
    """That a node is not ready is why it has no sample, whatever its kubelet answers."""
    node_reasons = {"a": "kubelet_timeout", "b": "kubelet_timeout"}
    rows = join_nodes([node("a", ready=False), node("b")], node_reasons=node_reasons)
    assert [row.problem for row in rows] == ["not_ready", "kubelet_timeout"]


def test_nodes_without_any_source() -> None:
    """If there is no usage at all every node says so."""
    rows = join_nodes([node("a"), node("b", ready=False)], failure="metrics_unavailable")
    assert {row.problem for row in rows} == {"metrics_unavailable"}


def test_what_pods_hold_of_a_node() -> None:
    """Requests add up over the pods that have not ended, exactly; nobody asking for anything is a known 0."""
    pods = [
        pod("a", cpu_request_cores=0.1, memory_request_bytes=10),
        pod("b", cpu_request_cores=0.2, memory_request_bytes=None),
        pod("c", cpu_request_cores=5.0, phase="Succeeded"),
        pod("d", cpu_request_cores=5.0, node=None, phase="Pending"),
        pod("e", cpu_request_cores=5.0, memory_request_bytes=5, phase="Failed"),
    ]
    rows = join_nodes([node(), node("idle")], pods=pods)
    assert (rows[0].pods, rows[0].cpu_request_cores, rows[0].memory_request_bytes) == (2, 0.3, 10)
    assert (rows[1].pods, rows[1].cpu_request_cores, rows[1].memory_request_bytes) == (0, 0.0, 0)
    (row,) = join_nodes([node()])
    assert (row.pods, row.cpu_request_cores) == (None, None)


def test_limits_on_a_node() -> None:
    """Of a pod that is not bounded as a whole the limits count that its containers do have."""
    half = pod("half", containers=("a", "b"))
    half = half._replace(
        containers=(
            half.containers[0]._replace(cpu_limit_cores=0.5, memory_limit_bytes=5),
            half.containers[1],
        )
    )
    bounded = pod("whole", cpu_limit_cores=1.0, memory_limit_bytes=10)
    (row,) = join_nodes([node()], pods=[half, bounded])
    assert (row.cpu_limit_cores, row.memory_limit_bytes) == (1.5, 15)


def test_expect_usage() -> None:
    """A working metrics API would know a running pod of a whole cluster; of a part, one that is not new."""
    fresh = pod(created_at=NOW)
    assert snapshot.expect_usage([fresh], NOW, whole=True)
    assert not snapshot.expect_usage([fresh], NOW, whole=False)
    assert snapshot.expect_usage([pod()], NOW, whole=False)
    for facts in ({"phase": "Succeeded"}, {"phase": "Pending"}, {"word": "CrashLoopBackOff"}):
        assert not snapshot.expect_usage([pod(**facts)], NOW, whole=True)
