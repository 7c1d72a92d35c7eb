"""What Prometheus has stored: the families and jobs that dashboards expect, each once."""

from __future__ import annotations

from kubevitals import severity
from kubevitals.doctor import diagnosis, layers, lookups
from kubevitals.doctor.checks import prometheus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.doctor import context as contexts

_SEE = "kubectl get servicemonitors -A -o yaml"
_RENAMED = diagnosis.Diagnosis(
    "job_renamed", layers.PROMETHEUS,
    "Prometheus: the series are there, under another job than dashboards and alerts ask for",
    'The mixin asks for job="kubelet", "kube-state-metrics", "node-exporter"; here they are called otherwise.',
    (_SEE,),
    ("Relabel job in the monitor (jobLabel, or a relabeling), or give the mixin your own selectors.",),
    "editing each dashboard by hand",
    severity.WARNING,
    "No data",
)  # fmt: skip
_DOUBLED = diagnosis.Diagnosis(
    "families_from_several_jobs", layers.PROMETHEUS,
    "Prometheus: several jobs scrape the same process, sums are doubled",
    "k3s and others run kubelet, API server, scheduler and controller-manager as one process that serves all families at each port.",
    (_SEE,),
    ("Scrape one of them: switch off kubeControllerManager, kubeScheduler, kubeProxy and kubeEtcd of the chart.",),
    "dividing by two in queries",
    severity.WARNING,
    "the same families from the kubelet, apiserver and scheduler jobs",
)  # fmt: skip
_CRI = diagnosis.Diagnosis(
    "cadvisor_cri_stats", layers.CADVISOR,
    "cAdvisor: statistics come from the runtime (CRI), which lacks families",
    "PodAndContainerStatsFromCRI is on; containerd before 2.2, cri-dockerd and Windows report fewer families than cAdvisor.",
    ("kubectl get nodes -o wide",),
    ("Update the runtime (containerd 2.2 or later), or switch the feature gate off in the KubeletConfiguration.",),
    "graphs of what is no longer there",
    severity.WARNING,
    "many container_* families vanished",
)  # fmt: skip
_LABELS = diagnosis.Diagnosis(
    "cadvisor_no_container_labels", layers.CADVISOR,
    "cAdvisor: its series name no container",
    "cAdvisor cannot reach the runtime: cri-dockerd, or a containerd socket at another place (k3s).",
    ("kubectl get nodes -o wide",),
    ("k3s: --kubelet-arg=containerd=/run/k3s/containerd/containerd.sock. With cri-dockerd: move to containerd.",),
    'dashboards without container!="": they count every level twice',
    symptom='kubectl get --raw /api/v1/nodes/NODE/proxy/metrics/cadvisor | grep \'image="[^"]\' prints nothing',
)  # fmt: skip
EXPECTED = {
    "kubelet": "kubelet_running_pods",
    "kube-state-metrics": "kube_node_info",
    "node-exporter": "node_uname_info",
}
QUERY_JOBS = 'count by (job, __name__) ({__name__=~"kubelet_running_pods|kube_node_info|node_uname_info"})'
QUERY_CONTAINERS = 'count(container_memory_working_set_bytes{container!=""})'
QUERY_CGROUPS = "count(container_memory_working_set_bytes)"
QUERY_PROVIDER = 'count(kubelet_metrics_provider{provider="cri"})'


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Ask for a few counts."""
    if not prometheus.reachable(context):
        return
    jobs: dict[str, set[str]] = {}
    for labels, _ in lookups.query(context, QUERY_JOBS):
        jobs.setdefault(labels.get("__name__", ""), set()).add(labels.get("job", ""))
    for job, family in EXPECTED.items():
        found = jobs.get(family, set())
        if found and job not in found:
            yield diagnosis.find(
                _RENAMED, f"{family}: job {', '.join(sorted(found))}",
                title=f'Prometheus: series of {job} have job="{min(found)}", dashboards ask for "{job}"',
                damage="dashboards and alerts of the mixin are empty",
            )  # fmt: skip
    several = jobs.get("kubelet_running_pods", set())
    if len(several) > 1:
        yield diagnosis.find(
            _DOUBLED, f"kubelet_running_pods: jobs {', '.join(sorted(several))}", scope=sorted(several)
        )
    if _count(context, QUERY_CGROUPS) > 0 and _count(context, QUERY_CONTAINERS) == 0:
        yield diagnosis.find(
            _LABELS, f"{QUERY_CONTAINERS}: none of {_count(context, QUERY_CGROUPS):.0f} series",
            damage="no usage by container in Prometheus",
        )  # fmt: skip
    if _count(context, QUERY_PROVIDER) > 0:
        yield diagnosis.find(_CRI, f"{QUERY_PROVIDER}: {_count(context, QUERY_PROVIDER):.0f} kubelets")


def _count(context: contexts.Context, expression: str) -> float:
    found = lookups.query(context, expression)
    try:
        return float(found[0][1]) if found else 0.0
    except ValueError:
        return 0.0


CHECK = diagnosis.Check(
    "jobs", layers.PROMETHEUS, look, (lookups.SERVICES,), (_RENAMED, _DOUBLED, _LABELS, _CRI)
)
LABELS, CRI = _LABELS, _CRI
