"""Bodies by length, in chunks and until the end; plain and gzip; cut, lying and hostile."""

from __future__ import annotations

import gzip
import io
import json
import socket
import threading
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import servers

from kubevitals import cpython, errors
from kubevitals.kube.http import body, urls
from kubevitals.kube.http import connection as connections
from kubevitals.kube.http import head as heads

pytestmark = pytest.mark.usefixtures("cpython_modules")


class Pair:
    """A connection whose other end is a socket of the test."""

    def __init__(self, sent: bytes) -> None:
        self.near, far = socket.socketpair()
        self._thread = threading.Thread(target=self._send, args=(far, sent))
        self._thread.start()
        self.connection = connections.Connection(connections.Route(urls.split_url("http://x.test")))
        raw = cpython.Socket(fileno=self.near.detach())
        self.connection._raw = raw

    @staticmethod
    def _send(far: socket.socket, sent: bytes) -> None:
        with far:
            try:
                far.sendall(sent)
            except OSError:
                return

    def close(self) -> None:
        self.connection.close()
        self._thread.join()


def read(sent: bytes, headers: dict[str, str], *, limit: int = body.LIMIT, status: int = 200) -> bytes:
    pair = Pair(sent)
    head = heads.Head(status, "", headers)
    try:
        return body.read(pair.connection, head, read_timeout=2, limit=limit)
    finally:
        pair.close()


def read_lines(sent: bytes, headers: dict[str, str]) -> list[bytes]:
    pair = Pair(sent)
    head = heads.Head(200, "", headers)
    try:
        return list(body.read_lines(pair.connection, head, read_timeout=2))
    finally:
        pair.close()


def chunk(content: bytes, size: int) -> bytes:
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%X;x=y\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\nA: b\r\n\r\n"


CHUNKED = {"transfer-encoding": "chunked"}
GZIP = {"content-encoding": "gzip"}


@given(content=st.binary(max_size=2000), size=st.integers(1, 700), gzipped=st.booleans(), end=st.booleans())
def test_every_framing_gives_the_same_body(content: bytes, size: int, *, gzipped: bool, end: bool) -> None:
    """By length, in chunks of any size, until the end, compressed or not: what was sent is what is read."""
    sent = gzip.compress(content, mtime=0) if gzipped else content
    coding = GZIP if gzipped else {}
    assert read(sent, {"content-length": str(len(sent)), **coding}) == content
    assert read(chunk(sent, size), {**CHUNKED, **coding}) == content
    if end:
        assert read(sent, coding) == content


@pytest.mark.parametrize("size", [70_000, 1 << 20, 3_000_001])
@pytest.mark.parametrize("gzipped", [False, True])
def test_large_bodies(size: int, *, gzipped: bool) -> None:
    """Bodies beyond the buffers arrive whole, in one chunk or in many."""
    content = json.dumps(list(range(size // 6))).encode()
    sent = gzip.compress(content, 1, mtime=0) if gzipped else content
    coding = GZIP if gzipped else {}
    assert read(sent, {"content-length": str(len(sent)), **coding}) == content
    assert read(chunk(sent, 5000), {**CHUNKED, **coding}) == content
    assert read(chunk(sent, 1 << 30), {**CHUNKED, **coding}) == content


def test_a_gzip_body_of_several_members() -> None:
    """Members one after the other are one body, wherever they are cut."""
    sent = gzip.compress(b"one", mtime=0) + gzip.compress(b"") + gzip.compress(b"two")
    for size in (1, 5, 1000):
        assert read(chunk(sent, size), {**CHUNKED, **GZIP}) == b"onetwo"


def test_a_body_that_should_be_empty() -> None:
    """204 has no body, whatever its headers say; neither has a compressed answer of no bytes."""
    assert read(b"", {"content-length": "5"}, status=204) == b""
    assert read(b"", {"content-length": "0", **GZIP}) == b""


@pytest.mark.parametrize("length", ["", "-1", "+5", "5, 6", "abc", "٣", "9" * 30, "0x10", "1_0"])
def test_a_length_that_is_none(length: str) -> None:
    """A length that is no plain number, or two that differ, is refused."""
    with pytest.raises(errors.DecodingError, match="no usable length"):
        read(b"hello", {"content-length": length})


def test_a_repeated_length_is_no_contradiction() -> None:
    """The same length twice is one length."""
    assert read(b"hello", {"content-length": "5, 5"}) == b"hello"


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity", "x"])
def test_an_unknown_transfer_coding(coding: str) -> None:
    """Only chunked is known."""
    with pytest.raises(errors.DecodingError, match="transfer coding"):
        read(b"hello", {"transfer-encoding": coding})


def test_an_unknown_compression() -> None:
    """A compression that was not asked for is named."""
    with pytest.raises(errors.DecodingError, match="'br'"):
        read(b"hello", {"content-length": "5", "content-encoding": "br"})


@pytest.mark.parametrize(
    "sent",
    [
        b"xyz\r\n",
        b"\r\n",
        b"-1\r\n",
        b"0x5\r\nhello\r\n",
        b"5_0\r\n",
        b"f" * 16 + b"\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
    ],
)
def test_a_chunk_size_that_is_none(sent: bytes) -> None:
    """A chunk with a broken size, or longer than it, is refused."""
    with pytest.raises(errors.DecodingError) as caught:
        read(sent, CHUNKED)
    assert not isinstance(caught.value, errors.TruncatedBodyError)


def test_framing_lines_have_a_limit() -> None:
    """An endless extension and endless trailers are refused."""
    with pytest.raises(errors.DecodingError, match="more than 4096 bytes"):
        read(b"5;" + b"x" * 100_000, CHUNKED)
    with pytest.raises(errors.DecodingError, match="trailers"):
        read(b"0\r\n" + b"A: b\r\n" * 100, CHUNKED)


@pytest.mark.parametrize(
    ("sent", "headers"),
    [
        (b"abc", {"content-length": "10"}),
        (b"", {"content-length": "10"}),
        (b"x" * 100_000, {"content-length": "300000"}),
        (b"5\r\nhel", CHUNKED),
        (b"5\r\nhello", CHUNKED),
        (b"5\r\nhello\r\n", CHUNKED),
        (b"5\r\nhello\r\n0\r\n", CHUNKED),
        (b"186A0\r\n" + b"x" * 70_000, CHUNKED),
        (gzip.compress(b"x" * 1000, mtime=0)[:-9], GZIP),
        (gzip.compress(b"x" * 1000, mtime=0)[:20], {"content-length": "20", **GZIP}),
    ],
)
def test_a_body_cut_short(sent: bytes, headers: dict[str, str]) -> None:
    """The end of the connection before that of the body is an error of its own."""
    with pytest.raises(errors.TruncatedBodyError):
        read(sent, headers)


def test_a_body_cut_short_says_how_much_is_missing() -> None:
    """The message counts the bytes that came and those that should have."""
    for have, length in ((3, 10), (100_000, 3_000_000)):
        with pytest.raises(errors.TruncatedBodyError, match=f"{have} of {length} bytes"):
            read(b"x" * have, {"content-length": str(length)})


def test_a_lying_length_takes_no_memory() -> None:
    """A length of gigabytes followed by nothing allocates a megabyte or two."""
    tracemalloc.start()
    try:
        with pytest.raises(errors.TruncatedBodyError):
            read(b"x" * 10, {"content-length": str(3 << 30)}, limit=4 << 30)
        with pytest.raises(errors.TruncatedBodyError):
            read(b"C0000000\r\nx", CHUNKED, limit=4 << 30)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_bodies_have_a_limit() -> None:
    """What is announced, or grows, beyond the limit is refused."""
    with pytest.raises(errors.DecodingError, match="larger than"):
        read(b"", {"content-length": str(5 << 30)})
    with pytest.raises(errors.DecodingError, match="larger than"):
        read(chunk(b"x" * 2000, 100), CHUNKED, limit=1000)
    with pytest.raises(errors.DecodingError, match="larger than"):
        read(b"x" * 2000, {}, limit=1000)


def test_a_gzip_bomb_is_ended() -> None:
    """A small body that unpacks to a large one stops at the limit, not at the end of memory."""
    bomb = gzip.compress(bytes(64 << 20), 9, mtime=0)
    tracemalloc.start()
    try:
        for headers in ({"content-length": str(len(bomb)), **GZIP}, GZIP):
            with pytest.raises(errors.DecodingError, match="larger than"):
                read(bomb, headers, limit=1 << 20)
        assert tracemalloc.get_traced_memory()[1] < 48 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "sent", [b"no gzip at all", zlib.compress(b"x"), gzip.compress(b"x", mtime=0) + b"junk"]
)
def test_broken_compression(sent: bytes) -> None:
    """What is no gzip, or goes on as none, is refused."""
    with pytest.raises(errors.DecodingError, match="gzip compression is broken"):
        read(sent, {"content-length": str(len(sent)), **GZIP})


LINES = st.binary(min_size=1, max_size=50).filter(lambda line: line.strip() == line and b"\n" not in line)


@given(
    lines=st.lists(
        st.binary(min_size=1, max_size=50).filter(lambda line: line.strip() == line and b"\n" not in line)
    ),
    size=st.integers(1, 60),
    gzipped=st.booleans(),
)
def test_lines_arrive_whole(lines: list[bytes], size: int, *, gzipped: bool) -> None:
    """Wherever chunks are cut, each line comes once and in request; blank ones are left out."""
    text = b"\n\n".join(lines) + b"\n"
    sent = gzip.compress(text, mtime=0) if gzipped else text
    coding = GZIP if gzipped else {}
    assert read_lines(chunk(sent, size), {**CHUNKED, **coding}) == lines
    assert read_lines(sent, {"content-length": str(len(sent)), **coding}) == lines
    assert read_lines(sent.rstrip(b"\n") if not gzipped else sent, coding) == lines


def test_lines_cut_short() -> None:
    """A stream that ends within a chunk is cut, one that ends by its last chunk is done."""
    with pytest.raises(errors.TruncatedBodyError):
        read_lines(b"3\r\na\n", CHUNKED)
    with pytest.raises(errors.TruncatedBodyError):
        read_lines(b"a\nb", {"content-length": "100"})
    assert read_lines(b"2\r\na\n\r\n0\r\n\r\n", CHUNKED) == [b"a"]


def test_an_endless_line_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event without end is refused at the limit."""
    monkeypatch.setattr(body, "_LINE_LIMIT", 100_000)
    with pytest.raises(errors.DecodingError, match="a line of more than"):
        read_lines(b"x" * 300_000, {})


@pytest.mark.parametrize("lines", [False, True])
def test_a_bomb_is_refused_by_its_ratio(*, lines: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed zeros are refused long before the limit of the body, whole or line by line."""
    monkeypatch.setattr(body, "_FREE", 1 << 20)
    bomb = gzip.compress(bytes(64 << 20), mtime=0)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(errors.DecodingError, match="250 times its size"):
            (read_lines if lines else read)(bomb, GZIP)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def test_what_compresses_well_is_no_bomb() -> None:
    """Ten thousand pods that are the same but for their names, as a test cluster has them, are taken."""
    content = b"".join(
        b'{"metadata":{"name":"pod-%d","namespace":"default"},"spec":{"containers":[{"name":"app",'
        b'"resources":{"requests":{"cpu":"100m","memory":"128Mi"}},"image":"registry.example/app:1"}]}}' % n
        for n in range(200_000)
    )
    assert len(content) > 20 << 20
    assert read(gzip.compress(content, 9, mtime=0), GZIP) == content


def test_no_peer_has_gigabytes_to_say() -> None:
    """What a body may have is what a large cluster has: a length beyond it is refused before it is read."""
    for size, limit in ((300 << 20, body.LIMIT), (3 << 30, body.LIST_LIMIT)):
        with pytest.raises(errors.DecodingError, match="is larger than"):
            read(b"", {"content-length": str(size)}, limit=limit)


def test_a_body_is_not_copied() -> None:
    """Reading takes the memory of the body once, and little more."""
    content = bytes(16 << 20)
    tracemalloc.start()
    try:
        result = read(content, {"content-length": str(len(content))})
        assert isinstance(result, bytes)
        assert len(result) == len(content)
        assert tracemalloc.get_traced_memory()[1] < len(content) * 1.4
    finally:
        tracemalloc.stop()


def test_a_body_over_tls() -> None:
    """Large bodies arrive whole through TLS records, by length and in chunks."""
    content = io.BytesIO()
    for number in range(400_000):
        content.write(b"%d," % number)
    reply = servers.answer(200, content.getvalue())
    from kubevitals.kube import client, clientconfig

    with (
        servers.Server(reply, servers.chunked(content.getvalue()), tls=servers.server_context()) as server,
        client.Client(
            clientconfig.ClientConfig(server.url, ca=servers.authority().pem), environ={}, request_timeout=5
        ) as cluster,
    ):
        assert cluster.fetch("/a") == content.getvalue()
        assert cluster.fetch("/a") == content.getvalue()
