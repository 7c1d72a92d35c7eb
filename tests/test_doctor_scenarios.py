"""Each fault of a layer, and of the metrics API, is found by the doctor: the root first, and once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

import kubevitals
from kubevitals import doctor, severity
from kubevitals.doctor import report as reports
from kubevitals.surfaces.view import doctortext
from simcluster import fault_layers
from simcluster.layerfaults import table

if TYPE_CHECKING:
    from collections.abc import Iterator

# fault: the finding that is named first. Its layer is the root.
EXPECTED = {
    "kubelet-no-ip-san": "kubelet_certificate_no_ip_san",
    "kubelet-csr-pending": "kubelet_csr_pending",
    "kubelet-port-closed": "kubelet_port_closed",
    "kubelet-names-unresolved": "kubelet_name_unresolved",
    "kubelet-webhook-off": "kubelet_token_webhook_off",
    "kubelet-right-missing": "kubelet_right_missing",
    "kubelet-rejects-tokens": "kubelet_unauthorized",
    "kubelet-certificate-expired": "kubelet_certificate_expired",
    "kubelet-unknown-authority": "kubelet_certificate_unknown_ca",
    "kubelet-one-slow": "kubelet_slow",
    "kubelet-fargate": "kubelet_virtual_node",
    "nodes-not-ready": "node_not_ready",
    "node-disk-pressure": "node_disk_pressure",
    "cadvisor-no-containers": "cadvisor_no_container_labels",
    "cadvisor-cri": "cadvisor_cri_stats",
    "metrics-server-unreachable": "metrics_server_unreachable",
    "metrics-api-wrong-server": "metrics_api_wrong_server",
    "metrics-server-front-proxy": "metrics_server_front_proxy",
    "metrics-server-certificate-expired": "metrics_server_certificate_expired",
    "metrics-server-certificate-untrusted": "metrics_server_certificate_untrusted",
    "metrics-api-orphaned": "metrics_api_orphaned",
    "metrics-api-port-missing": "metrics_api_port_missing",
    "metrics-server-port-taken": "metrics_server_port_taken",
    "metrics-server-image-pull": "metrics_server_image_pull",
    "metrics-server-out-of-memory": "metrics_server_crashing",
    "metrics-server-pending": "metrics_server_pending",
    "metrics-server-not-ready": "metrics_server_not_ready",
    "metrics-server-no-pod-metrics": "metrics_server_no_pod_metrics",
    "metrics-api-two-providers": "metrics_api_two_providers",
    "metrics-no-pods": "metrics_server_pods_missing",
    "hpa-request-missing": "hpa_request_missing",
    "hpa-target-missing": "hpa_target_missing",
    "hpa-ambiguous": "hpa_selector",
    "custom-metrics-missing": "custom_metrics_missing",
    "external-metrics-down": "external_metrics_unavailable",
    "external-metrics-missing": "external_metrics_missing",
    "external-metrics-two": "external_metrics_two_providers",
    "prometheus-kubelets-refuse": "kubelet_targets_refused",
    "prometheus-stale-kubelets": "kubelet_endpoints_stale",
    "prometheus-doubled": "families_from_several_jobs",
    "prometheus-job-renamed": "job_renamed",
    "prometheus-no-containers": "cadvisor_no_container_labels",
    "kube-proxy-loopback": "kube_proxy_on_loopback",
    "controllers-loopback": "control_plane_on_loopback",
    "etcd-scheme": "etcd_unscrapable",
    "target-content-type": "target_content_type",
    "target-down": "targets_down",
    "monitor-unselected": "monitor_not_selected",
    "monitor-wrong-port": "monitor_matches_nothing",
    "control-plane-managed-but-scraped": "control_plane_managed_but_scraped",
    "kube-proxy-absent-but-scraped": "kube_proxy_absent_but_scraped",
    "prometheus-may-not-list": "prometheus_right_missing",
    "prometheus-may-not-list-slices": "prometheus_right_missing",
    "prometheus-duplicates": "prometheus_duplicate_samples",
    "prometheus-disk-full": "prometheus_disk_full",
    "prometheus-out-of-memory": "prometheus_out_of_memory",
    "kube-state-metrics-forbidden": "kube_state_metrics_right_missing",
    "kube-state-metrics-down": "kube_state_metrics_not_ready",
    "node-exporter-twice": "node_exporter_port_taken",
    "alertmanager-null": "alertmanager_tells_nobody",
    "alertmanager-unknown": "alertmanager_not_connected",
    "etcd-failing": "api_server_not_ready",
    "scheduler-down": "control_plane_pod_not_ready",
    "metrics-absent": "metrics_server_missing",
    "metrics-empty": "metrics_server_empty",
    "metrics-unavailable": "metrics_server_unreachable",
}
# fault: what is found only with --security or --probe, among what else is open there.
OPEN = {
    "kubelets-open": {"kubelet_read_only_port", "kubelet_anonymous"},
    "metrics-insecure-tls": {"metrics_server_insecure_tls", "api_service_insecure_tls"},
    "monitoring-exposed": {"monitoring_exposed", "metrics_port_exposed"},
    "nodes-proxy-held": {"nodes_proxy_holders"},
    "kube-proxy-open": {"kube_proxy_open"},
}
PROBED = {
    "application-refuses": "application_port_refused",
    "application-path": "application_path_missing",
    "application-login": "application_needs_login",
    "application-page": "application_no_exposition",
}
USUAL = {"api_service_insecure_tls", "node_exporter_open", "own_rights_wide"}  # of the simulated cluster
HEALTHY = ("prometheus-healthy", "shape-managed", "shape-cilium", "shape-k3s", "shape-kubelet-only")
PAIRS = (
    ("kubelet-no-ip-san", "hpa-request-missing"),
    ("metrics-server-certificate-expired", "monitor-unselected"),
    ("node-exporter-twice", "metrics-api-orphaned"),
    ("prometheus-disk-full", "kubelet-port-closed"),
    ("kube-state-metrics-forbidden", "external-metrics-down"),
    ("target-content-type", "metrics-server-image-pull"),
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[kubevitals.Cluster]:
    """A calm simulated cluster, whose faults each test sets."""
    with kubevitals.connect(simulation={"calm": True}) as connected:
        yield connected


def examine(cluster: kubevitals.Cluster, *faults: str, **options: bool) -> reports.Report:
    assert cluster.world is not None
    cluster.world.set_faults(faults)
    try:
        return doctor.examine(cluster.client, doctor.Options(**options))  # type: ignore[arg-type]
    finally:
        cluster.world.set_faults([])


def test_every_fault_of_a_layer_is_tested() -> None:
    """Each fault of a layer has a change, and stands in a table here."""
    assert table.CHANGES.keys() == fault_layers.SUMMARIES.keys()
    assert fault_layers.SUMMARIES.keys() <= EXPECTED.keys() | OPEN.keys() | PROBED.keys() | set(HEALTHY)


@pytest.mark.parametrize("fault", EXPECTED)
def test_the_root_is_named_first(cluster: kubevitals.Cluster, fault: str) -> None:
    """The first finding is the cause and the only one, and nothing above a blocked layer has failed."""
    found = examine(cluster, fault)
    assert [each.id for each in found.findings][:1] == [EXPECTED[fault]], found
    assert len(found.findings) == 1, [each.id for each in found.findings]
    page = doctortext.render(found, code=1, width=80, height=24).splitlines()
    assert sum(-(-len(line) // 80) or 1 for line in page) < 24, page
    states = {state.name: state for state in found.layers}
    root = found.findings[0]
    assert root.evidence
    assert root.confidence in ("certain", "likely")
    if root.severity != severity.INFO:
        assert states[root.layer].status == ("fail" if root.severity == severity.CRITICAL else "warn")
    for state in found.layers:
        if state.status == "blocked":
            assert state.blocked_by == root.layer
        elif state.name != root.layer:
            assert state.status in ("ok", "skip"), state


@pytest.mark.parametrize("fault", OPEN)
def test_what_is_open_is_told_when_asked(cluster: kubevitals.Cluster, fault: str) -> None:
    """With --security what is too open is found; without it there is nothing, as nothing is silent."""
    found = {each.id for each in examine(cluster, fault, security=True).findings}
    assert found - USUAL == OPEN[fault] - USUAL
    assert OPEN[fault] <= found
    assert not examine(cluster, fault).findings


@pytest.mark.parametrize("fault", PROBED)
def test_applications_are_asked_when_told_to(cluster: kubevitals.Cluster, fault: str) -> None:
    """With --probe announced endpoints are asked, and what they answer is judged; else nobody asks them."""
    assert [each.id for each in examine(cluster, fault, probe=True).findings] == [PROBED[fault]]
    assert not examine(cluster, fault).findings


def test_a_sound_cluster_stands_the_probes(cluster: kubevitals.Cluster) -> None:
    """Where applications answer as they should, --probe finds nothing."""
    found = examine(cluster, probe=True)
    assert not found.findings
    assert {state.name: state.status for state in found.layers}["applications"] == "ok"


@pytest.mark.parametrize("pair", PAIRS, ids="+".join)
def test_two_faults_are_both_named(cluster: kubevitals.Cluster, pair: tuple[str, str]) -> None:
    """Two faults at once are two findings, and no third."""
    found = examine(cluster, *pair)
    assert {each.id for each in found.findings} == {EXPECTED[fault] for fault in pair}


@pytest.mark.parametrize("shape", [(), *((name,) for name in HEALTHY)], ids=("kubeadm", *HEALTHY))
def test_healthy_shapes_have_no_finding(cluster: kubevitals.Cluster, shape: tuple[str, ...]) -> None:
    """Healthy clusters of each shape are clean: nothing is found, and nothing is unknown."""
    found = examine(cluster, *shape)
    assert not found.findings
    assert found.verdict == reports.CLEAN, found
    assert functools.reduce(lambda count, state: count + (state.status == "ok"), found.layers, 0) >= 3
