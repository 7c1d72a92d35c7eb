"""Taking the one snapshot of a command that prints once: of a source that counts, the second reading.

A kubelet tells how much CPU was used since a container began. How much it uses now takes two readings, and
the kubelet measures every ten to fifteen seconds: a command waits for that, and says so. What begins in the
meantime is not waited for, and a database has had its readings.
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

PATIENCE = 35.0  # seconds; two of the longest pauses between a kubelet's measurements
_PAUSE = 5.0


def take(
    cluster: clusters.Cluster,
    request: reader.Request,
    *,
    patience: float = PATIENCE,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> model.Snapshot:
    """Return the snapshot, with usage of CPU where that takes some seconds. Raises as `Cluster.read`.

    What has no second measurement after `patience` seconds keeps its reason; Ctrl-C ends the wait.
    """
    snapshot = cluster.read(request)
    waiting = find_first_samples(snapshot)
    if not waiting or not patience or snapshot.source != sources.KUBELETS:
        return snapshot
    until = clock() + patience
    messages.show(
        "note", f"usage of CPU takes two readings; waiting up to {patience:.0f} s for the second one"
    )
    while waiting and clock() < until:
        sleep(_PAUSE)
        snapshot = cluster.read(request)
        waiting &= find_first_samples(snapshot)
    return snapshot


def patience_of(arguments: argparse.Namespace) -> float:
    """Return how many seconds to wait for a second reading: none with --no-wait."""
    return 0.0 if arguments.no_wait else PATIENCE


def find_first_samples(snapshot: model.Snapshot) -> set[tuple[str, ...]]:
    """Return which nodes and pods have been measured once so far, by name, or namespace and name."""
    nodes = {(row.name,) for row in snapshot.nodes if row.problem == "first_sample"}
    return nodes | {(row.namespace, row.name) for row in snapshot.pods if row.problem == "first_sample"}
