"""What is needed to reach one cluster: the seam between reading a kubeconfig and speaking HTTP.

It holds plain values. It must not know files, environment variables, sockets or how a credential is made.
"""

from __future__ import annotations


class Credential:
    """What one request sends to say who asks; treat it as immutable.

    `authorization` is the whole header value ("Bearer ..." or "Basic ..."), `certificate` the PEM chain of
    the client certificate and `key` its PEM private key. Each may be None. `repr` shows none of it.
    """

    __slots__ = ("authorization", "certificate", "key")

    def __init__(
        self,
        authorization: str | None = None,
        *,
        certificate: bytes | None = None,
        key: bytes | None = None,
    ) -> None:
        self.authorization = authorization
        self.certificate = certificate
        self.key = key

    def __repr__(self) -> str:
        scheme, space, _ = (self.authorization or "").partition(" ")
        scheme = scheme if space else str(None)  # without a scheme the whole value may be a secret
        return f"<Credential authorization={scheme} certificate={self.certificate is not None}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Credential):
            return NotImplemented
        return (self.authorization, self.certificate, self.key) == (
            other.authorization,
            other.certificate,
            other.key,
        )

    def __hash__(self) -> int:
        return hash((self.authorization, self.certificate, self.key))


class Credentials:
    """Where credentials come from. This one asks anonymously; the others override both methods.

    `kind` is a word for messages: "anonymous", "token", "token file", "basic", "certificate", "exec", "oidc".
    Every implementation may be called from several threads at the same time.
    """

    __slots__ = ()

    kind: str = "anonymous"

    def fetch(self) -> Credential:
        """What to send now. Cheap when cached; may re-read a file or run a plugin.

        An unchanged credential is the same object as before, so that callers may cache a TLS context by it.

        Raises:
            errors.CredentialsError: the credential could not be had.
        """
        return _ANONYMOUS

    def renew(self) -> bool:
        """Forget what is cached, after a 401. True if a further try may succeed."""
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} kind={self.kind!r}>"


_ANONYMOUS = Credential()


class Connection:
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
        credentials: Credentials | None = None,
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
        self.credentials = credentials if credentials is not None else Credentials()
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
            f"<Connection context={self.context!r} namespace={self.namespace!r} "
            f"credentials={self.credentials.kind!r} origin={self.origin!r}>"
        )
