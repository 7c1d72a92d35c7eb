"""Samples of a database find the objects of the inventory, and those of other clusters are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubevitals import attribution, model, sources

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_760_000_400.0
NODES = [
    model.Node("n1", ready=True, addresses=("10.0.0.1",), provider_id="aws:///eu-1a/i-01"),
    model.Node("n2", ready=True, addresses=("10.0.0.2",), provider_id="aws:///eu-1a/i-02"),
]
PODS = [
    model.Pod("shop", "web-1", node="n1", phase="Running"),
    model.Pod("shop", "web-2", node="n2", phase="Running"),
    model.Pod("data", "db-0", node="n2", phase="Running"),
]


def pod_sample(cores: float, *, ago: float = 0.0) -> sources.PodSample:
    """One of a single container."""
    return (NOW - ago, 60.0, [("c", cores, 1)])


def usage_of_nodes(
    nodes: Mapping[str, tuple[float | None, int | None]], aliases: Mapping[str, tuple[str, ...]] | None = None
) -> sources.Usage:
    """What a database says of nodes."""
    usage = sources.Usage("prometheus")
    usage.nodes = {name: (NOW, 60.0, *numbers) for name, numbers in nodes.items()}
    usage.node_reasons = {name: "prometheus_empty" for name, numbers in nodes.items() if None in numbers}
    usage.aliases = dict(aliases or {})
    return usage


def usage_of_pods(pods: Mapping[tuple[str, str], tuple[float, str]]) -> sources.Usage:
    """What a database says of pods, each with its cores and its node."""
    usage = sources.Usage("prometheus")
    usage.pods = {key: pod_sample(cores) for key, (cores, _) in pods.items()}
    usage.pod_nodes = {key: node for key, (_, node) in pods.items() if node}
    usage.aliases = {}
    return usage


OWN = {("shop", "web-1"): (0.1, "i-01"), ("shop", "web-2"): (0.2, "10.0.0.2"), ("data", "db-0"): (0.3, "N2")}


def test_nodes_have_the_names_of_the_inventory() -> None:
    """Whatever the database calls them; of two series of a node each gives what the other lacks."""
    usage = usage_of_nodes(
        {"i-01": (1.0, None), "10.0.0.1": (9.0, 7), "x": (2.0, 8)}, {"x": ("nobody", "10.0.0.2")}
    )
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert usage.nodes == {"n1": (NOW, 60.0, 1.0, 7), "n2": (NOW, 60.0, 2.0, 8)}
    assert (usage.node_reasons, usage.problems) == ({}, [])


def test_a_source_with_the_clusters_own_names_is_left_alone() -> None:
    """What it says of objects that are not listed any more stays its word."""
    usage = usage_of_nodes({"elsewhere": (1.0, 1)})
    usage.aliases = None
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert set(usage.nodes) == {"elsewhere"}
    attribution.attribute(None, nodes=NODES, pods=PODS)


def test_nodes_of_another_cluster_are_left_out_and_told() -> None:
    """With the labels that tell the clusters apart."""
    usage = usage_of_nodes(dict.fromkeys(("n1", "n2", "other-1", "other-2"), (1.0, 1)))
    usage.node_labels = {
        name: {"env": "prod" if name[0] == "n" else "stage", "job": "kubelet", "instance": name}
        for name in usage.nodes
    }
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert set(usage.nodes) == {"n1", "n2"}
    (problem,) = usage.problems
    assert problem.code == "prometheus_clusters"
    assert "2 of 4 nodes" in problem.message
    assert "--prometheus-cluster" in str(problem.remedy)
    assert "env is prod on this cluster's nodes and stage on the others" in str(problem.remedy)
    assert "job" not in str(problem.remedy)


def test_a_node_that_has_just_gone_is_no_other_cluster() -> None:
    """One that is not in the list, and two whose samples have stopped, are left out without a word."""
    usage = usage_of_nodes(dict.fromkeys(("n1", "n2", "gone"), (1.0, 1)))
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert (set(usage.nodes), usage.problems) == ({"n1", "n2"}, [])
    usage = usage_of_nodes(dict.fromkeys(("n1", "n2", "gone-1", "gone-2"), (1.0, 1)))
    usage.nodes |= dict.fromkeys(("gone-1", "gone-2"), (NOW - 45, 60.0, 1.0, 1))
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert (set(usage.nodes), usage.problems) == ({"n1", "n2"}, [])


def test_names_that_fit_no_node_are_told() -> None:
    """Addresses without a name are said to be that; other names are another cluster's, or a wrong label."""
    usage = usage_of_nodes({"10.9.9.9": (1.0, 1)})
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert (usage.nodes, [each.code for each in usage.problems]) == ({}, ["prometheus_nodes"])
    assert "by an address" in usage.problems[0].message
    usage = usage_of_nodes({"kubelet-a": (1.0, 1)})
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert (usage.nodes, [each.code for each in usage.problems]) == ({}, ["prometheus_nodes"])
    assert "address" not in usage.problems[0].message
    usage = usage_of_nodes({"10.0.0.1": (1.0, 1)})
    attribution.attribute(usage, nodes=None, pods=None)
    assert (set(usage.nodes), [each.code for each in usage.problems]) == ({"10.0.0.1"}, ["prometheus_nodes"])
    usage = usage_of_nodes({"n1": (1.0, 1)})
    attribution.attribute(usage, nodes=None, pods=None)
    assert (set(usage.nodes), usage.problems) == ({"n1"}, [])


def test_pods_of_another_cluster_are_left_out_and_told() -> None:
    """Once they are a large part of what the database tells of, and not only what has just ended."""
    foreign = {("shop", "api-1"): (5.0, "other-1"), ("shop", "api-2"): (5.0, "other-1")}
    usage = usage_of_pods({**OWN, **foreign})
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert set(usage.pods) == set(OWN)
    (problem,) = usage.problems
    assert (problem.code, "2 of 5 pods" in problem.message) == ("prometheus_clusters", True)
    usage = usage_of_pods({**OWN, **foreign})
    usage.pods |= dict.fromkeys(foreign, pod_sample(5.0, ago=45))
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert (set(usage.pods), usage.problems) == (set(OWN), [])
    usage = usage_of_pods({**OWN, **foreign})
    attribution.attribute(usage, nodes=NODES, pods=PODS, judge=False)
    assert (set(usage.pods), usage.problems) == (set(OWN), [])


def test_a_namesake_elsewhere_is_not_the_pod() -> None:
    """Where several nodes tell of a pod, the one where it runs counts; others alone tell nothing of it."""
    usage = usage_of_pods({**OWN, ("data", "db-0"): (9.0, "other-1")})
    usage.reports = {("data", "db-0"): {"other-1": pod_sample(9.0), "i-02": pod_sample(0.3)}}
    attribution.attribute(usage, nodes=NODES, pods=PODS)
    assert usage.pods["data", "db-0"] == pod_sample(0.3)
    for node in ("other-1", "n1"):
        usage = usage_of_pods({**OWN, ("data", "db-0"): (9.0, node)})
        usage.pod_reasons = {("data", "db-0"): "first_sample"}
        attribution.attribute(usage, nodes=NODES, pods=PODS)
        assert set(usage.pods) == {("shop", "web-1"), ("shop", "web-2")}
        assert usage.pod_reasons == {}


def test_names_of_nodes_that_tell_nothing_cost_no_pod() -> None:
    """Where all kubelets are reached through one address, or no node is told, the pod's name has to do."""
    for called in ("kubernetes.default.svc", ""):
        usage = usage_of_pods({key: (cores, called) for key, (cores, _) in OWN.items()})
        attribution.attribute(usage, nodes=NODES, pods=PODS)
        assert set(usage.pods) == set(OWN)
    usage = usage_of_pods(OWN)
    attribution.attribute(usage, nodes=None, pods=PODS)
    assert set(usage.pods) == set(OWN)
    usage = usage_of_pods({**OWN, ("no", "list"): (1.0, "n1")})
    attribution.attribute(usage, nodes=NODES, pods=None)
    assert len(usage.pods) == 4
