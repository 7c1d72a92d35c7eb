"""The doctor on a real API server: why an APIService is not available, rights, and commands that work."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting
from tests.e2e import rights

import kubevitals
from kubevitals import doctor, rbac
from kubevitals.doctor import commands

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e import controlplane

    from kubevitals.doctor import report as reports

_NAME = "v1beta1.metrics.k8s.io"
_GROUPS = {
    "apiservices": "apiregistration.k8s.io",
    "daemonsets": "apps",
    "horizontalpodautoscalers": "autoscaling",
}
_SOON = 40.0  # seconds until the API server has looked at an APIService again


def examine(cluster: controlplane.ControlPlane) -> reports.Report:
    with kubevitals.connect(kubeconfig=str(cluster.kubeconfig)) as connected:
        return doctor.examine(connected.client)


def found_ids(cluster: controlplane.ControlPlane) -> list[str]:
    return [each.id for each in examine(cluster).findings]


def expect(cluster: controlplane.ControlPlane, *ids: str) -> None:
    """Wait until exactly these findings are made."""
    waiting.until(
        lambda: found_ids(cluster) == list(ids),
        seconds=_SOON,
        pause=0.5,
        what=lambda: examine(cluster).findings,
    )


def register(cluster: controlplane.ControlPlane) -> None:
    """An APIService of the metrics API, as metrics-server's manifest has it."""
    service = {"namespace": "kube-system", "name": "metrics-server", "port": 443}
    cluster.api.apply(
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": _NAME},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "service": service,
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        }
    )


def serve(cluster: controlplane.ControlPlane, *, port: int) -> None:
    """A Service of that name with one port."""
    cluster.api.apply(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "metrics-server", "namespace": "kube-system"},
            "spec": {"ports": [{"name": "https", "port": port, "targetPort": 10250}]},
        }
    )


def direct(cluster: controlplane.ControlPlane, address: str) -> None:
    """An EndpointSlice of that Service, with one address."""
    cluster.api.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "metrics-server-1",
                "namespace": "kube-system",
                "labels": {"kubernetes.io/service-name": "metrics-server"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [{"name": "https", "port": 10250, "protocol": "TCP"}],
        }
    )


def run_printed(cluster: controlplane.ControlPlane, line: str, *extra: str) -> Any:
    """Run a printed kubectl command as it stands, but for the context, which is the only one."""
    words = shlex.split(line.removeprefix(commands.CHANGES))
    assert words[0] == "kubectl"
    return cluster.kubectl(*words[1:], *extra)


def test_reasons_of_an_unavailable_metrics_api(private_cluster: controlplane.ControlPlane) -> None:
    """Each reason of the aggregator is a finding of its own; the printed commands work and mend it."""
    cluster = private_cluster
    cluster.add_namespace("kube-system")
    cluster.add_nodes(2)
    assert found_ids(cluster) == []
    register(cluster)
    expect(cluster, "metrics_api_orphaned")
    serve(cluster, port=4443)
    expect(cluster, "metrics_api_port_missing")
    serve(cluster, port=443)
    expect(cluster, "metrics_server_no_endpoints")
    direct(cluster, "192.0.2.1")  # an address of documentation: nobody is there, or a proxy of this machine
    waiting.until(
        lambda: set(found_ids(cluster)) <= {"metrics_server_unreachable", "metrics_api_wrong_server"},
        seconds=_SOON,
        pause=0.5,
        what=lambda: examine(cluster).findings,
    )
    cluster.kubectl("-n", "kube-system", "delete", "service/metrics-server", "endpointslice/metrics-server-1")
    expect(cluster, "metrics_api_orphaned")
    report = examine(cluster)
    check, fix = commands.fill(report.findings[0], report.context)
    for line in check:
        ended = run_printed(cluster, line)
        assert ended.returncode == 0, ended.stderr
    (change,) = (line for line in fix if line.startswith(commands.CHANGES))
    assert run_printed(cluster, change, "--dry-run=server").returncode == 0
    assert found_ids(cluster) == ["metrics_api_orphaned"]
    assert run_printed(cluster, change).returncode == 0
    expect(cluster)


def test_a_healthy_cluster_is_clean(cluster: controlplane.ControlPlane) -> None:
    """With a real metrics-server that has all numbers nothing is found but the test's short certificate."""
    report = examine(cluster)
    assert [each.id for each in report.findings] == ["metrics_server_certificate_expires"]
    states = {state.name: state.status for state in report.layers}
    assert states["metrics_server"] == "warn"
    assert states["nodes"] == states["cadvisor"] == states["kubelets"] == "ok"


def test_the_role_of_the_doctor_is_enough(cluster: controlplane.ControlPlane, tmp_path: Path) -> None:
    """An account with `rbac --features doctor` alone lacks nothing; without any right the code is 3."""
    account = rights.Account(cluster, "doctor", tmp_path, user=True)
    try:
        ended = account.run("doctor", "-o", "json")
        assert ended.returncode == 3, ended.stderr
        assert json.loads(ended.stdout)["verdict"] == "not_examined"
        account.grant(*rbac.merge(rbac.FEATURES["doctor"].rules))
        account.wait("list", "nodes")
        ended = account.run("doctor", "-o", "json")
        document = json.loads(ended.stdout)
        assert ended.returncode == 0, ended.stdout
        assert not [layer for layer in document["layers"] if layer["missing"]]
        assert document["verdict"] == "warn"  # the test's own certificate ends soon
    finally:
        account.revoke()


@pytest.mark.parametrize("taken", ["nodes", "apiservices", "horizontalpodautoscalers", "daemonsets", "pods"])
def test_a_missing_right_is_named(cluster: controlplane.ControlPlane, tmp_path: Path, taken: str) -> None:
    """Without one right the layers that need it are unknown and say which: that is no all-clear."""
    account = rights.Account(cluster, f"doctor-{taken}", tmp_path, user=True)
    try:
        without = (taken, _GROUPS.get(taken, ""))
        rules = [rule for rule in rbac.FEATURES["doctor"].rules if (rule.resource, rule.group) != without]
        account.grant(*rbac.merge(rules))
        account.wait("list", "services")
        document = json.loads(account.run("doctor", "-o", "json").stdout)
        missing = {each["resource"] for layer in document["layers"] for each in layer["missing"]}
        assert missing == {taken}
        assert document["verdict"] == "incomplete"
    finally:
        account.revoke()


def test_a_node_that_stops_reporting(make_cluster: Callable[..., controlplane.ControlPlane]) -> None:
    """A node whose Ready is Unknown is named with its reason."""
    cluster = make_cluster()
    (name,) = cluster.add_nodes(1)
    told = {
        "type": "Ready",
        "status": "Unknown",
        "reason": "NodeStatusUnknown",
        "message": "Kubelet stopped posting node status.",
    }
    patch = {"status": {"conditions": [told]}}
    ended = cluster.kubectl(
        "patch", "node", name, "--subresource=status", "--type=strategic", "-p", json.dumps(patch)
    )
    assert ended.returncode == 0, ended.stderr
    report = examine(cluster)
    assert [each.id for each in report.findings] == ["node_not_ready"]
    assert name in report.findings[0].title


def test_the_front_proxys_authority_ends(make_cluster: Callable[..., controlplane.ControlPlane]) -> None:
    """What extension servers trust the API server by is read where the API server publishes it."""
    cluster = make_cluster(front_proxy_days=9)
    report = examine(cluster)
    assert [each.id for each in report.findings] == ["front_proxy_ca_expires"]
    assert "in 8d" in report.findings[0].title


def test_what_is_open(cluster: controlplane.ControlPlane) -> None:
    """With --security real roles are read: who holds nodes/proxy, and what this account could do."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "scraper"},
    }
    rules = [{"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]}]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "scraper"}
    subject = {"kind": "ServiceAccount", "name": "scraper", "namespace": "default"}
    binding = {**role, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
    cluster.api.apply({**role, "rules": rules}, binding)
    try:
        with kubevitals.connect(kubeconfig=str(cluster.kubeconfig)) as connected:
            found = {
                each.id: each
                for each in doctor.examine(connected.client, doctor.Options(security=True)).findings
            }
        assert any("default/scraper" in each for each in found["nodes_proxy_holders"].scope)
        assert "own_rights_wide" in found  # the administrator's
    finally:
        cluster.api.delete(binding)
        cluster.api.delete({**role, "rules": rules})


def test_autoscalers_of_the_real_controller(make_cluster: Callable[..., controlplane.ControlPlane]) -> None:
    """What the real controller says of an autoscaler is understood: no request, no target."""
    cluster = make_cluster(controllers=True)
    cluster.add_nodes(2)
    cluster.metrics_server.install()
    labels = {"app": "api"}
    pod = {"containers": [{"name": "app", "image": "registry.example/app:1"}]}
    cluster.add_namespace("shop")

    def autoscaler(name: str, target: str) -> dict[str, Any]:
        cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
        return {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {
                "minReplicas": 1,
                "maxReplicas": 3,
                "metrics": [{"type": "Resource", "resource": cpu}],
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            },
        }

    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": "shop"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": labels,
                    "annotations": {"usage.test/cpu": "100m", "usage.test/memory": "64Mi"},
                },
                "spec": pod,
            },
        },
    }
    cluster.api.apply(deployment, autoscaler("api", "api"), autoscaler("gone", "gone"))
    waiting.until(
        lambda: {"hpa_request_missing", "hpa_target_missing"} <= set(found_ids(cluster)),
        seconds=120,
        pause=1.0,
        what=lambda: examine(cluster).findings,
    )
    said = {each.id: each for each in examine(cluster).findings}
    assert said["hpa_request_missing"].scope == ("shop/api",)
    assert said["hpa_target_missing"].scope == ("shop/gone",)
