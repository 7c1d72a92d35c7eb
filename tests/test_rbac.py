"""The table of rights against what the program asks a cluster for: nothing missing, nothing too much."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette import requests
from tests import accounts_simulated, connected, small_world, waiting

from kubevitals import cli, collector, errors, rbac
from kubevitals.kube import objectcache
from kubevitals.sources import factory
from kubevitals.surfaces.exposition import kube_state_metrics
from kubevitals.surfaces.web import auth
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

SUBJECT = rbac.Subject("ServiceAccount", "kubevitals", "kubevitals")
NAMESPACE = "shop"


def rules_of(*features: str) -> list[rbac.Rule]:
    return [rule for feature in features for rule in rbac.FEATURES[feature].rules]


def rules_in(feature: str, namespace: str | None) -> list[rbac.Rule]:
    """What a feature needs there: in a namespace what lies in it, or everything if nothing does."""
    rules = rules_of(feature)
    within = [rule for rule in rules if rule.namespaced and not rule.path]
    return within if namespace is not None and within else rules


class OwnedPod(small_world.PlainItem):
    """A pod that does not tell by itself what is above its Job or ReplicaSet."""

    __slots__ = ("owner",)

    def __init__(self, owner: str) -> None:
        plain = small_world.pod(f"of-{owner.lower()}", NAMESPACE)
        super().__init__(
            "pods", plain.name, namespace=NAMESPACE, labels=plain.labels, body=plain.body, fields=plain.fields
        )
        self.owner = owner

    def render(self, resource_version: int) -> bytes:
        owner = {"apiVersion": "v1", "kind": self.owner, "name": "above", "uid": "1", "controller": True}
        owned = b'"metadata":{"ownerReferences":[' + json.dumps(owner).encode() + b"],"
        return super().render(resource_version).replace(b'"metadata":{', owned, 1)


@pytest.fixture(scope="module")
def world() -> Iterator[simulated.SimulatedCluster]:
    """A cluster with pods that make it necessary to look for owners."""
    small = small_world.SmallWorld()
    small.pods += [OwnedPod("Job"), OwnedPod("ReplicaSet")]
    with simulated.SimulatedCluster(world=small) as made:
        yield made


# --- the rights are those that are used


@pytest.mark.parametrize("namespace", [None, NAMESPACE])
def test_the_service(world: simulated.SimulatedCluster, namespace: str | None) -> None:
    """The collector, on an account with the default rights, sees everything, is refused nothing that is
    granted, and uses each right; in a namespace it goes without nodes.
    """
    features = rbac.choose((), namespace=namespace)
    rules = rules_of(*features)
    account = accounts_simulated.add(world, "service", rules, namespace=namespace)
    granted = accounts_simulated.wanted(rules)
    with (
        connected.connect(world, user="service") as cluster,
        collector.Collector(cluster, namespace=namespace, nodes=namespace is None) as running,
    ):
        waiting.until(lambda: running.latest is not None)
        assert running.latest is not None
        held = running.latest.snapshot
        waiting.until(lambda: set(account.asked) >= granted, what=lambda: granted - set(account.asked))
    assert not held.problems
    assert held.pods
    assert bool(held.nodes) == (namespace is None)
    assert account.refused == []
    assert set(account.asked) == granted


@pytest.mark.parametrize("namespace", [None, NAMESPACE])
@pytest.mark.parametrize("source", ["kubelet", "none"])
def test_the_service_with_another_source(source: str, namespace: str | None) -> None:
    """The service with another source than the metrics API, on an account with the rights that
    `rbac --source` prints, shows usage from there, is refused nothing and uses each right.
    """
    rules = rules_of(*rbac.choose((), namespace=namespace, source=source))
    if source == "kubelet":
        rules += rules_of("kubelet-detail")
    wanted = accounts_simulated.wanted(rules)
    owners = accounts_simulated.wanted(
        rules_of("owners")
    )  # not every pod makes it necessary to look for them
    with simulated.SimulatedCluster(kubelets=True) as whole:
        account = accounts_simulated.add(whole, "service", rules, namespace=namespace)
        with connected.connect(whole, user="service") as cluster:
            cluster.source = factory.open_source(
                cluster.client, source, kubelet={"detail": True} if source == "kubelet" else None
            )
            with collector.Collector(cluster, namespace=namespace, nodes=namespace is None) as running:
                waiting.until(lambda: running.latest is not None)
                assert running.latest is not None
                held = running.latest.snapshot
                waiting.until(
                    lambda: set(account.asked) >= wanted - owners,
                    what=lambda: wanted - owners - set(account.asked),
                )
    assert held.source == source
    assert any(pod.memory_usage_bytes is not None for pod in held.pods) == (source == "kubelet")
    assert account.refused == []
    assert wanted - owners <= set(account.asked) <= wanted


def test_every_owner_is_granted() -> None:
    """The feature `owners` is what the inventory may follow for owners, and no more."""
    from kubevitals.kube import owners

    assert {(rule.group, rule.resource) for rule in rules_of("owners")} == {
        (each.group, each.plural) for each in owners.PARENTS.values()
    }


@pytest.mark.parametrize("namespace", [None, NAMESPACE])
def test_kube_state(world: simulated.SimulatedCluster, namespace: str | None) -> None:
    """The families of kube-state-metrics follow exactly what their feature grants there."""
    rules = rules_in("kube-state", namespace)
    account = accounts_simulated.add(world, "state", rules, namespace=namespace)
    granted = accounts_simulated.wanted(rules)
    with connected.connect(world, user="state") as cluster:
        state = objectcache.ObjectCache(cluster.client, kube_state_metrics.converts(), namespace=namespace)
        state.start()
        waiting.until(lambda: set(account.asked) >= granted, what=lambda: granted - set(account.asked))
        state.stop()
    assert account.refused == []
    assert set(account.asked) == granted
    listed = {(each.group, each.plural, each.namespaced) for each in objectcache.RESOURCES.values()}
    assert {(rule.group, rule.resource, rule.namespaced) for rule in rules_of("kube-state")} == listed


def test_auth(world: simulated.SimulatedCluster) -> None:
    """Letting the cluster decide takes the two reviews and nothing else."""
    account = accounts_simulated.add(world, "authenticator", rules_of("auth"))
    headers = [(b"authorization", f"Bearer {world.token}".encode())]
    with connected.connect(world, user="authenticator") as cluster:
        authenticator = auth.Authenticator.kubernetes(cluster.client)
        asked = requests.Request({"type": "http", "method": "GET", "path": "/metrics", "headers": headers})
        assert asyncio.run(authenticator.check(asked)).name == "admin"
        authenticator.close()
    assert account.refused == []
    assert set(account.asked) == accounts_simulated.wanted(rules_of("auth"))


def test_the_command_line(
    world: simulated.SimulatedCluster,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every form of top and overview works with the feature `top`, and each of its rights is used."""
    account = accounts_simulated.add(world, "person", rules_of("top"))
    path = tmp_path / "config"
    path.write_text(
        world.kubeconfig().replace("current-context: simulated\n", "current-context: simulated-person\n")
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    monkeypatch.setattr("gc.disable", lambda: None)
    node, (namespace, pod) = _names(world)
    commands = [
        ["top", "nodes"], ["top", "nodes", node], ["top", "pods", "-A"], ["top", "pods", "-A", "--usage"],
        ["top", "pods", pod, "-n", namespace], ["top", "pods", pod, "-n", namespace, "--usage"],
        ["top", "nodes", node, "--usage"], ["top", "containers", "-A"], ["top", "workloads", "-A"],
        ["top", "namespaces"], ["overview"],
    ]  # fmt: skip
    for command in commands:
        assert cli.main(command) in (0, 1), command
        assert account.refused == [], command
    assert set(account.asked) == accounts_simulated.wanted(rules_of("top"))
    capsys.readouterr()


def test_completion(world: simulated.SimulatedCluster, tmp_path: pathlib.Path) -> None:
    """Names in completion take the feature `completion`, and each of its rights is used."""
    from kubevitals.cli.completion import clusternames

    account = accounts_simulated.add(world, "typist", rules_of("completion"))
    path = tmp_path / "config"
    path.write_text(world.kubeconfig())
    names = clusternames.Names(
        {"kubeconfig": [str(path)], "context": ["simulated-typist"], "all_namespaces": ["true"]}
    )
    assert names.namespaces()
    assert names.nodes()
    assert names.pods()
    assert names.workloads()
    assert account.refused == []
    assert set(account.asked) == accounts_simulated.wanted(rules_of("completion"))


def _names(world: simulated.SimulatedCluster) -> tuple[str, tuple[str, str]]:
    """A node, and a pod with its namespace."""
    with connected.connect(world) as cluster:
        held = cluster.snapshot()
    pod = next(each for each in held.pods if each.cpu_usage_cores is not None)
    return held.nodes[0].name, (pod.namespace, pod.name)


# --- the table


_SUBRESOURCES = {
    ("kubelet", "nodes/metrics"),
    ("kubelet-detail", "nodes/stats"),
    ("doctor-logs", "pods/log"),
}


def test_nothing_dangerous() -> None:
    """No feature writes, reads secrets or proxies, or says "everything"."""
    for name, feature in rbac.FEATURES.items():
        for rule in feature.rules:
            assert set(rule.verbs) <= {"get", "list", "watch"} or rule.resource in (
                "tokenreviews",
                "subjectaccessreviews",
            )
            assert "*" not in (rule.group, rule.resource, *rule.verbs)
            assert "/" not in rule.resource or (name, rule.resource) in _SUBRESOURCES
            assert rule.resource not in ("secrets", "configmaps")


def test_default_features() -> None:
    """Without a word these are the rights of the service; in a namespace, those that can be given there."""
    assert rbac.choose(()) == ("nodes", "pods", "owners", "node-usage", "pod-usage")
    assert rbac.choose((), namespace=NAMESPACE) == ("pods", "owners", "pod-usage")
    assert rbac.choose(("owners", "nodes"), namespace=NAMESPACE) == ("nodes", "owners")
    with pytest.raises(errors.UsageError, match="nope"):
        rbac.choose(("nope",))


@pytest.mark.parametrize(
    ("source", "features", "within"),
    [
        ("auto", "node-usage pod-usage kubelet", "pod-usage kubelet"),
        ("metrics-server", "node-usage pod-usage", "pod-usage"),
        ("kubelet", "kubelet", "kubelet"),
        ("prometheus", "prometheus", "prometheus"),
        ("none", "", ""),
    ],
)
def test_features_of_a_source(source: str, features: str, within: str) -> None:
    """A source brings its own rights in the place of those for the metrics API."""
    assert rbac.choose((), source=source) == ("nodes", "pods", "owners", *features.split())
    assert rbac.choose((), source=source, namespace=NAMESPACE) == ("pods", "owners", *within.split())
    assert rbac.choose(("auth",), source=source) == (*features.split(), "auth")
    assert tuple(rbac.SOURCES) == factory.NAMES


@settings(max_examples=40)
@given(st.sets(st.sampled_from(list(rbac.FEATURES)), min_size=1), st.sampled_from([None, NAMESPACE]))
def test_roles_grant_the_union(features: set[str], namespace: str | None) -> None:
    """Any choice of features gives YAML that grants the union of their rules, each once, and no Role grants
    what lies in no namespace.
    """
    chosen = rbac.choose(features)
    made = rbac.make_roles(chosen, subject=SUBJECT, namespace=namespace)
    assert list(yaml.safe_load_all(rbac.render(made))) == made
    granted: list[tuple[str, str, str]] = []
    for role in made:
        for rule in role.get("rules", ()):
            places = rule.get("nonResourceURLs") or rule["resources"]
            group = rule.get("apiGroups", ["path"])[0]
            granted += [(verb, group, place) for verb in rule["verbs"] for place in places]
            if role["kind"] == "Role":
                assert role["metadata"]["namespace"] == namespace
                assert not {"nodes", "namespaces", "tokenreviews"} & set(places)
    expected = {
        (verb, "path" if rule.path else rule.group, rule.path or rule.resource)
        for feature in chosen
        for rule in rules_in(feature, namespace)
        for verb in rule.verbs
    }
    if namespace is None:
        assert len(granted) == len(set(granted))
    assert set(granted) == expected
    kinds = [each["kind"] for each in made]
    assert kinds in (
        ["ClusterRole", "ClusterRoleBinding"],
        ["Role", "RoleBinding"],
        ["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
    )
    assert (kinds[0] == "Role") == (
        namespace is not None and any(r.namespaced and not r.path for r in rules_of(*chosen))
    )


@pytest.mark.parametrize(
    ("features", "name"),
    [
        (("nodes", "pods"), "kubevitals"),
        (("viewer",), "kubevitals-viewer"),
        (("top", "completion"), "kubevitals-top-completion"),
        (("auth", "viewer"), "kubevitals"),
    ],
)
def test_default_names(features: tuple[str, ...], name: str) -> None:
    """Rights for other people than the service do not take the place of its own."""
    assert rbac.default_name(features) == name


# --- the command


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, list[dict[str, Any]], str]:
    code = cli.main(["rbac", *words])
    out, err = capsys.readouterr()
    return code, list(yaml.safe_load_all(out)) if code == 0 else [], err


@pytest.fixture(autouse=True)
def collect_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gc.disable", lambda: None)


@pytest.mark.parametrize(
    ("words", "subject"),
    [
        ((), {"kind": "ServiceAccount", "name": "kubevitals", "namespace": "kubevitals"}),
        (("-n", "shop"), {"kind": "ServiceAccount", "name": "kubevitals", "namespace": "shop"}),
        (("--service-account", "a:b"), {"kind": "ServiceAccount", "name": "b", "namespace": "a"}),
        (("--service-account=b", "-n", "c"), {"kind": "ServiceAccount", "name": "b", "namespace": "c"}),
        (("--user", "jane@example.org"), {"kind": "User", "name": "jane@example.org", "apiGroup": rbac.API}),
        (("--group", "system:masters"), {"kind": "Group", "name": "system:masters", "apiGroup": rbac.API}),
    ],
)
def test_whom(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], subject: dict[str, str]) -> None:
    """The roles are bound to whom one names, and to the service's account if nobody is named."""
    code, made, _ = run(capsys, *words)
    assert code == 0
    assert made[1]["subjects"] == [subject]
    assert made[1]["roleRef"] == {"apiGroup": rbac.API, "kind": made[0]["kind"], "name": "kubevitals"}


def test_features_can_be_joined(capsys: pytest.CaptureFixture[str]) -> None:
    """Commas and repetition mean the same, and a name of one's own is taken."""
    one = run(capsys, "--features", "pods,auth", "--name", "mine")[1]
    assert one == run(capsys, "--features", "auth", "--features", " pods,", "--name", "mine")[1]
    assert one[0]["metadata"] == {"name": "mine"}


@pytest.mark.parametrize(
    "words",
    [
        ("--features", "nope"),
        ("--user", "a", "--group", "b"),
        ("--user", 'a"b'),
        ("--user", "a\nb"),
        ("--name", "Not Good"),
        ("-n", "a\nb: c"),
        ("--service-account", "a:b:c"),
        ("--service-account", "a:"),
    ],
)
def test_what_is_no_name(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """A wrong word is said, and nothing is printed that could be applied."""
    code, _, err = run(capsys, *words)
    assert code == 2
    assert err.startswith("error: ")


def test_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """--list names every feature with its verbs and resources."""
    assert cli.main(["rbac", "--list"]) == 0
    out = capsys.readouterr().out
    assert re.findall(r"^(\S+)", out, re.MULTILINE) == list(rbac.FEATURES)
    assert "create: tokenreviews.authentication.k8s.io" in out
