"""A process that records made-up ticks, so that tests can kill it, starve it and get in its way.

`python -m tests.history_recorder FILE FIRST COUNT [WORD...]`: a line of JSON a tick, once it is written or
given up. Words: `limit=BYTES` no file may grow beyond, `uid=N` as that account, `die=STEP` end unwarned.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests import made_past

from kubevitals.history import schema, store


def main(file: str, first: str, count: str, *words: str) -> int:
    """Record the ticks."""
    options = dict(word.split("=", 1) for word in words)
    if "limit" in options:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(options["limit"]), resource.RLIM_INFINITY))
    if "uid" in options:
        os.setgid(int(options["uid"]))
        os.setuid(int(options["uid"]))
    if "die" in options:
        _arm(options["die"])
    with store.Store.open(file, pause=0.0) as opened:
        _tell(opened, -1)
        for tick, snapshot in enumerate(made_past.ticks(int(count), first=int(first)), int(first)):
            opened.append(snapshot)
            opened.flush()
            _tell(opened, tick)
    return 0


def _tell(opened: store.Store, tick: int) -> None:
    status = opened.status()
    told = {"tick": tick, "role": status.role, "written": status.ticks, "dropped": status.dropped}
    print(json.dumps({**told, "problem": status.problem and status.problem.to_dict()}), flush=True)


def _arm(place: str) -> None:
    """Have the process end where it makes the file, or where it stores the blocks of an hour."""

    def die(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if place == "making":
        Path.replace = die  # type: ignore[method-assign, assignment]
    else:
        schema.set_state = die


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
