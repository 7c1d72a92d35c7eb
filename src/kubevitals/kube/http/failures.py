"""What went wrong with a request, in words: each failure an error of its own, with a remedy.

Loaded only when something failed.
"""

from __future__ import annotations

import _socket
import _ssl

from kubevitals import errors, sanitize

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubevitals.kube import resourceattributes
    from kubevitals.kube.http import connection as connections
    from kubevitals.kube.http import proxy as proxies
    from kubevitals.kube.http import urls

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


def from_exception(
    error: OSError,
    *,
    connection: connections.Connection,
    request: str,
    waited: float,
    certificate: bool = False,
    origin: str = "",
) -> errors.ClusterError:
    """The error for a failure below HTTP. `waited` is the time-out in seconds that was in force.

    `certificate` says whether a client certificate was sent; `origin` where the server's address came from.
    """
    address = connection.address
    where = address.authority
    if isinstance(error, _ssl.SSLError) and not isinstance(error, TimeoutError):
        return _from_tls(error, connection=connection, request=request, certificate=certificate)
    if connection.proxy is not None and connection.stage in ("connect", "proxy"):
        proxy = connection.proxy
        return errors.ProxyError(
            f"the proxy {proxy.address.authority} ({proxy.origin}) cannot be used: {_name(error)}",
            remedy="Check the proxy's address, or except the cluster's host by NO_PROXY.",
            request=request,
        )
    if isinstance(error, _socket.gaierror):
        return errors.HostNotFoundError(
            f"the host name {sanitize.excerpt(address.host)!r} does not resolve: {_name(error)}",
            remedy=_check_server(origin) + " Is a VPN or another DNS server needed?",
            request=request,
        )
    if isinstance(error, TimeoutError):
        return _from_timeout(connection, request=request, waited=waited, origin=origin)
    if isinstance(error, ConnectionRefusedError):
        return errors.UnreachableError(
            f"nothing listens on {where}: connection refused",
            remedy=_check_server(origin) + " Is the cluster running?",
            request=request,
        )
    if isinstance(error, ConnectionAbortedError) and connection.stage in ("wait", "send"):
        return errors.UnreachableError(
            f"{where} closed the connection without an answer",
            remedy="Try again. If it stays so, something between here and the cluster ends connections.",
            request=request,
        )
    if isinstance(error, ConnectionError):
        return errors.UnreachableError(
            f"the connection to {where} broke: {_name(error)}",
            remedy="Try again. If it stays so, something between here and the cluster ends connections.",
            request=request,
        )
    return errors.UnreachableError(
        f"{where} cannot be reached: {_name(error)}",
        remedy=_check_server(origin) + " Is a VPN or a proxy needed?",
        request=request,
    )


def _name(error: OSError) -> str:
    text = error.strerror or str(error) or type(error).__name__
    return sanitize.excerpt(text[:1].lower() + text[1:])


def _check_server(origin: str) -> str:
    return f"Check the server's address ({origin})." if origin else "Check the server's address."


def _from_timeout(
    connection: connections.Connection, *, request: str, waited: float, origin: str
) -> errors.RequestTimeoutError:
    where = connection.address.authority
    if connection.stage in ("connect", "tls"):
        what = "connection" if connection.stage == "connect" else "TLS handshake"
        return errors.RequestTimeoutError(
            f"no {what} with {where} within {_in_tenths(waited)} s",
            remedy=_check_server(origin) + " A firewall may drop the packets; is a VPN or a proxy needed?",
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
        message,
        remedy="The API server may be overloaded; allow more time by --request-timeout.",
        request=request,
    )


def _from_tls(
    error: _ssl.SSLError, *, connection: connections.Connection, request: str, certificate: bool
) -> errors.ClusterError:
    where = connection.address.authority
    if isinstance(error, _ssl.SSLCertVerificationError):
        return _from_verification(error, connection=connection, request=request)
    reason = str(getattr(error, "reason", None) or "")
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return errors.TLSError(
            f"{where} does not speak TLS; it may be a plain HTTP server",
            remedy="If it is, write its address with http:// instead of https://.",
            request=request,
        )
    if any(alert in reason for alert in _CLIENT_CERTIFICATE_ALERTS):
        sent = "refuses the client certificate" if certificate else "wants a client certificate"
        remedy = "Renew client-certificate and client-key of the kubeconfig's user; they may have expired."
        if not certificate:
            remedy = "Give the kubeconfig's user a client-certificate and client-key."
        return errors.TLSError(
            f"{where} {sent} ({sanitize.excerpt(reason.lower().replace('_', ' '))})",
            remedy=remedy,
            request=request,
        )
    if "HANDSHAKE_FAILURE" in reason:
        return errors.TLSError(
            f"{where} refuses the TLS handshake",
            remedy="It may want a client certificate that the kubeconfig's user does not have, "
            "or offer no TLS version or cipher that is safe.",
            request=request,
        )
    if "PROTOCOL" in reason or "VERSION" in reason:
        return errors.TLSError(
            f"{where} offers no TLS version from 1.2 on",
            remedy="Older versions are not safe. Configure the server for TLS 1.2 or 1.3.",
            request=request,
        )
    if isinstance(error, (_ssl.SSLEOFError, _ssl.SSLZeroReturnError)):
        return errors.UnreachableError(
            f"{where} ended the connection in the middle of TLS ({connection.stage})",
            remedy="Try again. If it stays so, something between here and the cluster ends connections.",
            request=request,
        )
    return errors.TLSError(
        f"TLS with {where} failed: {sanitize.excerpt(reason.lower().replace('_', ' ') or str(error))}",
        request=request,
    )


def _from_verification(
    error: _ssl.SSLCertVerificationError, *, connection: connections.Connection, request: str
) -> errors.TLSError:
    where = connection.address.authority
    code = int(getattr(error, "verify_code", 0))
    detail = sanitize.excerpt(str(getattr(error, "verify_message", "")))
    if code in _WRONG_HOST:
        return errors.TLSError(
            f"the certificate of {where} is not for {sanitize.excerpt(connection.server_name)!r}",
            remedy="Use a name that stands in the certificate as the server's address, "
            "or give that name as tls-server-name in the kubeconfig.",
            request=request,
            cause="wrong_host",
        )
    if code == _EXPIRED:
        return errors.TLSError(
            f"the certificate of {where} has expired",
            remedy="Renew the API server's certificate (with kubeadm: kubeadm certs renew apiserver). "
            "Is this machine's clock right?",
            request=request,
            cause="expired",
        )
    if code == _NOT_YET_VALID:
        return errors.TLSError(
            f"the certificate of {where} is not yet valid",
            remedy="Compare this machine's clock with the cluster's.",
            request=request,
            cause="expired",
        )
    if code in _UNKNOWN_CA:
        return errors.TLSError(
            f"the certificate of {where} is signed by an unknown authority ({detail})",
            remedy="Give the cluster's CA as certificate-authority in the kubeconfig. "
            "If the cluster was made anew, its kubeconfig has to be fetched anew.",
            request=request,
            cause="unknown_ca",
        )
    return errors.TLSError(f"the certificate of {where} is not accepted: {detail}", request=request)


def from_proxy(status: int, reason: str, *, proxy: proxies.Proxy, address: urls.Address) -> errors.ProxyError:
    """The error for a proxy that refuses a tunnel."""
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


def from_status(
    status: int,
    reason: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    request: str,
    attributes: resourceattributes.ResourceAttributes | None = None,
    who: str = "",
) -> errors.StatusError:
    """The error for an answer that is no success: Kubernetes' Status object, plain text or anything.

    `who` is the kind of credential that was sent, `attributes` what was asked for.
    """
    from kubevitals.kube import statuserrors

    return statuserrors.from_status(
        status, reason, headers, body, request=request, attributes=attributes, who=who
    )


def speaks_tls(address: urls.Address, *, request: str = "") -> errors.TLSError:
    """The error for a TLS server that is addressed by http://."""
    return errors.TLSError(
        f"{address.authority} speaks TLS, and its address says http://",
        remedy="Write its address with https://.",
        request=request,
    )


def not_json(body: bytes, *, request: str = "", content_type: str = "") -> errors.NotJSONError:
    """The error for an answer that is no JSON; an HTML page is named as what it probably is."""
    start = body[:512].lstrip().lower()
    if "html" in content_type.lower() or start.startswith((b"<!doctype html", b"<html")):
        return errors.NotJSONError(
            "the answer is an HTML page, not JSON: a login page or a proxy stands before the cluster",
            remedy="Check the server's address, and log in to what stands before it.",
            request=request,
        )
    what = f"it begins with {sanitize.excerpt(body[:400], 60)!r}" if start else "it is empty"
    return errors.NotJSONError(
        f"the answer is not JSON: {what}",
        remedy="Is this the address of a Kubernetes API server?",
        request=request,
    )


def _in_tenths(seconds: float) -> str:
    """Return seconds to the tenth: what was left of 15 s, 14.998, is not worth its digits."""
    return f"{max(round(seconds, 1), 0.1):g}"


def add_effort(error: errors.ClusterError, *, attempts: int, seconds: float) -> None:
    """Say in the message how often and how long it was tried."""
    error.message = f"{error.message} (tried {attempts} times in {seconds:.1f} s)"
    error.args = (error.message, *error.args[1:])


def parse_warnings(value: str) -> list[str]:
    """The texts of a Warning header, which the API server sends for deprecated APIs: 299 - "text"."""
    import re

    return [
        sanitize.excerpt(re.sub(r"\\(.)", r"\1", text))
        for text in re.findall(r'\b299 \S+ "((?:[^"\\]|\\.)*)"', value[:16384])
    ]
