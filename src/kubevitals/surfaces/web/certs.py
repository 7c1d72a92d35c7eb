"""TLS for the service: a certificate and its key from files, read again when they change.

Each handshake takes the newest pair that could be read as a whole; while a new one cannot, the old one goes
on.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from typing import TYPE_CHECKING

from kubevitals import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LOG = logging.getLogger(__name__)
_LOOK = 5.0  # seconds between looks at the files


class Certificate:
    """A pair of files. `context` is for a server, which may keep it for ever.

    Raises:
        errors.ConfigurationError: at first, if the files are no certificate with its key.
    """

    def __init__(
        self,
        certificate: str | Path,
        key: str | Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        look_seconds: float = _LOOK,
    ) -> None:
        self._paths = (os.fspath(certificate), os.fspath(key))
        self._clock = clock
        self._look_seconds = look_seconds
        self._looked = clock()
        self._signature = self._sign()
        self._current = self._load()
        # What a handshake begins with; the callback then puts the newest pair in, in one step. A context
        # that is loaded anew while it is used could hold the certificate of one pair and the key of another.
        self.context = self._load()
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        """Called by OpenSSL at the start of each handshake, whether the client names a host or not."""
        del name
        self._refresh()
        connection.context = self._current

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._looked < self._look_seconds:
            return
        self._looked = now
        signature = self._sign()
        if signature == self._signature:
            return
        try:
            self._current = self._load()
        except errors.ConfigurationError as error:
            # Looked at again next time: the second file may not have been written yet.
            _LOG.warning("%s; the old one goes on", error.message, extra={"event": "certificate_unusable"})
            return
        self._signature = signature
        _LOG.info("a new certificate is in use", extra={"event": "certificate_reloaded"})

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["http/1.1"])
        certificate, key = self._paths
        try:
            context.load_cert_chain(certificate, key, password=_refuse_password)
        except ssl.SSLError as error:
            raise errors.ConfigurationError(
                f"{certificate} and {key} are no certificate with its key in PEM ({error.reason})",
                remedy="--tls-cert takes the certificate with its chain, --tls-key the key, unencrypted",
            ) from error
        except OSError as error:
            raise errors.ConfigurationError(
                f"{certificate} or {key} cannot be read: {error.strerror}",
                remedy="check that both exist and that this account may read them",
            ) from error
        return context

    def _sign(self) -> tuple[object, ...]:
        signature: list[object] = []
        for path in self._paths:
            try:
                found = os.stat(path)  # noqa: PTH116
            except OSError as error:
                signature.append(error.errno)
            else:
                signature.append((found.st_ino, found.st_mtime_ns, found.st_size))
        return tuple(signature)


def _refuse_password() -> str:
    """Answer instead of OpenSSL's question on the terminal, which would stop the service."""
    return ""
