"""Where the peers are: kubectl, kube-capacity, the official client. One that is absent is skipped by name."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess

_VERSIONED = re.compile(r"kubectl\.1\.([0-9]+)\Z")


def find_kubectl() -> str | None:
    """Return the kubectl to compare with, None where there is none.

    Some installs put a wrapper on PATH that chooses among kubectl.1.NN beside it, and costs time of its
    own: then the newest of those is taken.
    """
    if given := os.environ.get("KUBECTL"):
        return shutil.which(given)
    found = shutil.which("kubectl")
    if found is None:
        return None
    home = os.path.dirname(os.path.realpath(found))  # noqa: PTH120
    matches = [match for match in map(_VERSIONED.match, os.listdir(home)) if match]  # noqa: PTH208
    newest = max(matches, key=lambda match: int(match[1]), default=None)
    return found if newest is None else os.path.join(home, newest[0])  # noqa: PTH118


def find_kube_capacity() -> str | None:
    """Return the path of kube-capacity, None where it is not installed."""
    return shutil.which(os.environ.get("KUBE_CAPACITY") or "kube-capacity")


def official_client_is_missing() -> str | None:
    """Return why the official client cannot be measured; None if it can."""
    if importlib.util.find_spec("kubernetes") is None:
        return "the Python package kubernetes is not installed"
    return None


def kubectl_version(path: str) -> str:
    """Return the version that a kubectl tells, as v1.33.1."""
    answer = subprocess.run(
        [path, "version", "--client", "-o", "json"], capture_output=True, check=True, timeout=30
    )
    return str(json.loads(answer.stdout)["clientVersion"]["gitVersion"])
