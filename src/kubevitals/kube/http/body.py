"""The body of an answer: by length, in chunks or until the end; plain or gzip; whole or as lines.

Bodies are up to gigabytes: what is known to come is read straight into its place, nothing is copied twice,
and memory is only taken for what has really arrived.
"""

from __future__ import annotations

import io

from kubevitals import errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.kube.http import connection as connections
    from kubevitals.kube.http import head as heads

LIMIT = (
    256 << 20
)  # bytes of a body, decompressed: a page of 1,000 full pods has 6 MB, usage of 150,000 pods 60
LIST_LIMIT = 2 << 30  # of a list that comes without pages: 150,000 full pods have 1 GB
_RATIO = 250  # that gzip may make of a byte; JSON and text of clusters reach 50, and zeros 1,000
_FREE = 8 << 20  # bytes that any compressed body may have
_LINE_LIMIT = 64 << 20  # bytes of a watch event; etcd refuses objects of more than some megabytes
_STEP = 1 << 20
_PIECE = 1 << 16
_GZIP = 31  # zlib's word for: with a gzip header
_CHUNKED = -1
_UNTIL_CLOSE = -2


def read(
    connection: connections.Connection,
    head: heads.Head,
    *,
    read_timeout: float,
    limit: int = LIMIT,
    deadline: float | None = None,
) -> bytes:
    """Return the whole body, decompressed.

    Args:
        connection: that has read `head`; it can serve another request afterwards, if `head` says so.
        head: of the answer.
        read_timeout: the longest silence, in seconds.
        limit: bytes of the body, decompressed.
        deadline: by the connection's clock, when all of it has to be there.

    Raises:
        errors.TruncatedBodyError: the connection ended before it.
        errors.DecodingError: its framing or compression is broken, or it is larger than `limit`.
        OSError: of the socket; a TimeoutError for a silence or for what is late.
    """
    connection.begin_body(read_timeout, deadline=deadline)
    size = _frame(head)
    if size > limit:
        raise _too_large(limit)
    sink = _open_sink(head, limit)
    if size == _CHUNKED:
        while chunk := _read_chunk_size(connection):
            _copy(connection, sink, chunk)
            _end_chunk(connection)
    elif size == _UNTIL_CLOSE:
        while piece := connection.receive():
            sink.write(piece)
    else:
        _copy(connection, sink, size)
    content = sink.close()
    connection.finish(reusable=size != _UNTIL_CLOSE and head.keeps_alive)
    return content


def read_lines(
    connection: connections.Connection, head: heads.Head, *, read_timeout: float
) -> Iterator[bytes]:
    """Return each line of the body as it arrives, without its line break; blank ones are left out.

    Ends at the end of the body. Raises as `read` does.
    """
    connection.begin_body(read_timeout, is_stream=True)
    parts: list[bytes] = []
    held = 0
    for piece in _read_pieces(connection, head):
        first, *others = piece.split(b"\n")
        parts.append(first)
        held += len(first)
        if held > _LINE_LIMIT:
            raise errors.DecodingError(f"a line of more than {_LINE_LIMIT >> 20} MiB in a stream of events")
        for other in others:
            line = b"".join(parts).strip()
            parts = [other]
            held = len(other)
            if line:
                yield line
    line = b"".join(parts).strip()
    if line:
        yield line


def _read_pieces(connection: connections.Connection, head: heads.Head) -> Iterator[bytes]:
    inflater = _open_inflater(head)
    received = size = 0
    for piece in _read_raw_pieces(connection, _frame(head)):
        if inflater is None:
            yield piece
            continue
        received += len(piece)
        for part in inflater.inflate(piece):
            size += len(part)
            _check_ratio(size, received)
            yield part


def _read_raw_pieces(connection: connections.Connection, size: int) -> Iterator[bytes]:
    if size == _CHUNKED:
        while chunk := _read_chunk_size(connection):
            while chunk:
                piece = connection.receive(min(chunk, _PIECE))
                if not piece:
                    raise _cut_off(connection)
                chunk -= len(piece)
                yield piece
            _end_chunk(connection)
        return
    while size:
        piece = connection.receive(_PIECE if size < 0 else min(_PIECE, size))
        if not piece and size > 0:
            raise errors.TruncatedBodyError(f"the connection ended {size} bytes before the answer did")
        if not piece:
            return
        if size > 0:
            size -= len(piece)
        yield piece


def _frame(head: heads.Head) -> int:
    """The length of the body, or how its end is known."""
    if head.status in (204, 304):
        return 0
    coding = head.headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise errors.DecodingError(f"the answer comes in the unknown transfer coding {coding[:40]!r}")
        return _CHUNKED
    text = head.headers.get("content-length")
    if text is None:
        return _UNTIL_CLOSE
    values = {value.strip() for value in text.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdigit()) or len(value) > 18:
        raise errors.DecodingError(f"the answer has no usable length: {text[:40]!r}")
    return int(value)


def _read_chunk_size(connection: connections.Connection) -> int:
    """The size of the next chunk; at the last one, its trailers are read too."""
    line = connection.read_line()
    if line is None:
        raise _cut_off(connection)
    digits = line.split(b";", 1)[0].strip()  # what follows are extensions, which mean nothing here
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise errors.DecodingError(f"a chunk of the answer has no size but {line[:40].decode('latin-1')!r}")
    size = int(digits, 16)
    if size:
        return size
    for _ in range(64):
        trailer = connection.read_line()
        if trailer is None:
            raise _cut_off(connection)
        if not trailer:
            return 0
    raise errors.DecodingError("the answer ends in more than 64 trailers")


def _end_chunk(connection: connections.Connection) -> None:
    line = connection.read_line()
    if line is None:
        raise _cut_off(connection)
    if line:
        raise errors.DecodingError("a chunk of the answer is longer than its size")


def _copy(connection: connections.Connection, sink: _Sink, count: int) -> None:
    """Move `count` bytes of the body into `sink`; large counts directly, small ones through the buffer."""
    expected = count
    while count and (connection.buffered or count < _PIECE):
        piece = connection.receive(count if connection.buffered else _PIECE)
        if len(piece) > count:
            connection.unread(piece[count:])
            piece = piece[:count]
        if not piece:
            raise _cut_off(connection, expected - count, expected)
        sink.write(piece)
        count -= len(piece)
    if count:
        missing = sink.fill(connection, count)
        if missing:
            raise _cut_off(connection, expected - missing, expected)


def _cut_off(
    connection: connections.Connection, have: int = 0, expected: int = 0
) -> errors.TruncatedBodyError:
    if expected:
        return errors.TruncatedBodyError(
            f"the connection ended after {have} of {expected} bytes of the answer"
        )
    return errors.TruncatedBodyError(
        f"the connection ended in the middle of the answer, after {connection.received} bytes"
    )


def _too_large(limit: int) -> errors.DecodingError:
    shown = f"{limit / (1 << 30):.3g} GiB" if limit >= 1 << 30 else f"{limit / (1 << 20):.3g} MiB"
    return errors.DecodingError(f"the answer is larger than {shown}")


class _Sink:
    """Collects a plain body. A BytesIO gives its buffer away as bytes without a copy."""

    __slots__ = ("_limit", "_out", "_size")

    def __init__(self, limit: int) -> None:
        self._out = io.BytesIO()
        self._size = 0
        self._limit = limit

    def write(self, piece: bytes | memoryview) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise _too_large(self._limit)
        self._out.write(piece)

    def fill(self, connection: connections.Connection, count: int) -> int:
        """Read `count` bytes into place; how many are missing because the connection ended."""
        if self._size + count > self._limit:
            raise _too_large(self._limit)
        out = self._out
        while count:
            # At most as much again as has arrived: a lying length takes no memory.
            step = min(count, max(_STEP, self._size))
            end = self._size + step
            out.seek(end - 1)
            out.write(b"\0")
            view = out.getbuffer()
            try:
                at = self._size
                while at < end:
                    received = connection.receive_into(view[at:end])
                    if not received:
                        return count - (at - self._size)
                    at += received
            finally:
                view.release()
            self._size = end
            count -= step
        return 0

    def close(self) -> bytes:
        return self._out.getvalue()


class _GzipSink(_Sink):
    """Collects a gzip body of one or several members, decompressed."""

    __slots__ = ("_inflater", "_received")

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._inflater = _Inflater()
        self._received = 0

    def write(self, piece: bytes | memoryview) -> None:
        self._received += len(piece)
        for part in self._inflater.inflate(piece):
            super().write(part)
            _check_ratio(self._size, self._received)

    def fill(self, connection: connections.Connection, count: int) -> int:
        scratch = memoryview(bytearray(_PIECE))
        while count:
            received = connection.receive_into(scratch[: min(count, _PIECE)])
            if not received:
                return count
            self.write(scratch[:received])
            count -= received
        return 0

    def close(self) -> bytes:
        if not self._inflater.is_complete:
            raise errors.TruncatedBodyError("the compressed answer ends before its end")
        return super().close()


class _Inflater:
    """Decompresses gzip piece by piece, over the borders of members."""

    __slots__ = ("_begun", "_member")

    def __init__(self) -> None:
        import zlib

        self._member = zlib.decompressobj(_GZIP)
        self._begun = False

    @property
    def is_complete(self) -> bool:
        return self._member.eof or not self._begun

    def inflate(self, piece: bytes | memoryview) -> Iterator[bytes]:
        """Return what `piece` unpacks to, in parts that stay small even if it is a bomb."""
        import zlib

        self._begun = True
        rest: bytes | memoryview = piece
        try:
            while rest:
                yield self._member.decompress(rest, _STEP)
                rest = self._member.unconsumed_tail
                if self._member.eof:
                    rest = self._member.unused_data
                    if rest:
                        self._member = zlib.decompressobj(_GZIP)
        except zlib.error as error:
            raise errors.DecodingError("the answer's gzip compression is broken") from error


def _open_inflater(head: heads.Head) -> _Inflater | None:
    coding = head.headers.get("content-encoding", "identity").lower()
    if coding in ("identity", ""):
        return None
    if coding in ("gzip", "x-gzip"):
        return _Inflater()
    raise errors.DecodingError(f"the answer is compressed by {coding[:40]!r}, which was not asked for")


def _check_ratio(size: int, received: int) -> None:
    """Raise DecodingError where a body unpacks to more than anything that a server has to say."""
    if size > _FREE + received * _RATIO:
        raise errors.DecodingError(f"the compressed answer unpacks to more than {_RATIO} times its size")


def _open_sink(head: heads.Head, limit: int) -> _Sink:
    return _Sink(limit) if _open_inflater(head) is None else _GzipSink(limit)
