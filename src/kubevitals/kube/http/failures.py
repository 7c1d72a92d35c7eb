"""What went wrong with a request, in words: each failure is an error of its own, with a remedy and a cause.

Loaded only when something failed.
"""

from __future__ import annotations

from kubevitals import cpython, errors, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from kubevitals.kube.http import connection as connections
    from kubevitals.kube.http import proxy as proxies
    from kubevitals.kube.http import urls

_TRY_AGAIN = "Try again. If it stays so, something between here and the server ends connections."
_CLIENT_CERTIFICATE_ALERTS = (
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REQUIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNKNOWN_CA",
    "ALERT_UNSUPPORTED_CERTIFICATE",
    "ALERT_ACCESS_DENIED",
)
_WRONG_HOST = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_UNKNOWN_CA = (2, 18, 19, 20, 21, 27)  # no issuer, self-signed (leaf, in chain), no local issuer, untrusted
_NOT_YET_VALID = 9
_EXPIRED = 10
_SIGNATURE = 7  # that of the certificate was not made by the authority of that name
_PURPOSE = 26
_WEAK = {
    66: "key is too short",
    67: "authority's key is too short",
    68: "signature uses a hash that is broken",
}


def from_exception(
    error: OSError, *, connection: connections.Connection, request: str, waited: float
) -> errors.ClusterError:
    """Return the error for a failure below HTTP. `waited` is the time-out in seconds that was in force."""
    route = connection.route
    where, proxy = route.address.authority, route.proxy
    if connection.stage != "connect" and route.tls is not None:
        tls_errors = cpython.tls().errors
        if isinstance(error, tls_errors.SSLError) and not isinstance(error, TimeoutError):
            return _from_tls(error, connection=connection, request=request)
    if proxy is not None and connection.stage in ("connect", "proxy"):
        return errors.ProxyError(
            f"the proxy {proxy.address.authority} ({proxy.origin}) cannot be used: {_name(error)}",
            remedy="Check the proxy's address, or except the server's host by NO_PROXY.",
            request=request,
        )
    if isinstance(error, cpython.sockets.gaierror):
        return errors.HostNotFoundError(
            f"the host name {sanitize.excerpt(route.address.host)!r} does not resolve: {_name(error)}",
            remedy=_check_server(route) + " Is a VPN or another DNS server needed?",
            request=request,
        )
    if isinstance(error, TimeoutError) and error.errno is not None and connection.stage != "connect":
        return errors.UnreachableError(  # of the system: keepalive or what was sent found no answer
            f"the connection to {where} died without a word: no packet is acknowledged any more",
            remedy=_TRY_AGAIN,
            request=request,
        )
    if isinstance(error, TimeoutError):
        return _from_timeout(connection, request=request, waited=waited)
    if isinstance(error, ConnectionRefusedError):
        return errors.UnreachableError(
            f"nothing listens on {where}: connection refused",
            remedy=_check_server(route) + " Is the server running?",
            request=request,
        )
    if isinstance(error, ConnectionAbortedError) and connection.stage in ("wait", "send"):
        return errors.UnreachableError(
            f"{where} closed the connection without an answer", remedy=_TRY_AGAIN, request=request
        )
    if isinstance(error, ConnectionError):
        return errors.UnreachableError(
            f"the connection to {where} broke: {_name(error)}", remedy=_TRY_AGAIN, request=request
        )
    return errors.UnreachableError(
        f"{where} cannot be reached: {_name(error)}",
        remedy=_check_server(route) + " Is a VPN or a proxy needed?",
        request=request,
    )


def _name(error: OSError) -> str:
    text = error.strerror or str(error) or type(error).__name__
    return sanitize.excerpt(text[:1].lower() + text[1:])


def _check_server(route: connections.Route) -> str:
    return f"Check the server's address ({route.origin})." if route.origin else "Check the server's address."


def _from_timeout(
    connection: connections.Connection, *, request: str, waited: float
) -> errors.RequestTimeoutError:
    where = connection.route.address.authority
    if connection.stage in ("connect", "tls"):
        what = "connection" if connection.stage == "connect" else "TLS handshake"
        return errors.RequestTimeoutError(
            f"no {what} with {where} within {_in_tenths(waited)} s",
            remedy=_check_server(connection.route)
            + " A firewall may drop the packets; is a VPN or a proxy needed?",
            request=request,
        )
    if connection.stage == "body":
        message = (
            f"the answer of {where} stalled: nothing new for {_in_tenths(waited)} s "
            f"after {connection.received} bytes"
        )
    else:
        message = f"{where} did not answer within {_in_tenths(waited)} s"
    return errors.RequestTimeoutError(
        message, remedy="The server may be overloaded; allow more time.", request=request, cause="slow"
    )


def _from_tls(error: OSError, *, connection: connections.Connection, request: str) -> errors.ClusterError:
    where = connection.route.address.authority
    tls_errors = cpython.tls().errors
    if isinstance(error, tls_errors.SSLCertVerificationError):
        return _from_verification(error, connection=connection, request=request)
    reason = str(getattr(error, "reason", None) or "")
    words = sanitize.excerpt(reason.lower().replace("_", " "))
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return errors.TLSError(
            f"{where} does not speak TLS; it may be a plain HTTP server",
            remedy="If it is, write its address with http:// instead of https://.",
            request=request,
        )
    if any(alert in reason for alert in _CLIENT_CERTIFICATE_ALERTS):
        if connection.route.tls is not None and connection.route.tls.certificate is not None:
            return errors.TLSError(
                f"{where} refuses the client certificate ({words})",
                remedy="Renew the client certificate and its key; they may have expired.",
                request=request,
                cause="certificate_refused",
            )
        return errors.TLSError(
            f"{where} wants a client certificate ({words})",
            remedy="Give a client certificate and its key.",
            request=request,
            cause="certificate_missing",
        )
    if "HANDSHAKE_FAILURE" in reason:
        return errors.TLSError(
            f"{where} refuses the TLS handshake",
            remedy="It may want a client certificate, or offer no TLS version or cipher that is safe.",
            request=request,
            cause="handshake",
        )
    if "PROTOCOL" in reason or "VERSION" in reason:
        return errors.TLSError(
            f"{where} offers no TLS version from 1.2 on",
            remedy="Older versions are not safe. Configure the server for TLS 1.2 or 1.3.",
            request=request,
        )
    if isinstance(error, (tls_errors.SSLEOFError, tls_errors.SSLZeroReturnError)):
        return errors.UnreachableError(
            f"{where} ended the connection in the middle of TLS ({connection.stage})",
            remedy=_TRY_AGAIN,
            request=request,
        )
    return errors.TLSError(
        f"TLS with {where} failed: {words or sanitize.excerpt(str(error))}", request=request
    )


def _from_verification(
    error: OSError, *, connection: connections.Connection, request: str
) -> errors.TLSError:
    where = connection.route.address.authority
    code = int(getattr(error, "verify_code", 0))
    detail = sanitize.excerpt(str(getattr(error, "verify_message", "")))
    if code in _WRONG_HOST:
        return errors.TLSError(
            f"the certificate of {where} is not for {sanitize.excerpt(connection.server_name)!r}",
            remedy="Use a name that stands in the certificate as the server's address, "
            "or give that name as the TLS server name.",
            request=request,
            cause="wrong_host",
        )
    if code == _EXPIRED:
        return errors.TLSError(
            f"the certificate of {where} has expired",
            remedy="Renew the server's certificate. Is this machine's clock right?",
            request=request,
            cause="expired",
        )
    if code == _NOT_YET_VALID:
        return errors.TLSError(
            f"the certificate of {where} is not yet valid",
            remedy="Compare this machine's clock with the server's.",
            request=request,
            cause="not_yet_valid",
        )
    if code in _UNKNOWN_CA:
        return errors.TLSError(
            f"the certificate of {where} is signed by an unknown authority ({detail})",
            remedy="Give the CA that signed it.",
            request=request,
            cause="unknown_ca",
        )
    if code == _SIGNATURE:
        return errors.TLSError(
            f"the certificate of {where} was signed with another key than that of the authority of this name",
            remedy="Give the CA that signed it: the authority was renewed, or this is another server.",
            request=request,
            cause="signature",
        )
    if code == _PURPOSE:
        return errors.TLSError(
            f"the certificate of {where} is not one for servers: its nsCertType or its extendedKeyUsage does "
            "not say server (kubectl ignores nsCertType, OpenSSL does not)",
            remedy="Issue it anew with extendedKeyUsage serverAuth and without nsCertType.",
            request=request,
            cause="purpose",
        )
    if code in _WEAK:
        return errors.TLSError(
            f"the certificate of {where} is too weak for OpenSSL: its {_WEAK[code]}",
            remedy="Issue it anew with SHA-256, and an elliptic curve or at least 2048 bits of RSA.",
            request=request,
            cause="weak",
        )
    return errors.TLSError(f"the certificate of {where} is not accepted: {detail}", request=request)


def from_proxy(status: int, reason: str, *, proxy: proxies.Proxy, address: urls.Address) -> errors.ProxyError:
    """Return the error for a proxy that refuses a tunnel."""
    name = f"{proxy.address.authority} ({proxy.origin})"
    if status == 407:
        sent = (
            "does not accept the user and password" if proxy.authorization else "asks for a user and password"
        )
        return errors.ProxyError(
            f"the proxy {name} {sent} (407)",
            remedy="Write them into the proxy's address: http://USER:PASSWORD@HOST:PORT.",
        )
    return errors.ProxyError(
        f"the proxy {name} refuses a tunnel to {address.authority}: {status} {sanitize.excerpt(reason, 80)}",
        remedy="Except the host by NO_PROXY if it can be reached directly.",
    )


def speaks_tls(address: urls.Address, *, request: str = "") -> errors.TLSError:
    """Return the error for a TLS server that is addressed by http://."""
    return errors.TLSError(
        f"{address.authority} speaks TLS, and its address says http://",
        remedy="Write its address with https://.",
        request=request,
    )


def _in_tenths(seconds: float) -> str:
    """Return seconds to the tenth: what was left of 15 s, 14.998, is not worth its digits."""
    return f"{max(round(seconds, 1), 0.1):g}"


def add_effort(error: errors.ClusterError, *, attempts: int, seconds: float) -> None:
    """Add to the message how often and how long, in seconds, it was tried."""
    error.message = f"{error.message} (tried {attempts} times in {seconds:.1f} s)"
    error.args = (error.message, *error.args[1:])
