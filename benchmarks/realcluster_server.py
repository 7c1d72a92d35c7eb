"""A real control plane with nodes, pods and their usage, for the benchmarks: NODES PODS FOLDER.

Writes FOLDER/kubeconfig, prints "ready", and ends with its standard input.
"""

from __future__ import annotations

import functools
import shutil
import sys
from pathlib import Path

from tests import waiting
from tests.e2e import controlplane, metricsserver, population

from benchmarks import realcluster

RESOLUTION_SECONDS = 60  # so that collecting disturbs the measuring only now and then
WAIT_SECONDS = 600.0


def main() -> None:
    """Run until nobody holds our standard input any more."""
    nodes, pods, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    metricsserver.RESOLUTION_SECONDS = RESOLUTION_SECONDS if pods > 1000 else 10
    print("starting", flush=True)
    with controlplane.ControlPlane() as cluster:
        _fill(cluster, nodes, pods)
        cluster.metrics_server.install()
        waiting.until(
            lambda: cluster.metrics_server.counts() == (nodes, pods),
            seconds=WAIT_SECONDS,
            pause=3,
            what="usage of everything",
        )
        shutil.copy(cluster.kubeconfig, folder / "kubeconfig")
        print("ready", flush=True)
        sys.stdin.read()


def _fill(cluster: controlplane.ControlPlane, nodes: int, pods: int) -> None:
    names = cluster.add_nodes(nodes)
    namespaces = [f"load-{number}" for number in range(realcluster.NAMESPACES)]
    for namespace in namespaces:
        cluster.add_namespace(namespace)
    make = functools.partial(_pod, names=names, namespaces=namespaces)
    population.create(cluster.api, [make(number) for number in range(pods)])
    path = "/api/v1/pods?fieldSelector=status.phase%21%3DRunning&limit=1"
    waiting.until(
        lambda: not cluster.api.get(path)["items"], seconds=WAIT_SECONDS, pause=1, what="running pods"
    )


def _pod(number: int, *, names: list[str], namespaces: list[str]) -> dict[str, object]:
    namespace = namespaces[number % len(namespaces)]
    node = names[number % len(names)]
    return population.varied_pod(f"pod-{number}", number, node, namespace=namespace)


if __name__ == "__main__":
    main()
