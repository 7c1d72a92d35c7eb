"""The library beside the official client, each in a fresh process, and the memory of very large snapshots."""

from __future__ import annotations

import json
import sys

from benchmarks import figures, peers, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_MEMORY_LIMIT = 800_000_000


def measure_library(*, quick: bool) -> Iterator[figures.Row]:
    """Yield a snapshot beside the official client's list of pods and its metrics functions."""
    pods = 100 if quick else 10_000
    what = f"snapshot of {pods:,} pods / list_pod_for_all_namespaces + get_pods_metrics_in_all_namespaces"
    if reason := peers.official_client_is_missing():
        yield figures.skipped("library", what, reason)
        return
    ours: list[figures.Run] = []
    plain: list[figures.Run] = []
    peer: list[figures.Run] = []
    imports: dict[str, list[float]] = {"kubevitals": [], "kubernetes": []}
    with processes.serve(pods) as served:
        for turn in range(2 if quick else 4):
            for name, runs, words in (
                ("kubevitals", ours, ()),
                ("kubevitals", plain, ("uncompressed",)),
                ("kubernetes", peer, ()),
            ):
                run, import_seconds = read(name, served, *words)
                if turn:  # the first turn warms the server
                    runs.append(run)
                    imports[name].append(import_seconds)
    targets = (None, None) if quick else (40.0, 10.0)
    row = figures.compare("library", what, ours=ours, peer=peer, faster=targets[0], lighter=targets[1])
    for key, name in (("ours", "kubevitals"), ("peer", "kubernetes")):
        row.data[key]["import_seconds"] = round(figures.median(imports[name]), 5)
    own, theirs = (figures.format_seconds(figures.median(each)) for each in imports.values())
    row.what += f" (imports, not counted: {own} / {theirs})"
    yield row
    yield figures.compare(
        "library-uncompressed",
        f"snapshot of {pods:,} pods with disable_compression / the same, which never asks for gzip",
        ours=plain,
        peer=peer,
    )


def measure_memory(*, quick: bool) -> Iterator[figures.Row]:
    """Yield the peak memory of one snapshot of a very large cluster, and what serving it takes."""
    pods, nodes = (300, 10) if quick else (150_000, 5_000)
    with processes.serve(pods, nodes) as served:
        runs = [read("kubevitals", served)[0] for _ in range(1 if quick else 3)]
    figure = figures.summarize(runs)
    yield figures.Row(
        "memory",
        f"snapshot of {pods:,} pods on {nodes:,} nodes",
        ours=f"{figures.format_bytes(figure['peak_bytes'])}, {figures.format_seconds(figure['seconds'])}",
        target=f"under {figures.format_bytes(_MEMORY_LIMIT)}",
        reached=figure["peak_bytes"] < _MEMORY_LIMIT,
        data={"ours": figure},
    )
    yield simulation_row(served, pods=pods, nodes=nodes)


def simulation_row(served: processes.Served, *, pods: int, nodes: int) -> figures.Row:
    """Return what starting and serving a simulated cluster took, which has ended by now."""
    return figures.Row(
        "simulate",
        f"kubevitals simulate --nodes {nodes} --pods {pods}",
        ours=f"ready after {figures.format_seconds(served.start_seconds)}, "
        f"{figures.format_bytes(served.peak_bytes)}",
        target="60 s, 4000 MB",
        reached=served.start_seconds < 60 and served.peak_bytes < 4e9,
        data={"start_seconds": round(served.start_seconds, 3), "peak_bytes": served.peak_bytes},
    )


def read(name: str, served: processes.Served, *words: str) -> tuple[figures.Run, float]:
    """Run one reader, `kubevitals` or `kubernetes`.

    Return the run, its seconds those of the work alone, and its import's seconds.
    """
    command = [sys.executable, "-m", f"benchmarks.reader_{name}", served.kubeconfig, *words]
    run = processes.measure(command, folder=served.folder)
    told = json.loads(processes.read_text(f"{served.folder}/stdout"))
    run.seconds = told["work_seconds"]
    run.lines = told["rows"]
    return run, told["import_seconds"]
