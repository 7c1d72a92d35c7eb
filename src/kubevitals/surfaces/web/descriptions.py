"""What each key of an answer means, for OpenAPI; docs/schema.md says more. Units are part of the keys."""

from __future__ import annotations

_UNITS = (
    ("_cores", "cores"),
    ("_bytes_per_second", "bytes per second"),
    ("_bytes", "bytes"),
    ("_seconds", "seconds"),
    ("_millicores", "millicores"),
    ("_mi", "MiB"),
    ("_pct", "percent"),
)

_TEXTS = {
    "schema": "the version of the schema",
    "kind": "what the document or the object is",
    "cluster": "the context's name",
    "source": "where usage came from",
    "generated_at": "when the rows were put together; ages count from here",
    "problems": "what could not be read, and why",
    "items": "the rows",
    "item": "the row",
    "columns": "an array for each key, all of one length",
    # every row
    "timestamp": "the end of the measurement",
    "window_seconds": "the length of the measurement: CPU is the average over it",
    "age_seconds": "age of the measurement",
    "stale": "whether the measurement is older than three of its windows",
    "cpu_usage_cores": "CPU usage",
    "memory_usage_bytes": "memory usage: the working set",
    "problem": "a code of why usage is missing or doubtful",
    "detail": "what a kubelet tells beside CPU and memory, where it was asked to",
    # nodes, pods, containers, sums
    "name": "its name",
    "namespace": "its namespace",
    "pod": "the container's pod",
    "uid": "the pod's UID",
    "node": "the node it runs on",
    "ip": "its internal address",
    "addresses": "all of the node's addresses, IPs and names",
    "provider_id": "what the cloud calls the node's machine",
    "labels": "its labels",
    "roles": "the node's roles",
    "created_at": "when it was created",
    "ready": "whether it is ready",
    "status": "the STATUS column of kubectl get",
    "reason": "why it does not simply run",
    "unschedulable": "whether the node takes no new pods",
    "taints": "the node's taints",
    "conditions": "the node's conditions",
    "pods": "pods that have not ended",
    "pods_allocatable": "pods that the node takes",
    "app": "the label app, else app.kubernetes.io/name",
    "workload_kind": "the kind of the top of the owner chain: Deployment, CronJob ...",
    "workload_name": "the name of the top of the owner chain",
    "phase": "of the pod: Pending, Running, Succeeded, Failed, Unknown",
    "restarts": "restarts of the containers",
    "qos": "the quality of service class of the pod",
    "containers_ready": "containers that are ready",
    "containers_total": "containers",
    "deletion_at": "when the grace of a pod that is being deleted ends",
    "resize": "how far a resize in place is that is not done",
    "message": "what it says",
    "type": "container, sidecar, init or ephemeral; of a condition, which one",
    "last_termination_reason": "why a container ended last",
    "last_termination_exit_code": "the exit code of that container",
    "last_termination_at": "when that container ended",
    "pods_without_usage": "pods whose usage is unknown",
    "pods_without_request": "pods without a request of CPU or of memory",
    "cpu_capacity_cores": "CPU of the machine",
    "memory_capacity_bytes": "memory of the machine",
    "cpu_allocatable_cores": "CPU that pods may be promised",
    "memory_allocatable_bytes": "memory that pods may be promised",
    "cpu_request_cores": "CPU requests",
    "cpu_limit_cores": "CPU limits",
    "memory_request_bytes": "memory requests",
    "memory_limit_bytes": "memory limits",
    # vitals
    "nodes": "nodes",
    "nodes_ready": "nodes that are ready",
    "nodes_not_ready": "nodes that are not ready",
    "nodes_with_usage": "nodes whose usage is known",
    "pods_live": "pods that have not ended",
    "pods_with_usage": "pods that have not ended whose usage is known",
    "pods_running": "pods in the phase Running",
    "pods_pending": "pods in the phase Pending",
    "pods_succeeded": "pods in the phase Succeeded",
    "pods_failed": "pods in the phase Failed",
    "problems_critical": "problems that are critical",
    "problems_warning": "problems that are warnings",
    # problems
    "severity": "critical, warning or info",
    "code": "which problem it is",
    "remedy": "what to do next",
    "object": "what the problem is about",
    "since": "since when",
    "last_seen_at": "when it happened last",
    "change": "new or gone where two moments were compared",
    "value": "the ratio that is too high",
    # details
    "network_receive_bytes_per_second": "received by the first interface",
    "network_transmit_bytes_per_second": "sent by the first interface",
    "filesystem_used_bytes": "used of the file system",
    "filesystem_capacity_bytes": "size of the file system",
    "ephemeral_storage_used_bytes": "written files, logs and empty directories",
    "swap_used_bytes": "swap",
    "cpu_throttled_of_periods": "the share of its periods in which a container was held back by its limit",
    "oom_events": "how often the kernel ended something for want of memory, since the container started",
    # the service
    "sources": "the sources of usage, the best first",
    "coverage": "of how many of the nodes and pods usage is known; of a point, the part of its step that its "
    "samples cover, from 0 to 1",
    "rights": "whether what is read may be read, as far as was seen",
    "with_usage": "those whose usage is known",
    "total": "all of them",
    "live": "whether the collector ticks",
    "snapshot": "the number of the snapshot since the start",
    "etag": "the tag of the snapshot's answers",
    "started_at": "when the service started",
    "max_age_seconds": "age from which on a snapshot does not count as current",
    "interval_seconds": "time between two readings of usage",
    "ticks": "readings so far",
    "last_tick_seconds": "how long the last reading took",
    "last_good_at": "when a reading succeeded last",
    "failures": "readings that failed, by code",
    "watch_restarts": "watches that were started again",
    "answers": "whether the source answers",
    "role": "what this process does with the file: writes, reads or off",
    "size_bytes": "size of the file",
    "dropped_ticks": "readings that the file did not take",
    "protocol": "the version of remote-write that the receiver accepted",
    "sent_samples": "samples that the receiver took",
    "refused_samples": "samples that the receiver will never take",
    "retries": "requests that were made again",
    "lag_seconds": "from the last reading that was sent to the newest one",
    # history
    "until": "the end of the range",
    "step_seconds": "what a point covers; null for samples as they were measured",
    "aggregate": "what usage is of the samples of a step",
    "points": "the points in order of time",
    "samples": "how many samples there are in the step",
    # names and units of Grafana boards
    "cpu_allocatable": "allocatable CPU in millicores",
    "cpu_millicores": "CPU usage",
    "memory_mi": "memory usage: the working set",
    "cpu_pct": "CPU usage of allocatable",
    "memory_pct": "memory usage of allocatable",
}
_EXTREMES = {"min": "the least", "max": "the most"}
_QUANTITIES = {"cpu": "CPU", "memory": "memory", "io": "I/O"}


def describe(key: str) -> str:
    """Return what a key means, with its unit."""
    text = _TEXTS.get(key) or _derive(key)
    unit = next((f", in {unit}" for suffix, unit in _UNITS if key.endswith(suffix)), "")
    return text + unit


def _derive(key: str) -> str:
    """Return what the key of a ratio, an extreme or a quantity means."""
    first, _, rest = key.partition("_")
    quantity = _QUANTITIES.get(first, first)
    if rest.startswith("pressure_"):
        tasks = "all" if "_full_" in rest else "some"
        return f"the share of time in which {tasks} tasks waited for {quantity}"
    if "of_" in rest:
        part, _, whole = rest.rpartition("of_")
        part = part.strip("_") or "usage"
        return f"{quantity} {part} as a share of {whole.replace('_', ' ')}; 1 is 100 %"
    part = rest.rpartition("_")[0]
    if rest.endswith("_pct"):
        return f"{quantity} {part}: of a node as a share of allocatable, of a pod usage as a share of it"
    if part in _EXTREMES:
        return f"{_EXTREMES[part]} {quantity} usage of the samples"
    return f"{quantity} {part}"
