"""Listening on one address, or on all of both families."""

from __future__ import annotations

import errno
import socket

import pytest

from kubevitals import errors, sockets


def reaches(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def test_everywhere() -> None:
    """A star listens on all addresses of both families, as a pod with two of them needs it."""
    with sockets.listen("*", 0, backlog=5) as listening:
        port = listening.getsockname()[1]
        assert reaches("127.0.0.1", port)
        if has_ipv6():
            assert reaches("::1", port)


def test_everywhere_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no IPv6 a star listens on IPv4."""
    create = socket.create_server

    def refuse(address: tuple[str, int], **options: object) -> socket.socket:
        if options.get("family") == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return create(address, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "create_server", refuse)
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: True)
    with sockets.listen("*", 0, backlog=5) as listening:
        assert listening.family == socket.AF_INET
        assert reaches("127.0.0.1", listening.getsockname()[1])


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost"])
def test_one_address(address: str) -> None:
    """An address listens there, and its URL says where."""
    with sockets.listen(address, 0, backlog=5) as listening:
        port = listening.getsockname()[1]
        assert reaches("127.0.0.1", port) or reaches("::1", port)
        assert sockets.url_of(listening, scheme="https").startswith("https://")
        assert sockets.url_of(listening).endswith(f":{port}")


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this machine")
@pytest.mark.parametrize("address", ["::1", "[::1]"])
def test_ipv6(address: str) -> None:
    """IPv6 addresses may stand in brackets, and do in URLs."""
    with sockets.listen(address, 0, backlog=5) as listening:
        assert sockets.url_of(listening) == f"http://[::1]:{listening.getsockname()[1]}"


@pytest.mark.parametrize(
    ("address", "port"), [("no such host", 0), ("203.0.113.1", 0), ("127.0.0.1", 99_999), ("ü" * 80, 1)]
)
def test_what_cannot_be_had(address: str, port: int) -> None:
    """An address or a port that cannot be had is an error with the next step."""
    with pytest.raises(errors.ConfigurationError, match="cannot listen on") as raised:
        sockets.listen(address, port, backlog=5)
    assert "--port" in (raised.value.remedy or "")


def test_a_port_that_is_taken() -> None:
    """A port that somebody has is said so, everywhere too."""
    with sockets.listen("127.0.0.1", 0, backlog=5) as first:
        for address in ("127.0.0.1", "*"):
            with pytest.raises(errors.ConfigurationError, match="in use"):
                sockets.listen(address, first.getsockname()[1], backlog=5)
