"""The scripts in tools/ that find a Python and make virtual environments of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(tool: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "tools" / tool), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environ,
    )


def test_a_python_is_found() -> None:
    """The first of the named programs and versions that there is gets printed."""
    found = run("find-python", "/nowhere/python", sys.executable, "3.11")
    assert (found.returncode, found.stdout, found.stderr) == (0, f"{sys.executable}\n", "")


def test_no_python() -> None:
    """What was looked for in vain is named."""
    found = run("find-python", "3.0", "/nowhere/python")
    assert (found.returncode, found.stdout) == (1, "")
    assert found.stderr == "no Python 3.0 /nowhere/python at hand\n"


def test_a_python_that_is_too_old(tmp_path: Path) -> None:
    """A Python older than 3.11 is not taken."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.version_info = (3, 10, 0, 'final', 0)\n")
    found = run("find-python", sys.executable, PYTHONPATH=str(tmp_path))
    assert (found.returncode, found.stdout) == (1, "")


def test_a_python_without_ensurepip(tmp_path: Path) -> None:
    """Two lines say what the Python lacks and how to install it; no virtual environment is begun."""
    (tmp_path / "ensurepip.py").write_text("raise ImportError\n")
    made = run(
        "setup-venv",
        str(tmp_path / "made"),
        "requirements/runtime.txt",
        sys.executable,
        PYTHONPATH=str(tmp_path),
    )
    assert made.returncode != 0
    first, second = made.stderr.splitlines()
    assert first == f"{sys.executable} cannot make virtual environments: its module ensurepip is missing."
    version = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    assert second == f"On Debian and Ubuntu: apt install python3-venv (or {version})"
    assert not (tmp_path / "made").exists()


def test_a_virtual_environment_that_is_up_to_date(tmp_path: Path) -> None:
    """Nothing is made again while neither the requirements nor the project have changed."""
    (tmp_path / ".ready").touch()
    made = run("setup-venv", str(tmp_path), "requirements/runtime.txt", "/nowhere/python")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    os.utime(tmp_path / ".ready", (0, 0))
    made = run("setup-venv", str(tmp_path), "requirements/runtime.txt", "/nowhere/python")
    assert made.returncode == 1
