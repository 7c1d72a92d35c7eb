"""The connections to one cluster: idle ones are used again, a closed one is replaced, errors get their words.

It must not know retries, lists or what is asked for.
"""

from __future__ import annotations

from _thread import allocate_lock

from kubevitals import errors
from kubevitals.kube.http import connection as connections
from kubevitals.kube.http import proxy, tls, urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubevitals.kube import clientconfig
    from kubevitals.kube.http import authentication, response

_IDLE_LIMIT = 8  # connections kept open
_IDLE_SECONDS = 60.0  # shorter than the idle time-outs of API servers and of the load balancers before them


class Request:
    """One request, ready to be sent: `name` is "GET /path" for messages."""

    __slots__ = ("body", "headers", "method", "name", "target")

    def __init__(
        self, method: str, target: str, *, name: str, headers: Sequence[tuple[str, str]], body: bytes = b""
    ) -> None:
        self.method = method
        self.target = target
        self.name = name
        self.headers = headers
        self.body = body


class Pool:
    """Opens, lends and keeps connections. Threads may share it."""

    __slots__ = (
        "_clock",
        "_closed",
        "_config",
        "_connect_timeout",
        "_context",
        "_context_of",
        "_idle",
        "_lock",
        "_proxy",
        "address",
    )

    def __init__(
        self,
        config: clientconfig.ClientConfig,
        *,
        connect_timeout: float,
        environ: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self.address = urls.split_url(config.server)
        if self.address.scheme not in ("https", "http"):
            raise errors.ConfigurationError(
                f"the server's address begins with {self.address.scheme}://",
                remedy="Write it as https://HOST:PORT.",
            )
        self._config = config
        self._connect_timeout = connect_timeout
        self._proxy = proxy.choose_proxy(self.address, proxy_url=config.proxy_url, environ=environ)
        self._clock = clock
        self._lock = allocate_lock()
        self._idle: list[connections.Connection] = []
        self._context: tls.Context | None = None
        self._context_of: authentication.Credential | None = None
        self._closed = False

    def send(
        self, request: Request, credential: authentication.Credential, *, deadline: float
    ) -> tuple[connections.Connection, response.Head]:
        """Send `request` and read the head of its answer. The caller reads the body, then releases.

        An idle connection that turns out to be closed, before any byte of an answer, is replaced once.

        Raises:
            errors.ClusterError: no answer by `deadline` (by the clock given at the start), or none at all.
        """
        context = self._context_for(credential) if self.address.scheme == "https" else None
        connection = self._take(context)
        if connection is not None:
            try:
                return connection, self._exchange(connection, request, deadline=deadline)
            except errors.UnreachableError:
                if connection.received:
                    raise
        started = self._clock()
        connection = connections.Connection(
            self.address,
            context=context,
            server_name=self._config.tls_server_name,
            proxy=self._proxy,
            clock=self._clock,
        )
        with self.guard(connection, request, read_timeout=min(self._connect_timeout, deadline - started)):
            connection.connect(min(self._connect_timeout, deadline - started))
        return connection, self._exchange(connection, request, deadline=deadline)

    def guard(self, connection: connections.Connection, request: Request, *, read_timeout: float) -> _Guard:
        """A context in which a failure closes `connection` and becomes the error for the user.

        `read_timeout` is the time-out in force, for the message.
        """
        return _Guard(self, connection, request, read_timeout=read_timeout)

    def release(self, connection: connections.Connection) -> None:
        """Keep the connection for the next request, if it can serve one."""
        with self._lock:
            if (
                connection.reusable
                and not self._closed
                and connection.context is self._context
                and len(self._idle) < _IDLE_LIMIT
            ):
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections; those lent out are closed as they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def translate(
        self, error: OSError, connection: connections.Connection, request: Request, *, read_timeout: float
    ) -> errors.ClusterError:
        """The error for the user."""
        from kubevitals.kube.http import failures

        return failures.from_exception(
            error,
            connection=connection,
            request=request.name,
            waited=read_timeout,
            certificate=self._context_of is not None and self._context_of.certificate is not None,
            origin=self._config.origin,
        )

    def _exchange(
        self, connection: connections.Connection, request: Request, *, deadline: float
    ) -> response.Head:
        with self.guard(connection, request, read_timeout=deadline - self._clock()):
            connection.send(
                request.method, request.target, request.headers, body=request.body, deadline=deadline
            )
            return connection.read_head(deadline)

    def _take(self, context: tls.Context | None) -> connections.Connection | None:
        """The idle connection used last, closed and outdated ones dropped."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                return None
            fresh = self._clock() - connection.idle_since < _IDLE_SECONDS
            if fresh and connection.context is context and connection.is_quiet:
                return connection
            connection.close()
        return None

    def _context_for(self, credential: authentication.Credential) -> tls.Context:
        """The TLS context, made once for each client certificate."""
        with self._lock:
            known = self._context_of
            if (
                self._context is None
                or known is None
                or (known.certificate, known.key) != (credential.certificate, credential.key)
            ):
                self._context = tls.open_context(self._config, credential)
                self._context_of = credential
            return self._context


class _Guard:
    """See Pool.guard."""

    __slots__ = ("_connection", "_pool", "_read_timeout", "_request")

    def __init__(
        self, pool: Pool, connection: connections.Connection, request: Request, *, read_timeout: float
    ) -> None:
        self._pool = pool
        self._connection = connection
        self._request = request
        self._read_timeout = read_timeout

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        self._connection.close()
        if isinstance(error, errors.ClusterError):
            error.request = error.request or self._request.name
            return
        if isinstance(error, OSError):
            raise self._pool.translate(
                error, self._connection, self._request, read_timeout=self._read_timeout
            ) from error
