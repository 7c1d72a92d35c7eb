"""Ends the processes of a control plane and removes its directory when whoever started it has died.

A test run that is killed cannot tidy up after itself. So this program leads the process group that all
servers of one control plane join, and waits at a pipe: a `d` on it means that everything was tidied already;
its end without that, or another parent, means that the starter is gone. Run as
`python -I -S guardian.py DIRECTORY`. Must not import the project, nor need anything of the
directory.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time

LOOK_SECONDS = 1.0  # a forked child of the starter may keep the pipe open: then the parent's number tells
LAST_SECONDS = 10.0  # how long killed processes may take to disappear


def main(directory: str) -> None:
    """Wait until the starter is done or dead; in the second case clean up for it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    starter = os.getppid()
    while os.getppid() == starter:
        readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
        if not readable:
            continue
        if os.read(0, 1) == b"d":
            return
        break
    group = os.getpgrp()
    if os.fork() == 0:
        os.setpgid(0, 0)  # this copy outlives the group
        _end(group, directory)


def _end(group: int, directory: str) -> None:
    deadline = time.monotonic() + LAST_SECONDS
    while time.monotonic() < deadline:
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            break
        time.sleep(0.02)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
