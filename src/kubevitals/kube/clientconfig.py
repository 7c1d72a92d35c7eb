"""What is needed to reach one cluster: the seam between reading a kubeconfig and speaking HTTP.

It holds plain values. It must not know files, environment variables, sockets or how a credential is made.
"""

from __future__ import annotations

from kubevitals.kube.http import authentication


class ClientConfig:
    """Everything needed to reach one cluster; treat it as immutable. `repr` shows no secret.

    `server` is "https://host:port/prefix" without a trailing slash (http:// is allowed). `context` is a name
    for people: the context, or "in-cluster", or the server's host. `ca` is PEM; None means the system's CAs.
    `proxy_url` is the kubeconfig's, None meaning that the environment decides; it may hold a password.
    `impersonation` holds ready header pairs. `origin` says for messages where this came from, and `warnings`
    are sentences for the user.
    """

    __slots__ = (
        "ca",
        "compression",
        "context",
        "credentials",
        "impersonation",
        "insecure",
        "namespace",
        "origin",
        "proxy_url",
        "server",
        "tls_server_name",
        "warnings",
    )

    def __init__(
        self,
        server: str,
        credentials: authentication.Credentials | None = None,
        *,
        context: str = "",
        namespace: str = "default",
        ca: bytes | None = None,
        insecure: bool = False,
        tls_server_name: str | None = None,
        proxy_url: str | None = None,
        compression: bool = True,
        impersonation: tuple[tuple[str, str], ...] = (),
        origin: str = "",
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.server = server.rstrip("/")
        self.credentials = credentials if credentials is not None else authentication.Credentials()
        self.context = context
        self.namespace = namespace
        self.ca = ca
        self.insecure = insecure
        self.tls_server_name = tls_server_name
        self.proxy_url = proxy_url
        self.compression = compression
        self.impersonation = impersonation
        self.origin = origin
        self.warnings = warnings

    def __repr__(self) -> str:
        return (
            f"<ClientConfig context={self.context!r} namespace={self.namespace!r} "
            f"credentials={self.credentials.kind!r} origin={self.origin!r}>"
        )
