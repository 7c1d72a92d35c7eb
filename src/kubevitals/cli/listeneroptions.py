"""The options of the commands that listen: by which names they are served, and what clients may cost."""

from __future__ import annotations

from kubevitals.cli import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def add_arguments(group: argparse._ArgumentGroup) -> None:
    """Add --connections, --answer-memory and --allowed-host."""
    group.add_argument(
        "--connections",
        type=values.parse_count,
        default=1000,
        metavar="N",
        help="the most connections at a time (default: 1000)",
    )
    group.add_argument(
        "--answer-memory",
        type=values.parse_size,
        metavar="SIZE",
        help="the memory for answers that are kept or on their way, 16Mi or more; what has no room gets 503 "
        "(default: 256Mi)",
    )
    group.add_argument(
        "--allowed-host",
        action="append",
        metavar="NAME",
        help="serve requests for this host name (repeatable). On loopback the names of loopback alone are "
        "served without it; beyond, it refuses all other names",
    )


def fit_connections(arguments: argparse.Namespace) -> int:
    """Return how many connections there may be, and log what bounds them where that is fewer."""
    import logging

    from kubevitals.surfaces.http import capacity

    connections, reason = capacity.fit_connections(arguments.connections)
    if reason:
        logging.getLogger("kubevitals.connections").warning(
            "at most %d connections: %s", connections, reason, extra={"event": "connections_bounded"}
        )
    return connections


def fit_answers(arguments: argparse.Namespace) -> int:
    """Return how many bytes answers may take, and log what bounds them where that is less than was asked."""
    import logging

    from kubevitals.surfaces.http import capacity, memory

    size, reason = capacity.fit_answers(arguments.answer_memory or memory.DEFAULT)
    if reason:
        logging.getLogger("kubevitals.answers").warning(
            "at most %d MiB for answers: %s", size >> 20, reason, extra={"event": "answers_bounded"}
        )
    return size


def choose_hosts(arguments: argparse.Namespace) -> tuple[Sequence[str] | None, bool]:
    """Return the names that are served besides those of loopback (None: any), and whether addresses are."""
    from kubevitals.kube.http import urls

    loopback = urls.is_loopback(arguments.address)
    return arguments.allowed_host or (() if loopback else None), not loopback
