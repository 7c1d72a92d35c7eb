"""The kubevitals_ families as tables: those of nodes, pods and containers, and those of the service itself.

A test compares `docs/metrics.md` with these tables. `field` is the name in the model's record; `form` says
how its value becomes a sample:

- number: the value; flag: 1 or 0; moment: seconds since 1970
- word: 1, with the value as a further label
An unknown value has no sample.
"""

from __future__ import annotations

from typing import NamedTuple

from kubevitals.surfaces.exposition import text

_CLUSTER = ("cluster",)
_NODE = ("cluster", "node")
_POD = ("cluster", "namespace", "pod", "node")
_CONTAINER = ("cluster", "namespace", "pod", "container", "node")
LABELS = {"node": _NODE, "pod": _POD, "container": _CONTAINER}


class RowFamily(NamedTuple):
    """A family with a sample for each row: which field of the record, and how it is written."""

    family: text.Family
    field: str
    form: str = "number"
    held: bool = False  # only of pods that have not ended: those that have ended hold no resources
    word_label: str = ""


def _row(
    of: str,
    name: str,
    help_text: str,
    *,
    field: str = "",
    form: str = "number",
    kind: str = "gauge",
    unit: str = "",
    held: bool = False,
    word_label: str = "",
    stability: str = "stable",
) -> RowFamily:
    own = (word_label,) if word_label else ()
    family = text.Family(
        f"kubevitals_{of}_{name}", kind, help_text, unit, (*LABELS[of], *own), stability=stability
    )
    return RowFamily(family, field or name, form, held, word_label)


def _amounts(of: str, what: str, help_text: str, *, held: bool = False) -> tuple[RowFamily, RowFamily]:
    """The pair of CPU and memory; `help_text` begins with the quantity's name."""
    return (
        _row(of, f"cpu_{what}_cores", f"CPU {help_text}, in cores.", unit="cores", held=held),
        _row(of, f"memory_{what}_bytes", f"Memory {help_text}, in bytes.", unit="bytes", held=held),
    )


def _usage(of: str) -> tuple[RowFamily, RowFamily]:
    return (
        _row(
            of,
            "cpu_usage_cores",
            f"CPU used by the {of}, in cores: the average over the sample's window.",
            unit="cores",
        ),
        _row(
            of,
            "memory_usage_bytes",
            f"Memory used by the {of}, in bytes: the working set at the end of the sample's window.",
            unit="bytes",
        ),
    )


def _sample(of: str) -> tuple[RowFamily, RowFamily]:
    return (
        _row(
            of,
            "sample_age_seconds",
            f"Age of the {of}'s usage sample when the snapshot was made.",
            field="age_seconds",
            unit="seconds",
        ),
        _row(
            of,
            "sample_window_seconds",
            f"Length of the window over which the {of}'s CPU usage is averaged.",
            field="window_seconds",
            unit="seconds",
        ),
    )


def _problem(of: str) -> RowFamily:
    return _row(
        of,
        "problem",
        f"1 for a {of} whose usage is unknown or doubtful, with the reason.",
        form="word",
        held=True,
        word_label="problem",
        stability="alpha",
    )


NODES = (
    *_usage("node"),
    *_amounts("node", "allocatable", "that pods may be promised on the node"),
    *_amounts("node", "capacity", "of the node"),
    *_amounts("node", "request", "requested by the node's pods that have not ended, by the scheduler's rule"),
    *_amounts("node", "limit", "limit of the node's pods that have not ended, of those that have one"),
    _row("node", "pods", "Pods on the node that have not ended."),
    _row("node", "pods_allocatable", "Pods that the node takes."),
    _row("node", "ready", "1 if the node is ready, else 0.", form="flag"),
    _row("node", "unschedulable", "1 if no new pods are put on the node, else 0.", form="flag"),
    *_sample("node"),
    _problem("node"),
)
CONDITION = text.Family(
    "kubevitals_node_condition",
    "gauge",
    "1 if the condition holds, 0 if not; no sample while that is unknown.",
    labels=(*_NODE, "condition"),
)
PODS = (
    *_usage("pod"),
    *_amounts("pod", "request", "requested by the pod, by the scheduler's rule", held=True),
    *_amounts("pod", "limit", "limit of the pod, if each of its containers has one", held=True),
    _row("pod", "phase", "1 for the phase that the pod is in.", form="word", word_label="phase"),
    _row(
        "pod",
        "reason",
        "1 for a pod that does not simply run, with the reason.",
        form="word",
        word_label="reason",
        stability="alpha",
    ),
    _row("pod", "ready", "1 if the pod is ready, else 0.", form="flag"),
    _row(
        "pod",
        "created_timestamp_seconds",
        "When the pod was created.",
        field="created_at",
        form="moment",
        unit="seconds",
    ),
    *_sample("pod"),
    _problem("pod"),
)
CONTAINERS = (
    *_usage("container"),
    *_amounts("container", "request", "requested by the container", held=True),
    *_amounts("container", "limit", "limit of the container", held=True),
    _row("container", "ready", "1 if the container is ready, else 0.", form="flag"),
    _row(
        "container",
        "restarts_total",
        "Restarts of the container during the life of its pod.",
        field="restarts",
        kind="counter",
    ),
    _row(
        "container",
        "last_termination_timestamp_seconds",
        "When the container ended last.",
        field="last_termination_at",
        form="moment",
        unit="seconds",
    ),
    _row(
        "container",
        "last_termination_exit_code",
        "Exit code with which the container ended last.",
        stability="alpha",
    ),
    _row(
        "container",
        "last_termination_reason",
        "1 for a container that ended before, with the reason of the last time.",
        form="word",
        word_label="reason",
        stability="alpha",
    ),
)
BY_KIND = {"node": NODES, "pod": PODS, "container": CONTAINERS}


def _service(
    name: str, help_text: str, *own: str, kind: str = "gauge", unit: str = "", cluster: bool = True
) -> text.Family:
    return text.Family(f"kubevitals_{name}", kind, help_text, unit, (*(_CLUSTER if cluster else ()), *own))


SOURCE_UP = _service("source_up", "1 if the last reading of usage was good, else 0.", "source")
READY = _service("ready", "1 if there is a snapshot that is not older than it may be, else 0.")
SNAPSHOT_TIME = _service(
    "snapshot_timestamp_seconds", "When the snapshot was made, to which all ages refer.", unit="seconds"
)
PROBLEMS = _service("snapshot_problems", "What could not be read for the snapshot, by code.", "code")
OBJECTS = _service("objects", "Nodes and pods in the snapshot; pods that have ended do not count.", "kind")
OBJECTS_WITH_USAGE = _service("objects_with_usage", "Those of them whose usage is known.", "kind")
TICKS = _service("ticks_total", "Good readings since the start.", kind="counter")
TICK_FAILURES = _service(
    "tick_failures_total", "Readings that failed since the start, by reason.", "reason", kind="counter"
)
TICK_SECONDS = _service("tick_duration_seconds", "How long the last reading took.", unit="seconds")
WATCH_RESTARTS = _service(
    "watch_restarts_total", "How often a watch on the API server was begun anew.", kind="counter"
)
START_TIME = _service("start_timestamp_seconds", "When the service began to collect.", unit="seconds")
REQUESTS = _service(
    "http_requests_total",
    "Requests answered, by route and status code.",
    "route",
    "code",
    kind="counter",
    cluster=False,
)
HISTORY_UP = _service(
    "history_up", "1 if this process records to the file of history, else 0.", "role", cluster=False
)
HISTORY_SIZE = _service("history_size_bytes", "Size of the file of history.", unit="bytes", cluster=False)
HISTORY_TICKS = _service(
    "history_ticks_total", "Ticks written to the file since it was opened.", kind="counter", cluster=False
)
HISTORY_DROPPED = _service(
    "history_dropped_ticks_total", "Ticks that the file did not take.", kind="counter", cluster=False
)
REMOTE_WRITE_UP = _service(
    "remote_write_up", "1 if the receiver takes what is sent, else 0.", "protocol", cluster=False
)
REMOTE_WRITE_SAMPLES = _service(
    "remote_write_samples_total", "Samples that the receiver has taken.", kind="counter", cluster=False
)
REMOTE_WRITE_REFUSED = _service(
    "remote_write_refused_samples_total",
    "Samples that the receiver will never take.",
    kind="counter",
    cluster=False,
)
REMOTE_WRITE_RETRIES = _service(
    "remote_write_retries_total", "Requests that were made once more.", kind="counter", cluster=False
)
REMOTE_WRITE_LAG = _service(
    "remote_write_lag_seconds",
    "From the last tick that the receiver has to the newest one.",
    unit="seconds",
    cluster=False,
)
RECORDER = (
    HISTORY_UP, HISTORY_SIZE, HISTORY_TICKS, HISTORY_DROPPED, REMOTE_WRITE_UP, REMOTE_WRITE_SAMPLES,
    REMOTE_WRITE_REFUSED, REMOTE_WRITE_RETRIES, REMOTE_WRITE_LAG,
)  # fmt: skip
DOCTOR_CHECK = _service(
    "doctor_check",
    "1 for each finding of the doctor, and for each layer without one, with its status.",
    "id",
    "layer",
    "status",
)
DOCTOR_TIME = _service(
    "doctor_last_run_timestamp_seconds", "When the doctor examined the cluster last.", unit="seconds"
)
DOCTOR_SECONDS = _service("doctor_duration_seconds", "How long that took.", unit="seconds")
BUILD = _service(
    "build_info", "The version of kubevitals and of Python.", "version", "python", kind="info", cluster=False
)
SERVICE = (
    SOURCE_UP, READY, SNAPSHOT_TIME, PROBLEMS, OBJECTS, OBJECTS_WITH_USAGE, TICKS, TICK_FAILURES,
    TICK_SECONDS, WATCH_RESTARTS, START_TIME, REQUESTS, *RECORDER, DOCTOR_CHECK, DOCTOR_TIME, DOCTOR_SECONDS,
    BUILD,
)  # fmt: skip
_WAITS = {
    "some": "Share of the window in which some tasks of the {of} waited for {what}.",
    "full": "Share of the window in which all tasks of the {of} waited for {what}.",
}
_OF_DETAIL = {
    "network_receive_bytes_per_second": "Bytes that the {of} received a second, over the window.",
    "network_transmit_bytes_per_second": "Bytes that the {of} sent a second, over the window.",
    "filesystem_used_bytes": "Bytes used of the {of}'s file system; of a container, what it has written.",
    "filesystem_capacity_bytes": "Size of the {of}'s file system.",
    "ephemeral_storage_used_bytes": "Bytes that the {of} keeps on its node's disk: files, logs, emptyDir.",
    "swap_used_bytes": "Swap that the {of} uses.",
    "cpu_throttled_of_periods": "Share of the periods of the window in which the {of} was throttled.",
    "oom_events": "Processes of the {of} that were killed for memory since it started.",
} | {
    f"{what}_pressure_{some}_of_time": words.replace("{what}", title)
    for what, title in (("cpu", "CPU"), ("memory", "memory"), ("io", "the disk"))
    for some, words in _WAITS.items()
}  # fmt: skip
_PRESSURE = tuple(field for field in _OF_DETAIL if "_pressure_" in field)
_NETWORK = ("network_receive_bytes_per_second", "network_transmit_bytes_per_second")
_FIELDS_OF_DETAIL = {
    "node": (*_NETWORK, "filesystem_used_bytes", "filesystem_capacity_bytes", "swap_used_bytes", *_PRESSURE),
    "pod": (*_NETWORK, "ephemeral_storage_used_bytes", "swap_used_bytes", *_PRESSURE),
    "container": (
        "filesystem_used_bytes", "swap_used_bytes", "cpu_throttled_of_periods", "oom_events", *_PRESSURE
    ),
}  # fmt: skip
DETAILS = {
    of: tuple(
        (
            text.Family(
                f"kubevitals_{of}_{field}",
                "gauge",
                _OF_DETAIL[field].replace("{of}", of),
                "bytes" if field.endswith("_bytes") else "",
                LABELS[of],
                stability="alpha",
            ),
            field,
        )
        for field in fields
    )
    for of, fields in _FIELDS_OF_DETAIL.items()
}
"""With --detail: what kubelets tell beside CPU and memory, with the field of `details.Detail`."""
OWN = (*(row.family for rows in BY_KIND.values() for row in rows), CONDITION, *SERVICE)
