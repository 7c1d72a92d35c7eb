"""The JSON of workloads: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs.

Each function makes spec and status from a few immutable arguments (see `manifests.Manifest`).
"""

from __future__ import annotations

from simcluster.world import json_text, pod_spec_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from simcluster.world import pods, workloads


def _condition(kind: str, when: str, *, status: bool = True, reason: str, message: str) -> dict[str, Any]:
    """A condition of a workload."""
    return {
        "type": kind,
        "status": "True" if status else "False",
        "lastUpdateTime": when,
        "lastTransitionTime": when,
        "reason": reason,
        "message": message,
    }


def _selector(labels: dict[str, str]) -> dict[str, Any]:
    return {"matchLabels": labels}


def deployment(
    workload: workloads.Workload, newest: pods.PodSet, desired: int, counts: tuple[int, int, int]
) -> dict[str, Any]:
    """Spec and status of a Deployment; `counts`: all pods, those of the newest set, ready ones."""
    total, updated, ready = counts
    when = json_text.timestamp(newest.created)
    rolled = updated == desired == total
    enough = ready >= desired - max(desired // 4, 0)
    progress = (
        ("NewReplicaSetAvailable", f'ReplicaSet "{newest.name}" has successfully progressed.')
        if rolled
        else ("ReplicaSetUpdated", f'ReplicaSet "{newest.name}" is progressing.')
    )
    available = (
        ("MinimumReplicasAvailable", "Deployment has minimum availability.")
        if enough
        else ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    )
    conditions = [
        _condition("Available", when, status=enough, reason=available[0], message=available[1]),
        _condition("Progressing", when, reason=progress[0], message=progress[1]),
    ]
    status: dict[str, Any] = {"observedGeneration": newest.revision}
    shown = {
        "replicas": total,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(max(total, desired) - ready, 0),
    }
    status |= {key: value for key, value in shown.items() if value}
    status["terminatingReplicas"] = 0
    return {
        "spec": {
            "replicas": desired,
            "selector": _selector(workload.labels),
            "template": _template(newest, workload.labels),
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
        "status": status | {"conditions": conditions},
    }


def _template(pod_set: pods.PodSet, labels: dict[str, str]) -> dict[str, Any]:
    template = pod_spec_json.template(pod_set)
    template["metadata"] = {**template["metadata"], "labels": labels}
    return template


def replica_set(pod_set: pods.PodSet, desired: int, total: int, ready: int) -> dict[str, Any]:
    """Spec and status of a ReplicaSet."""
    status: dict[str, Any] = {"replicas": total}
    if total:
        status["fullyLabeledReplicas"] = total
    if ready:
        status |= {"readyReplicas": ready, "availableReplicas": ready}
    return {
        "spec": {
            "replicas": desired,
            "selector": _selector(pod_set.labels),
            "template": pod_spec_json.template(pod_set),
        },
        "status": {**status, "terminatingReplicas": 0, "observedGeneration": 1},
    }


def stateful_set(pod_set: pods.PodSet, desired: int, total: int, ready: int) -> dict[str, Any]:
    """Spec and status of a StatefulSet."""
    revision = f"{pod_set.name}-{json_text.name_suffix(pod_set.uid[:8])}"
    spec: dict[str, Any] = {
        "replicas": desired,
        "selector": _selector(pod_set.labels),
        "template": pod_spec_json.template(pod_set),
    }
    if pod_set.template.volume:
        claim = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "50Gi"}},
            "volumeMode": "Filesystem",
        }
        spec["volumeClaimTemplates"] = [
            {
                "kind": "PersistentVolumeClaim",
                "apiVersion": "v1",
                "metadata": {"name": pod_set.template.volume},
                "spec": claim,
                "status": {"phase": "Pending"},
            }
        ]
    spec |= {
        "serviceName": pod_set.name,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "revisionHistoryLimit": 10,
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    }
    return {
        "spec": spec,
        "status": {
            "observedGeneration": 1,
            "replicas": total,
            "readyReplicas": ready,
            "currentReplicas": total,
            "updatedReplicas": total,
            "currentRevision": revision,
            "updateRevision": revision,
            "collisionCount": 0,
            "availableReplicas": ready,
        },
    }


def daemon_set(pod_set: pods.PodSet, desired: int, total: int, ready: int) -> dict[str, Any]:
    """Spec and status of a DaemonSet."""
    return {
        "spec": {
            "selector": _selector(pod_set.labels),
            "template": pod_spec_json.template(pod_set),
            "updateStrategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
            },
            "revisionHistoryLimit": 10,
        },
        "status": {
            "currentNumberScheduled": total,
            "numberMisscheduled": 0,
            "desiredNumberScheduled": desired,
            "numberReady": ready,
            "observedGeneration": 1,
            "updatedNumberScheduled": total,
            "numberAvailable": ready,
            "numberUnavailable": desired - ready,
        },
    }


def job(pod_set: pods.PodSet, counts: tuple[int, int, int, int], ended: float) -> dict[str, Any]:
    """Spec and status of a Job; `counts` are its pods that are active, ready, succeeded and failed.

    `ended` is the epoch of its end, 0 while it is under way.
    """
    active, ready, succeeded, failed = counts
    status: dict[str, Any] = {}
    if ended:
        when = json_text.timestamp(ended)
        kinds = (
            (("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"),
             ("Complete", "CompletionsReached", "Reached expected number of succeeded pods"))
            if succeeded
            else (("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit"),
                  ("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"))
        )  # fmt: skip
        status["conditions"] = [
            {
                "type": kind,
                "status": "True",
                "lastProbeTime": when,
                "lastTransitionTime": when,
                "reason": reason,
                "message": message,
            }
            for kind, reason, message in kinds
        ]
    status["startTime"] = json_text.timestamp(pod_set.created)
    if ended and succeeded:
        status["completionTime"] = json_text.timestamp(ended)
    shown = {"active": active, "succeeded": succeeded, "failed": failed}
    status |= {key: value for key, value in shown.items() if value}
    status |= {"terminating": 0, "uncountedTerminatedPods": {}, "ready": ready}
    return {
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 0 if failed else 6,
            "selector": _selector({"batch.kubernetes.io/controller-uid": pod_set.uid}),
            "template": pod_spec_json.template(pod_set),
            "manualSelector": False,
            "completionMode": "NonIndexed",
            "suspend": False,
            "podReplacementPolicy": "TerminatingOrFailed",
        },
        "status": status,
    }


def cron_job(
    workload: workloads.Workload, active: tuple[tuple[str, str, str], ...], scheduled: float, succeeded: float
) -> dict[str, Any]:
    """Spec and status of a CronJob; `active` are (namespace, name, uid) of its running jobs."""
    status: dict[str, Any] = {}
    if active:
        status["active"] = [
            {"kind": "Job", "namespace": namespace, "name": name, "uid": uid, "apiVersion": "batch/v1"}
            for namespace, name, uid in active
        ]
    if scheduled:
        status["lastScheduleTime"] = json_text.timestamp(scheduled)
    if succeeded:
        status["lastSuccessfulTime"] = json_text.timestamp(succeeded)
    return {
        "spec": {
            "schedule": workload.entry.schedule,
            "concurrencyPolicy": "Forbid",
            "suspend": False,
            "jobTemplate": {"metadata": {}, "spec": {"template": workload.job_template()}},
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
        "status": status,
    }
