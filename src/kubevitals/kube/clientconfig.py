"""Everything needed to reach one cluster, as plain values: what a kubeconfig says to the client."""

from __future__ import annotations

from kubevitals.kube.http import authentication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple


class ClientConfig(NamedTuple):
    """How to reach one cluster and as whom. `repr` shows no secret.

    `server` is "https://host:port/prefix" without a trailing slash (http:// is allowed). `context` is a name
    for people: the context, or "in-cluster", or the server's host. `ca` is PEM; None means the system's CAs.
    `proxy_url` is the kubeconfig's, None meaning that the environment decides; it may hold a password.
    `impersonation` holds ready header pairs. `origin` says for messages where this came from, and `warnings`
    are sentences for the user.
    """

    server: str
    credentials: authentication.Credentials = authentication.Credentials()
    context: str = ""
    namespace: str = "default"
    ca: bytes | None = None
    insecure: bool = False
    tls_server_name: str | None = None
    proxy_url: str | None = None
    compression: bool = True
    impersonation: tuple[tuple[str, str], ...] = ()
    origin: str = ""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"<ClientConfig context={self.context!r} namespace={self.namespace!r} "
            f"credentials={self.credentials.kind!r} origin={self.origin!r}>"
        )
