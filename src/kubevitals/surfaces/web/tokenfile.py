"""A file of tokens as a guard: who has one of them may read everything. Read again when the file changes.

    # one a line; the name before it appears in logs
    grafana 3q2-7wAB...
    kTn0aV...

What is in the file is in force: while it cannot be read, nobody is let in. It keeps digests, not tokens.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import time
from typing import TYPE_CHECKING

from kubevitals import errors, sanitize
from kubevitals.surfaces.web import auth, problemdetails

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOG = logging.getLogger(__name__)
_LOOK = 1.0  # seconds between looks at the file
_LEAST = 16  # characters of a token: less can be tried out
_MOST = 1 << 20  # bytes of the file
Tokens = tuple[tuple[bytes, str], ...]  # digest, name


class TokenFileBackend:
    """Lets in whoever brings a token of the file at `path`.

    Raises:
        errors.ConfigurationError: at first, if the file cannot be read or holds something else.
    """

    schemes = ("Bearer", "Basic")

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = os.fspath(path)
        self._clock = clock
        self._looked = clock()
        self._signature = _sign(self._path)
        self._tokens: Tokens | None = read_tokens(self._path)

    async def admit(self, token: str, *, verb: str, path: str, peer: str = "") -> auth.Identity:
        """Return the name beside the token, for every route that is read. Raises as auth.Backend."""
        del path, peer
        self._refresh()
        if self._tokens is None:
            raise problemdetails.Refusal(
                503,
                "auth_unavailable",
                "the tokens of this service cannot be read at the moment",
                remedy="the service's log says why",
                headers={"Retry-After": "5"},
            )
        name = _find(self._tokens, token)
        if name is None:
            raise auth.unauthorized("the token is unknown here", self.schemes)
        if verb != "get":
            raise problemdetails.Refusal(403, "forbidden", "a token gives the right to read, and no other")
        return auth.Identity(name)

    def close(self) -> None:
        """Forget the tokens."""
        self._tokens = ()

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        signature = _sign(self._path)
        if signature == self._signature:
            return
        self._signature = signature
        try:
            self._tokens = read_tokens(self._path)
        except errors.ConfigurationError as error:
            self._tokens = None
            _LOG.error("%s; nobody is let in", error.message, extra={"event": "tokens_unreadable"})
        else:
            _LOG.info("%d tokens are in force", len(self._tokens), extra={"event": "tokens_reloaded"})


def _find(tokens: Tokens, token: str) -> str | None:
    """Return the name of a token, in a time that does not tell which one was nearly right."""
    digest = hashlib.sha256(token.encode()).digest()
    found = None
    for known, name in tokens:
        if hmac.compare_digest(known, digest):
            found = name
    return found


def _sign(path: str) -> object:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return error.errno
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_tokens(path: str) -> Tokens:
    """Return the digests and names of a file of tokens.

    Raises:
        errors.ConfigurationError: it cannot be read, or a line is no token. No token is in the message.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read(_MOST + 1)
        if len(content) > _MOST:
            raise errors.ConfigurationError(f"the token file {path} is larger than {_MOST >> 20} MiB")
        lines = content.decode("ascii").splitlines()
    except OSError as error:
        raise errors.ConfigurationError(
            f"the token file {path} cannot be read: {error.strerror}",
            remedy="write one token a line, a name before it if you like; `openssl rand -hex 32` makes one",
        ) from error
    except UnicodeDecodeError as error:
        raise errors.ConfigurationError(f"the token file {path} is no text") from error
    tokens = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 2 or auth.read_token([f"Bearer {words[-1]}"]) is None or len(words[-1]) < _LEAST:
            raise errors.ConfigurationError(
                f"line {number} of the token file {path} is neither TOKEN nor NAME TOKEN",
                remedy=f"a token has {_LEAST} characters or more of A-Z a-z 0-9 - . _ ~ + / and = at the end",
            )
        name = sanitize.shorten(words[0], 60) if len(words) == 2 else f"token of line {number}"
        tokens.append((hashlib.sha256(words[-1].encode()).digest(), name))
    return tuple(tokens)
