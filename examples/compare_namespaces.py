"""Namespaces side by side: what each uses of what it asked for.

python examples/compare_namespaces.py                    the cluster that kubectl talks to
python examples/compare_namespaces.py --simulate         a simulated one
python examples/compare_namespaces.py --only shop batch  some of them
"""

from __future__ import annotations

import argparse

import kubevitals


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAMESPACE", help="these namespaces")
    parser.add_argument("--context", help="a context of the kubeconfig")
    parser.add_argument("--simulate", action="store_true", help="use a simulated cluster")
    arguments = parser.parse_args()

    with kubevitals.connect(arguments.context, simulate=arguments.simulate) as cluster:
        found = cluster.namespaces()

    for total in found.sort("memory_usage_bytes"):
        if arguments.only and total.name not in arguments.only:
            continue
        used = "-" if total.memory_usage_bytes is None else kubevitals.format_memory(total.memory_usage_bytes)
        share = "-" if total.memory_of_request is None else f"{total.memory_of_request:.0%}"
        print(f"{total.name:<20} {total.pods:>4} pods {used:>10} {share:>6}")


if __name__ == "__main__":
    main()
