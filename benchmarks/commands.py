"""`kubevitals top` beside `kubectl top`, `kubectl get pods -o json` and kube-capacity, over TLS."""

from __future__ import annotations

from benchmarks import figures, peers, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_USAGE_TARGETS = {100: 1.0, 1_000: 1.0, 10_000: 1.7, 50_000: 2.3}
_USAGE_ROUNDS = {100: 21, 1_000: 21, 10_000: 11, 50_000: 5}
_TOP = ("top", "pods", "-A")


def measure_usage(*, quick: bool) -> Iterator[figures.Row]:
    """Yield `top pods -A --usage` beside `kubectl top pods -A`, from small to large clusters."""
    kubectl = peers.find_kubectl()
    for pods in (100,) if quick else _USAGE_TARGETS:
        what = f"top pods -A --usage, {pods:,} pods"
        if kubectl is None:
            yield figures.skipped(f"usage-{pods}", what, "kubectl is not on PATH")
            continue
        with processes.serve(pods) as served:
            top = [kubectl, *_TOP, *_kubectl_options(served)]
            runs = processes.rounds(
                {
                    "ours": [*processes.kubevitals_command(), *_TOP, "--usage", *_options(served)],
                    "kubectl": top,
                    "kubectl-json": [*top, "--use-protocol-buffers=false"],
                },
                count=3 if quick else _USAGE_ROUNDS[pods],
                folder=served.folder,
            )
        _check_lines(runs["ours"], runs["kubectl"])
        yield figures.compare(
            f"usage-{pods}",
            f"{what} / kubectl top pods -A",
            ours=runs["ours"],
            peer=runs["kubectl"],
            faster=None if quick else _USAGE_TARGETS[pods],
        )
        yield figures.compare(
            f"usage-{pods}-json",
            f"{what} / the same with JSON, as we read it",
            ours=runs["ours"],
            peer=runs["kubectl-json"],
        )


def measure_requests(*, quick: bool) -> Iterator[figures.Row]:
    """Yield `top pods -A` beside the two kubectl commands that tell as much, and beside kube-capacity."""
    pods = 100 if quick else 10_000
    what = f"top pods -A with requests, {pods:,} pods"
    kubectl, capacity = peers.find_kubectl(), peers.find_kube_capacity()
    with processes.serve(pods) as served:
        commands: dict[str, Sequence[str]] = {
            "ours": [*processes.kubevitals_command(), *_TOP, *_options(served)]
        }
        if kubectl is not None:
            commands["get"] = [kubectl, "get", "pods", "-A", "-o", "json", *_kubectl_options(served)]
            commands["top"] = [kubectl, *_TOP, *_kubectl_options(served)]
        if capacity is not None:
            commands["capacity"] = [capacity, "--pods", "--util", "--kubeconfig", served.kubeconfig]
        runs = processes.rounds(commands, count=2 if quick else 3, folder=served.folder)
    if kubectl is None:
        yield figures.skipped("requests-kubectl", what, "kubectl is not on PATH")
    else:
        yield figures.compare(
            "requests-kubectl",
            f"{what} / kubectl get pods -A -o json + kubectl top pods -A",
            ours=runs["ours"],
            peer=figures.add_up(runs["get"], runs["top"]),
            faster=None if quick else 10,
            lighter=None if quick else 4,
        )
    if capacity is None:
        yield figures.skipped("requests-capacity", what, "kube-capacity is not on PATH nor in KUBE_CAPACITY")
    else:
        yield figures.compare(
            "requests-capacity",
            f"{what} / kube-capacity --pods --util",
            ours=runs["ours"],
            peer=runs["capacity"],
            faster=None if quick else 3,
        )


def _options(served: processes.Served) -> list[str]:
    return ["--kubeconfig", served.kubeconfig]


def _kubectl_options(served: processes.Served) -> list[str]:
    """Return the same with a discovery cache of its own, which the turn that is not counted warms."""
    return ["--kubeconfig", served.kubeconfig, "--cache-dir", f"{served.folder}/cache"]


def _check_lines(ours: Sequence[figures.Run], peer: Sequence[figures.Run]) -> None:
    """Make sure that both printed the same table, but for a few pods that came and went between.

    Raises:
        processes.FailedError: they did not.
    """
    own = figures.median([float(run.lines) for run in ours])
    theirs = figures.median([float(run.lines) for run in peer])
    if abs(own - theirs) > max(3.0, theirs / 50):
        raise processes.FailedError(f"kubevitals printed {own:.0f} lines and its peer {theirs:.0f}")
