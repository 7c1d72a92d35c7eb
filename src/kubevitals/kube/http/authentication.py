"""What proves to a server who asks: one credential, and where credentials come from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from kubevitals.namedtuple import NamedTuple


class Credential(NamedTuple):
    """What one request sends to say who asks. Each part may be None; `repr` shows none of it.

    `authorization` is the whole header value ("Bearer ..." or "Basic ..."), `certificate` the PEM chain of
    the client certificate and `key` its PEM private key.
    """

    authorization: str | None = None
    certificate: bytes | None = None
    key: bytes | None = None

    def __repr__(self) -> str:
        scheme, space, _ = (self.authorization or "").partition(" ")
        scheme = scheme if space else str(None)  # without a scheme the whole value may be a secret
        return f"<Credential authorization={scheme} certificate={self.certificate is not None}>"


class Credentials:
    """Where credentials come from. This one asks anonymously; the others override both methods.

    `kind` is a word for messages: "anonymous", "token", "token file", "basic", "certificate", "exec", "oidc".
    Several threads may call every implementation at the same time.
    """

    __slots__ = ()

    kind: str = "anonymous"

    def fetch(self) -> Credential:
        """Return what to send now. Cheap when cached; may read a file again or run a plugin.

        Raises:
            errors.CredentialsError: the credential could not be had.
        """
        return ANONYMOUS

    def renew(self) -> bool:
        """Forget what is cached, after a 401. True if a further try may succeed."""
        return False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} kind={self.kind!r}>"


ANONYMOUS = Credential()
