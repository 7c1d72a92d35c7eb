"""Opening a TCP connection to a host. It must not know HTTP or TLS.

`_socket` is the C module under the standard library's `socket`, whose wrapper costs start-up time.
"""

from __future__ import annotations

import _socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals.kube.http import urls


class Socket(_socket.socket):
    """A socket that `_ssl` can refer to: its sessions hold theirs weakly."""

    __slots__ = ("__weakref__",)


def connect(address: urls.Address, deadline: float, clock: Callable[[], float]) -> Socket:
    """Connect to the first address of the host that answers; each gets its share of the time that is left."""
    found = _socket.getaddrinfo(to_ascii(address.host).encode(), address.port, 0, _socket.SOCK_STREAM)
    failure: OSError = OSError("the name has no address")
    for index, (family, kind, protocol, _, place) in enumerate(found):
        left = deadline - clock()
        if left <= 0:
            raise TimeoutError
        raw = Socket(family, kind, protocol)
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
    """An international name in its ASCII form. The others skip the codec, which is slow to import."""
    return host if host.isascii() else host.encode("idna").decode("ascii")
