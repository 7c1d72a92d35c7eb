"""Who may ask the service for what: nobody is asked, the cluster decides, or a file of tokens does.

An authenticator is asked once for each request, in the event loop. It never shows, logs or keeps a token.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from kubevitals import errors, sanitize
from kubevitals.kube.http import urls
from kubevitals.surfaces.web import problemdetails

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from kubevitals.kube import client as clients

MODES = ("none", "kubernetes", "token-file")
_LONGEST = 16_384  # characters of a credential; tokens with many groups reach some thousands
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)


class Identity(NamedTuple):
    """Who asks, as far as it matters."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


ANYBODY = Identity("anonymous")


class _Headers(Protocol):
    def getlist(self, key: str, /) -> list[str]: ...


class Request(Protocol):
    """What a authenticator looks at: Starlette's requests have it."""

    @property
    def scope(self) -> Mapping[str, object]:
        """The ASGI scope."""

    @property
    def headers(self) -> _Headers:
        """The headers of the request."""


class Backend(Protocol):
    """What decides behind a authenticator."""

    @property
    def schemes(self) -> Sequence[str]:
        """Return the authentication schemes to name in a 401."""

    async def admit(self, token: str, *, verb: str, path: str, peer: str = "") -> Identity:
        """Return whose token it is, if it may do `verb` on `path`; `peer` is the address that it comes from.

        Raises:
            problems.Refusal: 401, 403, or 503 where it cannot be found out.
        """

    def close(self) -> None:
        """Close connections and end threads."""


class Authenticator:
    """Decides on each request. Made by `none`, `kubernetes` or `token_file`; `close()` it at the end.

    `mode` is one of MODES. Routes that are open to everybody are not its business.
    """

    def __init__(self, mode: str, backend: Backend | None) -> None:
        self.mode = mode
        self._backend = backend

    @classmethod
    def none(cls) -> Self:
        """Let everybody ask for everything."""
        return cls("none", None)

    @classmethod
    def kubernetes(
        cls,
        client: clients.Client,
        *,
        audiences: Sequence[str] = (),
        allowed_seconds: float = 60.0,
        refused_seconds: float = 10.0,
    ) -> Self:
        """Let the cluster decide: a TokenReview of the bearer token, a SubjectAccessReview for the route.

        Args:
            client: of the cluster; its account needs the rights of `kubevitals rbac --features auth`.
            audiences: that a token must be meant for one of; those of the API server itself if empty.
            allowed_seconds: that a yes is remembered; what is taken from somebody ends no later.
            refused_seconds: that a no is remembered.
        """
        from kubevitals.surfaces.web import tokenreview

        backend = tokenreview.ReviewBackend(
            client, audiences=audiences, allowed_seconds=allowed_seconds, refused_seconds=refused_seconds
        )
        return cls("kubernetes", backend)

    @classmethod
    def token_file(cls, path: str | Path) -> Self:
        """Let in whoever brings one of the tokens of a file, which is read again when it changes.

        Raises:
            errors.ConfigurationError: the file cannot be read, or holds something else than tokens.
        """
        from kubevitals.surfaces.web import tokenfile

        return cls("token-file", tokenfile.TokenFileBackend(path))

    @property
    def schemes(self) -> Sequence[str]:
        """The authentication schemes that a request may use; none where nobody is asked."""
        return () if self._backend is None else self._backend.schemes

    async def check(self, request: Request) -> Identity:
        """Return who asks.

        Raises:
            problems.Refusal: 401 without a credential that is known here, 403 where it is not enough,
                503 where the cluster cannot be asked.
        """
        path, method = str(request.scope["path"]), str(request.scope.get("method", "GET"))
        if self._backend is None:
            return ANYBODY
        token = read_token(request.headers.getlist("authorization"))
        if token is None:
            raise unauthorized("this service wants to know who asks", self._backend.schemes)
        verb = "get" if method in ("GET", "HEAD") else method.lower()
        client = request.scope.get("client")
        peer = str(client[0]) if isinstance(client, tuple | list) and client else ""
        return await self._backend.admit(token, verb=verb, path=path, peer=peer)

    def close(self) -> None:
        """Close connections and end threads."""
        if self._backend is not None:
            self._backend.close()


def read_token(values: Sequence[str]) -> str | None:
    """Return the token in the values of Authorization headers; None unless exactly one brings one.

    It is a bearer token or, for browsers and programs that know no other way, the password of Basic.
    """
    if len(values) != 1 or len(values[0]) > _LONGEST:
        return None
    scheme, _, rest = values[0].partition(" ")
    text = rest.strip(" ")
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(text, validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return None
        text = decoded.partition(":")[2]
    elif scheme.lower() != "bearer":
        return None
    return text if _TOKEN.fullmatch(text) else None


def unauthorized(detail: str, schemes: Sequence[str]) -> problemdetails.Refusal:
    """Return the refusal of somebody unknown."""
    challenge = ", ".join(f'{scheme} realm="kubevitals"' for scheme in schemes)
    return problemdetails.Refusal(
        401,
        "unauthorized",
        detail,
        remedy="send the header `Authorization: Bearer TOKEN`",
        headers={"WWW-Authenticate": challenge},
    )


def check_origins(origins: Sequence[str], mode: str | None) -> list[str]:
    """Return what to warn of when the scripts of these sites may read with that mode."""
    if "*" in origins and mode in (None, "none"):
        return [
            (
                "every web site that somebody opens can read the service: --cors-origin '*' without --auth; "
                "name the sites that shall"
            )
        ]
    return []


def check_exposure(host: str, mode: str | None, *, tls: bool) -> list[str]:
    """Return what to warn of when listening on `host` with that mode; None is no choice made.

    Raises:
        errors.UsageError: it would listen beyond loopback, and nobody said who may ask.
    """
    if mode is not None and mode not in MODES:
        raise errors.UsageError(f"--auth is one of {', '.join(MODES)}")
    if urls.is_loopback(host):
        return []
    if mode is None:
        raise errors.UsageError(
            f"listening on {sanitize.shorten(host, 100)} lets others in, and nothing says whom",
            remedy="--auth kubernetes asks the cluster, --auth token-file lets in who has a token, "
            "--auth none lets in everybody who reaches the port; or listen on 127.0.0.1",
        )
    if mode == "none":
        return [f"everybody who reaches {sanitize.shorten(host, 100)} can read this service (--auth none)"]
    if not tls:
        return ["tokens come over plain HTTP: give --tls-cert and --tls-key, or end TLS in front of it"]
    return []
