"""What a namespace uses in all, against what its pods asked for.

python examples/namespace_total.py shop              the cluster that kubectl talks to
python examples/namespace_total.py shop --simulate   a simulated one
"""

from __future__ import annotations

import argparse

import kubevitals
from kubevitals import totals


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("namespace")
    parser.add_argument("--context", help="a context of the kubeconfig")
    parser.add_argument("--simulate", action="store_true", help="use a simulated cluster")
    arguments = parser.parse_args()

    with kubevitals.connect(arguments.context, simulate=arguments.simulate) as cluster:
        total = totals.total_all(cluster.pods(namespace=arguments.namespace), arguments.namespace)

    # A number that nobody knows is None, never 0: say so instead of printing a zero.
    cpu = "unknown" if total.cpu_usage_cores is None else f"{total.cpu_usage_cores:.3f} cores"
    memory = "unknown" if total.memory_usage_bytes is None else f"{total.memory_usage_bytes / 2**20:.0f} MiB"
    print(f"{total.name}: {total.pods} pods, CPU {cpu}, memory {memory}")
    if total.memory_of_request is not None:
        print(f"memory is {total.memory_of_request:.0%} of what was asked for")
    if total.pods_without_usage:
        print(f"{total.pods_without_usage} of the pods have no usage yet: the sums are without them")


if __name__ == "__main__":
    main()
