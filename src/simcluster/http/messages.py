"""HTTP/1.1 messages: requests read from a socket, responses written to it.

Requests are hostile input: heads and bodies have hard limits and deadlines.
"""

from __future__ import annotations

import time
import urllib.parse
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable, Iterator, Sequence

HEAD_LIMIT = 64 * 1024
"""Bytes of request line and headers together; more is answered 431."""

BODY_LIMIT = 3 * 1024 * 1024
"""Bytes of a request body, the real API server's limit; more is answered 413."""

GZIP_FROM = 128 * 1024
"""Shorter bodies are never compressed, as in the real API server."""

_BATCH = 1024 * 1024
_PHRASES = {
    200: "OK", 201: "Created", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 410: "Gone",
    413: "Request Entity Too Large", 415: "Unsupported Media Type", 422: "Unprocessable Entity",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable", 504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
}  # fmt: skip


class ProtocolError(Exception):
    """The bytes are no acceptable request. `status` is sent before the connection is closed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class ClosedError(Exception):
    """The client closed the connection, or sent nothing for too long."""


class Request:
    """One request. `path` is percent-decoded; header names are lower case."""

    __slots__ = ("_query", "body", "gone", "headers", "method", "path", "query_text", "values")

    def __init__(self, method: str, target: str, *, headers: dict[str, str], body: bytes = b"") -> None:
        path, _, self.query_text = target.partition("?")
        self.method = method
        self.path = urllib.parse.unquote(path)
        self.headers = headers
        self.values: list[tuple[str, str]] = []  # every header, repeated ones too
        self.gone: Callable[[], bool] = bool  # whether the client has left; asked by streams
        self.body = body
        self._query: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, str]:
        """The parameters; of a repeated one, the first value."""
        if self._query is None:
            pairs = urllib.parse.parse_qsl(self.query_text, keep_blank_values=True)
            self._query = dict(reversed(pairs))
        return self._query

    def flag(self, name: str) -> bool:
        """Whether a boolean parameter is on, read as the real API server does."""
        value = self.query.get(name)
        return value is not None and value.lower() not in {"false", "0"}


class Body:
    """The bytes of a body, in pieces so that a large list is in memory once only. It is compressed at
    most once.
    """

    __slots__ = ("_gzipped", "length", "parts")

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.parts = parts
        self.length = sum(map(len, parts))
        self._gzipped: bytes | None = None

    def batches(self) -> Iterator[bytes]:
        """The bytes in pieces of about a megabyte."""
        batch: list[bytes] = []
        size = 0
        for part in self.parts:
            batch.append(part)
            size += len(part)
            if size >= _BATCH:
                yield b"".join(batch) if len(batch) > 1 else part
                batch = []
                size = 0
        if batch:
            yield b"".join(batch)

    def gzipped(self) -> bytes:
        """The whole body, compressed at level 1 when first asked for."""
        if self._gzipped is None:
            packer = zlib.compressobj(1, zlib.DEFLATED, 31)
            pieces = [packer.compress(batch) for batch in self.batches()]
            pieces.append(packer.flush())
            self._gzipped = b"".join(pieces)
        return self._gzipped


class Response:
    """A response: a body, or a stream of chunks.

    `cut` sends half of the body and breaks the connection; `reset` breaks it without a response. By
    `clock_lead` seconds its Date is ahead.
    Bodies longer than `gzip_from` are compressed for clients that accept gzip.
    """

    __slots__ = (
        "body",
        "clock_lead",
        "close",
        "content_type",
        "cut",
        "gzip_from",
        "headers",
        "reset",
        "status",
        "stream",
    )

    def __init__(
        self,
        status: int,
        body: Body | bytes = b"",
        *,
        content_type: str = "application/json",
        headers: Sequence[tuple[str, str]] = (),
        stream: Iterable[bytes] | None = None,
    ) -> None:
        self.status = status
        self.body = Body((body,)) if isinstance(body, bytes) else body
        self.content_type = content_type
        self.headers = headers
        self.stream = stream
        self.clock_lead = 0.0
        self.close = False
        self.cut = False
        self.reset = False
        self.gzip_from = GZIP_FROM


class RequestReader:
    """Reads the requests of one connection."""

    def __init__(
        self, sock: socket.socket, *, idle_seconds: float = 300.0, head_seconds: float = 15.0
    ) -> None:
        self._sock = sock
        self._buffer = bytearray()
        self._idle_seconds = idle_seconds
        self._head_seconds = head_seconds

    def read_request(self) -> Request:
        """The next request. ClosedError at the end of the connection, ProtocolError if it is malformed."""
        head = self._read_head()
        method, target, headers, values = _parse_head(head)
        request = Request(method, target, headers=headers)
        request.values = values
        request.body = self._read_body(headers)
        return request

    def _read_head(self) -> bytes:
        deadline = time.monotonic() + self._idle_seconds
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end >= 0:
                head = bytes(self._buffer[:end])
                del self._buffer[: end + 4]
                if end > HEAD_LIMIT:
                    break
                return head
            if len(self._buffer) > HEAD_LIMIT:
                break
            if not self._buffer:
                self._receive(deadline)
                deadline = time.monotonic() + self._head_seconds
            else:
                self._receive(deadline)
        raise ProtocolError(431, "request header fields too large")

    def _receive(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ClosedError
        self._sock.settimeout(left)
        try:
            data = self._sock.recv(65536)
        except OSError as error:
            raise ClosedError from error
        if not data:
            raise ClosedError
        self._buffer += data

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            self._receive(deadline)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _read_body(self, headers: dict[str, str]) -> bytes:
        deadline = time.monotonic() + self._head_seconds
        if headers.get("expect", "").lower() == "100-continue":
            self._sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "transfer-encoding" in headers:
            if headers["transfer-encoding"].lower() != "chunked" or "content-length" in headers:
                raise ProtocolError(501, "unsupported transfer encoding")
            return self._read_chunks(deadline)
        text = headers.get("content-length", "0")
        if not (text.isascii() and text.isdigit()) or len(text) > 12:
            raise ProtocolError(400, "bad Content-Length")
        length = int(text)
        if length > BODY_LIMIT:
            raise ProtocolError(413, "request body too large")
        return self._take(length, deadline)

    def _read_chunks(self, deadline: float) -> bytes:
        body = bytearray()
        while True:
            size_text = self._take_line(deadline).split(b";")[0].strip()
            try:
                size = int(size_text, 16) if len(size_text) <= 8 else BODY_LIMIT + 1
            except ValueError:
                raise ProtocolError(400, "bad chunk size") from None
            if size < 0 or len(body) + size > BODY_LIMIT:
                raise ProtocolError(413, "request body too large")
            if size == 0:
                while self._take_line(deadline):
                    pass
                return bytes(body)
            body += self._take(size, deadline)
            self._take_line(deadline)

    def _take_line(self, deadline: float) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise ProtocolError(400, "line too long")
            self._receive(deadline)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str], list[tuple[str, str]]]:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[0].isalpha() or not words[1].startswith(("/", "*")):
        raise ProtocolError(400, "malformed request line")
    if words[2] not in {"HTTP/1.1", "HTTP/1.0"}:
        raise ProtocolError(505, "unsupported protocol version")
    headers: dict[str, str] = {}
    values: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip() or "\n" in line or "\0" in line:
            raise ProtocolError(400, "malformed header line")
        name = name.lower()
        value = value.strip()
        headers.setdefault(name, value)
        values.append((name, value))
    if words[2] == "HTTP/1.1" and "host" not in headers:
        raise ProtocolError(400, "missing required Host header")
    if words[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return words[0].upper(), words[1], headers, values


def write_response(sock: socket.socket, request: Request | None, response: Response) -> bool:
    """Send `response` and return whether the connection stays open. OSError if the client has gone."""
    keep = (
        not response.close
        and request is not None
        and request.headers.get("connection", "").lower() != "close"
    )
    if response.stream is not None:
        return _write_stream(sock, response) and keep
    head = _head(response, keep=keep)
    body = response.body
    length = body.length
    packed: bytes | None = None
    if (
        request is not None
        and response.status == 200
        and length > response.gzip_from
        and request.method == "GET"
    ):
        head.append("Vary: Accept-Encoding")
        if "gzip" in request.headers.get("accept-encoding", ""):
            packed = body.gzipped()
            length = len(packed)
            head.append("Content-Encoding: gzip")
    head.append(f"Content-Length: {length}")
    start = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
    if request is not None and request.method == "HEAD":
        sock.sendall(start)
        return keep
    if response.cut:
        _send_half(sock, start, packed if packed is not None else b"".join(body.parts))
        return False
    if packed is not None:
        sock.sendall(start)
        sock.sendall(packed)
    elif length < 65536:
        sock.sendall(start + b"".join(body.parts))
    else:
        sock.sendall(start)
        for batch in body.batches():
            sock.sendall(batch)
    return keep


def _send_half(sock: socket.socket, start: bytes, data: bytes) -> None:
    sock.sendall(start + data[: len(data) // 2])


def _write_stream(sock: socket.socket, response: Response) -> bool:
    head = _head(response, keep=True)
    head.append("Transfer-Encoding: chunked")
    sock.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
    for piece in response.stream or ():
        sock.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    if response.cut:
        return False
    sock.sendall(b"0\r\n\r\n")
    return True


def _head(response: Response, *, keep: bool) -> list[str]:
    head = [
        f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Status')}",
        f"Content-Type: {response.content_type}",
        "Cache-Control: no-cache, private",
        time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + response.clock_lead)),
    ]
    head.extend(f"{name}: {value}" for name, value in response.headers)
    if not keep:
        head.append("Connection: close")
    return head
