"""Fuzz the targets in turn, and exit 1 where something was found: python -m tests.fuzz --help."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import time

from tests.fuzz import runner, targets

_TURN = 25  # cases of a target before the next one


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help=f"of {', '.join(targets.TARGETS)}; all without"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long altogether (default: 60)")
    parser.add_argument("--seed", type=int, help="of an earlier run, to have its cases again")
    parser.add_argument("--case", type=int, help="this one alone")
    given = parser.parse_args()
    unknown = [name for name in given.targets if name not in targets.TARGETS]
    if unknown:
        parser.error(f"no target {unknown[0]}; there are {', '.join(targets.TARGETS)}")
    logging.disable(logging.CRITICAL)
    chosen = [targets.TARGETS[name] for name in given.targets or targets.TARGETS]
    seed = secrets.randbelow(1 << 32) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    findings = []
    counts = {target.name: 0 for target in chosen}
    until = time.monotonic() + given.seconds
    waiting = list(chosen)
    while waiting:
        target = waiting.pop(0)
        first, count = (counts[target.name], _TURN) if given.case is None else (given.case, 1)
        found = runner.run(target, seed=seed, first=first, count=count)
        counts[target.name] += count
        if found is not None:
            findings.append(found)
            print(f"\n{found}", flush=True)
        elif given.case is None and time.monotonic() < until:
            waiting.append(target)
    cases = sum(counts.values())
    print(f"{cases} cases of {len(chosen)} targets, {len(findings)} findings, seed {seed}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
