"""What reads data as Grafana and its plug-ins do: a Go program and two scripts for node, made ready once.

They are kept beside the programs of the control plane, under a name that changes with what they are made of.
A missing Go or node skips the test for a user and fails it in CI.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests import prometheus
from tests.e2e import toolchain

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

INFINITY = toolchain.MODULES / "infinity"
GRAFANA = toolchain.MODULES / "grafana"
_PATIENCE = 600  # seconds; the packages are fetched once


def read_with_infinity(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the frames that Infinity's backend makes of {body, root_selector, columns}."""
    return _run([str(_built())], questions)


def read_with_json_api(questions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the frames that the JSON API data source makes of {body, fields}."""
    return _run_script("jsonpath.cjs", questions)


def show(panels: list[dict[str, Any]], *, at: datetime) -> list[dict[str, Any]]:
    """Return what Grafana shows at that time of {panel, frames}: see tools/grafana/panels.cjs."""
    return _run_script("panels.cjs", panels, str(round(at.timestamp() * 1000)))


def _run_script(name: str, asked: list[dict[str, Any]], *arguments: str) -> list[dict[str, Any]]:
    command = [prometheus.program("node"), str(GRAFANA / name), *arguments]
    return _run(command, asked, NODE_PATH=str(_installed()))


def _run(command: list[str], asked: list[dict[str, Any]], **environment: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        command,
        input=json.dumps(asked),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(found) == len(asked)
    return found


def _built() -> Path:
    """Return the Go program, compiled if it is not there yet."""
    path = _place("infinity", INFINITY, "main.go", "go.mod", "go.sum") / "infinity"
    if not path.exists():
        go = shutil.which("go")
        if go is None:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("Go is not installed")
        command = [go, "build", *toolchain.BUILD_FLAGS, "-o", f"{path}.partial", "."]
        _make(command, INFINITY, path.parent)
        path.with_name("infinity.partial").replace(path)
    return path


def _installed() -> Path:
    """Return the folder of the packages that the scripts need, installed if they are not there yet."""
    names = ("package.json", "package-lock.json")
    folder = _place("grafana", GRAFANA, *names)
    if not (folder / "ready").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy(GRAFANA / name, folder)
        npm = prometheus.program("npm")
        _make([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], folder, folder)
        (folder / "ready").touch()
    return folder / "node_modules"


def _place(name: str, source: Path, *made_of: str) -> Path:
    digest = hashlib.sha256()
    for each in made_of:
        digest.update((source / each).read_bytes())
    return toolchain.cache_directory() / f"{name}-{digest.hexdigest()[:12]}"


def _make(command: list[str], source: Path, target: Path) -> None:
    """Run the command; several test runs may want the same at the same time."""
    target.mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            command,
            cwd=source,
            env=os.environ | toolchain.BUILD_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
