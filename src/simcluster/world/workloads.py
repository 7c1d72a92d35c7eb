"""Workloads with their sets of pods: Deployments, StatefulSets, DaemonSets, Jobs and CronJobs."""

from __future__ import annotations

from simcluster import apiobjects
from simcluster.world import json_text, manifests, network, pod_spec_json, pods, workload_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from simcluster.world import catalogue, cluster_state, pod_template

_RESOURCES = apiobjects.RESOURCES
_KINDS = {
    "StatefulSet": (_RESOURCES["statefulsets.apps"], workload_json.stateful_set),
    "DaemonSet": (_RESOURCES["daemonsets.apps"], workload_json.daemon_set),
}


class Workload:
    """A workload made of an entry of the catalogue. `sets` holds its sets of pods, the newest last."""

    __slots__ = (
        "created",
        "desired",
        "entry",
        "finished",
        "kind",
        "labels",
        "marks",
        "name",
        "namespace",
        "scheduled",
        "service",
        "sets",
        "slices",
        "succeeded",
        "uid",
    )

    def __init__(self, entry: catalogue.Entry, *, uid: str, created: float) -> None:
        self.entry = entry
        self.kind = entry.kind
        self.namespace = entry.namespace
        self.name = entry.name
        self.uid = uid
        self.created = created
        self.desired = entry.replicas
        self.labels = {
            "app": entry.name,
            "app.kubernetes.io/name": entry.name,
            "app.kubernetes.io/part-of": entry.namespace,
            "tier": entry.tier,
        }
        if entry.namespace == "kube-system":
            self.labels = {"k8s-app": entry.name}
        self.sets: list[pods.PodSet] = []
        self.service: network.Service | None = None
        self.slices: list[tuple[str, str]] = []  # (name, uid) of its endpoint slices
        self.marks: dict[str, int] = {}
        self.scheduled = 0.0
        self.succeeded = 0.0
        self.finished: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Workload {self.kind} {self.namespace}/{self.name}>"

    def open_set(
        self, state: cluster_state.State, *, created: float, desired: int, name: str = "", tag: str = ""
    ) -> pods.PodSet:
        """A new set of pods: a deployment's next ReplicaSet, a cron job's next Job, or the one of the others.

        `tag` gives its first container another version of its image.
        """
        kind = {"Deployment": "ReplicaSet", "CronJob": "Job", "Static": "Node", "Bare": ""}.get(
            self.kind, self.kind
        )
        uid = self.uid if kind == self.kind else state.uid()
        labels = dict(self.labels)
        annotations = {"kubectl.kubernetes.io/restartedAt": json_text.timestamp(created)}
        if self.kind == "Deployment":
            template_hash = f"{state.suffix(1)}{json_text.name_suffix(uid[:8])}"
            name = f"{self.name}-{template_hash}"
            labels["pod-template-hash"] = template_hash
            if self.namespace not in ("kube-system", "default"):
                annotations |= {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"}
        elif self.kind in ("StatefulSet", "DaemonSet"):
            labels["controller-revision-hash"] = f"{json_text.name_suffix(uid[:9])}"
        elif kind == "Job":
            name = name or self.name
            labels |= {
                "batch.kubernetes.io/controller-uid": uid,
                "batch.kubernetes.io/job-name": name,
                "controller-uid": uid,
                "job-name": name,
            }
            annotations = {}
        elif self.kind == "Static":
            labels = {"component": self.name, "tier": "control-plane"}
            digits = uid.replace("-", "")
            annotations = {
                "kubernetes.io/config.hash": digits,
                "kubernetes.io/config.mirror": digits,
                "kubernetes.io/config.seen": json_text.timestamp(created),
                "kubernetes.io/config.source": "file",
            }
        else:
            labels = {"run": self.name}
            annotations = {}
        pod_set = pods.PodSet(
            kind,
            name or self.name,
            namespace=self.namespace,
            uid=uid,
            created=created,
            labels=labels,
            annotations=annotations,
            template=self._pod_template(tag),
            workload=self,
            desired=desired,
            revision=self.sets[-1].revision + 1 if self.sets else 1,
        )
        self.sets.append(pod_set)
        return pod_set

    def _pod_template(self, tag: str) -> pod_template.PodTemplate:
        template = self.entry.template
        if not tag:
            return template
        first, *others = template.containers
        first = first._replace(image=f"{first.image.rsplit(':', 1)[0]}:{tag}")
        return template._replace(containers=(first, *others))

    def job_template(self) -> dict[str, Any]:
        """The pod template of a cron job."""
        template = pod_spec_json.template(self.sets[-1])
        return {**template, "metadata": {}}

    def objects(self, state: cluster_state.State) -> Iterator[manifests.Manifest]:
        """The workload's objects in their present state."""
        if self.kind == "Deployment":
            yield from self._deployment()
        elif self.kind in _KINDS:
            resource, make = _KINDS[self.kind]
            counts = _counts(self.sets[-1])
            yield self._document(resource, make, (self.sets[-1], self.desired, *counts))
        elif self.kind in ("Job", "CronJob"):
            yield from self._jobs()
        if self.service is not None:
            yield from network.slices(self, state)
        if self.entry.hpa is not None:
            yield network.autoscaler(self, state)

    def _document(
        self, resource: apiobjects.Resource, make: Any, arguments: tuple[Any, ...], *, generation: int = 1
    ) -> manifests.Manifest:
        return manifests.Manifest(
            resource,
            self.name,
            namespace=self.namespace,
            uid=self.uid,
            labels=self.labels,
            created=self.created,
            make=make,
            arguments=arguments,
            generation=generation,
            annotations={"argocd.argoproj.io/tracking-id": f"{self.namespace}:{self.kind}/{self.name}"},
        )

    def _deployment(self) -> Iterator[manifests.Manifest]:
        total = ready = updated = 0
        for pod_set in self.sets:
            set_total, set_ready = _counts(pod_set)
            total += set_total
            ready += set_ready
            updated = set_total
            yield manifests.Manifest(
                _RESOURCES["replicasets.apps"],
                pod_set.name,
                namespace=self.namespace,
                uid=pod_set.uid,
                labels=pod_set.labels,
                created=pod_set.created,
                make=workload_json.replica_set,
                arguments=(pod_set, pod_set.desired, set_total, set_ready),
                extra={"status.replicas": str(set_total)},
                annotations={
                    "deployment.kubernetes.io/desired-replicas": str(self.desired),
                    "deployment.kubernetes.io/revision": str(pod_set.revision),
                },
                owner=("apps/v1", "Deployment", self.name, self.uid),
                generation=1,
            )
        newest = self.sets[-1]
        document = self._document(
            _RESOURCES["deployments.apps"],
            workload_json.deployment,
            (self, newest, self.desired, (total, updated, ready)),
            generation=newest.revision,
        )
        revision = {"deployment.kubernetes.io/revision": str(newest.revision)}
        document.annotations = {**(document.annotations or {}), **revision}
        yield document

    def _jobs(self) -> Iterator[manifests.Manifest]:
        active_jobs = []
        for pod_set in self.sets:
            phases = [pod.phase for pod in pod_set.pods.values()]
            active = sum(phase in ("Pending", "Running") for phase in phases)
            if active:
                active_jobs.append((self.namespace, pod_set.name, pod_set.uid))
            succeeded = phases.count("Succeeded")
            ready = sum(pod.ready for pod in pod_set.pods.values())
            counts = (active, ready, succeeded, phases.count("Failed"))
            yield manifests.Manifest(
                _RESOURCES["jobs.batch"],
                pod_set.name,
                namespace=self.namespace,
                uid=pod_set.uid,
                labels=pod_set.labels,
                created=pod_set.created,
                make=workload_json.job,
                arguments=(pod_set, counts, self.finished.get(pod_set.name, 0.0)),
                extra={"status.successful": str(succeeded)},
                owner=("batch/v1", "CronJob", self.name, self.uid) if self.kind == "CronJob" else None,
                generation=1,
            )
        if self.kind == "CronJob":
            arguments = (self, tuple(active_jobs), self.scheduled, self.succeeded)
            yield self._document(_RESOURCES["cronjobs.batch"], workload_json.cron_job, arguments)


def _counts(pod_set: pods.PodSet) -> tuple[int, int]:
    """How many pods the owner counts, and how many of them are ready."""
    total = ready = 0
    for pod in pod_set.pods.values():
        if pod.alive and not pod.deleted:
            total += 1
            ready += pod.ready
    return total, ready
