"""The pool of connections: which requests share one, how many are kept, and when they are closed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests import servers

from kubevitals import errors
from kubevitals.kube.http import connection, pool, tls, urls
from kubevitals.kube.http import request as requests

OK = servers.answer(200, b"{}")
GET = requests.Request("GET", "/", "GET /")


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def route_to(server: servers.Server, **more: Any) -> connection.Route:
    return connection.Route(urls.split_url(server.url), **more)


def ask(connections: pool.Pool, route: connection.Route, *, deadline: float = 5.0) -> bytes:
    return connections.send(GET, route, deadline=deadline).read(read_timeout=5)


def test_equal_routes_share_a_connection() -> None:
    """The second request to a server uses the connection of the first, and another server gets its own."""
    connections = pool.Pool(clock=Clock())
    with servers.Server(OK, OK, OK) as one, servers.Server(OK) as two:
        ask(connections, route_to(one))
        ask(connections, route_to(two))
        ask(connections, route_to(one))
        assert (one.connections, two.connections) == (1, 1)
        ask(connections, route_to(one, origin="elsewhere"))
        assert one.connections == 2
        connections.close()


def test_another_client_certificate_is_another_route() -> None:
    """A connection that was opened with one client certificate is not used for another."""
    connections = pool.Pool(clock=Clock())
    ca = servers.authority().pem
    with servers.Server(OK, OK, OK, tls=servers.server_context()) as server:
        for user in ("a", "a", "b"):
            made = _ISSUED.setdefault(user, servers.authority().issue(user=user))
            ask(connections, route_to(server, tls=tls.Settings(ca, False, made.certificate, made.key)))
        assert server.connections == 2
        connections.close()


_ISSUED: dict[str, Any] = {}


@pytest.mark.parametrize(("per_route", "in_all", "kept"), [(2, 9, 2), (9, 1, 1), (9, 9, 3)])
def test_only_so_many_are_kept(per_route: int, in_all: int, kept: int) -> None:
    """Idle connections beyond the limit of a route, or of the pool, are closed."""
    connections = pool.Pool(idle_per_route=per_route, idle_limit=in_all, clock=Clock())
    with servers.Server(*[OK] * 6) as server:
        route = route_to(server)
        for _ in range(2):
            responses = [connections.send(GET, route, deadline=5) for _ in range(3)]
            for response in responses:
                response.read(read_timeout=5)
        assert server.connections == 6 - kept
        connections.close()


def test_connections_that_nobody_uses_are_closed() -> None:
    """A connection idle for a minute is closed when another server is asked: its node may be gone."""
    clock = Clock()
    connections = pool.Pool(clock=clock)
    with servers.Server([OK, "wait"]) as gone, servers.Server(OK, OK) as other:
        ask(connections, route_to(gone))
        clock.now = 59
        ask(connections, route_to(other), deadline=99)
        assert connections._idle_count == 2
        clock.now = 61
        ask(connections, route_to(other), deadline=99)
        assert (connections._idle_count, len(connections._idle)) == (1, 1)
        connections.close()


def test_a_closed_pool_keeps_nothing() -> None:
    """What is released after close() is closed."""
    connections = pool.Pool(clock=Clock())
    with servers.Server(OK, OK) as server:
        response = connections.send(GET, route_to(server), deadline=5)
        connections.close()
        response.read(read_timeout=5)
        assert connections._idle_count == 0
        ask(connections, route_to(server))
        assert server.connections == 2


def test_all_of_a_body_has_to_be_there_at_its_deadline() -> None:
    """A body that drips, each byte in time, ends at the deadline."""
    connections = pool.Pool()
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    with servers.Server([head, *[b"x", 0.05] * 100]) as server:
        started = time.monotonic()
        response = connections.send(GET, route_to(server), deadline=started + 5)
        with pytest.raises(errors.RequestTimeoutError, match="stalled"):
            response.read(read_timeout=5, deadline=started + 0.3)
        assert time.monotonic() - started < 4
        connections.close()
