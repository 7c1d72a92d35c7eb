"""The same peers on a real control plane: API server, etcd, metrics-server, with kwok playing the nodes.

The control plane is that of the end-to-end tests, in a process of its own (realcluster_server.py). Figures go
to results-real.json and into a section of README.md.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time

from benchmarks import figures, library, peers, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS = 1200.0
NAMESPACES = 10  # load-0 to load-9, the pods pod-N in turn
_TOP = ("top", "pods", "-A")


def measure_real(*, quick: bool) -> Iterator[figures.Row]:
    """Yield `top pods -A` and the library beside kubectl and the official client, with 10,000 pods."""
    nodes, pods = (3, 60) if quick else (1_000, 10_000)
    count = 2 if quick else 5
    kubectl = peers.find_kubectl()
    with serve(nodes, pods) as served:
        if kubectl is None:
            yield figures.skipped("real-kubectl", f"top pods -A, {pods:,} pods", "kubectl is not on PATH")
        else:
            yield from _measure_commands(served, kubectl, pods=pods, count=count)
        what = f"snapshot of {pods:,} pods / list_pod_for_all_namespaces + get_pods_metrics_in_all_namespaces"
        if reason := peers.official_client_is_missing():
            yield figures.skipped("real-library", what, reason)
        else:
            yield _measure_library(served, what, count=min(count, 3))


def _measure_commands(
    served: processes.Served, kubectl: str, *, pods: int, count: int
) -> Iterator[figures.Row]:
    common = ["--kubeconfig", served.kubeconfig]
    cached = [*common, "--cache-dir", f"{served.folder}/cache"]
    ours = [*processes.kubevitals_command(), *_TOP]
    runs = processes.rounds(
        {
            "usage": [*ours, "--usage", *common],
            "kubectl": [kubectl, *_TOP, *cached],
            "ours": [*ours, *common],
            "get": [kubectl, "get", "pods", "-A", "-o", "json", *cached],
        },
        count=count,
        folder=served.folder,
    )
    _check(runs["usage"], at_least=pods)
    _check(runs["kubectl"], at_least=pods)
    _check(runs["ours"], at_least=pods)
    yield figures.compare(
        "real-usage",
        f"top pods -A --usage, {pods:,} pods / kubectl top pods -A",
        ours=runs["usage"],
        peer=runs["kubectl"],
    )
    yield figures.compare(
        "real-requests",
        f"top pods -A with requests, {pods:,} pods / kubectl get pods -A -o json + kubectl top pods -A",
        ours=runs["ours"],
        peer=figures.add_up(runs["get"], runs["kubectl"]),
    )


def _check(runs: list[figures.Run], *, at_least: int) -> None:
    if min(run.lines for run in runs) < at_least:
        raise processes.FailedError(f"a table has less than {at_least} lines")


def _measure_library(served: processes.Served, what: str, *, count: int) -> figures.Row:
    ours: list[figures.Run] = []
    peer: list[figures.Run] = []
    for turn in range(count + 1):
        for name, runs in (("kubevitals", ours), ("kubernetes", peer)):
            run, _ = library.read(name, served)
            if turn:  # the first turn warms the server
                runs.append(run)
    return figures.compare("real-library", what, ours=ours, peer=peer)


@contextlib.contextmanager
def serve(nodes: int, pods: int) -> Iterator[processes.Served]:
    """Run a control plane with that in it, and usage of all of it; it ends with the block.

    Raises:
        processes.FailedError: it did not start.
    """
    with tempfile.TemporaryDirectory(prefix="kubevitals-bench-") as folder:
        log = f"{folder}/server"
        reading, writing = os.pipe()  # the server ends when nobody holds the other end any more
        started = time.perf_counter()
        child = os.posix_spawnp(
            sys.executable,
            [sys.executable, "-m", "benchmarks.realcluster_server", str(nodes), str(pods), folder],
            processes.environment(),
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_CLOSE, writing),
                (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
        )
        os.close(reading)
        try:
            deadline = started + _START_SECONDS
            while "\nready" not in processes.read_text(log):
                if os.waitpid(child, os.WNOHANG)[0] or time.perf_counter() > deadline:
                    text = processes.read_text(log)[-800:].strip()
                    raise processes.FailedError(f"the control plane did not start: {text}")
                time.sleep(0.5)
            yield processes.Served(child, folder=folder, start_seconds=time.perf_counter() - started)
        finally:
            os.close(writing)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)
