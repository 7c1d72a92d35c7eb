"""A process that serves a simulated cluster with kubelets, whose time runs faster; it ends with its input."""

from __future__ import annotations

import os
import sys

from simcluster import simulation


def main() -> None:
    """Serve NODES nodes of PODS pods in all, SPEED times as fast; write the kubeconfig to FILE, say ready."""
    nodes, pods, speed, file = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    with simulation.SimulatedCluster(nodes=nodes, pods=pods, kubelets=True, speed=speed) as world:
        with open(file, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(world.kubeconfig())
        print("ready", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
