"""Workloads, pods and containers of one namespace or of several, down to one pod."""

from __future__ import annotations

from deploy.grafana.boards.description import shared
from deploy.grafana.boards.words import Ask, Board, Line, Lines, Row, Stat, Table, Variable

_WHERE = (shared.IN_NAMESPACE, ("pod", "pod"))
_ROWS_OF_CONTAINERS = Ask("containers", _WHERE)
_PAST = (shared.IN_NAMESPACE, ("name", "pod"))
_SUMS = Ask("namespaces", _WHERE)
_CAPPED = "Over the JSON API, the thousand with the most memory."
_SUM = "Sum over the chosen pods that have not ended. "
_LIMIT = f"{_SUM}Of those that have one."


def _most(key: str) -> Ask:
    return Ask("pods", _WHERE, largest=key, limit=20)


def _rows(of: str) -> Ask:
    return Ask(of, _WHERE, largest="memory_usage_bytes", cap=1000)


BOARD = Board(
    "pods",
    "Pods and containers",
    "What the pods of a namespace use, against what they asked for and may use.",
    (
        shared.CLUSTER,
        Variable("namespace", "Namespace", "namespaces", several=True),
        Variable("pod", "Pod", "pods", (shared.IN_NAMESPACE,), several=True),
    ),
    (
        Row(
            4,
            (
                Stat("CPU used", f"{_SUM}{shared.USED}", _SUMS, ("cpu_usage_cores",), 3, "sum"),
                Stat("CPU requested", _SUM, _SUMS, ("cpu_request_cores",), 3, "sum"),
                Stat("CPU limit", _LIMIT, _SUMS, ("cpu_limit_cores",), 3, "sum"),
                Stat("Memory used", f"{_SUM}{shared.USED}", _SUMS, ("memory_usage_bytes",), 3, "sum"),
                Stat("Memory requested", _SUM, _SUMS, ("memory_request_bytes",), 3, "sum"),
                Stat("Memory limit", _LIMIT, _SUMS, ("memory_limit_bytes",), 3, "sum"),
                Stat(
                    "Pods",
                    "That have not ended, and for how many of them usage is unknown.",
                    _SUMS,
                    ("pods", "pods_without_usage"),
                    4,
                    "sum",
                    names=("live", "without usage"),
                    alarms=(("pods_without_usage", "yellow"),),
                ),
                Stat("Restarts", f"{_SUM}As kubectl counts them.", _SUMS, ("restarts",), 2, "sum"),
            ),
        ),
        Row(
            8,
            (
                Lines(
                    "CPU",
                    "In cores: at each moment the twenty pods that use the most.",
                    (Line(_most("cpu_usage_cores"), "cpu_usage_cores", "", each="name"),),
                    "short",
                    12,
                    shared.past("In cores, a line a pod.", "pods", "cpu_usage_cores", _PAST),
                ),
                Lines(
                    "Memory",
                    "The working set: at each moment the twenty pods that use the most.",
                    (Line(_most("memory_usage_bytes"), "memory_usage_bytes", "", each="name"),),
                    "bytes",
                    12,
                    shared.past("The working set, a line a pod.", "pods", "memory_usage_bytes", _PAST),
                ),
            ),
        ),
        Row(
            8,
            (
                Lines(
                    "Restarts",
                    "How many restarts of containers there were in each step, of the chosen pods.",
                    (Line(_ROWS_OF_CONTAINERS, "restarts_grown", "", each="pod"),),
                    "short",
                    6,
                ),
                Lines(
                    "Throttled",
                    f"Share of the periods in which each container was throttled. {shared.DETAIL}",
                    (Line(_ROWS_OF_CONTAINERS, "cpu_throttled_of_periods", "", each="name"),),
                    "percentunit",
                    6,
                ),
                Lines(
                    "Killed for memory",
                    f"Processes that were killed in each step. {shared.DETAIL}",
                    (Line(_ROWS_OF_CONTAINERS, "oom_grown", "", each="pod"),),
                    "short",
                    6,
                ),
                Lines(
                    "Network",
                    f"Bytes a second, received and sent, of all chosen pods. {shared.DETAIL}",
                    (
                        Line(Ask("pods", _WHERE), "network_receive_bytes_per_second", "received"),
                        Line(Ask("pods", _WHERE), "network_transmit_bytes_per_second", "sent"),
                    ),
                    "Bps",
                    6,
                ),
            ),
        ),
        Row(
            11,
            (
                Table(
                    "Pods",
                    f"{shared.USED} {shared.OF_REQUEST} {_CAPPED}",
                    _rows("pods"),
                    (
                        "namespace", "name", "status", "restarts", "cpu_usage_cores", "cpu_of_request",
                        "cpu_of_limit", "memory_usage_bytes", "memory_of_request", "memory_of_limit",
                        "age_seconds", "problem",
                    ),
                    by="memory_usage_bytes",
                ),
            ),
        ),
        Row(
            11,
            (
                Table(
                    "Containers",
                    "Sidecars count as containers, init containers that end do not. "
                    f"{shared.OF_REQUEST} {_CAPPED}",
                    _rows("containers"),
                    (
                        "namespace", "pod", "name", "status", "restarts", "last_termination_reason",
                        "cpu_usage_cores", "cpu_of_request", "cpu_of_limit", "memory_usage_bytes",
                        "memory_of_request", "memory_of_limit",
                    ),
                    by="memory_usage_bytes",
                ),
            ),
        ),
        Row(
            9,
            (
                Table(
                    "Workloads",
                    "Deployments, StatefulSets, DaemonSets, CronJobs ... : sums over their pods. "
                    f"{shared.OF_REQUEST} {_CAPPED}",
                    _rows("workloads"),
                    (
                        "namespace", "workload_kind", "name", "pods", "restarts", "cpu_usage_cores",
                        "cpu_of_request", "cpu_of_limit", "memory_usage_bytes", "memory_of_request",
                        "memory_of_limit",
                    ),
                    by="memory_usage_bytes",
                ),
            ),
        ),
        Row(7, (shared.problems(Ask("problems", (shared.IN_NAMESPACE,))),)),
    ),
)  # fmt: skip
