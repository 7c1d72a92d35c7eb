"""Scrapes beside the real kube-state-metrics and beside metrics-server-prom's way, on a real control plane.

Every scrape is of a cluster in which something has changed, so that nobody answers with what it has at hand.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import subprocess
import sys
import time

from tests import ports, waiting

from benchmarks import figures, peers, processes, realcluster, running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    _Work = dict[str, tuple[running.Running, Callable[[running.Running], object]]]

_RESOURCES = (
    "nodes,pods,deployments,statefulsets,daemonsets,jobs,horizontalpodautoscalers,namespaces,"
    "persistentvolumeclaims,resourcequotas"
)
_TOOLS = ("etcd", "kube-apiserver", "kwok", "metrics-server", "kube-state-metrics")
OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"
_SETTLE_SECONDS = 1.5


def scrape(server: running.Running, *, gzip: bool = True) -> int:
    """Scrape as Prometheus does; return the bytes of the answer as they were sent."""
    with contextlib.closing(server.open()) as connection:
        headers = {"Accept": OPENMETRICS, **(running.GZIP if gzip else {"Accept-Encoding": "identity"})}
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        size = 0
        while part := answer.read(1 << 20):
            size += len(part)
        if answer.status != 200:
            raise processes.FailedError(f"/metrics is answered with {answer.status}")
        return size


def measure_scrapes(*, quick: bool) -> Iterator[figures.Row]:
    """Yield scrapes beside those of the peers, with 10,000 pods."""
    nodes, pods = (3, 60) if quick else (1_000, 10_000)
    what = f"/metrics, {pods:,} pods"
    found = _find_state_metrics()
    if isinstance(found, str):
        yield figures.skipped("scrape-state", f"{what} / kube-state-metrics", found)
        return
    kubectl = peers.find_kubectl()
    if kubectl is None:
        yield figures.skipped("scrape-state", f"{what} / kube-state-metrics", "kubectl is not on PATH")
        return
    with realcluster.serve(nodes, pods) as served:
        change = _deleting(served, kubectl)
        yield from _beside_state_metrics(served, found[0], what, count=3 if quick else 11, change=change)
        yield _beside_kubectl(served, kubectl, what, quick=quick)


def _find_state_metrics() -> list[str] | str:
    """Return where kube-state-metrics is, in a list; or why it, or the control plane, cannot be had."""
    from tests.e2e import toolchain

    try:
        return [str(toolchain.require(*_TOOLS)[_TOOLS[-1]])]
    except toolchain.MissingToolError as error:
        return str(error)


def _beside_state_metrics(
    served: processes.Served, binary: str, what: str, *, count: int, change: Callable[[], None]
) -> Iterator[figures.Row]:
    """Yield the rows of both exporters of the same families, which follow the same cluster at once."""
    port, telemetry = ports.free(), ports.free()
    theirs = [
        *(binary, f"--kubeconfig={served.kubeconfig}", "--host=127.0.0.1", f"--port={port}"),
        *("--telemetry-host=127.0.0.1", f"--telemetry-port={telemetry}", "--enable-gzip-encoding"),
        *(f"--resources={_RESOURCES}", f"--metric-allowlist={_families()}"),
    ]
    own_port = ports.free()
    ours = [
        *processes.kubevitals_command(),
        *("export", "--kubeconfig", served.kubeconfig, "--port", str(own_port)),
        *("--compat", "kube-state-metrics", "--compat-only"),
    ]
    with (
        running.run(theirs, folder=served.folder, port=port) as peer,
        running.run(ours, folder=served.folder, port=own_port) as own,
    ):
        _await_pods(peer)
        _await_pods(own)
        for name, own_gzip, peer_gzip, how in (
            ("default", True, False, "as Prometheus asks, by default: gzip / uncompressed"),
            ("gzip", True, True, "both as gzip"),
            ("plain", False, False, "both uncompressed"),
        ):
            work: _Work = {
                "ours": (own, functools.partial(scrape, gzip=own_gzip)),
                "peer": (peer, functools.partial(scrape, gzip=peer_gzip)),
            }
            runs = _take_turns(work, count=count, change=change)
            said = f"{what}, the same families, {how} / kube-state-metrics"
            yield _compare(f"scrape-state-{name}", said, runs, judged=name == "default")


def _beside_kubectl(served: processes.Served, kubectl: str, what: str, *, quick: bool) -> figures.Row:
    """Return a scrape of the service beside what metrics-server-prom does for one."""
    options = ["--kubeconfig", served.kubeconfig, "--cache-dir", f"{served.folder}/cache"]
    wide = [kubectl, "get", "pods", "-A", "-o", "wide", *options]
    lists = [
        [kubectl, "get", "--raw", f"/apis/metrics.k8s.io/v1beta1/{kind}", *options]
        for kind in ("nodes", "pods")
    ]
    command = [
        *processes.kubevitals_command(),
        *("serve", "--kubeconfig", served.kubeconfig, "--port", "0", "--log-format", "json"),
    ]
    ours: list[figures.Run] = []
    peer: list[figures.Run] = []
    with running.run(command, folder=served.folder) as server:
        running.await_answer(server, "/readyz")
        scrape(server)
        for _ in range(2 if quick else 3):
            ours.append(_time(server, scrape))
            parts = [processes.measure(each, folder=served.folder) for each in (wide, wide, *lists)]
            whole = parts[0]
            for part in parts[1:]:
                (whole,) = figures.add_up([whole], [part])
            peer.append(whole)
    return figures.compare(
        "scrape-kubectl",
        f"{what} / two `kubectl get pods -A -o wide` and two lists, as metrics-server-prom does",
        ours=ours,
        peer=peer,
        faster=None if quick else 100,
    )


def _compare(name: str, what: str, runs: dict[str, list[figures.Run]], *, judged: bool) -> figures.Row:
    row = figures.compare(name, what, ours=runs["ours"], peer=runs["peer"])
    # The kernel counts CPU in hundredths of a second: the mean of several is finer than their median.
    cpu = [sum(run.cpu_seconds for run in runs[who]) / len(runs[who]) for who in ("ours", "peer")]
    times = cpu[1] / max(cpu[0], 0.001)
    row.ratio += f", {times:.1f}x less CPU ({cpu[0] * 1000:.0f} / {cpu[1] * 1000:.0f} ms)"
    row.data["times_less_cpu"] = round(times, 2)
    if judged:
        row.target = "faster, 5x less CPU, less memory"
        row.reached = row.data["times_faster"] > 1 and row.data["times_less_memory"] > 1 and times >= 5
    return row


def _take_turns(
    work: _Work,
    *,
    count: int,
    change: Callable[[], None],
) -> dict[str, list[figures.Run]]:
    runs: dict[str, list[figures.Run]] = {name: [] for name in work}
    for turn in range(count + 1):
        change()
        time.sleep(_SETTLE_SECONDS)
        for name, (server, ask) in work.items():
            run = _time(server, ask)
            if turn:  # the first time both may have more to do
                runs[name].append(run)
    return runs


def _time(server: running.Running, work: Callable[[running.Running], object]) -> figures.Run:
    """Return what a request takes, in seconds of the wall, and of the server's CPU until that is idle."""
    cpu, begun = server.cpu_seconds(), time.perf_counter()
    work(server)
    seconds = time.perf_counter() - begun
    time.sleep(0.1)
    return figures.Run(
        seconds, cpu_seconds=server.cpu_seconds() - cpu, peak_bytes=server.memory_bytes("VmHWM")
    )


def _deleting(served: processes.Served, kubectl: str) -> Callable[[], None]:
    """Return what deletes three pods of the cluster, each time others."""
    turns = itertools.count()

    def change() -> None:
        turn = next(turns)
        namespace = turn % realcluster.NAMESPACES
        numbers = [
            namespace + realcluster.NAMESPACES * (3 * (turn // realcluster.NAMESPACES) + each)
            for each in range(3)
        ]
        names = [f"pod-{number}" for number in numbers]
        command = [
            kubectl,
            "delete",
            "pods",
            *names,
            "-n",
            f"load-{namespace}",
            "--kubeconfig",
            served.kubeconfig,
        ]
        processes.measure([*command, "--wait=false", "--force", "--grace-period=0"], folder=served.folder)

    return change


def _await_pods(server: running.Running) -> None:
    waiting.until(
        lambda: b"kube_pod_info{" in running.await_answer(server, "/metrics"),
        what="an exporter that shows pods",
        seconds=120,
        pause=0.5,
    )


def _families() -> str:
    """Return the families that kubevitals has, asked in another process: this one stays small."""
    code = (
        "from kubevitals.surfaces.exposition import kube_state_metrics as known\n"
        "print(','.join(f'^{family.name}$' for family in known.FAMILIES))"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return asked.stdout.strip()
