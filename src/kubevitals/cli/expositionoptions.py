"""The options of the commands that expose metrics: further labels and families."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from kubevitals.surfaces import exposition


def add_arguments(group: argparse._ActionsContainer) -> None:
    """Add the options."""
    group.add_argument(
        "--labels",
        action="append",
        metavar="NAME",
        help="add a label to pods and containers: workload, ip, uid, or a Kubernetes label by its key "
        "(repeatable)",
    )
    group.add_argument(
        "--compat",
        action="append",
        metavar="EXPORTER",
        help="add the families of metrics-server-prom or kube-state-metrics (repeatable)",
    )


def read(arguments: argparse.Namespace, *, own: bool = True) -> exposition.Options:
    """Return the options of the exposition; `own` says whether kubevitals' own families are in it.

    Raises:
        errors.UsageError: an exporter is unknown, or two labels would have one name.
    """
    from kubevitals.surfaces import exposition

    labels = [word for given in arguments.labels or () for word in given.split(",") if word]
    return exposition.make_options(labels=tuple(labels), compat=tuple(arguments.compat or ()), own=own)
