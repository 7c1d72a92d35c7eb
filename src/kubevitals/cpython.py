"""What is taken from private modules of CPython to start sooner, each part with its public twin.

`_socket`, `_ssl` and `_json` are the C modules under `socket`, `ssl` and `json`. The public modules around
them take 6, 8 and 8 ms of a start, where kubectl takes 55 for a whole command, and add nothing that is used
here. Where a private module is missing or not as expected, its public twin serves instead.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any, Protocol

    class TLS(Protocol):
        """TLS over the sockets of this module."""

        @property
        def errors(self) -> Any:
            """A module with SSLError and its subclasses."""
            ...

        def new_context(self) -> ssl.SSLContext:
            """Return a client's context: TLS 1.2 or later, HTTP/1.1 by ALPN, hosts by the SAN alone."""
            ...

        def wrap(self, context: ssl.SSLContext, raw: Any, server_name: str) -> tuple[Any, Any]:
            """Return the socket to use from now on, and what shakes hands, reads and writes on it."""
            ...

        def shut_down(self, raw: Any) -> None:
            """End both directions of a socket that another thread may be reading."""
            ...

        def find_default_authorities(self) -> tuple[str, str, str, str]:
            """Return the variable and the path of OpenSSL's file of CAs, and those of its folder."""
            ...


_TLS_1_2 = 0x0303
_WRAP_SIGNATURE = "($self, /, sock, server_side, server_hostname=None"


def _private_sockets() -> tuple[Any, Any]:
    import _socket

    class Socket(_socket.socket):
        """A socket that `_ssl` can refer to: its sessions hold theirs weakly."""

        __slots__ = ("__weakref__",)

    for name in (
        "getaddrinfo",
        "gaierror",
        "SOCK_STREAM",
        "inet_pton",
        "IPPROTO_TCP",
        "SOL_SOCKET",
        "SO_ERROR",
        "SO_KEEPALIVE",
        "TCP_NODELAY",
        "SHUT_RDWR",
    ):
        getattr(_socket, name)
    return _socket, Socket


def _public_sockets() -> tuple[Any, Any]:
    import socket

    return socket, socket.socket


class _PrivateTLS:
    """TLS by `_ssl` over a socket of `_socket`."""

    def __init__(self) -> None:
        import _ssl

        module: Any = _ssl
        for name in ("SSLError", "SSLEOFError", "SSLZeroReturnError", "SSLCertVerificationError"):
            getattr(module, name)
        self.errors = self._module = module
        self._new = module._SSLContext  # noqa: SLF001  the class that ssl.SSLContext extends
        signature = self._new._wrap_socket.__text_signature__  # noqa: SLF001
        if not str(signature).startswith(_WRAP_SIGNATURE):
            raise TypeError("_wrap_socket takes something else")
        self.new_context()
        self.find_default_authorities()

    def new_context(self) -> ssl.SSLContext:
        made: Any = self._new(self._module.PROTOCOL_TLS_CLIENT)
        made.minimum_version = _TLS_1_2
        # What ssl.SSLContext's set_alpn_protocols and hostname_checks_common_name call.
        made._set_alpn_protocols(b"\x08http/1.1")  # noqa: SLF001
        made._host_flags = self._module.HOSTFLAG_NEVER_CHECK_SUBJECT  # noqa: SLF001
        context: ssl.SSLContext = made
        return context

    def wrap(self, context: ssl.SSLContext, raw: Any, server_name: str) -> tuple[Any, Any]:
        wrap: Any = context._wrap_socket  # type: ignore[attr-defined]  # noqa: SLF001  as ssl.SSLSocket does
        return raw, wrap(raw, False, server_name)  # noqa: FBT003  False: the client's side

    def shut_down(self, raw: Any) -> None:
        raw.shutdown(sockets.SHUT_RDWR)

    def find_default_authorities(self) -> tuple[str, str, str, str]:
        file_variable, file, folder_variable, folder = self._module.get_default_verify_paths()
        return file_variable, file, folder_variable, folder


class _PublicTLS:
    """TLS by `ssl` over a socket of `socket`."""

    def __init__(self) -> None:
        import ssl

        self.errors: Any = ssl
        self._ssl = ssl

    def new_context(self) -> ssl.SSLContext:
        made = self._ssl.SSLContext(self._ssl.PROTOCOL_TLS_CLIENT)
        made.minimum_version = self._ssl.TLSVersion.TLSv1_2
        made.set_alpn_protocols(["http/1.1"])
        made.hostname_checks_common_name = False
        return made

    def wrap(self, context: ssl.SSLContext, raw: Any, server_name: str) -> tuple[Any, Any]:
        wrapped = context.wrap_socket(raw, server_hostname=server_name, do_handshake_on_connect=False)
        return wrapped, wrapped

    def shut_down(self, raw: Any) -> None:
        import socket

        # SSLSocket's own takes the session away from the thread that is reading.
        socket.socket.shutdown(raw, socket.SHUT_RDWR)

    def find_default_authorities(self) -> tuple[str, str, str, str]:
        paths = self._ssl.get_default_verify_paths()
        return (
            paths.openssl_cafile_env,
            paths.openssl_cafile,
            paths.openssl_capath_env,
            paths.openssl_capath,
        )


def _private_scanner() -> Callable[[str, int], tuple[Any, int]]:
    import _json

    class Context:
        """What the scanner asks json.JSONDecoder for."""

        strict = True
        object_hook = None
        object_pairs_hook = None
        array_hook = None  # of Python 3.15
        parse_float = float
        parse_int = int
        parse_constant = staticmethod(_refuse_constant)

    scan: Any = _json.make_scanner(Context())  # type: ignore[arg-type]  # any object with these attributes
    if scan('[{"a": 1.5}, null]', 0) != ([{"a": 1.5}, None], 18):
        raise ValueError("it reads something else")
    found: Callable[[str, int], tuple[Any, int]] = scan
    return found


def parse_json(body: bytes) -> Any:
    """Return the value of a JSON document in UTF-8. NaN and Infinity, which JSON does not have, are refused.

    Raises:
        ValueError: this is not JSON.
    """
    text = body.decode("utf-8-sig").strip(" \t\r\n")
    if _scan is not None:
        try:
            value, end = _scan(text, 0)
        except Exception:  # noqa: BLE001 - the public twin says what is wrong, if anything is
            end = -1
        if end == len(text):
            return value
    import json

    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def tls() -> TLS:
    """Return how TLS is spoken; OpenSSL is loaded by the first call."""
    global _tls
    if _tls is None:
        _tls = _first(_PrivateTLS, _PublicTLS) if _private else _PublicTLS()
    return _tls


def use(*, private: bool) -> None:
    """Take the private modules as far as they are as expected, or the public twins alone, from now on."""
    global sockets, Socket, _scan, _tls, _private
    sockets, Socket = _first(_private_sockets, _public_sockets) if private else _public_sockets()
    _scan = _first(_private_scanner, lambda: None) if private else None
    _tls = None
    _private = private


def _first(private: Callable[[], Any], public: Callable[[], Any]) -> Any:
    try:
        return private()
    except Exception:  # noqa: BLE001 - whatever is wrong with a private module, its twin serves
        return public()


sockets: Any  # a module with what `socket` has
Socket: Any  # the class of sockets
_scan: Callable[[str, int], tuple[Any, int]] | None
_tls: TLS | None
_private: bool
use(private=True)
