"""Requests straight to a port of a node or a pod, without credentials: only where --probe asks for them.

Nothing of the account is sent, certificates are not checked, redirects are not followed, and of an answer
only the beginning is read.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import re
import ssl
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

_TIMEOUT = 2.0  # seconds; what is not in reach is silent
_READ = 4096  # bytes of an answer
_TIME = rb"(?:\x17\x0d[0-9]{12}Z|\x18\x0f[0-9]{14}Z)"
_VALIDITY = re.compile(_TIME + rb"(?:\x17\x0d([0-9]{12}Z)|\x18\x0f([0-9]{14}Z))")


class Answer(NamedTuple):
    """What came back: a status of 0 with words where nothing did."""

    status: int
    body: bytes = b""
    content_type: str = ""
    error: str = ""


def is_worth_asking(address: str) -> bool:
    """Return whether an address is one of a machine: what a cluster says must not lead to metadata services."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return not (found.is_link_local or found.is_multicast or found.is_unspecified)


def url(scheme: str, address: str, port: int, path: str) -> str:
    """Return the URL of a path at an address of either family."""
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}:{port}{path if path.startswith('/') else '/' + path}"


def get(target: str) -> Answer:
    """Send a GET and return the answer; it raises nothing."""
    place = urlsplit(target)
    host = place.hostname or ""
    path = place.path + (f"?{place.query}" if place.query else "")
    connection: http.client.HTTPConnection
    if place.scheme == "https":
        trust = ssl.create_default_context()
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, place.port, timeout=_TIMEOUT, context=trust)
    else:
        connection = http.client.HTTPConnection(host, place.port, timeout=_TIMEOUT)
    try:
        connection.request("GET", path, headers={"User-Agent": "kubevitals-doctor", "Accept": "text/plain"})
        with connection.getresponse() as response:
            return Answer(response.status, response.read(_READ), response.headers.get("Content-Type", ""))
    except ConnectionRefusedError:
        return Answer(0, error="connection refused")
    except TimeoutError:
        return Answer(0, error="timed out")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(0, error=type(error).__name__)
    finally:
        connection.close()


def certificate_of(address: str, port: int) -> str:
    """Return the PEM of the certificate that a port shows; empty where none is."""
    with contextlib.suppress(OSError, ValueError):
        return ssl.get_server_certificate((address, port), timeout=_TIMEOUT)
    return ""


def certificate_ends(pem: str) -> datetime | None:
    """Return when a certificate ends; None if it cannot be read.

    It is any server's own, which Python decodes only where it trusts it: the two times of its validity stand
    beside each other in its DER form.
    """
    if not pem:
        return None
    try:
        found = _VALIDITY.search(ssl.PEM_cert_to_DER_cert(pem))
        if found is None:
            return None
        short, long = found.groups()
        text = (short or long).decode("ascii")
        return datetime.strptime(text, "%y%m%d%H%M%SZ" if short else "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
