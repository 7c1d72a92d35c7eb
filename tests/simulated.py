"""Plain requests to a simulated cluster, by the standard library's client, for the tests of its server."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simcluster import simulation


class Answer:
    """One answer, its body decoded from gzip nowhere: what came is what is here."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


def open_connection(
    simulated: simulation.SimulatedCluster, *, timeout: float = 10.0
) -> http.client.HTTPConnection:
    """A connection of the standard library's client that trusts the cluster."""
    parts = urllib.parse.urlsplit(simulated.url)
    assert parts.hostname
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    context = ssl.create_default_context(cadata=simulated.ca.decode())
    return http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)


def headers_for(simulated: simulation.SimulatedCluster, user: str | None) -> dict[str, str]:
    """The credentials of a user."""
    return {} if user is None else {"Authorization": f"Bearer {simulated.token_for(user)}"}


def ask(
    simulated: simulation.SimulatedCluster,
    path: str,
    *,
    method: str = "GET",
    user: str | None = "admin",
    body: object = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """One request on a connection of its own."""
    with contextlib.closing(open_connection(simulated)) as connection:
        given = None if body is None else json.dumps(body)
        connection.request(
            method, path, body=given, headers={**headers_for(simulated, user), **(headers or {})}
        )
        response = connection.getresponse()
        return Answer(
            response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        )


def quote(**query: str) -> str:
    """A query string."""
    return urllib.parse.urlencode(query)


@contextlib.contextmanager
def watching(
    simulated: simulation.SimulatedCluster, path: str, *, accept: str = "application/json"
) -> Iterator[Iterator[Any]]:
    """The events of a watch, as they come."""
    with contextlib.closing(open_connection(simulated)) as connection:
        connection.request("GET", path, headers={**headers_for(simulated, "admin"), "Accept": accept})
        response = connection.getresponse()
        assert response.status == 200
        with response:
            yield (json.loads(line) for line in response)
