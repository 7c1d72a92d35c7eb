"""Credentials that are written down: tokens, passwords, certificates, in the kubeconfig or in files it names.

Of the kinds that a user entry may hold one is chosen as kubectl does, and files that change are read again.
Nothing secret leaves this module but in a `Credential`.
"""

from __future__ import annotations

import os
import threading
import time

from kubevitals import errors, sanitize
from kubevitals.kube.auth import kubeconfig_file
from kubevitals.kube.http import authentication

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_RECHECK_SECONDS = 1.0  # how often a file is asked whether it changed
_FILE_LIMIT = 4 << 20  # bytes; a certificate chain has a few kB

_PROVIDERS_GONE = {
    "gcp": "Install gke-gcloud-auth-plugin and run `gcloud container clusters get-credentials` again.",
    "azure": "Install kubelogin and run `kubelogin convert-kubeconfig`.",
    "openstack": "Use the client-keystone-auth exec plugin.",
}


class WatchedFile:
    """A file that is read again when it has changed, looked at no more often than every `recheck` seconds."""

    __slots__ = ("_checked", "_clock", "_data", "_recheck", "_stamp", "path", "what")

    def __init__(
        self, path: str, what: str, *, clock: Callable[[], float], recheck: float = _RECHECK_SECONDS
    ) -> None:
        self.path = path
        self.what = what
        self._clock = clock
        self._recheck = recheck
        self._data: bytes | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._checked = 0.0

    def read(self) -> bytes:
        """Return its content; while it is being replaced and cannot be read, the content it had before.

        Raises:
            errors.CredentialsError: it cannot be read and never could.
        """
        now = self._clock()
        if self._stamp is not None and self._data is not None and 0 <= now - self._checked < self._recheck:
            return self._data
        try:
            status = os.stat(self.path)  # noqa: PTH116 - pathlib costs 8 ms
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp != self._stamp or self._data is None:
                self._data = self._read_now()
            self._stamp, self._checked = stamp, now
        except (OSError, ValueError) as error:
            if self._data is None:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                raise errors.CredentialsError(
                    f"{self.what} {sanitize.excerpt(self.path)} cannot be used: {reason}",
                    remedy="Check that the file exists and that you may read it.",
                ) from error
        return self._data

    def _read_now(self) -> bytes:
        with open(self.path, "rb") as file:  # noqa: PTH123 - pathlib costs 8 ms
            data = file.read(_FILE_LIMIT + 1)
        if not data.strip():
            raise ValueError("it is empty")
        if len(data) > _FILE_LIMIT:
            raise ValueError(f"it is larger than {_FILE_LIMIT >> 20} MiB")
        return data

    def forget(self) -> None:
        """Read it anew next time, whatever its time stamp says."""
        self._stamp = None


class LastGiven:
    """Which credential each thread was given last: the one that a 401 in that thread speaks of."""

    __slots__ = ("_by_thread",)

    def __init__(self) -> None:
        self._by_thread: dict[int, authentication.Credential] = {}

    def note(self, credential: authentication.Credential) -> authentication.Credential:
        """Remember it for this thread, and return it."""
        if len(self._by_thread) > 1000:
            self._by_thread.clear()  # of threads long gone; at worst a live one renews once more than needed
        self._by_thread[threading.get_ident()] = credential
        return credential

    def find(self) -> authentication.Credential | None:
        """Return what this thread was given last, or None."""
        return self._by_thread.get(threading.get_ident())


class StoredCredentials(authentication.Credentials):
    """Credentials of fixed values, or of files that are read again when they change."""

    __slots__ = (
        "_authorization",
        "_certificate",
        "_current",
        "_files",
        "_given",
        "_key",
        "_lock",
        "_token_file",
        "kind",
    )

    def __init__(
        self,
        kind: str,
        *,
        authorization: str | None = None,
        token_file: WatchedFile | None = None,
        certificate: bytes | WatchedFile | None = None,
        key: bytes | WatchedFile | None = None,
    ) -> None:
        self.kind = kind
        self._authorization = authorization
        self._token_file = token_file
        self._certificate = certificate
        self._key = key
        self._files = [item for item in (token_file, certificate, key) if isinstance(item, WatchedFile)]
        self._lock = threading.Lock()
        self._given = LastGiven()
        self._current: authentication.Credential | None = None

    def fetch(self) -> authentication.Credential:
        """Return what the entry or its files say now."""
        with self._lock:
            if self._current is None or self._files:
                made = authentication.Credential(
                    self._read_authorization(),
                    certificate=_content(self._certificate),
                    key=_content(self._key),
                )
                if made != self._current:
                    self._current = made
            return self._given.note(self._current)

    def renew(self) -> bool:
        """Read the files anew; True if they hold something else than this thread was last given."""
        if not self._files:
            return False
        used = self._given.find()
        with self._lock:
            for file in self._files:
                file.forget()
        try:
            return self.fetch() is not used
        except errors.CredentialsError:
            return False  # the 401 is the better message

    def _read_authorization(self) -> str | None:
        if self._token_file is None:
            return self._authorization
        try:
            data = self._token_file.read()
        except errors.CredentialsError:
            if self._authorization is None:
                raise
            return self._authorization  # as in kubectl the token stands in for a file that cannot be read
        return bearer(data.decode("utf-8", "replace"), f"token file {self._token_file.path}")


def _content(item: bytes | WatchedFile | None) -> bytes | None:
    return item.read() if isinstance(item, WatchedFile) else item


def bearer(token: str, where: str) -> str:
    """Return the header value for a token.

    Raises:
        errors.CredentialsError: the token cannot stand in a header; `where` names it in the message.
    """
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable():
        what = "is empty" if not token else "holds characters that cannot be sent"
        raise errors.CredentialsError(
            f"the token of {sanitize.excerpt(where)} {what}", remedy="Put the token there anew."
        )
    return f"Bearer {token}"


def open_credentials(
    user: kubeconfig_file.Entry,
    cluster_info: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str],
    clock: Callable[[], float] = time.time,
    recheck: float = _RECHECK_SECONDS,
    interactive: bool = True,
    secure: bool = True,
) -> authentication.Credentials:
    """Return the credentials that a user entry of a kubeconfig describes, with kubectl's precedence.

    A token, a password or a client certificate written down goes before an exec plugin; a token before the
    auth-provider. `cluster_info` is what an exec plugin may be told of the cluster, `interactive` whether it
    may have the terminal, `secure` whether the server will see them: if not, an auth-provider is left out, as
    kubectl does. Nothing is run or fetched yet.

    Raises:
        errors.ConfigurationError: the entry contradicts itself or is not complete.
    """
    plugin, provider = user.mapping("exec"), user.mapping("auth-provider")
    if plugin and provider:
        raise errors.ConfigurationError(
            f"{user.where} has both exec and auth-provider", remedy="Take one of the two away."
        )
    stored = _open_stored(user, clock=clock, recheck=recheck)
    authorized = stored.kind not in {"anonymous", "certificate"}
    if plugin:
        from kubevitals.kube.auth import credentials_exec, execplugin

        parsed = execplugin.parse_plugin(user)
        if stored.kind == "anonymous":
            return credentials_exec.ExecCredentials(
                parsed, cluster_info, environ=environ, clock=clock, interactive=interactive
            )
    if provider and not authorized and secure:
        return _open_provider(user, provider, stored, clock=clock)
    return authentication.Credentials() if stored.kind == "anonymous" else stored


def _open_stored(
    user: kubeconfig_file.Entry, *, clock: Callable[[], float], recheck: float
) -> StoredCredentials:
    token, token_path = user.text("token"), user.file("tokenFile")
    username, password = user.text("username"), user.text("password")
    if (token or token_path) and (username or password):
        raise errors.ConfigurationError(
            f"{user.where} has both a token and a username or password", remedy="Take one of the two away."
        )
    certificate, key = _open_certificate(user, clock=clock, recheck=recheck)
    kind = "anonymous" if certificate is None else "certificate"
    authorization = None
    if token:
        kind, authorization = "token", bearer(token, user.where)
    if username or password:
        import base64

        kind = "basic"
        authorization = (
            "Basic " + base64.b64encode(f"{username}:{password}".encode("utf-8", "surrogateescape")).decode()
        )
    token_file = None
    if token_path:
        kind = "token file"
        token_file = WatchedFile(token_path, f"token file of {user.where}:", clock=clock, recheck=recheck)
    return StoredCredentials(
        kind, authorization=authorization, token_file=token_file, certificate=certificate, key=key
    )


def _open_certificate(
    user: kubeconfig_file.Entry, *, clock: Callable[[], float], recheck: float
) -> tuple[bytes | WatchedFile | None, bytes | WatchedFile | None]:
    found: list[bytes | WatchedFile | None] = []
    for field, marker in (("client-certificate", b"CERTIFICATE-----"), ("client-key", b"PRIVATE KEY-----")):
        data, path = user.data(f"{field}-data"), user.file(field)
        if data is not None and path:
            raise user.twice(field)
        if data is not None and marker not in data:
            raise user.wrong(f"{field}-data", "is not PEM", remedy="Its base64 must hold a BEGIN line.")
        if path:
            found.append(WatchedFile(path, f"{field} of {user.where}:", clock=clock, recheck=recheck))
        else:
            found.append(data)
    certificate, key = found
    if certificate is not None and key is None:
        raise errors.ConfigurationError(
            f"{user.where} has a client certificate without its key",
            remedy="Add client-key-data or client-key.",
        )
    return (certificate, key) if certificate is not None else (None, None)


def _open_provider(
    user: kubeconfig_file.Entry,
    provider: Mapping[str, Any],
    stored: StoredCredentials,
    *,
    clock: Callable[[], float],
) -> authentication.Credentials:
    entry = kubeconfig_file.Entry("auth-provider of user", user.name, body=provider, path=user.path)
    name = entry.text("name")
    if name == "oidc":
        from kubevitals.kube.auth import credentials_oidc

        return credentials_oidc.open_oidc(entry, stored, clock=clock)
    known = sanitize.excerpt(name)
    raise errors.ConfigurationError(
        f'{user.where} uses the auth-provider "{known}", which is not supported (kubectl has only oidc left)',
        remedy=_PROVIDERS_GONE.get(name, "Use an exec plugin, a token or a client certificate instead."),
    )
