"""What a filter can be about: fields, their words, how they are written, and where a row has them. Data.

docs/filters.md lists them all; a test compares the two.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple

# How the value of a field is written. The first four are matched (`:`), the others are compared (`>`).
TEXT, TRUTH, LABEL, PAIR = "text", "true or false", "label", "CPU and memory"
CPU, MEMORY, PERCENT, NUMBER, LENGTH = "CPU", "memory", "percent", "number", "time"
MATCHED = (TEXT, TRUTH, LABEL, PAIR)
COMPARED = {
    CPU: "cores, as 500m or 2",
    MEMORY: "bytes, as 512Mi or 1Gi",
    PERCENT: "a percentage, as 80",
    NUMBER: "a whole number",
    LENGTH: "a length of time, as 90s, 15m, 2h or 3d",
}
_SUMS = ("namespaces", "workloads", "groups")


class Field(NamedTuple):
    """One thing that a filter can be about."""

    name: str
    form: str
    about: str
    rows: Mapping[str, str]  # kind: the field or ratio of its rows
    pod: str | None  # the field of a pod, for sums that have none: it chooses the pods that are added up
    words: tuple[str, ...] = ()  # further spellings

    def find_place(self, kind: str) -> tuple[str, bool] | None:
        """Return where rows of that kind have it, and whether that is in their pods; None if they do not."""
        if kind in self.rows:
            return self.rows[kind], False
        return (self.pod, True) if self.pod is not None and kind != "nodes" else None


def _field(
    name: str,
    form: str,
    about: str,
    *words: str,
    nodes: str | None = None,
    pods: str | None = None,
    sums: str | None = None,
    **others: str | None,
) -> Field:
    """Return a field. Containers have what pods have, and `others` names the exceptions."""
    rows = {"nodes": nodes, "pods": pods, "containers": pods, **dict.fromkeys(_SUMS, sums), **others}
    known = {kind: field for kind, field in rows.items() if field is not None}
    return Field(name, form, about, known, pods, words)


def _everywhere(name: str, form: str, about: str, field: str, *words: str) -> Field:
    return _field(name, form, about, *words, nodes=field, pods=field, sums=field)


_ALL = (
    _everywhere("name", TEXT, "the name of the row", "name"),
    _field(
        "ns", TEXT, "the namespace", "namespace", pods="namespace", namespaces="name", workloads="namespace"
    ),
    _field("pod", TEXT, "the pod", pods="name", containers="pod"),
    _field("node", TEXT, "the node", nodes="name", pods="node"),
    _field(
        "workload",
        TEXT,
        "the Deployment, CronJob, DaemonSet ... of the pod",
        pods="workload_name",
        workloads="name",
    ),
    _field(
        "kind", TEXT, "the kind of the workload: Deployment ...", pods="workload_kind",
        workloads="workload_kind",
    ),
    _field("app", TEXT, "the label app, else app.kubernetes.io/name", pods="app"),
    _field("status", TEXT, "the STATUS column: Running, CrashLoopBackOff ...", nodes="status", pods="status"),
    _field("phase", TEXT, "the phase of the pod: Running, Pending, Succeeded, Failed", pods="phase"),
    _field("reason", TEXT, "why it is not simply running", pods="reason"),
    _field("last-end", TEXT, "why a container ended last: OOMKilled ...", pods="last_termination_reason"),
    _field("qos", TEXT, "the class of the pod: Guaranteed, Burstable, BestEffort", pods="qos"),
    _field("ip", TEXT, "the address", nodes="ip", pods="ip"),
    _field("role", TEXT, "a role of the node", "roles", nodes="roles"),
    _everywhere("problem", TEXT, "the code of why usage is missing or doubtful", "problem"),
    _field("label.KEY", LABEL, "the label KEY", nodes="labels", pods="labels", containers=None),
    _field("ready", TRUTH, "whether it is ready", nodes="ready", pods="ready"),
    _everywhere("stale", TRUTH, "whether usage is older than three windows", "stale"),
    _field("unschedulable", TRUTH, "whether the node is cordoned", nodes="unschedulable"),
    _everywhere("cpu", CPU, "CPU usage", "cpu_usage_cores"),
    _everywhere("mem", MEMORY, "memory usage", "memory_usage_bytes", "memory"),
    _everywhere("cpu-request", CPU, "the CPU request", "cpu_request_cores", "cpu-req"),
    _everywhere("cpu-limit", CPU, "the CPU limit", "cpu_limit_cores", "cpu-lim"),
    _everywhere("mem-request", MEMORY, "the memory request", "memory_request_bytes", "mem-req"),
    _everywhere("mem-limit", MEMORY, "the memory limit", "memory_limit_bytes", "mem-lim"),
    _field("cpu-alloc", CPU, "allocatable CPU of the node", nodes="cpu_allocatable_cores"),
    _field("mem-alloc", MEMORY, "allocatable memory of the node", nodes="memory_allocatable_bytes"),
    _field("cpu-capacity", CPU, "CPU of the machine", nodes="cpu_capacity_cores"),
    _field("mem-capacity", MEMORY, "memory of the machine", nodes="memory_capacity_bytes"),
    _field(
        "cpu%request", PERCENT, "CPU usage of the request; of a node, CPU requested of allocatable",
        "cpu%req", nodes="cpu_request_of_allocatable", pods="cpu_of_request", sums="cpu_of_request",
    ),
    _field(
        "cpu%limit", PERCENT, "CPU usage of the limit; of a node, the limits of allocatable",
        "cpu%lim", nodes="cpu_limit_of_allocatable", pods="cpu_of_limit", sums="cpu_of_limit",
    ),
    _field(
        "mem%request", PERCENT, "memory usage of the request; of a node, memory requested of allocatable",
        "mem%req", nodes="memory_request_of_allocatable", pods="memory_of_request", sums="memory_of_request",
    ),
    _field(
        "mem%limit", PERCENT, "memory usage of the limit; of a node, the limits of allocatable",
        "mem%lim", nodes="memory_limit_of_allocatable", pods="memory_of_limit", sums="memory_of_limit",
    ),
    _field("cpu%alloc", PERCENT, "CPU usage of allocatable", "cpu%", nodes="cpu_of_allocatable"),
    _field("mem%alloc", PERCENT, "memory usage of allocatable", "mem%", nodes="memory_of_allocatable"),
    _field("cpu%capacity", PERCENT, "CPU usage of the machine", nodes="cpu_of_capacity"),
    _field("mem%capacity", PERCENT, "memory usage of the machine", nodes="memory_of_capacity"),
    _field("restarts", NUMBER, "restarts of the containers", pods="restarts", sums="restarts"),
    _field("pods", NUMBER, "pods that have not ended", nodes="pods", sums="pods"),
    _field("no-usage", NUMBER, "pods without usage", sums="pods_without_usage"),
    _field("no-request", NUMBER, "pods without a request of CPU or memory", sums="pods_without_request"),
    _field("age", LENGTH, "time since it was created", nodes="created_at", pods="created_at"),
    _everywhere("sample", LENGTH, "age of the usage", "age_seconds"),
    _everywhere("usage", PAIR, "usage of CPU and of memory", "usage"),
    _everywhere("request", PAIR, "the requests of CPU and of memory", "request", "req"),
    _everywhere("limit", PAIR, "the limits of CPU and of memory", "limit", "lim"),
)  # fmt: skip
FIELDS: dict[str, Field] = {field.name: field for field in _ALL}
"""All fields by name."""

PAIRS = {
    "usage": ("cpu_usage_cores", "memory_usage_bytes"),
    "request": ("cpu_request_cores", "memory_request_bytes"),
    "limit": ("cpu_limit_cores", "memory_limit_bytes"),
}
LABEL_PREFIX = "label."
_BY_WORD = {word: field for field in _ALL for word in (field.name, *field.words)}


def find(word: str) -> tuple[Field, str] | None:
    """Return the field that a word means, and the key of the label if it is one; None for no field.

    The case of letters does not matter, but in the key of a label.
    """
    if word[: len(LABEL_PREFIX)].casefold() == LABEL_PREFIX and len(word) > len(LABEL_PREFIX):
        return FIELDS["label.KEY"], word[len(LABEL_PREFIX) :]
    text = word.casefold()
    if text.startswith("memory") and text != "memory":
        text = text.replace("memory", "mem", 1)
    field = _BY_WORD.get(text)
    return None if field is None or field.form == LABEL else (field, "")


def list_fields(kind: str) -> list[Field]:
    """Return the fields that a filter of rows of that kind can be about."""
    return [field for field in _ALL if field.find_place(kind) is not None]
