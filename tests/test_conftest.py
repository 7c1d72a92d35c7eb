"""What holds for every test."""

from __future__ import annotations

import subprocess
import sys


def test_what_is_started_in_the_background_can_be_interrupted() -> None:
    """Where SIGINT is ignored, the tests go on ignoring it, and the programs that they start do not."""
    child = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    program = (
        "import os, signal, subprocess, sys, tests.conftest;"
        "os.kill(os.getpid(), signal.SIGINT);"
        f"subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    )
    ignoring = ["sh", "-c", 'trap \'\' INT; exec "$0" -c "$1"', sys.executable, program]
    done = subprocess.run(ignoring, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
