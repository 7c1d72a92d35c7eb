"""Nodes: how full each is, what is promised on it, and which pods are on the chosen ones."""

from __future__ import annotations

from deploy.grafana.boards.description import shared
from deploy.grafana.boards.words import Ask, Bars, Board, Line, Lines, Row, Table, Variable

_WHERE = (("name", "node"),)
_ALL = Ask("nodes", _WHERE)
_FULLEST = f"The fifteen fullest of the chosen nodes. {shared.SCALE}"


def _most(key: str) -> Ask:
    return Ask("nodes", _WHERE, largest=key, limit=20)


BOARD = Board(
    "nodes",
    "Nodes",
    "How full each node is, what is promised on it, and what runs there.",
    (shared.CLUSTER, Variable("node", "Node", "nodes", several=True)),
    (
        Row(
            9,
            (
                Table(
                    "Nodes",
                    f"Used and requested, as shares of what is allocatable on the node. {shared.USED}",
                    _ALL,
                    (
                        "name", "status", "pods", "pods_allocatable", "cpu_usage_cores",
                        "cpu_allocatable_cores", "cpu_of_allocatable", "cpu_request_of_allocatable",
                        "memory_usage_bytes", "memory_allocatable_bytes", "memory_of_allocatable",
                        "memory_request_of_allocatable", "age_seconds", "problem",
                    ),
                    by="memory_of_allocatable",
                ),
            ),
        ),
        Row(
            8,
            (
                Lines(
                    "CPU used",
                    "In cores: at each moment the twenty nodes that use the most.",
                    (Line(_most("cpu_usage_cores"), "cpu_usage_cores", "", each="name"),),
                    "short",
                    12,
                    shared.past("In cores.", "nodes", "cpu_usage_cores", _WHERE),
                ),
                Lines(
                    "Memory used",
                    "The working set: at each moment the twenty nodes that use the most.",
                    (Line(_most("memory_usage_bytes"), "memory_usage_bytes", "", each="name"),),
                    "bytes",
                    12,
                    shared.past("The working set.", "nodes", "memory_usage_bytes", _WHERE),
                ),
            ),
        ),
        Row(
            8,
            (
                Lines(
                    "Network",
                    f"Bytes a second that each node received. {shared.DETAIL}",
                    (Line(_ALL, "network_receive_bytes_per_second", "", each="name"),),
                    "Bps",
                    12,
                ),
                Lines(
                    "Pressure",
                    f"Share of the time in which some tasks of these nodes waited, added up. {shared.DETAIL}",
                    (
                        Line(_ALL, "cpu_pressure_some_of_time", "for CPU"),
                        Line(_ALL, "memory_pressure_some_of_time", "for memory"),
                        Line(_ALL, "io_pressure_some_of_time", "for the disk"),
                    ),
                    "percentunit",
                    12,
                ),
            ),
        ),
        Row(
            9,
            tuple(
                Bars(title, text + _FULLEST, Ask("nodes", _WHERE, largest=key, limit=15), key, 6)
                for title, text, key in (
                    ("CPU used", "Of what is allocatable. ", "cpu_of_allocatable"),
                    ("CPU requested", f"{shared.PROMISED} ", "cpu_request_of_allocatable"),
                    ("Memory used", "Of what is allocatable. ", "memory_of_allocatable"),
                    ("Memory requested", f"{shared.PROMISED} ", "memory_request_of_allocatable"),
                )
            ),
        ),
        Row(
            11,
            (
                Table(
                    "Pods on these nodes",
                    f"The fifty with the most memory. {shared.USED} {shared.OF_REQUEST}",
                    Ask("pods", (("node", "node"),), largest="memory_usage_bytes", limit=50),
                    (
                        "node", "namespace", "name", "cpu_usage_cores", "cpu_of_request", "cpu_of_limit",
                        "memory_usage_bytes", "memory_of_request", "memory_of_limit", "restarts",
                    ),
                    by="memory_usage_bytes",
                ),
            ),
        ),
    ),
)  # fmt: skip
