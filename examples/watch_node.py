"""One node, again and again: its CPU and memory as shares of what it can give.

python examples/watch_node.py node-1                               the cluster that kubectl talks to
python examples/watch_node.py general-1 --simulate --times 3 --interval 1   a simulated one
"""

from __future__ import annotations

import argparse
import itertools
import sys

import kubevitals


def main() -> int:
    """Print one line a reading, until Ctrl-C or `--times`."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("node")
    parser.add_argument("--interval", type=float, default=15.0, help="seconds between readings")
    parser.add_argument("--times", type=int, help="how often; without end by default")
    parser.add_argument("--context", help="a context of the kubeconfig")
    parser.add_argument("--simulate", action="store_true", help="use a simulated cluster")
    arguments = parser.parse_args()

    with kubevitals.connect(arguments.context, simulate=arguments.simulate) as cluster:
        snapshots = cluster.watch(interval=arguments.interval, pods=False)
        for snapshot in itertools.islice(snapshots, arguments.times):
            node = next((each for each in snapshot.nodes if each.name == arguments.node), None)
            if node is None:
                print(f"there is no node {arguments.node}", file=sys.stderr)
                return 1
            if node.cpu_of_allocatable is None or node.memory_of_allocatable is None:
                print(f"{node.name}: unknown ({node.problem})", flush=True)
                continue
            measured = f"{node.timestamp:%H:%M:%S}" if node.timestamp else "?"
            stale = ", stale" if node.stale else ""
            cpu, memory = node.cpu_of_allocatable, node.memory_of_allocatable
            print(f"{node.name}: CPU {cpu:.0%}, memory {memory:.0%} (measured {measured}{stale})", flush=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
