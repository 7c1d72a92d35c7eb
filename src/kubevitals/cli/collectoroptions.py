"""The options of the commands that collect for long: which pods and nodes, and how often usage is read."""

from __future__ import annotations

from kubevitals.cli import values

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse


def add_arguments(group: argparse._ActionsContainer) -> None:
    """Add the options."""
    group.add_argument("-n", "--namespace", metavar="NAME", help="only pods of this namespace (default: all)")
    group.add_argument(
        "-A", "--all-namespaces", action="store_true", help="pods of all namespaces (the default)"
    )
    group.add_argument(
        "--no-nodes", action="store_true", help="leave out nodes, for an account without rights on them"
    )
    group.add_argument(
        "--interval",
        type=values.parse_duration,
        default=15.0,
        metavar="TIME",
        help="time between two readings of usage (default: 15s)",
    )
