"""`python -m kubevitals`, and the entry point of the installed commands."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    from kubevitals import cli

    return cli.main(sys.argv[1:], program=sys.argv[0])


if __name__ == "__main__":
    sys.exit(main())
