"""One HTTP/1.1 connection: connect, send a request, read the head of its answer. Bodies are read in body.py.

It must not know Kubernetes, credentials or retries. Socket errors leave it as they are (client.py translates
them, with the `stage` at which they happened); a server that breaks the protocol is a DecodingError.

`_socket` and `_ssl` are the C modules under the standard library's `socket` and `ssl`: the wrappers around
them cost ten milliseconds of start-up and add nothing used here.
"""

from __future__ import annotations

import _socket
import _ssl
import time

from kubevitals import errors
from kubevitals.kube.http import response, tcp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from kubevitals.kube.http import proxy as proxies
    from kubevitals.kube.http import tls, urls

HEAD_LIMIT = 65536  # bytes of status line and headers, interim answers included
_PIECE = 65536
SLOWEST = 1024  # bytes a second: a body that keeps dripping more slowly than this counts as silent


class Connection:
    """A connection to `address`, through `proxy` if there is one. One thread uses it at a time.

    `stage` says how far it got: connect, proxy, tls, send, wait (for the first byte), head, body, idle.
    `received` counts the bytes of the answer at hand. `reusable` is True once an answer was read to its end.
    """

    __slots__ = (
        "_at",
        "_clock",
        "_progress",
        "_raw",
        "_read_timeout",
        "_rest",
        "_review_at",
        "_tls",
        "address",
        "context",
        "idle_since",
        "proxy",
        "received",
        "reusable",
        "server_name",
        "stage",
    )

    def __init__(
        self,
        address: urls.Address,
        *,
        context: tls.Context | None = None,
        server_name: str | None = None,
        proxy: proxies.Proxy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self.context = context
        self.server_name = server_name or address.host
        self.proxy = proxy
        self.stage = "connect"
        self.received = 0
        self.reusable = False
        self.idle_since = 0.0
        self._clock = clock
        self._raw: tcp.Socket | None = None
        self._tls: Any = None  # an _ssl._SSLSocket, which typeshed does not know
        self._rest = b""  # read from the socket; the bytes from `_at` on are not yet used
        self._at = 0
        self._read_timeout = 0.0
        self._progress = 0
        self._review_at = float("inf")

    def connect(self, timeout: float) -> None:
        """Connect, ask the proxy for a tunnel, shake hands: all of it within `timeout` seconds.

        The look-up of the name is the resolver's and may take longer.

        Raises:
            OSError: of the socket, the resolver or OpenSSL.
            errors.ProxyError: the proxy refuses the tunnel.
        """
        deadline = self._clock() + timeout
        nearest = self.proxy.address if self.proxy else self.address
        self._raw = raw = tcp.connect(nearest, deadline, self._clock)
        raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        if self.context is None:
            return
        if self.proxy is not None:
            self.stage = "proxy"
            self._open_tunnel(self.proxy, deadline)
        self.stage = "tls"
        raw.settimeout(self._left(deadline))
        wrap: Any = self.context._wrap_socket  # type: ignore[attr-defined]  # noqa: SLF001  as ssl.SSLSocket does
        self._tls = wrap(raw, False, tcp.to_ascii(self.server_name))  # noqa: FBT003  False: the client's side
        self._tls.do_handshake()

    def send(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], *, body: bytes, deadline: float
    ) -> None:
        """Send one request with Host and Content-Length added. `target` is the path with its query.

        Raises:
            errors.UsageError: a header holds a line break; its name is shown, never its value.
            OSError: of the socket.
        """
        self.stage = "send"
        self.reusable = False
        self.received = 0
        if self.context is None and self.proxy is not None:
            target = f"{self.address.scheme}://{self.address.host_header}{target}"
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.address.host_header}"]
        if self.context is None and self.proxy is not None and self.proxy.authorization:
            headers = [*headers, ("Proxy-Authorization", self.proxy.authorization)]
        for name, value in headers:
            if "\r" in value or "\n" in value or "\0" in value:
                raise errors.UsageError(f"the value of the header {name} holds a line break")
            lines.append(f"{name}: {value}")
        if body or method not in ("GET", "HEAD"):
            lines.append(f"Content-Length: {len(body)}")
        self._write(("\r\n".join(lines) + "\r\n\r\n").encode() + body, deadline)
        self.stage = "wait"

    def read_head(self, deadline: float) -> response.Head:
        """The head of the answer, interim (1xx) ones skipped.

        Raises:
            TimeoutError: it is not there at `deadline`.
            ConnectionAbortedError: the connection ended before its first byte.
            errors.DecodingError: this is not HTTP, or more than 64 KiB of headers.
        """
        allowance = HEAD_LIMIT
        while True:
            raw = self._read_head_bytes(deadline, allowance)
            allowance -= len(raw) + 4
            head = response.parse_head(raw)
            if head.status >= 200:
                self.stage = "body"
                return head
            if head.status == 101:
                raise errors.DecodingError("the server switches to another protocol unasked")

    def begin_body(self, read_timeout: float) -> None:
        """From here on a read may wait `read_timeout` seconds for a byte, and has to average `SLOWEST`."""
        assert self._raw is not None
        self._raw.settimeout(read_timeout)
        self._read_timeout = read_timeout
        self._progress = self.received
        self._review_at = self._clock() + 2 * read_timeout

    def begin_stream(self, read_timeout: float) -> None:
        """As `begin_body`, without a least speed: for a watch, which is silent while nothing happens."""
        self.begin_body(read_timeout)
        self._review_at = float("inf")

    def receive(self, size: int = _PIECE) -> bytes:
        """Up to `size` bytes, buffered ones first; empty at the end of the connection."""
        if self.buffered:
            data = self._rest[self._at : self._at + size]
            self._at += len(data)
            return data
        return self._read(size)

    def release(self, data: bytes) -> None:
        """Return bytes that `receive` gave beyond what was wanted."""
        assert not self.buffered
        self._rest, self._at = data, 0

    def receive_into(self, view: memoryview) -> int:
        """Read straight from the socket into `view`. Take `buffered` first."""
        assert not self.buffered
        if self._tls is None:
            assert self._raw is not None
            count: int = self._raw.recv_into(view)
        else:
            try:
                count = self._tls.read(len(view), view)
            except (
                _ssl.SSLEOFError
            ):  # cut without a farewell: the framing decides whether anything is missing
                return 0
        self.received += count
        if self._clock() >= self._review_at:
            self._review()
        return count

    def read_line(self, limit: int = 4096) -> bytes | None:
        """The next line of a chunked body without its line break; None at the end of the connection."""
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
        """The answer is read. Bytes beyond its end make the connection unusable."""
        self.stage = "idle"
        self.reusable = reusable and not self.buffered
        self._review_at = float("inf")
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
                raw.shutdown(_socket.SHUT_RDWR)
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
        if self._tls is None:
            data: bytes = self._raw.recv(size)
        else:
            try:
                data = self._tls.read(size)
            except _ssl.SSLEOFError:
                return b""
        self.received += len(data)
        if self._clock() >= self._review_at:
            self._review()
        return data

    def _review(self) -> None:
        if self.received - self._progress < SLOWEST * self._read_timeout:
            raise TimeoutError
        self._progress = self.received
        self._review_at = self._clock() + 2 * self._read_timeout

    def _read_head_bytes(self, deadline: float, allowance: int) -> bytes:
        raw = self._raw
        if raw is None:
            raise ConnectionAbortedError("closed")
        while True:
            rest, self._rest, self._at = self._rest[self._at :], b"", 0
            if rest[:2] == b"\x15\x03":  # a TLS alert
                from kubevitals.kube.http import failures

                raise failures.speaks_tls(self.address)
            if rest and not b"HTTP/".startswith(rest[:5]):
                raise errors.DecodingError(
                    f"the answer is not HTTP: it begins with {response.show(rest[:40])}"
                )
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
        lines = [f"CONNECT {self.address.authority} HTTP/1.1", f"Host: {self.address.authority}"]
        if proxy.authorization:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        self._write(("\r\n".join(lines) + "\r\n\r\n").encode(), deadline)
        head = self.read_head(deadline)
        if not 200 <= head.status < 300:
            from kubevitals.kube.http import failures

            raise failures.from_proxy(head.status, head.reason, proxy=proxy, address=self.address)
        if self.buffered:
            raise errors.ProxyError(f"the proxy {proxy.address} sends data of its own into the tunnel")
        self.received = 0


def fetch_once(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    ca: bytes | None = None,
    timeout: float = 10.0,
) -> tuple[int, dict[str, str], bytes]:
    """One request to any http(s) URL, without a cluster's credentials; the environment's proxy applies.

    `ca` is PEM, None the system's CAs. The answer's status, headers (lower-cased) and body, at most 16 MiB
    of it, whatever the status is. `timeout` seconds hold for connecting and again for the answer.

    Raises:
        errors.ClusterError: no answer could be had; one of its subclasses says why.
        errors.ConfigurationError: `url` or `ca` cannot be used.
    """
    from kubevitals.kube.http import once

    return once.fetch(method, url, headers=dict(headers or {}), body=body or b"", ca=ca, timeout=timeout)
