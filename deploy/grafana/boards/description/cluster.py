"""The whole cluster at a glance: how full, what is wrong, which namespaces and pods take the most."""

from __future__ import annotations

from deploy.grafana.boards.description import shared
from deploy.grafana.boards.words import Ask, Board, Line, Lines, Row, Stat, Table

_VITALS = Ask("vitals")
_NODES = Ask("nodes")
_BUSIEST = "The ten pods that use the most, in all namespaces. "

BOARD = Board(
    "cluster",
    "Cluster",
    "How full the cluster is, what is wrong, and who uses it.",
    (shared.CLUSTER,),
    (
        Row(
            4,
            (
                Stat(
                    "CPU used",
                    f"Of what is allocatable on the nodes whose usage is known. {shared.SCALE}",
                    _VITALS,
                    ("cpu_of_allocatable",),
                    3,
                ),
                Stat(
                    "CPU requested",
                    f"{shared.PROMISED} {shared.SCALE}",
                    _VITALS,
                    ("cpu_request_of_allocatable",),
                    3,
                ),
                Stat(
                    "Memory used",
                    f"Working sets, of what is allocatable on the nodes whose usage is known. {shared.SCALE}",
                    _VITALS,
                    ("memory_of_allocatable",),
                    3,
                ),
                Stat(
                    "Memory requested",
                    f"{shared.PROMISED} {shared.SCALE}",
                    _VITALS,
                    ("memory_request_of_allocatable",),
                    3,
                ),
                Stat(
                    "Nodes",
                    "By the Ready condition.",
                    _VITALS,
                    ("nodes_ready", "nodes_not_ready"),
                    4,
                    names=("ready", "not ready"),
                    alarms=(("nodes_not_ready", "red"),),
                ),
                Stat(
                    "Pods",
                    "By phase; those that have succeeded are left out. A running pod may still be unready: "
                    "see what is wrong.",
                    _VITALS,
                    ("pods_running", "pods_pending", "pods_failed"),
                    5,
                    names=("running", "pending", "failed"),
                    alarms=(("pods_pending", "yellow"), ("pods_failed", "red")),
                ),
                Stat(
                    "Problems",
                    "How many lines of each severity the table below has.",
                    _VITALS,
                    ("problems_critical", "problems_warning"),
                    3,
                    names=("critical", "warning"),
                    alarms=(("problems_critical", "red"), ("problems_warning", "yellow")),
                ),
            ),
        ),
        Row(
            7,
            (
                Lines(
                    "CPU",
                    "Used by nodes, requested by pods, and allocatable, in cores.",
                    (
                        Line(_NODES, "cpu_usage_cores", "used"),
                        Line(_NODES, "cpu_request_cores", "requested"),
                        Line(_NODES, "cpu_allocatable_cores", "allocatable", dashed=True),
                    ),
                    "short",
                    12,
                    shared.past("In cores, a line a namespace.", "namespaces", "cpu_usage_cores"),
                ),
                Lines(
                    "Memory",
                    "Working sets of nodes, requested by pods, and allocatable.",
                    (
                        Line(_NODES, "memory_usage_bytes", "used"),
                        Line(_NODES, "memory_request_bytes", "requested"),
                        Line(_NODES, "memory_allocatable_bytes", "allocatable", dashed=True),
                    ),
                    "bytes",
                    12,
                    shared.past("Working sets, a line a namespace.", "namespaces", "memory_usage_bytes"),
                ),
            ),
        ),
        Row(8, (shared.problems(Ask("problems")),)),
        Row(
            10,
            (
                Table(
                    "Namespaces",
                    f"Sums over pods that have not ended. {shared.USED} {shared.OF_REQUEST}",
                    Ask("namespaces"),
                    (
                        "name", "pods", "cpu_usage_cores", "cpu_request_cores", "cpu_of_request",
                        "cpu_limit_cores", "cpu_of_limit", "memory_usage_bytes", "memory_request_bytes",
                        "memory_of_request", "memory_limit_bytes", "memory_of_limit",
                    ),
                    by="cpu_usage_cores",
                ),
            ),
        ),
        Row(
            10,
            (
                Table(
                    "Most CPU",
                    _BUSIEST + shared.OF_REQUEST,
                    Ask("pods", largest="cpu_usage_cores", limit=10),
                    ("namespace", "name", "cpu_usage_cores", "cpu_of_request", "cpu_of_limit"),
                    12,
                    by="cpu_usage_cores",
                ),
                Table(
                    "Most memory",
                    _BUSIEST + shared.OF_REQUEST,
                    Ask("pods", largest="memory_usage_bytes", limit=10),
                    ("namespace", "name", "memory_usage_bytes", "memory_of_request", "memory_of_limit"),
                    12,
                    by="memory_usage_bytes",
                ),
            ),
        ),
        Row(
            4,
            (
                Table(
                    "About these numbers",
                    "Where usage comes from, how long ago it was read, and of how many nodes and living "
                    "pods it is known. What is missing is explained under what is wrong.",
                    _VITALS,
                    (
                        "cluster", "source", "generated_at", "nodes", "nodes_with_usage", "pods_live",
                        "pods_with_usage",
                    ),
                ),
            ),
        ),
    ),
)  # fmt: skip
