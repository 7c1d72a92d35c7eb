"""Pods whose memory is above a share of their limit, the fullest first; ends with 1 if there are any.

python examples/pods_above.py 0.8              the cluster that kubectl talks to
python examples/pods_above.py 0.8 --simulate   a simulated one
"""

from __future__ import annotations

import argparse
import sys

import kubevitals


def main() -> int:
    """Print one line a pod."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("threshold", type=float, help="a share of the limit: 0.8 is 80 %%")
    parser.add_argument("--context", help="a context of the kubeconfig")
    parser.add_argument("--simulate", action="store_true", help="use a simulated cluster")
    arguments = parser.parse_args()

    with kubevitals.connect(arguments.context, simulate=arguments.simulate) as cluster:
        pods = cluster.pods()

    # A pod without a limit or without usage has no ratio: it is neither above nor below.
    above = pods.where(
        lambda pod: pod.memory_of_limit is not None and pod.memory_of_limit > arguments.threshold
    )
    for pod in above.sort("memory_of_limit"):
        print(f"{pod.memory_of_limit:6.1%}  {pod.namespace}/{pod.name}")
    return 1 if above else 0


if __name__ == "__main__":
    sys.exit(main())
