"""From options to the client of a server: its address, credentials in files, certificates, further headers.

Secrets come from files alone, which are read again when they change; none is shown.
"""

from __future__ import annotations

import base64
import os
import re
import time
from typing import TYPE_CHECKING, NamedTuple

from kubevitals import errors
from kubevitals.kube.auth import credentials
from kubevitals.kube.http import authentication, urls
from kubevitals.kube.http import client as http_client
from kubevitals.promql import client as promql_client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
# What the client itself writes, or what would carry a secret through the process list.
_OWN_HEADERS = frozenset(
    {
        "accept", "accept-encoding", "connection", "content-length", "content-type", "host", "te",
        "transfer-encoding", "upgrade", "user-agent",
    }
)  # fmt: skip
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "x-api-key"})


class ServerOptions(NamedTuple):
    """How a Prometheus-compatible server is reached; each field is the flag --prometheus-... of that name.

    `url` is http(s)://HOST[:PORT][/PREFIX], what stands before /api/v1; None where it has to be found.
    `token_file` holds a bearer token, `user_file` USER:PASSWORD, `client_certificate` and `client_key` PEM,
    `ca` the CA that signed the server's certificate, without which the system's are used. `insecure` takes
    any certificate, `tls_server_name` is the name to expect in it. `header` holds further headers, each
    "NAME=VALUE", say X-Scope-OrgID=TENANT; not for secrets, as options show in process lists. `timeout` is in
    seconds and is told to the server too.
    """

    url: str | None = None
    token_file: str | None = None
    user_file: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    ca: str | None = None
    insecure: bool = False
    tls_server_name: str | None = None
    header: Sequence[str] = ()
    timeout: float = 30.0


def open_client(
    server: ServerOptions,
    *,
    option: str = "prometheus",
    flag: str | None = None,
    path: str = "",
    environ: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.time,
) -> http_client.Client:
    """Return a client of the server. Files are looked at, nothing is sent.

    Args:
        server: how it is reached.
        option: what the flags begin with, for messages: --prometheus-token-file ...
        flag: the flag of the address itself, where it is not that with -url.
        path: the end of the address that requests name themselves.
        environ: may name a proxy.
        clock: seconds, for when a file is looked at again.

    Raises:
        errors.ConfigurationError: the address or a combination of options cannot be used.
        errors.CredentialsError: a file cannot be read.
        errors.ProxyError: the proxy is of a kind that is not supported.
    """
    flag = flag or f"--{option}-url"
    address = urls.split_url(server.url or "", flag)
    _check(server, address, option=option, flag=flag)
    files = _Files(clock)
    return http_client.Client(
        str(address).removesuffix(path),
        credentials=_open_credentials(files, server),
        headers=parse_headers(server.header, option=option),
        ca=None if server.ca is None else _read_ca(files, server.ca),
        insecure=server.insecure,
        tls_server_name=server.tls_server_name,
        origin=flag,
        request_timeout=server.timeout,
        environ=environ,
    )


def open_prometheus(
    server: ServerOptions, *, flag: str = "--prometheus-url", environ: Mapping[str, str] = os.environ
) -> promql_client.Prometheus:
    """Return the server that the options describe; nothing is sent yet. Raises as `open_client`."""
    return promql_client.Prometheus(open_client(server, flag=flag, environ=environ), origin=flag)


def _check(server: ServerOptions, address: urls.Address, *, option: str, flag: str) -> None:
    """Raise errors.ConfigurationError for options that do not go together."""
    if address.scheme not in ("http", "https"):
        raise errors.ConfigurationError(
            f"the {flag} address begins with {address.scheme[:20]}://",
            remedy="write it as https://HOST:PORT, or http://HOST:PORT",
        )
    if address.userinfo:
        raise errors.ConfigurationError(
            f"the {flag} address holds a user or password, which would show in messages",
            remedy=f"write USER:PASSWORD into a file and give that by --{option}-user-file",
        )
    if server.token_file and server.user_file:
        raise errors.ConfigurationError(
            f"--{option}-token-file and --{option}-user-file exclude each other", remedy="give one of them"
        )
    if bool(server.client_certificate) != bool(server.client_key):
        raise errors.ConfigurationError(
            f"--{option}-client-certificate and --{option}-client-key need each other", remedy="give both"
        )
    if address.scheme == "http" and not address.is_loopback and (server.token_file or server.user_file):
        raise errors.ConfigurationError(
            f"credentials would go to {address.authority} unencrypted, and are not sent over http://",
            remedy=f"give {flag} as https://, or no credentials",
        )


def parse_headers(headers: Sequence[str], *, option: str = "prometheus") -> tuple[tuple[str, str], ...]:
    """Return the headers of "NAME=VALUE" texts. No message shows a value.

    Raises:
        errors.ConfigurationError: one of them cannot be sent, or would show a secret in the process list.
    """
    pairs = []
    for each in headers:
        name, equals, value = each.partition("=")
        if not equals or not _HEADER.fullmatch(name):
            raise errors.ConfigurationError(
                f"a --{option}-header is not NAME=VALUE", remedy="write it as X-Scope-OrgID=TENANT"
            )
        if name.lower() in _SECRET_HEADERS:
            raise errors.ConfigurationError(
                f"--{option}-header {name} would show a secret in the list of processes",
                remedy=f"use --{option}-token-file or --{option}-user-file",
            )
        if name.lower() in _OWN_HEADERS:
            raise errors.ConfigurationError(f"the header {name} is not for --{option}-header to set")
        pairs.append((name, value))
    for name, value in pairs:
        if not value.isascii() or not value.isprintable():
            raise errors.ConfigurationError(f"the value of the header {name} cannot be sent")
    return tuple(pairs)


class _UserFile(authentication.Credentials):
    """A user and a password in a file, written USER:PASSWORD."""

    __slots__ = ("_current", "_data", "_file", "_rest")
    kind = "user file"

    def __init__(self, file: credentials.WatchedFile, rest: credentials.StoredCredentials) -> None:
        self._file = file
        self._rest = rest
        self._data: bytes | None = None
        self._current: authentication.Credential | None = None

    def fetch(self) -> authentication.Credential:
        """Return what the file says now."""
        data, certificate = self._file.read(), self._rest.fetch()
        current = self._current
        if (
            current is None
            or data != self._data
            or (current.certificate, current.key) != (certificate.certificate, certificate.key)
        ):
            text = data.strip(b"\r\n")
            if b":" not in text or b"\n" in text:
                raise errors.CredentialsError(
                    f"{self._file.what} {self._file.path} is not one line USER:PASSWORD"
                )
            current = authentication.Credential(
                "Basic " + base64.b64encode(text).decode(),
                certificate=certificate.certificate,
                key=certificate.key,
            )
            self._data, self._current = data, current
        return current

    def renew(self) -> bool:
        """Read the file anew; True if it holds something else."""
        before = self._data
        self._file.forget()
        try:
            self.fetch()
        except errors.CredentialsError:
            return False  # the 401 is the better message
        return self._data != before


class _Files:
    """Opens files that are watched."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def watch(self, path: str, what: str) -> credentials.WatchedFile:
        file = credentials.WatchedFile(path, what, clock=self._clock)
        file.read()  # a file that cannot be read is told at the start
        return file


def _open_credentials(files: _Files, server: ServerOptions) -> authentication.Credentials:
    certificate = key = None
    if server.client_certificate and server.client_key:
        certificate = files.watch(server.client_certificate, "the client certificate")
        key = files.watch(server.client_key, "the client key")
    stored = credentials.StoredCredentials(
        "token file" if server.token_file else "certificate" if certificate else "anonymous",
        token_file=files.watch(server.token_file, "the token file") if server.token_file else None,
        certificate=certificate,
        key=key,
    )
    if server.user_file:
        made = _UserFile(files.watch(server.user_file, "the user file"), stored)
        made.fetch()
        return made
    stored.fetch()
    return stored


def _read_ca(files: _Files, path: str) -> bytes:
    data = files.watch(path, "the CA file").read()
    if b"CERTIFICATE-----" not in data:
        raise errors.ConfigurationError(
            f"the CA file {path} holds no certificate",
            remedy="it has to be PEM, with a BEGIN CERTIFICATE line",
        )
    return data
