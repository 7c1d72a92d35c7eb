"""The kubeconfig of a simulated cluster, as YAML."""

from __future__ import annotations

import base64

from simcluster.apiserver import authorizer

CONTEXT = "simulated"


def encode(data: bytes) -> str:
    """Bytes as they are written in a kubeconfig."""
    return base64.b64encode(data).decode()


def write(url: str, ca: bytes, users: dict[str, str]) -> str:
    """A kubeconfig with a context for each user. `users` maps a name to its credentials, as lines of YAML."""
    authority = f"    certificate-authority-data: {encode(ca)}\n" if ca else ""
    lines = [
        "apiVersion: v1\nkind: Config\npreferences: {}\n",
        f"current-context: {CONTEXT}\n",
        f"clusters:\n- name: {CONTEXT}\n  cluster:\n    server: {url}\n{authority}",
        "contexts:\n",
    ]
    for name in users:
        context = CONTEXT if name == "admin" else f"{CONTEXT}-{name}"
        lines.append(f"- name: {context}\n  context:\n    cluster: {CONTEXT}\n    user: {CONTEXT}-{name}\n")
        if name.startswith(authorizer.VIEWER_PREFIX):
            lines.append(f"    namespace: {name.removeprefix(authorizer.VIEWER_PREFIX)}\n")
    lines.append("users:\n")
    lines.extend(f"- name: {CONTEXT}-{name}\n  user:\n{text}" for name, text in users.items())
    return "".join(lines)
