"""Accounts with few rights, and what comes of commands as one of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests import waiting
from tests.e2e import product

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.e2e import controlplane

Rule = dict[str, list[str]]
CORE_PODS: Rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
CORE_NODES: Rule = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}
METRICS_PODS: Rule = {"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["get", "list"]}
METRICS_NODES: Rule = {"apiGroups": ["metrics.k8s.io"], "resources": ["nodes"], "verbs": ["get", "list"]}
SOON = 10.0  # seconds until the API server's authorizer has seen a change of roles


class Account:
    """A service account or a user with a certificate, and what comes of commands as that account."""

    def __init__(self, cluster: controlplane.ControlPlane, name: str, directory: Path, *, user: bool) -> None:
        self.cluster = cluster
        self.name = f"rights-{name}"
        self.subject = self.name if user else f"default:{self.name}"
        self.kubeconfig = directory / self.name
        if user:
            made = cluster.accounts.create_user(self.name)
            self.kubeconfig.write_bytes(made.read_bytes())
        else:
            token = cluster.accounts.create_service_account(self.name)
            cluster.accounts.write_kubeconfig(self.name, user={"token": token}, path=self.kubeconfig)
        self.environ = product.environ(home=directory, kubeconfig=self.kubeconfig)
        self._granted: list[tuple[str, str | None]] = []

    def grant(self, *rules: Rule, namespace: str | None = None) -> None:
        """Give these rights, in one namespace or in the whole cluster, beside those given before."""
        name = f"{self.name}-{len(self._granted)}"
        self.cluster.accounts.grant(name, rules=rules, to=(self.subject,), namespace=namespace)
        self._granted.append((name, namespace))

    def revoke(self) -> None:
        """Take everything back that was given here."""
        for name, namespace in self._granted:
            self.cluster.accounts.revoke(name, namespace=namespace)
        self._granted.clear()

    def run(self, *arguments: str) -> product.Ended:
        """`kubevitals` with these arguments."""
        ended = product.kubevitals(*arguments, environ=self.environ)
        assert "Traceback" not in ended.stderr
        return ended

    def items(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        """The items of `kubevitals top ... -o json`, which ends with this code."""
        return list(self.document(*arguments, code=code)["items"])

    def document(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """The document of `kubevitals top ... -o json`, which ends with this code."""
        ended = self.run("top", *arguments, "-o", "json")
        assert ended.returncode == code, ended.stderr
        document: dict[str, Any] = json.loads(ended.stdout)
        return document

    def kubectl_may(self, *arguments: str) -> bool:
        """Whether kubectl, as this account, may do the same."""
        return product.kubectl(*arguments, environ=self.environ).returncode == 0

    def wait(self, verb: str, resource: str, *, namespace: str | None = None) -> None:
        """Return when the API server knows of a right that was just given."""
        scope = ("-A",) if namespace is None else ("-n", namespace)
        until(lambda: self.kubectl_may("auth", "can-i", verb, resource, *scope, "--quiet"))


def until(check: Callable[[], bool]) -> None:
    """Return when the change of roles that `check` looks for has an effect."""
    waiting.until(check, what="an effect of the change of roles", seconds=SOON, pause=0.1)
