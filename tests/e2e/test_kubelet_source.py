"""Usage from kubelets that nobody here wrote, kwok's over TLS, beside metrics-server, which reads them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.e2e import product

import kubevitals
from kubevitals import errors, rbac, sources
from kubevitals.sources.kubelet import source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e import controlplane

BOTH = sources.Scope(nodes=True, pods=True)
ACCOUNT = "default:kubelet-reader"


@pytest.fixture(scope="module")
def kubeconfig(cluster: controlplane.ControlPlane) -> Path:
    """Of an account with the rights of the features `kubelet` and `top`, and no others."""
    token = cluster.accounts.create_service_account("kubelet-reader")
    rules = [rule for name in ("kubelet", "top") for rule in rbac.FEATURES[name].rules]
    cluster.accounts.grant("kubelet-reader", rules=rbac.merge(rules), to=[ACCOUNT])
    return cluster.accounts.write_kubeconfig("kubelet-reader", user={"token": token})


@pytest.fixture
def connected(kubeconfig: Path) -> Iterator[kubevitals.Cluster]:
    with kubevitals.connect(kubeconfig=str(kubeconfig)) as made:
        yield made


def test_same_as_metrics_server(connected: kubevitals.Cluster) -> None:
    """Two readings give all nodes and pods that metrics-server knows, and the same usage."""
    read = source.Kubelets(connected.client)
    first = read.fetch_usage(BOTH)
    assert not first.problems
    assert {cores for _, _, cores, _ in first.nodes.values()} == {None}
    time.sleep(16)
    usage, truth = read.fetch_usage(BOTH), connected.source.fetch_usage(BOTH)
    read.close()
    assert usage.node_reasons == {}
    assert usage.pod_reasons == {}
    assert usage.nodes.keys() == truth.nodes.keys() != set()
    assert usage.pods.keys() == truth.pods.keys() != set()
    for name, (_, window, cores, size) in usage.nodes.items():
        assert isinstance(window, float)
        assert 10 < window < 30
        assert cores == pytest.approx(truth.nodes[name][2], rel=0.2)
        assert size == pytest.approx(truth.nodes[name][3], rel=0.05)
    for key, (_, _, containers) in usage.pods.items():
        told = {name: (cores, size) for name, cores, size in truth.pods[key][2]}
        assert told.keys() == {name for name, _, _ in containers}
        for name, cores, size in containers:
            assert cores == pytest.approx(told[name][0], rel=0.2, abs=0.002)
            assert size == pytest.approx(told[name][1], rel=0.05)


def test_of_a_namespace_and_by_labels(connected: kubevitals.Cluster) -> None:
    """A namespace and a selector restrict the pods as the API server does it."""
    read = source.Kubelets(connected.client)
    chosen = sources.Scope(pods=True, namespace="default", label_selector="app=app-3")
    usage = read.fetch_usage(chosen)
    read.close()
    assert usage.pods.keys() == connected.source.fetch_usage(chosen).pods.keys() != set()


def test_from_the_command_line(kubeconfig: Path, tmp_path: Path) -> None:
    """`top nodes --source kubelet` waits for the second reading, says so, and shows every node's usage."""
    environ = product.environ(home=tmp_path, kubeconfig=kubeconfig)
    ended = product.kubevitals("top", "nodes", "--source", "kubelet", "-o", "json", environ=environ)
    assert ended.returncode == 0, ended.stderr
    assert "second" in ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    assert document["source"] == "kubelet"
    assert all(item["cpu_usage_cores"] and item["memory_usage_bytes"] for item in document["items"])


def test_node_proxy_refuses_loopback(cluster: controlplane.ControlPlane) -> None:
    """What the API server says of nodes that it will not ask becomes one problem, or the error for all."""
    with kubevitals.connect(kubeconfig=str(cluster.kubeconfig)) as admin:
        read = source.Kubelets(admin.client, proxy=True)
        with pytest.raises(errors.KubeletsError, match="no kubelet could be read"):
            read.fetch_usage(BOTH)
        read.close()


def test_node_proxy_forbidden(connected: kubevitals.Cluster) -> None:
    """The rights of the feature do not reach the node proxy, and the error names the one that would."""
    read = source.Kubelets(connected.client, proxy=True)
    with pytest.raises(errors.ForbiddenError) as caught:
        read.fetch_usage(BOTH)
    read.close()
    assert caught.value.rule is not None
    assert "nodes/proxy" in caught.value.rule


def test_foreign_authority(connected: kubevitals.Cluster, tmp_path: Path) -> None:
    """With another CA no kubelet is trusted; told to take any certificate, all of them are read."""
    from tests.e2e import certificates

    other = tmp_path / "ca.pem"
    other.write_bytes(certificates.Authority("another").pem)
    read = source.Kubelets(connected.client, ca_file=str(other))
    with pytest.raises(errors.KubeletsError, match="unknown authority"):
        read.fetch_usage(BOTH)
    read.close()
    read = source.Kubelets(connected.client, ca_file=str(other), insecure=True)
    assert read.fetch_usage(BOTH).nodes
    read.close()
