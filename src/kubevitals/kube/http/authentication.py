"""What proves to a server who asks: one credential, and where credentials come from."""

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
