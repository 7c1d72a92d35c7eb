"""The official client's three metrics functions: that client's own, on the same server, are the oracle."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client as official
from kubernetes.utils import metrics as oracle
from tests import connected, small_world

import kubevitals
from kubevitals import compat, errors
from simcluster import simulation as simulated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLOCK = small_world.START + 100.0


def api_client(world: simulated.SimulatedCluster, user: str = "admin") -> official.ApiClient:
    configuration = official.Configuration()
    configuration.host = world.url
    configuration.api_key = {"authorization": f"Bearer {world.token_for(user)}"}
    configuration.retries = 0
    return official.ApiClient(configuration)


@pytest.fixture(scope="module")
def running() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(world=small_world.SmallWorld(), tls=False, clock=lambda: CLOCK) as made:
        yield made


@pytest.fixture
def world(running: simulated.SimulatedCluster) -> Iterator[simulated.SimulatedCluster]:
    yield running
    running.set_faults([])


@pytest.fixture(params=["official", "ours"])
def clients(request: pytest.FixtureRequest, world: simulated.SimulatedCluster) -> Iterator[Any]:
    """A function from a user's name to a client of either kind."""
    made: list[Any] = []

    def make(user: str = "admin") -> Any:
        ours = request.param == "ours"
        made.append(connected.connect(world, user=user) if ours else api_client(world, user))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def real(world: simulated.SimulatedCluster) -> Iterator[official.ApiClient]:
    with api_client(world) as made:
        yield made


def test_nodes(clients: Callable[..., Any], real: official.ApiClient) -> None:
    """The nodes' list is the very one that the official function returns."""
    answer = compat.get_nodes_metrics(clients())
    assert answer == oracle.get_nodes_metrics(real)
    assert answer["items"][1]["usage"]["cpu"] == "266965936n"


@pytest.mark.parametrize("selector", [None, "", "app=db", "app in (db,web)", "app=nobody"])
def test_pods(clients: Callable[..., Any], real: official.ApiClient, selector: str | None) -> None:
    """The pods' list of a namespace is the very one, with and without a selector."""
    answer = compat.get_pods_metrics(clients(), "shop", selector)
    assert answer == oracle.get_pods_metrics(real, "shop", selector)
    assert compat.get_pods_metrics(clients(), "shop", label_selector=selector) == answer


def test_a_namespace_without_pods(clients: Callable[..., Any], real: official.ApiClient) -> None:
    """A namespace that is empty, or not there, gives an empty list, as the official function says."""
    answer = compat.get_pods_metrics(clients(), "nowhere")
    assert answer == oracle.get_pods_metrics(real, "nowhere")
    assert answer["items"] == []


@pytest.mark.parametrize("namespace", [None, ""])
def test_no_namespace(clients: Callable[..., Any], real: official.ApiClient, namespace: Any) -> None:
    """Without a namespace there is the official function's ValueError, word for word."""
    with pytest.raises(ValueError) as expected:
        oracle.get_pods_metrics(real, namespace)
    with pytest.raises(ValueError) as caught:
        compat.get_pods_metrics(clients(), namespace)
    assert str(caught.value) == str(expected.value)


def test_several_namespaces(clients: Callable[..., Any], real: official.ApiClient) -> None:
    """Namespaces come in the order given, each with its list; doubles come once."""
    names = ["shop", "nowhere", "default", "shop"]
    answer = compat.get_pods_metrics_in_all_namespaces(clients(), names)
    expected = oracle.get_pods_metrics_in_all_namespaces(real, names)
    assert answer == expected
    assert list(answer) == list(expected) == ["shop", "nowhere", "default"]
    chosen = compat.get_pods_metrics_in_all_namespaces(clients(), iter(names), "app=db")
    assert chosen == oracle.get_pods_metrics_in_all_namespaces(real, names, "app=db")
    assert compat.get_pods_metrics_in_all_namespaces(clients(), []) == {}


def test_all_namespaces_at_once(clients: Callable[..., Any]) -> None:
    """With None one list gives every namespace that has pods with metrics, as asking for each would."""
    answer = compat.get_pods_metrics_in_all_namespaces(clients(), None, "app=web")
    assert answer == compat.get_pods_metrics_in_all_namespaces(clients(), ["default", "shop"], "app=web")
    assert list(compat.get_pods_metrics_in_all_namespaces(clients())) == ["default", "shop"]
    assert compat.get_pods_metrics_in_all_namespaces(clients(), None, "app=nobody") == {}


@pytest.mark.parametrize(
    "fault", ["metrics-absent", "metrics-unavailable", "unauthorized", "forbidden", "forbidden=nodes"]
)
def test_errors(
    clients: Callable[..., Any], real: official.ApiClient, world: simulated.SimulatedCluster, fault: str
) -> None:
    """A failure is an ApiException with the status and reason that the official function's has."""
    world.set_faults([fault])
    with pytest.raises(official.ApiException) as expected:
        oracle.get_nodes_metrics(real)
    with pytest.raises(official.ApiException) as caught:
        compat.get_nodes_metrics(clients())
    assert (caught.value.status, caught.value.reason) == (expected.value.status, expected.value.reason)
    assert caught.value.headers is not None


def test_error_entries(
    clients: Callable[..., Any], real: official.ApiClient, world: simulated.SimulatedCluster
) -> None:
    """A namespace that fails has an error entry, the others their lists; an empty name is one of them."""
    names = ["shop", "", "default"]
    with api_client(world, "viewer-shop") as viewer:
        expected = oracle.get_pods_metrics_in_all_namespaces(viewer, names)
    answer = compat.get_pods_metrics_in_all_namespaces(clients("viewer-shop"), names)
    assert list(answer) == names
    assert answer["shop"] == expected["shop"]
    assert answer[""] == expected[""]
    assert answer["default"]["kind"] == expected["default"]["kind"] == "Error"
    assert set(answer["default"]) == {"kind", "error"}
    assert answer["default"]["error"].startswith("(403)\nReason: Forbidden\n")
    assert expected["default"]["error"].startswith("(403)\nReason: Forbidden\n")


def test_one_failing_list_of_all_raises(clients: Callable[..., Any]) -> None:
    """With None there is one request, and its failure is raised."""
    with pytest.raises(official.ApiException) as caught:
        compat.get_pods_metrics_in_all_namespaces(clients("viewer-shop"))
    assert caught.value.status == 403


def test_our_errors_are_both(world: simulated.SimulatedCluster) -> None:
    """With our cluster an error is ours as well: it has a remedy and a code."""
    with connected.connect(world, user="nothing") as cluster:
        with pytest.raises(kubevitals.ForbiddenError) as refused:
            compat.get_nodes_metrics(cluster)
        assert refused.value.remedy
        assert refused.value.rule is not None
        world.set_faults(["metrics-absent"])
        with pytest.raises(errors.MetricsNotInstalledError) as absent:
            compat.get_nodes_metrics(cluster)
        assert absent.value.code == "metrics_not_installed"
        assert isinstance(absent.value, official.ApiException)


@pytest.mark.parametrize("versions", [("v1",), ("v1", "v1beta1")])
def test_the_version_is_discovered(versions: tuple[str, ...]) -> None:
    """A server with v1 alone, on which the official functions fail, is read by either kind of client."""
    with (
        simulated.SimulatedCluster(
            world=small_world.SmallWorld(), tls=False, metrics_versions=versions
        ) as world,
        api_client(world) as theirs,
        connected.connect(world) as ours,
    ):
        if versions == ("v1",):
            with pytest.raises(official.ApiException):
                oracle.get_nodes_metrics(theirs)
        for client in (theirs, ours):
            answer = compat.get_nodes_metrics(client)
            expected = "v1beta1" if "v1beta1" in versions else "v1"
            assert answer["apiVersion"] == f"metrics.k8s.io/{expected}"
            assert len(answer["items"]) == 2
            assert len(compat.get_pods_metrics(client, "shop")["items"]) == 4


def test_discovery_is_not_needed(real: official.ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the list of groups may not be read, the version that is everywhere is asked for."""

    def refuse(_: Any) -> None:
        raise official.ApiException(status=403, reason="Forbidden")

    monkeypatch.setattr(official.ApisApi, "get_api_versions", refuse)
    assert compat.get_nodes_metrics(real) == oracle.get_nodes_metrics(real)


def test_another_argument() -> None:
    """What is neither kind of client is a TypeError that names both."""
    for wrong in (None, "https://server", object()):
        with pytest.raises(TypeError, match=r"ApiClient or a kubevitals\.Cluster"):
            compat.get_nodes_metrics(wrong)


def test_the_constants() -> None:
    """The name of the group is there as in the official module."""
    assert compat.METRICS_API_GROUP == oracle.METRICS_API_GROUP


def test_without_the_official_client() -> None:
    """With our cluster nothing of the official client is imported, and errors are ours."""
    program = """
import sys, kubevitals
from kubevitals import compat, errors
with kubevitals.connect(simulation={"nodes": 1, "pods": 4, "faults": ["metrics-absent"]}) as cluster:
    try:
        compat.get_nodes_metrics(cluster)
    except errors.MetricsNotInstalledError:
        print("kubernetes" in sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("False\n", "")
