"""A process that reads all kubelets of a cluster, tick by tick; or times the parser of what they answer."""

from __future__ import annotations

import json
import os
import sys
import time

from kubevitals import sources
from kubevitals.kube import client as kube_client
from kubevitals.kube.auth import kubeconfig
from kubevitals.sources.kubelet import resource, source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_BOTH = sources.Scope(nodes=True, pods=True)
_TURNS = 11


def main() -> None:
    """Print the figures of `ticks KUBECONFIG COUNT PAUSE` or of `parser PODS` as JSON."""
    if sys.argv[1] == "parser":
        print(json.dumps(time_parsers(int(sys.argv[2]))))
    else:
        print(json.dumps(read_ticks(sys.argv[2], int(sys.argv[3]), pause=float(sys.argv[4]))))


def read_ticks(path: str, count: int, *, pause: float) -> dict[str, Any]:
    """Return wall and CPU seconds of each tick after the first two, and the memory that a node takes."""
    connection = kubeconfig.open_config(kubeconfig.Options(kubeconfig=path), environ=os.environ)
    skipped = 0.0  # seconds by which the source's clock is ahead, so that it never answers from memory
    with kube_client.Client(connection, request_timeout=120.0) as client:
        read = source.Kubelets(client, timeout=120.0, clock=lambda: time.time() + skipped)
        empty = _resident()
        ticks = []
        for _ in range(count + 2):
            wall, cpu = time.perf_counter(), time.process_time()
            usage = read.fetch_usage(_BOTH)
            ticks.append((time.perf_counter() - wall, time.process_time() - cpu))
            skipped += 10.0
            time.sleep(pause)
        grown = _resident() - empty
        read.close()
    known = sum(cores is not None for _, _, containers in usage.pods.values() for _, cores, _ in containers)
    return {
        "first_seconds": ticks[0],
        "seconds": [wall for wall, _ in ticks[2:]],
        "cpu_seconds": [cpu for _, cpu in ticks[2:]],
        "nodes": len(usage.nodes),
        "pods": len(usage.pods),
        "containers_known": known,
        "bytes_a_node": grown / max(1, len(usage.nodes)),
    }


def time_parsers(pods: int) -> dict[str, Any]:
    """Return MB/s of our parser and of prometheus_client's, in turns, on one kubelet's text."""
    body = _make_text(pods)
    text = body.decode()
    peer: Callable[[], object] | None = None
    try:
        from prometheus_client import parser
    except ImportError:
        pass
    else:
        peer = lambda: list(parser.text_string_to_metric_families(text))  # noqa: E731
    ours, theirs = [], []
    for _ in range(_TURNS):
        ours.append(len(body) / _time(lambda: resource.parse(body, received=0.0), 20) / 1e6)
        if peer is not None:
            theirs.append(len(body) / _time(peer, 2) / 1e6)
    return {"bytes": len(body), "ours": ours, "peer": theirs}


def _make_text(pods: int) -> bytes:
    """Return what a real kubelet of Kubernetes 1.36 writes for so many pods of two containers."""
    places = sorted(
        (
            f"container-{number % 2}",
            f"namespace-{number % 10}",
            f"web-{number // 2}-5d8f7c9b6d-x7k{number % 9}p",
        )
        for number in range(pods * 2)
    )
    whole = sorted({place[1:] for place in places})
    stamp = 1_760_000_000_123
    lines: list[str] = []
    for name, factor in (
        ("container_cpu_usage_seconds_total", 12.345678901),
        ("container_memory_working_set_bytes", 1.2345856e07),
        ("container_start_time_seconds", 1.7599e09),
        ("container_swap_usage_bytes", 0.0),
    ):
        lines += [
            f"# HELP {name} [STABLE] What the container has of it, in base units",
            f"# TYPE {name} gauge",
        ]
        lines += [
            f'{name}{{container="{each[0]}",namespace="{each[1]}",pod="{each[2]}"}} '
            f"{factor + number!r} {stamp + number}"
            for number, each in enumerate(places)
        ]
    for name, value in (
        ("node_cpu_usage_seconds_total", 123456.789),
        ("node_memory_working_set_bytes", 1.9e10),
    ):
        lines += [f"# HELP {name} [STABLE] Of the node", f"# TYPE {name} gauge", f"{name} {value!r} {stamp}"]
    for name in ("pod_cpu_usage_seconds_total", "pod_memory_working_set_bytes", "pod_swap_usage_bytes"):
        lines += [f"# HELP {name} [STABLE] Of the pod", f"# TYPE {name} gauge"]
        lines += [f'{name}{{namespace="{space}",pod="{pod}"}} 1.5e+07 {stamp}' for space, pod in whole]
    lines += ["# HELP resource_scrape_error [STABLE] 1 if there was an error", "resource_scrape_error 0"]
    return ("\n".join(lines) + "\n").encode()


def _time(work: Callable[[], object], count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - started) / count


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 as in processes.py
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
