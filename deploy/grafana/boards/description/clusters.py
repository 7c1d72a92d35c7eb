"""All clusters that one service or one Prometheus knows, a row each: which one to look at first."""

from __future__ import annotations

from deploy.grafana.boards.description import shared
from deploy.grafana.boards.words import Ask, Board, Row, Table

BOARD = Board(
    "clusters",
    "Clusters",
    "All clusters beside each other: how full each is, and how much is wrong.",
    (),
    (
        Row(
            16,
            (
                Table(
                    "Clusters",
                    f"The one with the most that is critical first; a click leads to it. {shared.SCALE}",
                    Ask("clusters"),
                    (
                        "cluster", "problems_critical", "problems_warning", "nodes", "nodes_not_ready",
                        "pods_live", "pods_with_usage", "cpu_of_allocatable", "cpu_request_of_allocatable",
                        "memory_of_allocatable", "memory_request_of_allocatable", "generated_at",
                    ),
                    by="problems_critical",
                ),
            ),
        ),
    ),
)  # fmt: skip
