"""Prometheus itself: does it run, has it room, may it find its targets?"""

from __future__ import annotations

from kubevitals import errors, severity
from kubevitals.doctor import diagnosis, layers, lookups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from kubevitals.doctor import context as contexts

_LOG = "kubectl -n {namespace} logs {name} -c prometheus --tail 50"
_DOWN = diagnosis.Diagnosis(
    "prometheus_not_ready", layers.PROMETHEUS,
    "Prometheus: it is installed, and no pod of it is ready",
    "It is starting and replays its log, it crashes, or it could not be scheduled.",
    ("kubectl -n {namespace} describe pod {name}", _LOG),
    ("Replay may take minutes: wait while the log moves. OOMKilled: raise the memory limit.",),
    "deleting its volume to make it start: all history goes with it",
    symptom="Prometheus server is not ready: replaying WAL",
)  # fmt: skip
_MEMORY = diagnosis.Diagnosis(
    "prometheus_out_of_memory", layers.PROMETHEUS,
    "Prometheus: killed for lack of memory",
    "It needs memory for each series; after a kill it replays its log, which needs the most.",
    ("kubectl -n {namespace} describe pod {name}",),
    ("Raise its memory limit, or keep fewer series (drop labels, longer intervals).",),
    "a shorter retention: memory follows the number of series, not their age",
    symptom="OOMKilled while replaying the WAL",
)  # fmt: skip
_DISK = diagnosis.Diagnosis(
    "prometheus_disk_full", layers.PROMETHEUS,
    "Prometheus: its disk is full",
    "Nothing new is stored until there is room.",
    (_LOG, "kubectl -n {namespace} get pvc"),
    ("Enlarge the volume (spec.resources.requests.storage of its PVC), and set retentionSize below that.",),
    "deleting files of the write-ahead log",
    symptom="write to WAL: log samples: write /prometheus/wal/00000123: no space left on device",
)  # fmt: skip
_FORBIDDEN = diagnosis.Diagnosis(
    "prometheus_right_missing", layers.PROMETHEUS,
    "Prometheus: it may not list what it should find its targets by",
    "Its service account lacks a Role in the namespace of the monitored Services (endpoints, services, pods, endpointslices).",
    (_LOG, "kubectl auth can-i list endpointslices.discovery.k8s.io -n {place} --as {user}"),
    ("Give it get, list, watch on services, endpoints, pods and endpointslices.discovery.k8s.io there; with view for example:",
     "! kubectl -n {place} create rolebinding prometheus-view --clusterrole view --serviceaccount {account}"),
    "cluster-admin for Prometheus",
    symptom='endpoints is forbidden: User "system:serviceaccount:monitoring:prometheus-k8s" cannot list resource "endpoints"',
)  # fmt: skip
_DUPLICATES = diagnosis.Diagnosis(
    "prometheus_duplicate_samples", layers.PROMETHEUS,
    "Prometheus: samples are dropped, the same series comes twice",
    "An exporter exposes a series twice, or two monitors select one Service.",
    (_LOG, "kubectl get servicemonitors,podmonitors -A"),
    ("Remove one of the two monitors, or mend the exporter that the line names.",),
    "raising limits: nothing is too large here",
    severity.WARNING,
    "Error on ingesting samples with different value but same timestamp num_dropped=13",
)  # fmt: skip


def look(context: contexts.Context) -> Iterator[diagnosis.Finding | diagnosis.Note]:
    """Look at its pods, and at their logs where they may be read."""
    pods = [pod for pod in lookups.named(context, "prometheus") if _is_server(pod)]
    if not pods:
        if not lookups.has_prometheus(context):
            yield diagnosis.Note(layers.PROMETHEUS, diagnosis.SKIP, "not installed")
        return
    ready = [pod for pod in pods if lookups.is_ready(pod)]
    yield diagnosis.Note(layers.PROMETHEUS, diagnosis.OK, f"{len(ready)}/{len(pods)} pods")
    found = False
    for pod in pods[:2]:
        for finding in _read(context, pod):
            found = True
            yield finding
    if not ready and not found:
        reason, message = lookups.waiting_reason(pods[0])
        yield _of(
            _DOWN,
            pods[0],
            f"pod {diagnosis.place(pods[0])}: {reason} {message}".rstrip(),
            symptom_of=lookups.behind_nodes(context, pods),
        )


def _is_server(pod: dict[str, Any]) -> bool:
    return any(
        each.get("name") in ("prometheus", "prometheus-server")
        for each in diagnosis.objects(pod, "spec", "containers")
    )


def _read(context: contexts.Context, pod: dict[str, Any]) -> Iterator[diagnosis.Finding]:
    if not lookups.is_ready(pod) and lookups.last_termination(pod) == "OOMKilled":
        yield _of(_MEMORY, pod, f"pod {diagnosis.place(pod)}: not ready, last ended by OOMKilled")
    container = next((name for each in diagnosis.objects(pod, "spec", "containers")
                      if (name := diagnosis.text(each, "name")).startswith("prometheus")), "")  # fmt: skip
    lines = context.log(pod, container=container)
    if full := lookups.lines_with(lines, "no space left on device"):
        yield _of(_DISK, pod, *full[:2], damage="nothing new is stored")
    refused = [line for line in lookups.lines_with(lines, "is forbidden") if "cannot list resource" in line]
    if refused:
        finding = _of(_FORBIDDEN, pod, *refused[:3], damage="targets of these namespaces are not found")
        yield finding._replace(places=finding.places | _who(refused[0]))
    if twice := lookups.lines_with(
        lines, "different value but same timestamp", "duplicate sample for timestamp"
    ):
        yield _of(_DUPLICATES, pod, *twice[:2])


def _who(line: str) -> dict[str, str]:
    """Return the account and the namespace that a refusal names."""
    plain = line.replace("\\", "")
    user = plain.partition('User "')[2].partition('"')[0]
    place = plain.partition('in the namespace "')[2].partition('"')[0]
    account = ":".join(user.split(":")[2:]) if user.startswith("system:serviceaccount:") else ""
    return {key: value for key, value in (("user", user), ("place", place), ("account", account)) if value}


def _of(
    page: diagnosis.Diagnosis,
    pod: dict[str, Any],
    *evidence: str,
    damage: str = "",
    symptom_of: tuple[str, ...] = (),
) -> diagnosis.Finding:
    return diagnosis.find(
        page, *evidence, damage=damage, scope=[diagnosis.place(pod)], symptom_of=symptom_of,
        about=pod,
    )  # fmt: skip


def reachable(context: contexts.Context) -> bool:
    """Return whether there is a Prometheus to ask; False too where nobody may say."""
    try:
        return lookups.has_prometheus(context)
    except errors.ClusterError:
        return False


CHECK = diagnosis.Check(
    "prometheus", layers.PROMETHEUS, look,
    (lookups.PODS, lookups.SERVICES, lookups.need("get", "pods/log", optional=True)),
    (_DOWN, _MEMORY, _DISK, _FORBIDDEN, _DUPLICATES),
)  # fmt: skip
