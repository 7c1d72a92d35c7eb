"""One HTTP/1.1 connection against servers that answer exactly as told: well, wrongly, slowly, not at all."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import servers

from kubevitals import cpython, errors
from kubevitals.kube.http import body, client, failures, proxy, urls
from kubevitals.kube.http import connection as connections
from kubevitals.kube.http import head as heads
from kubevitals.kube.http import request as requests
from kubevitals.kube.http import tls as tls_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cpython_modules")


def exchange(
    *steps: Any, method: str = "GET", timeout: float = 2.0, read_timeout: float = 1.0
) -> tuple[heads.Head, bytes, connections.Connection]:
    """One request to a server that answers by `steps`; the closed connection is returned for its marks."""
    with servers.Server(list(steps)) as server:
        connection = connections.Connection(connections.Route(urls.split_url(server.url)))
        try:
            connection.connect(timeout)
            deadline = time.monotonic() + timeout
            connection.send(requests.Request(method, "/x?a=b", "", [("Accept", "a/b")], b""), deadline)
            head = connection.read_head(deadline)
            content = body.read(connection, head, read_timeout=read_timeout)
            reusable = connection.reusable
        finally:
            connection.close()
    connection.reusable = reusable
    return head, content, connection


def test_a_request_and_its_answer() -> None:
    """Status, reason, lower-cased headers and body arrive, and the connection may be used again."""
    head, content, connection = exchange(servers.answer(200, b"hello", headers=["X-Two: a", "x-two: b"]))
    assert (head.status, head.reason, content) == (200, "Words", b"hello")
    assert head.headers["x-two"] == "a, b"
    assert head.headers["content-type"] == "application/json"
    assert connection.reusable


def test_what_is_sent() -> None:
    """Request line, Host with its port, the given headers, and a length only where there is a body."""
    with servers.Server(servers.answer()) as server:
        connection = connections.Connection(connections.Route(urls.split_url(server.url)))
        connection.connect(1)
        for method, content in (("GET", b""), ("POST", b"abc")):
            deadline = time.monotonic() + 1
            connection.send(requests.Request(method, "/x?a=b", "", [("Accept", "é")], content), deadline)
            body.read(connection, connection.read_head(deadline), read_timeout=1)
        connection.close()
    first, second = server.requests
    assert (first.method, first.target) == ("GET", "/x?a=b")
    assert first.header("host") == f"127.0.0.1:{server.port}"
    assert first.header("accept") == "é"
    assert first.header("content-length") is None
    assert (second.header("content-length"), second.body) == ("3", b"abc")
    assert server.connections == 1


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nb", "a\0b"])
def test_a_header_cannot_smuggle_a_line(value: str) -> None:
    """A value with a line break is refused by its header's name, and is not shown."""
    connection = connections.Connection(connections.Route(urls.split_url("http://127.0.0.1:1")))
    with pytest.raises(errors.UsageError, match="Authorization") as caught:
        connection.send(
            requests.Request("GET", "/", "", [("Authorization", value)], b""), time.monotonic() + 1
        )
    assert value not in str(caught.value)


def test_interim_answers_are_skipped() -> None:
    """100 and 103 before the real answer are passed over."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    head, content, _ = exchange(interim, servers.answer(200, b"x"))
    assert (head.status, content) == (200, b"x")


def test_an_answer_that_comes_byte_by_byte() -> None:
    """Where the pieces are cut does not matter."""
    reply = servers.answer(200, b"hello")
    head, content, _ = exchange(*[step for byte in reply for step in (bytes([byte]), 0.0)])
    assert (head.status, content) == (200, b"hello")


def test_bare_line_feeds_are_understood() -> None:
    """A server that ends its lines by LF alone is read too."""
    head, content, _ = exchange(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")
    assert (head.headers, content) == ({"content-length": "2"}, b"hi")


def test_a_status_without_reason() -> None:
    """The reason phrase may be missing."""
    head, _, _ = exchange(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")
    assert (head.status, head.reason) == (200, "")


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 \uff12\uff10\uff10 OK\r\n\r\n".encode(),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        b"\r\n\r\n",
        b"\0\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0d",
    ],
)
def test_what_is_not_http_is_said_so(reply: bytes) -> None:
    """Another protocol, another version and broken headers are refused with the start of what came."""
    with pytest.raises(errors.DecodingError):
        exchange(reply, "wait")


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 200_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    ],
    ids=["long", "endless", "interim", "many"],
)
def test_headers_have_a_limit(reply: bytes) -> None:
    """More than 64 KiB or 256 headers, interim answers included, end in an error and not in memory."""
    with pytest.raises(errors.DecodingError, match=r"bytes of headers|256 headers"):
        exchange(reply, "wait")


@given(st.binary(max_size=300))
def test_any_head_is_read_or_refused(raw: bytes) -> None:
    """Whatever bytes come, the result is a head or a DecodingError."""
    try:
        head = heads.parse_head(b"HTTP/1.1 200 OK\r\n" + raw)
    except errors.DecodingError:
        return
    assert head.status == 200
    assert all(key == key.lower() and "\n" not in value for key, value in head.headers.items())


@pytest.mark.parametrize(
    ("reply", "reusable"),
    [
        (servers.answer(200, b"x", headers=["Connection: close"]), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", False),
        (servers.answer(200, b"x") + b"HTTP/1.1 200 OK", False),
        (servers.chunked(b"x"), True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    ],
)
def test_when_a_connection_may_be_used_again(reply: bytes, *, reusable: bool) -> None:
    """Not after close, HTTP/1.0 or bytes beyond the answer."""
    _, _, connection = exchange(reply)
    assert connection.reusable == reusable


def test_a_connection_that_ends_before_the_answer() -> None:
    """The end before the first byte is told apart from one within the headers."""
    with pytest.raises(ConnectionAbortedError):
        exchange("close")
    with pytest.raises(errors.TruncatedBodyError, match="in the headers"):
        exchange(b"HTTP/1.1 200 OK\r\nA: ", "close")


def test_a_silent_server_ends_at_the_deadline() -> None:
    """Neither silence nor headers that drip hold a request beyond its deadline."""
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        exchange(1.0, timeout=0.15)
    with pytest.raises(TimeoutError):
        exchange(b"HTTP/1.1 200 OK\r\n", *[b"A: b\r\n", 0.05] * 40, timeout=0.15)
    assert time.monotonic() - started < 2


def test_a_body_that_drips_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body slower than a kilobyte a second counts as silent, though no single pause is too long."""
    monkeypatch.setattr(connections, "SLOWEST", 1024)
    drip = [b"x", 0.03] * 100
    with pytest.raises(TimeoutError):
        exchange(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *drip, read_timeout=0.2)


@pytest.mark.parametrize("pause", [0.01, 0.05, 0.12, 0.25])
def test_a_body_that_drips_ends_at_the_deadline_of_its_request(pause: float) -> None:
    """However the bytes are dealt out, a slow body is over with the time of its request."""
    drip = [b"x", pause] * 200
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        exchange(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", *drip, timeout=0.4, read_timeout=0.4)
    assert 0.3 < time.monotonic() - started < 0.65


def test_connecting_is_bounded() -> None:
    """A host that answers no packet ends the attempt at the time-out."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    try:
        for _ in range(3):  # fill the backlog, so that the kernel drops further attempts
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        connection = connections.Connection(
            connections.Route(urls.split_url(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        )
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.connect(0.2)
        assert time.monotonic() - started < 2
        connection.close()
    finally:
        for filler in fillers:
            filler.close()
        listener.close()


def test_all_addresses_of_a_host_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the first address refuses, the next one is used."""
    with servers.Server(servers.answer(200, b"x")) as server:
        closed = socket.create_server(("127.0.0.1", 0))
        refused = closed.getsockname()
        closed.close()
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 0, "", place)
            for place in (refused, ("127.0.0.1", server.port))
        ]
        monkeypatch.setattr(cpython.sockets, "getaddrinfo", lambda *_: found)
        connection = connections.Connection(connections.Route(urls.split_url("http://two.test")))
        connection.connect(1)
        connection.close()


@contextlib.contextmanager
def dropping() -> Iterator[tuple[str, int]]:
    """An address whose kernel drops attempts to connect: its backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


@pytest.mark.parametrize("pattern", ["dg", "ddg", "dgd", "rdg", "rg", "gd"])
def test_an_address_that_drops_packets_costs_300_ms(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    """Addresses that drop (d), refuse (r) or answer (g): the next one is tried beside those before."""
    with dropping() as hole, servers.Server(servers.answer(200, b"x")) as server:
        closed = socket.create_server(("127.0.0.1", 0))
        refused = closed.getsockname()
        closed.close()
        places = {"d": hole, "r": refused, "g": ("127.0.0.1", server.port)}
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", places[each]) for each in pattern]
        monkeypatch.setattr(cpython.sockets, "getaddrinfo", lambda *_: found)
        connection = connections.Connection(connections.Route(urls.split_url("http://two.test")))
        started = time.monotonic()
        connection.connect(3)
        took = time.monotonic() - started
        assert took < 0.3 * pattern[: pattern.index("g")].count("d") + 0.25
        connection.close()


@pytest.mark.parametrize("pattern", ["dd", "dr", "rd"])
def test_addresses_of_which_none_answers(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    """Where all addresses drop or refuse, the attempt ends at the time-out."""
    with dropping() as hole:
        closed = socket.create_server(("127.0.0.1", 0))
        refused = closed.getsockname()
        closed.close()
        places = {"d": hole, "r": refused}
        found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", places[each]) for each in pattern]
        monkeypatch.setattr(cpython.sockets, "getaddrinfo", lambda *_: found)
        connection = connections.Connection(connections.Route(urls.split_url("http://two.test")))
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.connect(0.5)
        assert 0.4 < time.monotonic() - started < 1


def test_all_addresses_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all addresses refuse, that is said at once."""
    closed = socket.create_server(("127.0.0.1", 0))
    refused = closed.getsockname()
    closed.close()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", refused)] * 3
    monkeypatch.setattr(cpython.sockets, "getaddrinfo", lambda *_: found)
    connection = connections.Connection(connections.Route(urls.split_url("http://two.test")))
    with pytest.raises(ConnectionRefusedError):
        connection.connect(3)


@pytest.mark.parametrize("tls", [False, True])
def test_a_dead_peer_is_noticed(*, tls: bool) -> None:
    """The kernel asks a silent peer whether it is there, so that 75 seconds of nothing end a connection."""
    with servers.Server(servers.answer(), tls=servers.server_context() if tls else None) as server:
        settings = tls_settings.Settings(servers.authority().pem) if tls else None
        context = tls_settings.build_context(settings) if settings else None
        route = connections.Route(urls.split_url(server.url), settings)
        connection = connections.Connection(route, context=context)
        connection.connect(2)
        ask = connection._raw.getsockopt
        assert ask(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle = ask(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        pause, count = (
            ask(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
            ask(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
        )
        assert idle + pause * count == 75
        connection.close()


def test_what_the_kernel_says_of_a_dead_peer() -> None:
    """The kernel's time-out of a connection is told as a death, not as silence."""
    connection = connections.Connection(connections.Route(urls.split_url("http://a.test")))
    connection.stage = "body"
    error = TimeoutError(errno.ETIMEDOUT, "Connection timed out")
    made = failures.from_exception(error, connection=connection, request="GET /", waited=330)
    assert isinstance(made, errors.UnreachableError)
    assert "died without a word" in made.message


def test_interrupt_ends_a_reading_thread() -> None:
    """interrupt() from elsewhere ends a blocking read at once, and close() may follow twice."""
    with servers.Server(["wait"]) as server:
        connection = connections.Connection(connections.Route(urls.split_url(server.url)))
        connection.connect(1)
        connection.send(requests.Request("GET", "/", "", [], b""), time.monotonic() + 1)
        connection.interrupt()
        with pytest.raises(ConnectionAbortedError):
            connection.read_head(time.monotonic() + 5)
        connection.close()
        connection.close()
        connection.interrupt()


def _through(tunnel: servers.Tunnel, *, userinfo: str = "") -> proxy.Proxy | None:
    address = urls.split_url("https://x.test")
    return proxy.choose_proxy(address, proxy_url=f"http://{userinfo}127.0.0.1:{tunnel.port}", environ={})


def test_plain_requests_go_through_a_proxy_by_absolute_address() -> None:
    """For an http:// server the proxy gets the whole address and the credentials in the request itself."""
    with servers.Tunnel() as tunnel:
        connection = connections.Connection(
            connections.Route(urls.split_url("http://far.test/p"), proxy=_through(tunnel, userinfo="u:p%40@"))
        )
        connection.connect(1)
        deadline = time.monotonic() + 1
        connection.send(requests.Request("GET", "/p/x", "", [], b""), deadline)
        assert body.read(connection, connection.read_head(deadline), read_timeout=1) == b'{"by": "proxy"}'
        connection.close()
    assert tunnel.lines == ["GET http://far.test/p/x"]
    assert tunnel.authorizations == ["Basic dTpwQA=="]


def test_fetch_once() -> None:
    """A single request gives status, headers and body whatever the status is."""
    reply = servers.answer(400, b'{"error": "x"}', headers=["X-A: b"])
    with servers.Server(reply, tls=servers.server_context()) as server:
        answer = client.fetch_once(
            "POST",
            server.url + "/token?a=b",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=b"grant_type=refresh_token",
            ca=servers.authority().pem,
            timeout=2,
        )
    assert (answer.status, answer.headers["x-a"], answer.content) == (400, "b", b'{"error": "x"}')
    (request,) = server.requests
    assert (request.method, request.target, request.body) == (
        "POST",
        "/token?a=b",
        b"grant_type=refresh_token",
    )


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (["close"], errors.UnreachableError),
        ([0.5], errors.RequestTimeoutError),
        ([b"nonsense", "close"], errors.DecodingError),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "close"], errors.TruncatedBodyError),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nx", "wait"], errors.DecodingError),
    ],
)
def test_fetch_once_fails_in_words(steps: list[Any], kind: type[errors.ClusterError]) -> None:
    """Failures of a single request are this project's errors and name it without its query."""
    with servers.Server(steps) as server, pytest.raises(kind) as caught:
        client.fetch_once("GET", server.url + "/a?secret=1", timeout=0.2)
    assert caught.value.request == f"GET {server.url}/a"


@pytest.mark.parametrize("name", [".foo", "\xfc..b", "a\0b"])
def test_a_server_name_that_no_host_has(name: str) -> None:
    """A name for the certificate that TLS cannot use is refused in words."""
    with servers.Server(servers.answer(), tls=servers.server_context()) as server:
        settings = tls_settings.Settings(servers.authority().pem, server_name=name)
        context = tls_settings.build_context(settings)
        route = connections.Route(urls.split_url(server.url), settings)
        connection = connections.Connection(route, context=context)
        with pytest.raises(errors.ConfigurationError, match="none that a host can have"):
            connection.connect(2)
        connection.close()
