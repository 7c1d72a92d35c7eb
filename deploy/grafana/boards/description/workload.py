"""One workload: its sums, its pods beside each other, its containers."""

from __future__ import annotations

from deploy.grafana.boards.description import shared
from deploy.grafana.boards.words import Ask, Board, Line, Lines, Row, Stat, Table, Variable

_KIND = ("workload_kind", "kind")
_WHERE = (shared.IN_NAMESPACE, _KIND, ("workload", "workload"))
_PAST = (shared.IN_NAMESPACE, _KIND, ("name", "workload"))
_ONE = Ask("workloads", _WHERE)
_PODS = Ask("pods", _WHERE)
_SUM = "Over the pods of the workload that have not ended. "

BOARD = Board(
    "workload",
    "Workload",
    "One Deployment, StatefulSet, DaemonSet or CronJob: its pods beside each other.",
    (
        shared.CLUSTER,
        Variable("namespace", "Namespace", "namespaces"),
        Variable("kind", "Kind", "workload_kinds", (shared.IN_NAMESPACE,)),
        Variable("workload", "Workload", "workloads", (shared.IN_NAMESPACE, _KIND)),
    ),
    (
        Row(
            4,
            (
                Stat("CPU used", f"{_SUM}{shared.USED}", _ONE, ("cpu_usage_cores",), 3, "sum"),
                Stat("CPU of request", f"{_SUM}{shared.OF_REQUEST}", _ONE, ("cpu_of_request",), 3),
                Stat("CPU of limit", f"{_SUM}{shared.OF_REQUEST}", _ONE, ("cpu_of_limit",), 3),
                Stat("Memory used", f"{_SUM}{shared.USED}", _ONE, ("memory_usage_bytes",), 3, "sum"),
                Stat("Memory of request", f"{_SUM}{shared.OF_REQUEST}", _ONE, ("memory_of_request",), 3),
                Stat("Memory of limit", f"{_SUM}{shared.OF_REQUEST}", _ONE, ("memory_of_limit",), 3),
                Stat(
                    "Pods",
                    "That have not ended, and for how many of them usage is unknown.",
                    _ONE,
                    ("pods", "pods_without_usage"),
                    4,
                    "sum",
                    names=("live", "without usage"),
                    alarms=(("pods_without_usage", "yellow"),),
                ),
                Stat("Restarts", f"{_SUM}As kubectl counts them.", _ONE, ("restarts",), 2, "sum"),
            ),
        ),
        Row(
            8,
            (
                Lines(
                    "CPU",
                    "A line a pod, and the sum of their requests and limits, in cores.",
                    (
                        Line(_PODS, "cpu_usage_cores", "", each="name"),
                        Line(_ONE, "cpu_request_cores", "requested", dashed=True),
                        Line(_ONE, "cpu_limit_cores", "limit", dashed=True),
                    ),
                    "short",
                    12,
                    shared.past("In cores, all pods together.", "workloads", "cpu_usage_cores", _PAST),
                ),
                Lines(
                    "Memory",
                    "A line a pod, and the sum of their requests and limits.",
                    (
                        Line(_PODS, "memory_usage_bytes", "", each="name"),
                        Line(_ONE, "memory_request_bytes", "requested", dashed=True),
                        Line(_ONE, "memory_limit_bytes", "limit", dashed=True),
                    ),
                    "bytes",
                    12,
                    shared.past(
                        "The working set, all pods together.", "workloads", "memory_usage_bytes", _PAST
                    ),
                ),
            ),
        ),
        Row(
            9,
            (
                Table(
                    "Pods",
                    f"{shared.USED} {shared.OF_REQUEST}",
                    _PODS,
                    (
                        "namespace", "name", "node", "status", "restarts", "cpu_usage_cores",
                        "cpu_of_request", "cpu_of_limit", "memory_usage_bytes", "memory_of_request",
                        "memory_of_limit", "age_seconds",
                    ),
                    by="memory_usage_bytes",
                ),
            ),
        ),
        Row(
            9,
            (
                Table(
                    "Containers",
                    f"What each container uses of its own requests and limits. {shared.OF_REQUEST}",
                    Ask("containers", _WHERE),
                    (
                        "pod", "name", "status", "restarts", "last_termination_reason", "cpu_usage_cores",
                        "cpu_request_cores", "cpu_of_request", "cpu_limit_cores", "cpu_of_limit",
                        "memory_usage_bytes", "memory_request_bytes", "memory_of_request",
                        "memory_limit_bytes", "memory_of_limit",
                    ),
                    by="memory_usage_bytes",
                ),
            ),
        ),
    ),
)  # fmt: skip
