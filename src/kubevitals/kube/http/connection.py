"""One HTTP/1.1 connection: connect, send a request, read the head of its answer. Bodies are read in body.py.

Errors of sockets and of OpenSSL are raised as they are, or inside `translated` as ClusterErrors. A server
that breaks the protocol raises DecodingError.
"""

from __future__ import annotations

import time

from kubevitals import cpython, errors
from kubevitals.kube.http import head as heads
from kubevitals.kube.http import tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NamedTuple

    from kubevitals.kube.http import proxy as proxies
    from kubevitals.kube.http import request as requests
    from kubevitals.kube.http import tls, urls
else:
    from kubevitals.namedtuple import NamedTuple

HEAD_LIMIT = 65536  # bytes of status line and headers, interim answers included
_PIECE = 65536
_NEVER = float("inf")
SLOWEST = 1024  # bytes a second: a body that keeps dripping more slowly than this counts as silent


class Route(NamedTuple):
    """Where a connection leads and how. Requests with equal routes can share one.

    `address` has no path. `tls` is None for plain HTTP. `origin` says where the address came from.
    """

    address: urls.Address
    tls: tls.Settings | None = None
    proxy: proxies.Proxy | None = None
    origin: str = ""


class Connection:
    """A connection along `route`. One thread uses it at a time.

    `stage` says how far it got: connect, proxy, tls, send, wait (for the first byte), head, body, idle.
    `received` counts the bytes of the answer at hand. `reusable` is True once an answer was read to its end.
    """

    __slots__ = (
        "_at",
        "_clock",
        "_context",
        "_deadline",
        "_due",
        "_period",
        "_progress",
        "_raw",
        "_read_timeout",
        "_rest",
        "_review_at",
        "_tls",
        "idle_since",
        "received",
        "reusable",
        "route",
        "stage",
    )

    def __init__(
        self,
        route: Route,
        *,
        context: tls.Context | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`context` belongs to the TLS settings of the route. Nothing is opened yet."""
        self.route = route
        self.stage = "connect"
        self.received = 0
        self.reusable = False
        self.idle_since = 0.0
        self._context = context
        self._clock = clock
        self._raw: Any = None  # a socket, or what the TLS module made of it
        self._tls: Any = None  # what reads and writes where there is TLS
        self._rest = b""  # read from the socket; the bytes from `_at` on are not yet used
        self._at = 0
        self._read_timeout = 0.0
        self._deadline: float | None = None
        self._due = 0.0  # when the request at hand should be over
        self._period = 0.0
        self._progress = 0
        self._review_at = _NEVER

    @property
    def server_name(self) -> str:
        """The name that is expected in the server's certificate."""
        route = self.route
        return (route.tls.server_name if route.tls else None) or route.address.host

    def translated(self, request: requests.Request, timeout: float) -> _Translation:
        """Return a context in which a failure closes the connection and becomes a ClusterError.

        `timeout` is the one in force, in seconds, for the message.
        """
        return _Translation(self, request, timeout)

    def connect(self, timeout: float) -> None:
        """Connect, ask the proxy for a tunnel, shake hands: all of it within `timeout` seconds.

        The look-up of the name is the resolver's and may take longer.

        Raises:
            OSError: of the socket, the resolver or OpenSSL.
            errors.ProxyError: the proxy refuses the tunnel.
        """
        deadline = self._clock() + timeout
        name = "" if self._context is None else _to_server_name(self.server_name)
        proxy = self.route.proxy
        nearest = proxy.address if proxy else self.route.address
        self._raw = raw = tcp.connect(nearest, deadline, self._clock)
        raw.setsockopt(cpython.sockets.IPPROTO_TCP, cpython.sockets.TCP_NODELAY, 1)
        if self._context is None:
            return
        if proxy is not None:
            self.stage = "proxy"
            self._open_tunnel(proxy, deadline)
        self.stage = "tls"
        raw.settimeout(self._left(deadline))
        self._raw, self._tls = cpython.tls().wrap(self._context, raw, name)
        self._tls.do_handshake()

    def send(self, request: requests.Request, deadline: float) -> None:
        """Send one request with Host and Content-Length added.

        Raises:
            errors.UsageError: a header holds a line break; its name is shown, never its value.
            OSError: of the socket.
        """
        self.stage = "send"
        self._due = deadline
        self.reusable = False
        self.received = 0
        method, target, _, headers, body = request
        address, proxy = self.route.address, self.route.proxy
        if self._context is None and proxy is not None:
            target = f"{address.scheme}://{address.host_header}{target}"
            if proxy.authorization:
                headers = [*headers, ("Proxy-Authorization", proxy.authorization)]
        lines = [f"{method} {target} HTTP/1.1", f"Host: {address.host_header}"]
        for name, value in headers:
            if "\r" in value or "\n" in value or "\0" in value:
                raise errors.UsageError(f"the value of the header {name} holds a line break")
            lines.append(f"{name}: {value}")
        if body or method not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(body)}")
        self._write(("\r\n".join(lines) + "\r\n\r\n").encode() + body, deadline)
        self.stage = "wait"

    def read_head(self, deadline: float) -> heads.Head:
        """Return the head of the answer, interim (1xx) ones skipped.

        Raises:
            TimeoutError: it is not there at `deadline`.
            ConnectionAbortedError: the connection ended before its first byte.
            errors.DecodingError: this is not HTTP, or more than 64 KiB of headers.
        """
        allowance = HEAD_LIMIT
        while True:
            raw = self._read_head_bytes(deadline, allowance)
            allowance -= len(raw) + 4
            head = heads.parse_head(raw)
            if head.status >= 200:
                self.stage = "body"
                return head
            if head.status == 101:
                raise errors.DecodingError("the server switches to another protocol unasked")

    def begin_body(
        self, read_timeout: float, *, deadline: float | None = None, is_stream: bool = False
    ) -> None:
        """From here on a read may wait `read_timeout` seconds for a byte, and nothing beyond `deadline`.

        The body has to average `SLOWEST`, at the deadline of its request and from then on, but for a stream,
        which is silent while nothing happens.
        """
        if read_timeout <= 0:
            raise TimeoutError
        self._raw.settimeout(read_timeout)
        self._read_timeout = read_timeout
        self._deadline = deadline
        self._review_at = _NEVER
        if not is_stream:
            now = self._clock()
            self._expect(max(self._due - now, read_timeout / 3), now)

    def limit_silence(self, seconds: float) -> None:
        """Change how long a read of a body may wait for a byte, in the reading thread."""
        self._read_timeout = seconds
        if self._raw is not None:
            self._raw.settimeout(seconds)

    def receive(self, size: int = _PIECE) -> bytes:
        """Return up to `size` bytes, buffered ones first; empty at the end of the connection."""
        if self.buffered:
            data = self._rest[self._at : self._at + size]
            self._at += len(data)
            return data
        return self._read(size)

    def unread(self, data: bytes) -> None:
        """Take back bytes that `receive` gave beyond what was wanted."""
        assert not self.buffered
        self._rest, self._at = data, 0

    def receive_into(self, view: memoryview) -> int:
        """Read straight from the socket into `view`. Take `buffered` first."""
        assert not self.buffered
        self._limit_wait()
        if self._tls is None:
            count: int = self._raw.recv_into(view)
        else:
            try:
                count = self._tls.read(len(view), view)
            except cpython.tls().errors.SSLEOFError:
                return 0  # cut without a farewell: the framing decides whether anything is missing
        self.received += count
        if self._clock() >= self._review_at:
            self._review()
        return count

    def read_line(self, limit: int = 4096) -> bytes | None:
        """Return the next line of a chunked body without its break; None at the end of the connection."""
        while True:
            end = self._rest.find(b"\n", self._at)
            if end >= 0:
                line = self._rest[self._at : end]
                self._at = end + 1
                return line.removesuffix(b"\r")
            if self.buffered > limit:
                raise errors.DecodingError(f"a line of more than {limit} bytes in the framing of the answer")
            more = self._read(_PIECE)
            if not more:
                return None
            self._rest, self._at = self._rest[self._at :] + more, 0

    @property
    def buffered(self) -> int:
        """Number of bytes read from the socket and not yet taken."""
        return len(self._rest) - self._at

    def finish(self, *, reusable: bool) -> None:
        """Note that the answer was read. Bytes beyond its end make the connection unusable."""
        self.stage = "idle"
        self.reusable = reusable and not self.buffered
        self._deadline = None
        self._review_at = _NEVER
        self.idle_since = self._clock()

    @property
    def is_quiet(self) -> bool:
        """False if something arrived on the idle connection, which is then its end."""
        import select

        if self._raw is None:
            return False
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self._raw.fileno(), select.POLLIN)
            return not poll.poll(0)
        readable, _, _ = select.select([self._raw.fileno()], [], [], 0)  # pragma: no cover  Windows
        return not readable  # pragma: no cover

    def interrupt(self) -> None:
        """End the connection from another thread: the reading one sees its end at once."""
        raw = self._raw
        if raw is not None:
            try:
                if self._tls is None:
                    raw.shutdown(cpython.sockets.SHUT_RDWR)
                else:
                    cpython.tls().shut_down(raw)
            except OSError:
                return  # it is closed already, or was never open

    def close(self) -> None:
        """Close the socket; may be called twice."""
        raw, self._raw, self._tls = self._raw, None, None
        self.reusable = False
        if raw is not None:
            raw.close()

    def _left(self, deadline: float) -> float:
        left = deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        return left

    def _write(self, data: bytes, deadline: float) -> None:
        raw = self._raw
        if raw is None:
            raise ConnectionAbortedError("closed")
        raw.settimeout(self._left(deadline))
        if self._tls is None:
            raw.sendall(data)
            return
        view = memoryview(data)
        while view:
            view = view[self._tls.write(view) :]

    def _read(self, size: int) -> bytes:
        if self._raw is None:
            raise ConnectionAbortedError("closed")
        self._limit_wait()
        if self._tls is None:
            data: bytes = self._raw.recv(size)
        else:
            try:
                data = self._tls.read(size)
            except cpython.tls().errors.SSLEOFError:
                return b""
        self.received += len(data)
        if self._clock() >= self._review_at:
            self._review()
        return data

    def _limit_wait(self) -> None:
        """Bound the next read by the deadline, and by the next review while that would fail."""
        if self._deadline is not None:
            self._raw.settimeout(self._left(self._deadline))
        elif self._review_at < _NEVER:
            left = self._read_timeout
            if self._is_behind:
                left = min(left, self._left(self._review_at))
            self._raw.settimeout(left)

    @property
    def _is_behind(self) -> bool:
        return self.received - self._progress < SLOWEST * self._period

    def _expect(self, period: float, now: float) -> None:
        """Expect `SLOWEST` of the next `period` seconds."""
        self._progress = self.received
        self._period = period
        self._review_at = now + period

    def _review(self) -> None:
        if self._is_behind:
            raise TimeoutError
        self._expect(self._read_timeout, self._clock())

    def _read_head_bytes(self, deadline: float, allowance: int) -> bytes:
        raw = self._raw
        if raw is None:
            raise ConnectionAbortedError("closed")
        while True:
            rest, self._rest, self._at = self._rest[self._at :], b"", 0
            if rest[:2] == b"\x15\x03":  # a TLS alert
                from kubevitals.kube.http import failures

                raise failures.speaks_tls(self.route.address)
            if rest and not b"HTTP/".startswith(rest[:5]):
                raise errors.DecodingError(f"the answer is not HTTP: it begins with {heads.show(rest[:40])}")
            end = rest.find(b"\r\n\r\n")
            width = 4
            if end < 0:
                end = rest.find(b"\n\n")
                width = 2
            if (end if end >= 0 else len(rest)) > allowance:
                raise errors.DecodingError(f"the answer has more than {HEAD_LIMIT} bytes of headers")
            if end >= 0:
                self._rest = rest[end + width :]
                return rest[:end]
            raw.settimeout(self._left(deadline))
            more = self._read(_PIECE)
            if not more and not self.received:
                raise ConnectionAbortedError("closed without an answer")
            if not more:
                raise errors.TruncatedBodyError(
                    f"the connection ended in the headers of the answer, after {len(rest)} bytes"
                )
            self.stage = "head"
            self._rest = rest + more

    def _open_tunnel(self, proxy: proxies.Proxy, deadline: float) -> None:
        lines = [f"CONNECT {self.route.address.authority} HTTP/1.1", f"Host: {self.route.address.authority}"]
        if proxy.authorization:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        self._write(("\r\n".join(lines) + "\r\n\r\n").encode(), deadline)
        head = self.read_head(deadline)
        if not 200 <= head.status < 300:
            from kubevitals.kube.http import failures

            raise failures.from_proxy(head.status, head.reason, proxy=proxy, address=self.route.address)
        if self.buffered:
            raise errors.ProxyError(f"the proxy {proxy.address} sends data of its own into the tunnel")
        self.received = 0


def _to_server_name(name: str) -> str:
    """Return the name to expect in a certificate in its ASCII form."""
    try:
        ascii_name = tcp.to_ascii(name)
    except UnicodeError:
        ascii_name = ""
    if not ascii_name or ascii_name.startswith(".") or "\0" in ascii_name:
        raise errors.ConfigurationError(
            "the name to expect in the server's certificate is none that a host can have",
            remedy="Correct tls-server-name, or --tls-server-name.",
        )
    return ascii_name


class _Translation:
    """See Connection.translated."""

    __slots__ = ("_connection", "_request", "_timeout")

    def __init__(self, connection: Connection, request: requests.Request, timeout: float) -> None:
        self._connection = connection
        self._request = request
        self._timeout = timeout

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        self._connection.close()
        if isinstance(error, errors.ClusterError):
            error.request = error.request or self._request.name
        elif isinstance(error, OSError):
            from kubevitals.kube.http import failures

            raise failures.from_exception(
                error, connection=self._connection, request=self._request.name, waited=self._timeout
            ) from error
