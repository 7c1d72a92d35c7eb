"""The connections to one cluster: idle ones are used again, a closed one is replaced, errors get their words.

It must not know retries, lists or what is asked for.
"""

from __future__ import annotations

from _thread import allocate_lock

from kubevitals import errors
from kubevitals.kube.http import proxy, tls, transport, urls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kubevitals.kube import clientconfig as connections
    from kubevitals.kube.http import heads

_IDLE_LIMIT = 8  # connections kept open
_IDLE_SECONDS = 60.0  # shorter than the idle time-outs of API servers and of the load balancers before them


class Order:
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
        "_connect_timeout",
        "_connection",
        "_context",
        "_context_of",
        "_idle",
        "_lock",
        "_proxy",
        "address",
    )

    def __init__(
        self,
        connection: connections.Connection,
        *,
        connect_timeout: float,
        environ: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self.address = urls.split_url(connection.server)
        if self.address.scheme not in ("https", "http"):
            raise errors.ConfigurationError(
                f"the server's address begins with {self.address.scheme}://",
                remedy="Write it as https://HOST:PORT.",
            )
        self._connection = connection
        self._connect_timeout = connect_timeout
        self._proxy = proxy.choose_proxy(self.address, proxy_url=connection.proxy_url, environ=environ)
        self._clock = clock
        self._lock = allocate_lock()
        self._idle: list[transport.Channel] = []
        self._context: tls.Context | None = None
        self._context_of: connections.Credential | None = None
        self._closed = False

    def begin(
        self, order: Order, credential: connections.Credential, *, deadline: float
    ) -> tuple[transport.Channel, heads.Head]:
        """Send `order` and read the head of its answer. The caller reads the body and gives the channel back.

        An idle connection that turns out to be closed, before any byte of an answer, is replaced once.

        Raises:
            errors.ClusterError: no answer by `deadline` (by the clock given at the start), or none at all.
        """
        context = self._context_for(credential) if self.address.scheme == "https" else None
        channel = self._take(context)
        if channel is not None:
            try:
                return channel, self._exchange(channel, order, deadline=deadline)
            except errors.UnreachableError:
                if channel.received:
                    raise
        started = self._clock()
        channel = transport.Channel(
            self.address,
            context=context,
            server_name=self._connection.tls_server_name,
            proxy=self._proxy,
            clock=self._clock,
        )
        with self.guard(channel, order, patience=min(self._connect_timeout, deadline - started)):
            channel.connect(min(self._connect_timeout, deadline - started))
        return channel, self._exchange(channel, order, deadline=deadline)

    def guard(self, channel: transport.Channel, order: Order, *, patience: float) -> _Guard:
        """A context in which a failure closes `channel` and becomes the error for the user.

        `patience` is the time-out in force, for the message.
        """
        return _Guard(self, channel, order, patience=patience)

    def give_back(self, channel: transport.Channel) -> None:
        """Keep the connection for the next request, if it can serve one."""
        with self._lock:
            if (
                channel.reusable
                and not self._closed
                and channel.context is self._context
                and len(self._idle) < _IDLE_LIMIT
            ):
                self._idle.append(channel)
                return
        channel.close()

    def close(self) -> None:
        """Close the idle connections; those lent out are closed as they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for channel in idle:
            channel.close()

    def translate(
        self, error: OSError, channel: transport.Channel, order: Order, *, patience: float
    ) -> errors.ClusterError:
        """The error for the user."""
        from kubevitals.kube.http import failures

        return failures.from_exception(
            error,
            channel=channel,
            request=order.name,
            waited=patience,
            certificate=self._context_of is not None and self._context_of.certificate is not None,
            origin=self._connection.origin,
        )

    def _exchange(self, channel: transport.Channel, order: Order, *, deadline: float) -> heads.Head:
        with self.guard(channel, order, patience=deadline - self._clock()):
            channel.send(order.method, order.target, order.headers, body=order.body, deadline=deadline)
            return channel.read_head(deadline)

    def _take(self, context: tls.Context | None) -> transport.Channel | None:
        """The idle connection used last, closed and outdated ones dropped."""
        while self._idle:
            try:
                channel = self._idle.pop()
            except IndexError:  # another thread was quicker
                return None
            fresh = self._clock() - channel.idle_since < _IDLE_SECONDS
            if fresh and channel.context is context and channel.is_quiet:
                return channel
            channel.close()
        return None

    def _context_for(self, credential: connections.Credential) -> tls.Context:
        """The TLS context, made once for each client certificate."""
        with self._lock:
            known = self._context_of
            if (
                self._context is None
                or known is None
                or (known.certificate, known.key) != (credential.certificate, credential.key)
            ):
                self._context = tls.open_context(self._connection, credential)
                self._context_of = credential
            return self._context


class _Guard:
    """See Pool.guard."""

    __slots__ = ("_channel", "_order", "_patience", "_pool")

    def __init__(self, pool: Pool, channel: transport.Channel, order: Order, *, patience: float) -> None:
        self._pool = pool
        self._channel = channel
        self._order = order
        self._patience = patience

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        self._channel.close()
        if isinstance(error, errors.ClusterError):
            error.request = error.request or self._order.name
            return
        if isinstance(error, OSError):
            raise self._pool.translate(error, self._channel, self._order, patience=self._patience) from error
