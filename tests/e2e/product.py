"""kubevitals and kubectl run side by side, as programs, with the same environment and the same files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.e2e import toolchain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Ended = subprocess.CompletedProcess[str]

PROGRAM = [sys.executable, "-m", "kubevitals"]
SECONDS = 60.0


def environ(*, home: Path, kubeconfig: Path | str | None = None, **more: str) -> dict[str, str]:
    """An environment with nothing of this machine's but PATH and LANG."""
    found = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8", **more}
    if kubeconfig is not None:
        found["KUBECONFIG"] = str(kubeconfig)
    return found


def kubevitals(*arguments: str, environ: Mapping[str, str], through: Sequence[str] = ()) -> Ended:
    """Run the program under test; `through` stands before it on the command line."""
    return _run([*through, *PROGRAM, *arguments], environ)


def kubectl(*arguments: str, environ: Mapping[str, str], through: Sequence[str] = ()) -> Ended:
    """Run the pinned kubectl in the same way."""
    return _run([*through, str(toolchain.require("kubectl")["kubectl"]), *arguments], environ)


def _run(command: list[str], environ: Mapping[str, str]) -> Ended:
    return subprocess.run(
        command,
        env=dict(environ),
        cwd=Path(environ["HOME"]),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
