"""The library: connect, take snapshots, watch, close."""

from __future__ import annotations

import itertools
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests import connected, small_world

import kubevitals
from kubevitals import errors, model
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

CLOCK = small_world.START + 100.0


@pytest.fixture(scope="module")
def world() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(world=small_world.SmallWorld(), clock=lambda: CLOCK) as made:
        yield made


@pytest.fixture
def cluster(world: simulated.SimulatedCluster) -> Iterator[kubevitals.Cluster]:
    with connected.connect(world) as made:
        yield made


def test_simulated() -> None:
    """A simulated cluster needs nothing, is as large as asked for, and ends with the block."""
    before = set(threading.enumerate())
    with kubevitals.connect(simulation={"nodes": 2, "pods": 12, "seed": 3}) as cluster:
        assert cluster.name == "simulated"
        snapshot = cluster.snapshot()
        assert (len(snapshot.nodes), snapshot.source) == (2, "metrics-server")
        assert len(snapshot.pods) == 12
    ours = {each for each in threading.enumerate() if each.name.startswith("simulation")}
    assert not ours - before
    with pytest.raises(errors.ClusterError):
        cluster.nodes()


def test_simulated_speaks_plain_http() -> None:
    """A simulated cluster of this process is asked over plain HTTP, with its token and without a warning."""
    with kubevitals.connect(simulation={"nodes": 1, "pods": 3}) as cluster:
        assert cluster.config.server.startswith("http://127.0.0.1:")
        assert cluster.config.warnings == ()
        assert len(cluster.pods()) == 3
        assert cluster.client.warnings == []


def test_simulated_kubelets_have_their_own_ports() -> None:
    """With certificates the kubelets are read at their nodes' addresses, over HTTPS."""
    with kubevitals.connect(simulation={"nodes": 2, "pods": 6}, source="kubelet") as cluster:
        assert cluster.world is not None
        assert cluster.world.has_kubelet_ports
        assert {each.memory_usage_bytes is None for each in cluster.nodes()} == {False}
    settings = {"nodes": 2, "pods": 6, "faults": ["kubelet-self-signed"]}
    with kubevitals.connect(simulation=settings, source="kubelet") as cluster:
        assert "showed a certificate that cannot be trusted" in cluster.snapshot().problems[0].message


@pytest.mark.parametrize("settings", [{}, {"kubelets": True}])
def test_simulated_kubelets_without_certificates(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    """Without the package that makes certificates the kubelets are read through the node proxy."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with kubevitals.connect(simulation={"nodes": 2, "pods": 6, **settings}, source="kubelet") as cluster:
        assert cluster.world is not None
        assert not cluster.world.has_kubelet_ports
        snapshot = cluster.snapshot()
        assert snapshot.source == "kubelet"
        assert {each.memory_usage_bytes is None for each in snapshot.nodes} == {False}


def test_simulated_certificate() -> None:
    """A fault that shows a certificate is seen over TLS, also by the process itself."""
    with kubevitals.connect(simulation={"nodes": 1, "faults": ["expired-certificate"]}) as cluster:
        assert cluster.config.server.startswith("https://")
        with pytest.raises(errors.TLSError, match="expired"):
            cluster.nodes()


@pytest.mark.parametrize("fault", ["expired-certificate", "kubelet-self-signed=20%"])
def test_simulated_certificate_without_the_extra(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A fault that needs certificates names the extra where none can be made."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(errors.ConfigurationError, match=fault.partition("=")[0]) as caught:
        kubevitals.connect(simulation={"nodes": 1, "faults": [fault]})
    assert "kubevitals[simulate]" in (caught.value.remedy or "")


def test_a_kubeconfig(world: simulated.SimulatedCluster, tmp_path: pathlib.Path) -> None:
    """The kubeconfig and the context choose the cluster, and the context its namespace and rights."""
    path = tmp_path / "config"
    path.write_text(world.kubeconfig())
    with kubevitals.connect("simulated-viewer-shop", kubeconfig=str(path)) as cluster:
        assert (cluster.name, cluster.config.namespace) == ("simulated-viewer-shop", "shop")
        assert len(cluster.pods(namespace="shop")) == 4
        with pytest.raises(kubevitals.ForbiddenError):
            cluster.nodes()
    with pytest.raises(kubevitals.ConfigurationError, match="there is no context"):
        kubevitals.connect("nope", kubeconfig=str(path))


def test_connecting_asks_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent before something is asked for."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with kubevitals.connect(server="https://127.0.0.1:1") as cluster:
        assert cluster.name == "127.0.0.1:1"
        with pytest.raises(kubevitals.ClusterError):
            cluster.pods()


def test_unknown_options() -> None:
    """An option that does not exist is a TypeError that names it."""
    with pytest.raises(TypeError, match="kubeconfg"):
        kubevitals.connect(kubeconfg="x")


def test_snapshot(cluster: kubevitals.Cluster) -> None:
    """A snapshot has nodes, pods and containers with usage, as of one time."""
    snapshot = cluster.snapshot()
    assert isinstance(snapshot, model.Snapshot)
    assert snapshot.generated_at == datetime.fromtimestamp(CLOCK, UTC)
    assert snapshot.problems == ()
    assert (len(snapshot.nodes), len(snapshot.pods), len(snapshot.containers)) == (2, 8, 8)
    assert all(
        isinstance(each, model.Records) for each in (snapshot.nodes, snapshot.pods, snapshot.containers)
    )
    assert snapshot.nodes[0].pods == 5
    assert snapshot.pods[1].node == snapshot.containers[1].node
    assert {pod.stale for pod in snapshot.pods} == {False}


def test_parts_of_a_snapshot(cluster: kubevitals.Cluster) -> None:
    """Each part can be left out, chosen or read for its usage alone."""
    assert cluster.snapshot(pods=False).pods == ()
    assert cluster.snapshot(nodes=False).nodes == ()
    nothing = cluster.snapshot(nodes=False, pods=False)
    assert (nothing.nodes, nothing.pods) == ((), ())
    chosen = cluster.snapshot(
        namespace="shop", label_selector="app=db", node_label_selector="kubernetes.io/hostname=node-2"
    )
    assert [node.name for node in chosen.nodes] == ["node-2"]
    assert [pod.name for pod in chosen.pods] == ["pod-000", "pod-004"]
    usage = cluster.snapshot(nodes=False, pod_details=False)
    assert {pod.status for pod in usage.pods} == {None}
    assert all(pod.cpu_usage_cores is not None for pod in usage.pods)


def test_nodes_pods_containers(cluster: kubevitals.Cluster) -> None:
    """The short forms give the same records as a snapshot."""
    snapshot = cluster.snapshot()
    assert cluster.nodes() == snapshot.nodes
    assert cluster.pods() == snapshot.pods
    assert cluster.containers() == snapshot.containers
    assert [node.name for node in cluster.nodes(label_selector="kubernetes.io/hostname=node-1")] == ["node-1"]
    assert {pod.namespace for pod in cluster.pods(namespace="shop")} == {"shop"}
    assert {each.app for each in cluster.containers(label_selector="app=db")} == {"db"}
    assert {pod.node for pod in cluster.pods(field_selector="spec.nodeName=node-2")} == {"node-2"}
    assert cluster.pods().to_dicts()[0]["namespace"] == "default"


def test_watch(cluster: kubevitals.Cluster) -> None:
    """Watching reads at once and then once an interval, counted from the beginning of each reading."""
    pauses: list[float] = []
    snapshots = list(itertools.islice(cluster.watch(interval=5.0, sleep=pauses.append, pods=False), 3))
    assert [len(each.nodes) for each in snapshots] == [2, 2, 2]
    assert len(pauses) == 2
    assert all(0.0 <= pause <= 5.0 for pause in pauses)


def test_threads_may_share_it(cluster: kubevitals.Cluster) -> None:
    """Many threads may ask the same cluster at the same time."""
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(len(cluster.pods()))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [8] * 6


def test_no_secret_in_its_text(cluster: kubevitals.Cluster, world: simulated.SimulatedCluster) -> None:
    """No credential shows in the representation of what it is made of."""
    for each in (cluster, cluster.config, cluster.client, cluster.config.credentials):
        assert world.token not in repr(each)
    assert world.token not in repr(cluster.config.credentials.fetch())


def test_closing_twice(world: simulated.SimulatedCluster) -> None:
    """Closing again does no harm."""
    cluster = connected.connect(world)
    assert len(cluster.nodes()) == 2
    cluster.close()
    cluster.close()
