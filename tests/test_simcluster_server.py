"""The sockets of the simulated API server: TLS, keep-alive, hostile requests, starting and stopping."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests import simulated, small_world

from simcluster import errors, simulation
from simcluster.http import messages, server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[simulation.SimulatedCluster]:
    with simulation.SimulatedCluster(world=small_world.SmallWorld()) as running:
        yield running


@pytest.fixture
def plain() -> Iterator[server.Server]:
    """A server without TLS that says what it was asked, and has little patience."""

    def answer(request: messages.Request, peer: server.Peer | None) -> messages.Response:
        assert peer is None
        text = f"{request.method} {request.path} {len(request.body)}"
        return messages.Response(200, text.encode(), content_type="text/plain")

    running = server.Server(answer, context=lambda: None, head_seconds=0.4)
    running.start()
    yield running
    running.stop()


def converse(running: server.Server, data: bytes, *, end: bool = False) -> bytes:
    """Everything that comes back after `data`, until the server closes."""
    with socket.create_connection(("127.0.0.1", running.port), timeout=5) as connection:
        connection.sendall(data)
        if end:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
        return received


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"G3T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 200_000, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", 413),
    ],
)
def test_bad_requests(plain: server.Server, data: bytes, status: int) -> None:
    """What is no request is answered with its status, and the connection closes."""
    assert converse(plain, data).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
    ],
)
@pytest.mark.parametrize("end", [True, False])
def test_half_requests(plain: server.Server, data: bytes, end: bool) -> None:
    """Half a request gets no answer, and is not waited for for long."""
    if not data and not end:
        return  # a connection that is only idle may stay open
    before = time.monotonic()
    assert converse(plain, data, end=end) == b""
    assert time.monotonic() - before < 3


def test_dripping_client(plain: server.Server) -> None:
    """A client that sends byte after byte is cut off when its time is over, however busy it seems."""
    with socket.create_connection(("127.0.0.1", plain.port), timeout=5) as connection:
        before = time.monotonic()
        with contextlib.suppress(ConnectionError):
            for byte in b"GET /" + b"a" * 200:
                connection.sendall(bytes((byte,)))
                time.sleep(0.02)
        assert time.monotonic() - before < 3


def test_slow_but_honest_client(plain: server.Server) -> None:
    """A request that comes in two pieces is answered."""
    with socket.create_connection(("127.0.0.1", plain.port), timeout=5) as connection:
        connection.sendall(b"GET /slow HTTP/1.1\r\nHo")
        time.sleep(0.1)
        connection.sendall(b"st: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(65536).endswith(b"GET /slow 0")


def test_pipelined_and_chunked(plain: server.Server) -> None:
    """Requests that arrive together are answered one after the other; chunked bodies are read."""
    data = (
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: 1\r\n\r\n"
        b"GET /b%20c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    received = converse(plain, data)
    assert b"POST /a 5" in received
    assert received.endswith(b"GET /b c 0")


def test_old_clients_and_head(plain: server.Server) -> None:
    """HTTP/1.0 is answered and closed; HEAD has the length and no body; 100-continue is granted."""
    assert converse(plain, b"GET /x HTTP/1.0\r\n\r\n").endswith(b"GET /x 0")
    head = converse(plain, b"HEAD /x HTTP/1.0\r\n\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert b"Content-Length: 9" in head
    asked = b"POST /x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"
    assert converse(plain, asked).startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_keep_alive(served: simulation.SimulatedCluster) -> None:
    """Many requests share one connection."""
    with contextlib.closing(simulated.open_connection(served)) as connection:
        connection.connect()
        sock = connection.sock
        for _ in range(5):
            connection.request("GET", "/api/v1/pods", headers=simulated.headers_for(served, "admin"))
            assert connection.getresponse().read().endswith(b"]}\n")
        assert connection.sock is sock


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(served: simulation.SimulatedCluster, version: ssl.TLSVersion) -> None:
    """TLS 1.2 and 1.3 are spoken, with HTTP/1.1 by ALPN, and the certificate is good for localhost too."""
    context = ssl.create_default_context(cadata=served.ca.decode())
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    port = int(served.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as connection,
    ):
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_plain_http_on_the_tls_port(served: simulation.SimulatedCluster) -> None:
    """Who speaks plain HTTP to it is told so."""
    port = int(served.url.rpartition(":")[2])
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        connection.request("GET", "/version")
        response = connection.getresponse()
        assert (response.status, response.read()) == (
            400,
            b"Client sent an HTTP request to an HTTPS server.\n",
        )


def test_garbage_instead_of_a_handshake(served: simulation.SimulatedCluster) -> None:
    """Bytes that are no handshake end that connection alone."""
    port = int(served.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"\x16\x03\x01\x00\x05hello")
        with contextlib.suppress(ConnectionError):
            connection.recv(100)
    assert simulated.ask(served, "/healthz").body == b"ok"


def test_unknown_authority(served: simulation.SimulatedCluster) -> None:
    """A client that does not know the authority refuses the certificate."""
    port = int(served.url.rpartition(":")[2])
    with (
        contextlib.closing(http.client.HTTPSConnection("127.0.0.1", port, timeout=5)) as connection,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        connection.request("GET", "/version")


def test_port_taken(plain: server.Server) -> None:
    """A port that is taken is an error with a remedy."""
    second = server.Server(lambda _, __: messages.Response(200), port=plain.port, context=lambda: None)
    with pytest.raises(errors.PortError) as caught:
        second.start()
    assert f"127.0.0.1:{plain.port}" in str(caught.value)
    assert caught.value.remedy == "choose another --port, or 0 for any that is free"


def test_stop_is_prompt_and_complete() -> None:
    """Stopping closes idle connections and leaves no thread; it may be done twice."""
    before_it = set(threading.enumerate())
    made = simulation.SimulatedCluster(world=small_world.SmallWorld())
    made.start()
    with contextlib.closing(simulated.open_connection(made)) as connection:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        before = time.monotonic()
        made.stop()
        made.stop()
        assert time.monotonic() - before < 2
    assert set(threading.enumerate()) <= before_it


def test_many_clients_at_once(served: simulation.SimulatedCluster) -> None:
    """Clients at the same time all get whole answers."""
    expected = simulated.ask(served, "/api/v1/pods").body
    found: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: found.append(simulated.ask(served, "/api/v1/pods").body))
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 12
