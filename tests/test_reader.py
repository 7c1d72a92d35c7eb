"""Half answers: what a snapshot holds when a part of what it needs may not be read, or is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests import connected, small_world

from kubevitals import errors, model, reader, sources
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

PODS = [f"pod-{number:03d}" for number in range(8)]


@pytest.fixture(scope="module")
def running() -> Iterator[simulated.SimulatedCluster]:
    clock = small_world.START + 100.0
    with simulated.SimulatedCluster(world=small_world.SmallWorld(), tls=False, clock=lambda: clock) as made:
        yield made


@pytest.fixture
def world(running: simulated.SimulatedCluster) -> Iterator[simulated.SimulatedCluster]:
    yield running
    running.set_faults([])


def take(
    world: simulated.SimulatedCluster, request: reader.Request | None = None, *, user: str = "admin"
) -> model.Snapshot:
    with connected.connect(world, user=user) as cluster:
        return cluster.read(request or reader.Request())


def codes(snapshot: model.Snapshot) -> list[str]:
    return [problem.code for problem in snapshot.problems]


def test_everything(world: simulated.SimulatedCluster) -> None:
    """With all rights there are nodes and pods with usage, and no problem."""
    snapshot = take(world)
    assert codes(snapshot) == []
    assert (snapshot.cluster, snapshot.source) == ("simulated", "metrics-server")
    assert snapshot.generated_at.timestamp() == world.now()
    assert [node.name for node in snapshot.nodes] == ["node-1", "node-2"]
    assert sorted(pod.name for pod in snapshot.pods) == PODS
    assert all(pod.cpu_usage_cores is not None for pod in snapshot.pods)
    assert [node.pods for node in snapshot.nodes] == [5, 3]
    assert snapshot.nodes[1].cpu_of_allocatable == 0.266965936 / 2


def test_one_namespace(world: simulated.SimulatedCluster) -> None:
    """Of one namespace the nodes have usage, and what its pods hold of them is unknown."""
    snapshot = take(world, reader.Request(namespace="shop"))
    assert {pod.namespace for pod in snapshot.pods} == {"shop"}
    assert [node.pods for node in snapshot.nodes] == [None, None]
    assert snapshot.nodes[1].cpu_usage_cores is not None


def test_the_rights_of_one_namespace(world: simulated.SimulatedCluster) -> None:
    """Whoever may read one namespace alone sees its pods; nodes are unknown, and it is said."""
    snapshot = take(world, reader.Request(namespace="shop"), user="viewer-shop")
    assert len(snapshot.pods) == 4
    assert all(pod.cpu_usage_cores is not None for pod in snapshot.pods)
    assert snapshot.nodes == ()
    assert codes(snapshot) == ["nodes_forbidden", "usage_forbidden"]
    assert all(problem.remedy for problem in snapshot.problems)
    rights = [each.right and str(each.right) for each in snapshot.problems]
    assert rights == ["list nodes", "list nodes.metrics.k8s.io"]


def test_the_pods_of_one_namespace_need_no_more(world: simulated.SimulatedCluster) -> None:
    """Pods alone of one namespace take the rights of that namespace alone."""
    snapshot = take(world, reader.Request(nodes=False, namespace="shop"), user="viewer-shop")
    assert (len(snapshot.pods), codes(snapshot)) == (4, [])


def test_usage_alone_may_be_read(world: simulated.SimulatedCluster) -> None:
    """Whoever may read the metrics API alone sees usage; requests, limits and health are unknown."""
    snapshot = take(world, user="metrics-reader")
    assert codes(snapshot) == ["nodes_forbidden", "pods_forbidden"]
    assert [(node.name, node.ready, node.problem) for node in snapshot.nodes] == [
        ("node-1", None, None),
        ("node-2", None, None),
    ]
    assert sorted(pod.name for pod in snapshot.pods) == PODS
    assert {pod.status for pod in snapshot.pods} == {None}
    assert all(pod.cpu_usage_cores is not None for pod in snapshot.pods)


def test_usage_may_not_be_read(world: simulated.SimulatedCluster) -> None:
    """Without rights on the metrics API everything else is there, and each row says why it has no usage."""
    world.set_faults(["forbidden=pods.metrics.k8s.io"])
    snapshot = take(world, reader.Request(nodes=False))
    assert codes(snapshot) == ["usage_forbidden"]
    assert {(pod.status, pod.cpu_usage_cores, pod.problem) for pod in snapshot.pods} == {
        ("Running", None, "usage_forbidden")
    }
    assert snapshot.source == "none"
    remedy = snapshot.problems[0].remedy or ""
    assert remedy.endswith('- apiGroups: ["metrics.k8s.io"]\n  resources: ["pods"]\n  verbs: ["list"]')
    world.set_faults(["forbidden=nodes.metrics.k8s.io"])
    snapshot = take(world)
    assert codes(snapshot) == ["usage_forbidden"]
    assert {node.problem for node in snapshot.nodes} == {"usage_forbidden"}
    assert {pod.problem for pod in snapshot.pods} == {None}


def test_nodes_may_not_be_read(world: simulated.SimulatedCluster) -> None:
    """Without any right on nodes the pods are there; without the list alone, the nodes' usage is too."""
    world.set_faults(["forbidden=nodes"])
    snapshot = take(world)
    assert codes(snapshot) == ["nodes_forbidden", "usage_forbidden"]
    assert "nodes unknown" in snapshot.problems[0].message
    assert (snapshot.nodes, len(snapshot.pods)) == ((), 8)
    world.set_faults([])
    snapshot = take(world, reader.Request(pods=False), user="metrics-reader")
    assert codes(snapshot) == ["nodes_forbidden"]
    assert [node.cpu_of_allocatable for node in snapshot.nodes] == [None, None]
    assert snapshot.nodes[1].cpu_usage_cores == 0.266965936


def test_pods_may_not_be_read(world: simulated.SimulatedCluster) -> None:
    """Without the list of pods, nodes have usage and no sums of what was asked for."""
    world.set_faults(["forbidden=pods"])
    snapshot = take(world, reader.Request(pod_usage=False))
    assert codes(snapshot) == ["pods_forbidden"]
    assert "what their pods asked for" in snapshot.problems[0].message
    assert [node.cpu_request_cores for node in snapshot.nodes] == [None, None]
    assert snapshot.nodes[1].cpu_of_allocatable is not None


def test_nothing_may_be_read(world: simulated.SimulatedCluster) -> None:
    """Who may read nothing gets one error with every rule that is missing, not an empty snapshot."""
    with pytest.raises(errors.ForbiddenError) as caught:
        take(world, user="nothing")
    rule = caught.value.rule or ""
    assert "metrics.k8s.io" in rule
    assert "pods" in rule
    assert rule.count("nodes") >= 2


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("metrics-absent", "metrics_not_installed"),
        ("metrics-unavailable", "metrics_unavailable"),
        ("metrics-empty", "metrics_empty"),
    ],
)
def test_no_usage_at_all(world: simulated.SimulatedCluster, fault: str, code: str) -> None:
    """Without usage the rest is there, and the three reasons are three different codes, once each."""
    world.set_faults([fault])
    snapshot = take(world)
    assert codes(snapshot) == [code]
    assert {*(node.problem for node in snapshot.nodes), *(pod.problem for pod in snapshot.pods)} == {code}
    assert [node.pods for node in snapshot.nodes] == [5, 3]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("metrics-absent", errors.MetricsNotInstalledError),
        ("metrics-unavailable", errors.MetricsUnavailableError),
        ("metrics-empty", errors.MetricsEmptyError),
    ],
)
def test_usage_alone_and_there_is_none(
    world: simulated.SimulatedCluster, fault: str, kind: type[errors.MetricsError]
) -> None:
    """Where usage alone was asked for and there is none, that is an error."""
    world.set_faults([fault])
    with pytest.raises(kind):
        take(world, reader.Request(nodes=False, pod_details=False))
    if fault != "metrics-empty":
        with pytest.raises(kind):
            take(world, reader.Request(nodes=False, pod_details=False), user="metrics-reader")


def test_an_empty_place_is_no_fault(world: simulated.SimulatedCluster) -> None:
    """A namespace without pods is empty, whether or not the metrics API has anything."""
    for details in (True, False):
        request = reader.Request(nodes=False, namespace="empty", pod_details=details)
        snapshot = take(world, request)
        assert (snapshot.pods, codes(snapshot)) == ((), [])


class Mute:
    """A source that knows one node, and no pod."""

    name = "mute"

    def fetch_usage(self, scope: sources.Scope) -> sources.Usage:
        usage = sources.Usage()
        if scope.nodes and not scope.label_selector:
            usage.nodes["node-1"] = ("2023-11-14T22:13:20Z", "15s", 0.5, 1)
        return usage


def test_a_part_without_samples(world: simulated.SimulatedCluster) -> None:
    """Where only the pods or nodes in view have no sample, nobody claims that nothing was collected."""
    with connected.connect(world, source=Mute()) as cluster:
        parts: list[dict[str, Any]] = [
            {"namespace": "shop"},
            {"label_selector": "app=db"},
            {"field_selector": "spec.nodeName=node-1"},
        ]
        for part in parts:
            snapshot = cluster.read(reader.Request(nodes=False, **part))
            assert codes(snapshot) == []
            assert {pod.problem for pod in snapshot.pods} <= {"no_sample", "node_silent"}
        snapshot = cluster.read(reader.Request(nodes=False, namespace="shop", name="pod-000"))
        assert [(pod.name, pod.problem) for pod in snapshot.pods] == [("pod-000", "no_sample")]
        snapshot = cluster.read(
            reader.Request(pods=False, node_label_selector="kubernetes.io/hostname=node-2")
        )
        assert [(node.name, node.problem) for node in snapshot.nodes] == [("node-2", "no_sample")]
        assert codes(snapshot) == []
        with pytest.raises(errors.MetricsEmptyError, match="of others"):
            cluster.read(reader.Request(nodes=False, namespace="shop", pod_details=False))
        assert codes(cluster.read(reader.Request(nodes=False))) == ["metrics_empty"]


def test_one_pod_by_name(world: simulated.SimulatedCluster) -> None:
    """A name gives that pod alone, and other selectors still hold."""
    one = take(world, reader.Request(nodes=False, namespace="shop", name="pod-000"))
    assert [(pod.name, pod.problem) for pod in one.pods] == [("pod-000", None)]
    others: list[dict[str, Any]] = [{"field_selector": "spec.nodeName=node-9"}, {"label_selector": "app=web"}]
    for more in others:
        none = take(world, reader.Request(nodes=False, namespace="shop", name="pod-000", **more))
        assert none.pods == ()


def test_one_node_by_name(world: simulated.SimulatedCluster) -> None:
    """A name without pods gives that node alone."""
    snapshot = take(world, reader.Request(pods=False, name="node-2"))
    assert [(node.name, node.cpu_usage_cores) for node in snapshot.nodes] == [("node-2", 0.266965936)]


def test_selectors(world: simulated.SimulatedCluster) -> None:
    """Selectors choose among pods and their samples alike."""
    snapshot = take(world, reader.Request(nodes=False, label_selector="app=db"))
    assert sorted(pod.name for pod in snapshot.pods) == ["pod-000", "pod-004"]
    snapshot = take(world, reader.Request(nodes=False, field_selector="spec.nodeName=node-2"))
    assert sorted(pod.name for pod in snapshot.pods) == ["pod-001", "pod-004", "pod-007"]
    assert all(pod.cpu_usage_cores is not None for pod in snapshot.pods)


def test_a_field_selector_that_cannot_be_followed(world: simulated.SimulatedCluster) -> None:
    """Without the list of pods nobody knows which a field selector means: none are shown, never all."""
    selected: dict[str, Any] = {"field_selector": "spec.nodeName=node-2"}
    with pytest.raises(errors.ForbiddenError):
        take(world, reader.Request(nodes=False, **selected), user="metrics-reader")
    snapshot = take(world, reader.Request(**selected), user="metrics-reader")
    assert snapshot.pods == ()
    assert "pods_forbidden" in codes(snapshot)
    with pytest.raises(errors.StatusError, match="bogus"):
        take(world, reader.Request(nodes=False, field_selector="spec.bogus=1"))
    with pytest.raises(errors.UsageError):
        take(world, reader.Request(pod_details=False, **selected))


def test_nothing_is_asked_for(world: simulated.SimulatedCluster) -> None:
    """A request for neither nodes nor pods is an empty snapshot."""
    snapshot = take(world, reader.Request(nodes=False, pods=False))
    assert (snapshot.nodes, snapshot.pods, snapshot.problems) == ((), (), ())


def test_usage_alone_takes_one_request(world: simulated.SimulatedCluster) -> None:
    """Usage alone asks for no pods: it works for who may not read them, without a problem."""
    snapshot = take(world, reader.Request(nodes=False, pod_details=False), user="metrics-reader")
    assert (len(snapshot.pods), codes(snapshot)) == (8, [])


def test_owners_may_not_be_read(world: simulated.SimulatedCluster) -> None:
    """Unreadable owners are no reason to lose the pods."""
    world.set_faults(["forbidden=jobs.batch"])
    assert len(take(world).pods) == 8
