"""Sockets that listen: on one address, or on all of this machine, of both families."""

from __future__ import annotations

import socket

from kubevitals import errors, sanitize

EVERYWHERE = "*"
"""The address that stands for all addresses of this machine, IPv6 and IPv4."""


def listen(address: str, port: int, *, backlog: int) -> socket.socket:
    """Return a socket that listens on `address`, or everywhere for "*"; port 0 takes any that is free.

    Raises:
        errors.ConfigurationError: that cannot be had.
    """
    host = address.strip("[]")
    try:
        if host == EVERYWHERE:
            return _listen_everywhere(port, backlog)
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((place[0], port, *place[2:]))  # getaddrinfo takes a port beyond 65535 for another one
            made.listen(backlog)
        except (OSError, OverflowError):
            made.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        raise errors.ConfigurationError(
            f"cannot listen on {sanitize.shorten(host, 100)} port {port}: "
            f"{getattr(error, 'strerror', None) or error}",
            remedy="give another --address or --port; port 0 takes any that is free",
        ) from error
    return made


def _listen_everywhere(port: int, backlog: int) -> socket.socket:
    """Return a socket for both families; for IPv4 alone where the machine has no IPv6."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", port), family=socket.AF_INET6, backlog=backlog, dualstack_ipv6=True
            )
        except OSError as error:
            if not _lacks_family(error):
                raise
    return socket.create_server(("", port), backlog=backlog)


def _lacks_family(error: OSError) -> bool:
    """Return whether the machine has no IPv6, as where it is switched off in the kernel."""
    import errno

    return error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def url_of(listening: socket.socket, *, scheme: str = "http") -> str:
    """Return the address of a socket as a URL; that of one that listens everywhere names this machine."""
    host, port = listening.getsockname()[:2]
    host = {"::": "[::]"}.get(host, host)
    place = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{scheme}://{place}:{port}"
