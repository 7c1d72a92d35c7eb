"""The one snapshot of a command that prints once; from kubelets, the second one.

A kubelet reports how much CPU a container has used since it began. How much it uses now takes two readings,
and the kubelet measures every ten to fifteen seconds: a command waits for the second one, and says so. It
does not wait for pods that begin in the meantime, nor for other sources.
"""

from __future__ import annotations

import time

from kubevitals import sources
from kubevitals.cli import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from kubevitals import cluster as clusters
    from kubevitals import model, reader

LONGEST_WAIT = 35.0  # seconds; two of the longest pauses between a kubelet's measurements
_PAUSE = 5.0


def take(
    cluster: clusters.Cluster,
    request: reader.Request,
    *,
    wait: float = LONGEST_WAIT,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> model.Snapshot:
    """Return the snapshot; with CPU usage from kubelets, which may take a while. Raises as `Cluster.read`.

    Pods without a second measurement after `wait` seconds stay without usage; Ctrl-C ends the wait.
    """
    snapshot = cluster.read(request)
    waiting = find_first_samples(snapshot)
    if not waiting or not wait or snapshot.source != sources.KUBELETS:
        return snapshot
    until = clock() + wait
    messages.show("note", f"usage of CPU takes two readings; waiting up to {wait:.0f} s for the second one")
    while waiting and clock() < until:
        sleep(_PAUSE)
        snapshot = cluster.read(request)
        waiting &= find_first_samples(snapshot)
    return snapshot


def choose_wait(arguments: argparse.Namespace) -> float:
    """Return how many seconds to wait for a second reading: none with --no-wait."""
    return 0.0 if arguments.no_wait else LONGEST_WAIT


def find_first_samples(snapshot: model.Snapshot) -> set[tuple[str, ...]]:
    """Return which nodes and pods have been measured once so far, by name, or namespace and name."""
    nodes = {(row.name,) for row in snapshot.nodes if row.problem == "first_sample"}
    return nodes | {(row.namespace, row.name) for row in snapshot.pods if row.problem == "first_sample"}
