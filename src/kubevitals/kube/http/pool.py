"""The pool of connections: idle ones are used again, a closed one is replaced, failures get their words."""

from __future__ import annotations

import threading
import time

from kubevitals import errors
from kubevitals.kube.http import connection as connections
from kubevitals.kube.http import response as responses
from kubevitals.kube.http import tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from kubevitals.kube.http import request as requests

_IDLE_SECONDS = 60.0  # shorter than the idle time-outs of servers and of the load balancers before them
_CONTEXTS = 16  # TLS contexts that are kept


class Pool:
    """Connections to any number of servers, kept open by their routes. Threads may share it.

    Args:
        idle_per_route: how many idle connections with one route are kept.
        idle_limit: how many idle connections are kept in all.
        clock: a monotonic clock; deadlines are by it.
    """

    def __init__(
        self, *, idle_per_route: int = 8, idle_limit: int = 64, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._idle_per_route = idle_per_route
        self._idle_limit = idle_limit
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: dict[connections.Route, list[connections.Connection]] = {}
        self._idle_count = 0
        self._sweep_at = clock() + _IDLE_SECONDS
        self._contexts: dict[tls.Settings, tls.Context] = {}
        self._closed = False

    def send(
        self,
        request: requests.Request,
        route: connections.Route,
        *,
        deadline: float,
        connect_timeout: float | None = None,
    ) -> responses.Response:
        """Send `request` and return the answer, its body not yet read.

        An idle connection that turns out to be closed, before any byte of an answer, is replaced once.
        `connect_timeout` bounds, in seconds, a new connection with its TLS handshake.

        Raises:
            errors.ClusterError: there is no answer by `deadline`, or none at all.
            errors.ConfigurationError: the CA of the route cannot be used.
            errors.CredentialsError: the client certificate of the route cannot be used.
        """
        connection = self._take(route)
        if connection is not None:
            try:
                return self._exchange(connection, request, deadline)
            except errors.UnreachableError:
                if connection.received:
                    raise
        if connect_timeout is not None:
            connect_by = min(deadline, self._clock() + connect_timeout)
        else:
            connect_by = deadline
        return self._exchange(self._connect(route, request, connect_by), request, deadline)

    def release(self, connection: connections.Connection) -> None:
        """Keep the connection for the next request, if it can serve one."""
        with self._lock:
            outdated = self._sweep()
            idle = self._idle.setdefault(connection.route, [])
            if (
                connection.reusable
                and not self._closed
                and len(idle) < self._idle_per_route
                and self._idle_count < self._idle_limit
            ):
                idle.append(connection)
                self._idle_count += 1
            else:
                outdated.append(connection)
        for each in outdated:
            each.close()

    def close(self) -> None:
        """Close the idle connections; those in use are closed when they are released."""
        with self._lock:
            self._closed = True
            idle, self._idle, self._idle_count = self._idle, {}, 0
        for one_route in idle.values():
            for connection in one_route:
                connection.close()

    def _connect(
        self, route: connections.Route, request: requests.Request, deadline: float
    ) -> connections.Connection:
        """Return a new connection, with TLS by the authority that signed where several have one name."""
        if route.tls is None:
            return self._connect_with(None, route, request, deadline)
        try:
            return self._connect_with(self._context(route.tls), route, request, deadline)
        except errors.TLSError as error:
            others = tls.split_authorities(route.tls) if error.cause == "signature" else []
            for settings in others:
                context = tls.build_context(settings)
                try:
                    connection = self._connect_with(context, route, request, deadline)
                except errors.TLSError:
                    continue
                with self._lock:
                    self._contexts[route.tls] = context
                return connection
            raise

    def _connect_with(
        self,
        context: tls.Context | None,
        route: connections.Route,
        request: requests.Request,
        deadline: float,
    ) -> connections.Connection:
        connection = connections.Connection(route, context=context, clock=self._clock)
        timeout = deadline - self._clock()
        with connection.translated(request, timeout):
            connection.connect(timeout)
        return connection

    def _exchange(
        self, connection: connections.Connection, request: requests.Request, deadline: float
    ) -> responses.Response:
        with connection.translated(request, deadline - self._clock()):
            connection.send(request, deadline)
            head = connection.read_head(deadline)
        return responses.Response(head, connection, request=request, release=self.release)

    def _take(self, route: connections.Route) -> connections.Connection | None:
        """Return the idle connection used last, if one is left; closed and outdated ones are dropped."""
        while True:
            with self._lock:
                idle = self._idle.get(route)
                if not idle:
                    return None
                connection = idle.pop()
                self._idle_count -= 1
            if self._is_fresh(connection) and connection.is_quiet:
                return connection
            connection.close()

    def _is_fresh(self, connection: connections.Connection) -> bool:
        return self._clock() - connection.idle_since < _IDLE_SECONDS

    def _sweep(self) -> list[connections.Connection]:
        """Return the connections that nobody has used for long, taken out; looked for once a minute."""
        if self._clock() < self._sweep_at:
            return []
        self._sweep_at = self._clock() + _IDLE_SECONDS
        outdated = []
        for route, idle in list(self._idle.items()):
            outdated += [each for each in idle if not self._is_fresh(each)]
            fresh = [each for each in idle if self._is_fresh(each)]
            if fresh:
                self._idle[route] = fresh
            else:
                del self._idle[route]
        self._idle_count -= len(outdated)
        return outdated

    def _context(self, settings: tls.Settings) -> tls.Context:
        """Return the TLS context of the settings, made once."""
        with self._lock:
            context = self._contexts.get(settings)
            if context is None:
                if len(self._contexts) >= _CONTEXTS:
                    self._contexts.clear()
                context = self._contexts[settings] = tls.build_context(settings)
            return context
