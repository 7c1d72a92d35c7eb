"""A program run with the files of a pod in their place, in a mount namespace of its own."""

from __future__ import annotations

import subprocess

IN_POD = "/var/run/secrets/kubernetes.io/serviceaccount"
# The pod's folder is there for one program, and nowhere else on the machine.
MOUNT = f"""
mount -t tmpfs pod "$(realpath /var/run)" && mkdir -p {IN_POD} && cp "$POD_FILES"/* {IN_POD} && exec "$@"
"""
AS_A_POD = ("unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh")
"""What stands before a command. It copies the files of the folder that POD_FILES names."""


def why_not() -> str | None:
    """Why this machine allows no mount namespace of one's own; None if it does."""
    try:
        ended = subprocess.run(
            ["unshare", "--map-root-user", "--mount", "true"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return "no program unshare: the files of a pod cannot be put where programs look for them"
    if ended.returncode != 0:
        return f"no mount namespace for the files of a pod: {ended.stderr.strip()}"
    return None
