"""The one snapshot of a command that prints once: of what the account may read, from kubelets the second one.

An account that may read one namespace alone is shown that of its context, with a note.

A kubelet reports how much CPU a container has used since it began. How much it uses now takes two readings,
and the kubelet measures every ten to fifteen seconds: a command waits for the second one, and says so. It
does not wait for pods that begin in the meantime, nor for other sources.
"""

from __future__ import annotations

import time

from kubevitals import errors, sanitize, sources
from kubevitals.cli import messages, progress

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
    narrow: bool = True,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[model.Snapshot, reader.Request]:
    """Return the snapshot, with CPU usage from kubelets, which may take a while, and the request it answers.

    `narrow` is as in `read`. Pods without a second measurement after `wait` seconds stay without usage;
    Ctrl-C ends the wait. Raises as `Cluster.read`.
    """
    snapshot, request = read(cluster, request, narrow=narrow)
    waiting = find_first_samples(snapshot)
    if not waiting or not wait or snapshot.source != sources.KUBELETS:
        return snapshot, request
    until = clock() + wait
    messages.show("note", f"usage of CPU takes two readings; waiting up to {wait:.0f} s for the second one")
    while waiting and clock() < until:
        sleep(_PAUSE)
        snapshot = cluster.read(request)
        waiting &= find_first_samples(snapshot)
    return snapshot, request


def read(
    cluster: clusters.Cluster, request: reader.Request, *, narrow: bool = True, quiet: bool = False
) -> tuple[model.Snapshot, reader.Request]:
    """Return a snapshot and the request that it answers.

    With `narrow` that is of the context's namespace where no more may be read, and without nodes where they
    may not; a note says so, unless `quiet`. Raises as `Cluster.read`.
    """
    try:
        with progress.Progress(lambda: progress.describe_lists(cluster.client.awaited)):
            snapshot = cluster.read(request)
    except errors.ForbiddenError as error:
        if not narrow or request.namespace is not None or not (request.pods and request.pod_usage):
            raise
        own = request._replace(nodes=False, namespace=cluster.config.namespace)
        try:
            snapshot = cluster.read(own)
        except errors.KubevitalsError:
            raise error from None
        if not quiet:
            place = sanitize.printable(cluster.config.namespace)
            words = f"shown is the namespace {place} alone: this account may not read the others, nor nodes"
            messages.show("note", words, messages.choose_remedy(error.remedy, error.right))
        return snapshot, own
    if request.namespace is None or not request.nodes or not request.pods:
        return snapshot, request
    refused = [each for each in snapshot.problems if _is_about_nodes(each)]
    if not refused or snapshot.nodes:
        return snapshot, request
    if not quiet:
        advice = messages.choose_remedy(refused[0].remedy, refused[0].right)
        messages.show("note", "nodes are not shown: this account may not list them", advice)
    rest = tuple(each for each in snapshot.problems if each not in refused)
    return snapshot._replace(problems=rest), request._replace(nodes=False)


def _is_about_nodes(problem: model.Problem) -> bool:
    return problem.right is not None and problem.right.resource == "nodes"


def choose_wait(arguments: argparse.Namespace) -> float:
    """Return how many seconds to wait for a second reading: none with --no-wait."""
    return 0.0 if arguments.no_wait else LONGEST_WAIT


def find_first_samples(snapshot: model.Snapshot) -> set[tuple[str, ...]]:
    """Return which nodes and pods have been measured once so far, by name, or namespace and name."""
    nodes = {(row.name,) for row in snapshot.nodes if row.problem == "first_sample"}
    return nodes | {(row.namespace, row.name) for row in snapshot.pods if row.problem == "first_sample"}
