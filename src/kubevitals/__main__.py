"""`python -m kubevitals`, and the entry point of the installed commands."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the command line and end the process with its exit code."""
    from kubevitals import cli, parallel

    code = cli.main(sys.argv[1:], program=sys.argv[0])
    # All is written and closed. To take a large table apart object by object, as Python does at its end,
    # takes longer than to sort it.
    sys.stderr.flush()
    parallel.finish()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
