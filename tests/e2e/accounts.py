"""Users, service accounts, rights and kubeconfig files of a test cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.e2e import controlplane

RBAC = "rbac.authorization.k8s.io"


class Accounts:
    """Who may enter a cluster, and what for."""

    def __init__(self, cluster: controlplane.ControlPlane) -> None:
        self._cluster = cluster

    def write_kubeconfig(
        self,
        name: str,
        *,
        user: Mapping[str, Any],
        server: Mapping[str, Any] | None = None,
        namespace: str | None = None,
        path: Path | None = None,
    ) -> Path:
        """A kubeconfig with one cluster, user and context, all of that name.

        Args:
            name: of all three, and of the file NAME.kubeconfig.
            user: the keys of the user entry, such as `token`.
            server: keys that replace or join `server` and `certificate-authority`; a None takes the key away.
            namespace: of the context.
            path: where to write it, instead of the cluster's directory.
        """
        import yaml

        url = f"https://127.0.0.1:{self._cluster.port}"
        entry = {"server": url, "certificate-authority": str(self._cluster.authority_file)} | dict(
            server or {}
        )
        context = {"cluster": name, "user": name} | ({"namespace": namespace} if namespace else {})
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {key: value for key, value in entry.items() if value is not None}}
            ],
            "users": [{"name": name, "user": dict(user)}],
            "contexts": [{"name": name, "context": context}],
            "current-context": name,
        }
        path = path or self._cluster.directory / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def create_user(
        self,
        name: str,
        *,
        groups: Sequence[str] = (),
        not_before: datetime.datetime | None = None,
        not_after: datetime.datetime | None = None,
    ) -> Path:
        """A kubeconfig whose user is known by a client certificate. Without a grant: hardly any rights."""
        pair = self._cluster.authority.issue(name, groups=groups, not_before=not_before, not_after=not_after)
        certificate, key = pair.write(self._cluster.directory, f"user-{name}")
        user = {"client-certificate": str(certificate), "client-key": str(key)}
        return self.write_kubeconfig(name, user=user)

    def create_service_account(self, name: str, *, namespace: str = "default", seconds: int = 3600) -> str:
        """A service account, and a token for it that is good for so many seconds (600 at least)."""
        metadata = {"name": name, "namespace": namespace}
        self._cluster.api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        return self.create_token(name, namespace=namespace, seconds=seconds)

    def create_token(self, name: str, *, namespace: str = "default", seconds: int = 3600) -> str:
        """A fresh token of an existing service account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        token: str = self._cluster.api.json("POST", path, request)["status"]["token"]
        return token

    def grant(
        self,
        name: str,
        *,
        rules: Sequence[Mapping[str, Any]],
        to: Sequence[str],
        namespace: str | None = None,
    ) -> None:
        """A role of that name with a binding of that name; in one namespace, or in the whole cluster.

        Args:
            name: of the role and of the binding; granting again replaces both.
            rules: RBAC rules: `{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}`.
            to: a user's name, or `NAMESPACE:NAME` for a service account.
            namespace: None for a ClusterRole.
        """
        scope = {} if namespace is None else {"namespace": namespace}
        kind = "ClusterRole" if namespace is None else "Role"
        version = f"{RBAC}/v1"
        metadata = {"name": name, **scope}
        role = {"apiVersion": version, "kind": kind, "metadata": metadata, "rules": list(rules)}
        binding = {
            "apiVersion": version,
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
            "subjects": [_subject(account) for account in to],
        }
        self._cluster.api.apply(role, binding)

    def revoke(self, name: str, *, namespace: str | None = None) -> None:
        """Take a grant back."""
        scope = {} if namespace is None else {"namespace": namespace}
        kind = "ClusterRole" if namespace is None else "Role"
        for each in (f"{kind}Binding", kind):
            self._cluster.api.delete(
                {"apiVersion": f"{RBAC}/v1", "kind": each, "metadata": {"name": name, **scope}}
            )


def _subject(account: str) -> dict[str, str]:
    namespace, colon, name = account.partition(":")
    if not colon or namespace == "system":
        return {"kind": "User", "name": account, "apiGroup": RBAC}
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}
