"""What an account has asked a real API server for, from its audit log, and what it would be allowed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e import controlplane

POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
    userGroups: ["system:serviceaccounts"]
  - level: None
"""
_ROW = re.compile(r"^(\S*)\s+\[(.*?)\]\s+\[(.*?)\]\s+\[(.*?)\]\s*$")
Right = tuple[str, str]  # verb, pods or pods.metrics.k8s.io or /a/path


class Asked(NamedTuple):
    verb: str
    what: str
    namespace: str
    status: int


class Audit:
    """The log of one API server; `flags` are what makes it keep one."""

    def __init__(self, folder: Path) -> None:
        policy = folder / "audit-policy.yaml"
        policy.write_text(POLICY)
        self._log = folder / "audit.log"
        self.flags = (f"--audit-policy-file={policy}", f"--audit-log-path={self._log}")

    def asked(self, account: str) -> set[Asked]:
        """What kubevitals has asked for as `NAMESPACE:NAME`, but for what every account may: discovery, and
        questions about oneself, by which a service says at its start which rights it lacks.
        """
        found = set()
        for line in self._log.read_text().splitlines():
            event = json.loads(line)
            if event["user"]["username"] != f"system:serviceaccount:{account}":
                continue
            if not event.get("userAgent", "").startswith("kubevitals/") or "objectRef" not in event:
                continue
            about = event["objectRef"]
            if about["resource"].startswith("selfsubject"):
                continue
            what = ".".join(filter(None, (about["resource"], about.get("apiGroup"))))
            what += f"/{about['subresource']}" if about.get("subresource") else ""
            found.add(Asked(event["verb"], what, about.get("namespace", ""), event["responseStatus"]["code"]))
        return found


def rights(cluster: controlplane.ControlPlane, kubeconfig: Path, *, namespace: str = "default") -> set[Right]:
    """What `kubectl auth can-i --list` shows of an account."""
    done = cluster.kubectl("auth", "can-i", "--list", "--no-headers", "-n", namespace, kubeconfig=kubeconfig)
    assert done.returncode == 0, done.stderr
    found = set()
    for line in done.stdout.splitlines():
        match = _ROW.match(line)
        assert match, line
        resource, paths, names, verbs = match.groups()
        assert names == ""
        found |= {
            (verb, what) for verb in verbs.split() for what in ([resource] if resource else paths.split())
        }
    return found
