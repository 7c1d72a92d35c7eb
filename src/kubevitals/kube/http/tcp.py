"""Opening a TCP connection to a host."""

from __future__ import annotations

from kubevitals import cpython

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from kubevitals.kube.http import urls


def connect(address: urls.Address, deadline: float, clock: Callable[[], float]) -> socket.socket:
    """Connect to the first address of the host that answers; each gets its share of the time that is left.

    Raises:
        OSError: no address answers, or the name does not resolve.
    """
    host = to_ascii(address.host).encode()
    found = cpython.sockets.getaddrinfo(host, address.port, 0, cpython.sockets.SOCK_STREAM)
    failure: OSError = OSError("the name has no address")
    for index, (family, kind, protocol, _, place) in enumerate(found):
        left = deadline - clock()
        if left <= 0:
            raise TimeoutError
        raw: socket.socket = cpython.Socket(family, kind, protocol)
        try:
            raw.settimeout(left / (len(found) - index))
            raw.connect(place)
        except OSError as error:
            raw.close()
            failure = error
        except BaseException:
            raw.close()
            raise
        else:
            return raw
    raise failure


def to_ascii(host: str) -> str:
    """Return a name in its ASCII form. Only international ones import the codec, which is slow."""
    return host if host.isascii() else host.encode("idna").decode("ascii")
