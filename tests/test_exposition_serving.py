"""The exporter's server over real sockets, and the command `kubevitals export`."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import socket
import stat
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests import waiting
from tests.test_exposition import NODE, POD, PROMETHEUS_2, STATUS, parse, snapshot

from kubevitals import cli, collector, errors
from kubevitals.surfaces import exposition
from kubevitals.surfaces.exposition import exporter as exporters
from kubevitals.surfaces.exposition import httpserver, requests
from kubevitals.surfaces.http import bounds

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Fake:
    """What an exporter needs of a collector."""

    def __init__(self) -> None:
        self.latest: collector.Published | None = collector.Published(snapshot(POD, nodes=[NODE]), 1, "e")
        self.current = STATUS

    def status(self) -> collector.Status:
        return self.current


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def server(fake: Fake) -> Iterator[httpserver.Server]:
    collectors: Any = {"prod": fake}
    with httpserver.Server(exporters.Exporter(collectors, exposition.Options()), port=0) as running:
        yield running


def ask(
    server: httpserver.Server, path: str = "/metrics", *, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)) as connection:
        connection.request(
            method, path, headers={key.replace("_", "-"): said for key, said in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, {key.lower(): said for key, said in answer.getheaders()}, answer.read()


def test_text_is_what_anybody_gets(server: httpserver.Server) -> None:
    """Without an Accept header it is text 0.0.4, uncompressed."""
    status, headers, body = ask(server)
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "content-encoding" not in headers
    assert parse(body.decode())


def test_prometheus_gets_openmetrics_compressed(server: httpserver.Server) -> None:
    """With Prometheus' own headers it is OpenMetrics 1.0 in gzip, ending with its mark."""
    _, headers, body = ask(server, Accept=PROMETHEUS_2, Accept_Encoding="gzip")
    assert headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert headers["content-encoding"] == "gzip"
    assert parse(gzip.decompress(body).decode(), openmetrics=True)


def test_an_answer_follows_the_snapshot(server: httpserver.Server, fake: Fake) -> None:
    """The next publication is in the next answer, and a pod that is gone is not."""
    assert b'pod="web-0"' in ask(server)[2]
    fake.latest = collector.Published(snapshot(nodes=[NODE]), 2, "e")
    assert b'pod="web-0"' not in ask(server)[2]


def test_an_answer_is_made_once_a_publication(
    server: httpserver.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second scrape of the same publication renders nothing."""
    first = ask(server)[2]
    monkeypatch.setattr(exposition, "render_pieces", None)
    assert ask(server)[2] == first


def test_head_has_the_headers_of_get(server: httpserver.Server) -> None:
    """HEAD answers with the length and without the body."""
    status, headers, body = ask(server, method="HEAD")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("path", "changed", "status"),
    [
        ("/livez", {}, 200),
        ("/healthz", {}, 200),
        ("/readyz", {}, 200),
        ("/livez", {"live": False}, 503),
        ("/readyz", {"ready": False}, 503),
        ("/", {}, 200),
        ("/nothing", {}, 404),
        ("/metrics?x=1", {"ready": False}, 200),
    ],
)
def test_each_route_has_its_status(
    server: httpserver.Server, fake: Fake, path: str, changed: dict[str, bool], status: int
) -> None:
    """Probes tell live from ready, and what does not exist is 404."""
    fake.current = STATUS._replace(**changed)  # type: ignore[arg-type]
    assert ask(server, path)[0] == status


def test_other_methods_are_refused(server: httpserver.Server) -> None:
    """POST is no way to read."""
    status, headers, _ = ask(server, method="POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")


def test_requests_are_counted_by_route(server: httpserver.Server, fake: Fake) -> None:
    """Made-up paths share one word, so that nobody can fill the memory with them."""
    for path in ("/metrics", "/a", "/b"):
        ask(server, path)
    fake.latest = collector.Published(snapshot(POD), 2, "e")
    series = parse(ask(server)[2].decode())
    requests = {key: count for key, count in series.items() if key[0] == "kubevitals_http_requests_total"}
    assert sorted(requests.values()) == [1, 2]


def test_versions_and_caches_are_not_told(server: httpserver.Server) -> None:
    """No header names Python, and nothing may store the answer."""
    _, headers, _ = ask(server)
    assert headers["server"] == "kubevitals"
    assert headers["cache-control"] == "no-store"


def test_garbage_ends_the_connection_quietly(
    server: httpserver.Server, capfd: pytest.CaptureFixture[str]
) -> None:
    """Broken requests, endless headers and clients that leave print nothing and stop nothing."""
    for sent in (b"\x16\x03\x01\x00\xff" * 9, b"GET /metrics HTTP/1.1\r\n" + b"A: b\r\n" * 200, b"GET /met"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(sent)
    assert ask(server)[0] == 200
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def small(fake: Fake) -> Iterator[httpserver.Server]:
    """A server that takes 64 connections and serves the names of loopback alone."""
    collectors: Any = {"prod": fake}
    exporter = exporters.Exporter(collectors, exposition.Options())
    with httpserver.Server(exporter, port=0, connections=64, hosts=(), address_hosts=False) as running:
        yield running


def test_connections_are_bounded_and_the_longest_idle_one_makes_room(small: httpserver.Server) -> None:
    """Idle clients cannot take all places: a further one is served in the place of the first."""
    server = small
    with contextlib.ExitStack() as idle:
        clients = [
            idle.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            for _ in range(64)
        ]
        assert ask(server, "/livez")[0] == 200
        assert clients[0].recv(1) == b""
        clients[-1].sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert clients[-1].recv(15) == b"HTTP/1.1 200 OK"


def test_probes_do_not_wait_for_a_scrape(server: httpserver.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """While an exposition is rendered, however long that takes, the probes answer."""
    rendering, go_on = threading.Event(), threading.Event()

    def render(*_: object, **__: object) -> list[bytes]:
        rendering.set()
        go_on.wait(20)
        return []

    monkeypatch.setattr(exposition, "render_pieces", render)
    scrape = threading.Thread(target=ask, args=(server,))
    scrape.start()
    try:
        assert rendering.wait(5)
        for path in ("/livez", "/readyz", "/healthz"):
            assert ask(server, path)[0] == 200
    finally:
        go_on.set()
        scrape.join(10)


def test_the_end_does_not_wait_for_idle_connections(fake: Fake) -> None:
    """A kept-alive connection does not hold up SIGTERM."""
    collectors: Any = {"prod": fake}
    running = httpserver.Server(exporters.Exporter(collectors, exposition.Options()), port=0)
    running.start()
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)) as connection:
        connection.request("GET", "/metrics")
        connection.getresponse().read()
        before = time.monotonic()
        running.stop()
        assert time.monotonic() - before < 2


def test_a_port_that_is_taken_is_told(server: httpserver.Server) -> None:
    """The error names the port and the option."""
    collectors: Any = {}
    with pytest.raises(errors.ConfigurationError, match=str(server.port)) as caught:
        httpserver.Server(exporters.Exporter(collectors, exposition.Options()), port=server.port)
    assert "--port" in str(caught.value.remedy)


def run(*arguments: str) -> int:
    return cli.main(["export", "--simulation", "nodes=3,pods=20", *arguments])


def test_once_writes_a_whole_exposition_to_stdout(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """`--once` ends with 0 and the exposition alone on stdout."""
    assert run("--once", "--openmetrics", "--compat", "kube-state-metrics") == 0
    series = parse(capfdbinary.readouterr().out.decode(), openmetrics=True)
    names = {name for name, _ in series}
    assert {"kubevitals_container_cpu_usage_cores", "kube_pod_info"} <= names


def test_once_without_usage_still_tells_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the metrics API is missing, requests and phases are written; the exit code is 1."""
    path = tmp_path / "x.prom"
    arguments = ["--simulation", "nodes=3,pods=20,fault=metrics-absent"]
    assert cli.main(["export", *arguments, "--once", "--textfile", str(path)]) == 1
    series = parse(path.read_text())
    assert [said for key, said in series.items() if key[0] == "kubevitals_source_up"] == [0]
    assert [key for key in series if key[0] == "kubevitals_pod_cpu_request_cores"]
    assert not [key for key in series if "_usage_" in key[0]]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644  # the collector runs as another user
    assert "note:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--address", "0.0.0.0"], "--auth none"),
        (["--address", "localhost.example"], "--auth none"),
        (["--textfile", "x"], "--once"),
        (["--once", "--textfile", "x", "--openmetrics"], "--openmetrics"),
        (["--compat-only"], "--compat"),
        (["--compat", "x"], "metrics-server-prom"),
        (["--labels", "a.b,a-b"], "choose one"),
    ],
)
def test_mistakes_are_told_with_what_to_do(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Options that contradict each other, and listening beyond this machine unasked, are wrong usage."""
    assert run(*arguments) == 2
    assert said in capsys.readouterr().err


def test_nothing_of_the_service_is_loaded_by_top() -> None:
    """The exposition is not imported by the package or the command line before it is called."""
    import subprocess
    import sys

    code = (
        "import sys, kubevitals.cli.commands.top; "
        "print([name for name in sys.modules if 'exposition' in name or name == 'http.server'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_snapshot_may_be_of_any_time() -> None:
    """Seconds since 1970 keep their fraction."""
    moment = datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC)
    body = exposition.render(
        [(snapshot(POD)._replace(generated_at=moment), None)], openmetrics=False, options=exposition.Options()
    )
    series = parse(body.decode())
    assert [said for key, said in series.items() if key[0] == "kubevitals_snapshot_timestamp_seconds"] == [
        moment.timestamp()
    ]


def test_several_clusters_are_exposed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """With --context repeated every series has its cluster, the compatible ones too."""
    import yaml

    from simcluster import simulation as simulated

    with simulated.SimulatedCluster(nodes=2, pods=10, speed=0.0) as world:
        config = yaml.safe_load(world.kubeconfig())
        config["contexts"] = [{**config["contexts"][0], "name": name} for name in ("prod", "test")]
        (tmp_path / "config").write_text(yaml.safe_dump(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        contexts = ["--context", "prod", "--context", "test"]
        code = cli.main(["export", *contexts, "--once", "--compat", "kube-state-metrics"])
    assert code == 0
    series = parse(capfdbinary.readouterr().out.decode())
    for name in ("kubevitals_pod_phase", "kube_pod_info"):
        assert {dict(labels)["cluster"] for each, labels in series if each == name} == {"prod", "test"}


def test_one_namespace_is_enough(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """With -n there are only that namespace's pods, and with --no-nodes no nodes."""
    arguments = ["--once", "-n", "shop", "--no-nodes", "--compat", "kube-state-metrics"]
    assert cli.main(["export", "--simulation", "nodes=3,pods=40", *arguments]) == 0
    series = parse(capfdbinary.readouterr().out.decode())
    assert {dict(labels).get("namespace", "shop") for _, labels in series} == {"shop"}
    assert not [name for name, _ in series if name.startswith(("kubevitals_node_", "kube_node_"))]


def test_connections_that_trickle_lock_nobody_out(small: httpserver.Server) -> None:
    """With more half requests open than there are places, a scrape and the probes are answered."""
    server = small
    with contextlib.ExitStack() as stack:
        for number in range(80):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=5))
            client.sendall(b"GET /metrics HTTP/1.1\r\nA: b\r\n" if number % 2 else b"GE")
        for path in ("/livez", "/readyz", "/healthz", "/metrics"):
            assert ask(server, path)[0] == 200


def test_a_request_has_its_time_however_it_trickles(
    server: httpserver.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that sends a byte now and then is ended when the seconds of a request are over."""
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\n")

        def ended() -> bool:
            try:
                client.sendall(b"A: b\r\n")
            except OSError:
                return True
            return False

        waiting.until(ended, seconds=5)


def exchange(server: httpserver.Server, *sent: bytes) -> bytes:
    """What comes back, to the end of the connection, for bytes that are sent one after the other."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        for part in sent:
            client.sendall(part)
        with contextlib.suppress(OSError):  # it was ended there already
            client.shutdown(socket.SHUT_WR)
        found = b""
        while piece := client.recv(65536):
            found += piece
    return found


def test_requests_on_one_connection_are_answered_in_order(server: httpserver.Server) -> None:
    """Requests that come at once, in pieces or one by one have one answer each; the last one ends it."""
    found = exchange(
        server,
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nothing HTT",
        b"P/1.1\r\nHost: localhost\r\n\r\nHEAD / HTTP/1.1\r\n\r\n",
        b"GET /readyz HTTP/1.1\r\nConnection: close\r\n\r\n",
    )
    assert re.findall(rb"HTTP/1.1 (\d+) ", found) == [b"200", b"404", b"200", b"200"]
    assert found.endswith(b"ready\n")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nContent-Length: 40\r\n",
        b"GET /livez HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        b"GET /livez HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"GET /livez HTTP/1.1\r\nUpgrade: websocket\r\n",
        b"GET /livez HTTP/1.0\r\n",
        b"GET /livez HTTP/1.1\r\nConnection: Close\r\n",
    ],
)
def test_nothing_is_smuggled_behind_a_request(server: httpserver.Server, head: bytes) -> None:
    """After a request that may have a body, or is the last one, nothing is read as a request."""
    found = exchange(server, head + b"\r\nGET /nothing HTTP/1.1\r\n\r\n")
    assert found.count(b"HTTP/1.1 ") == 1
    assert b"200 OK" in found
    assert b"connection: close" in found


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez\r\n", b"GET  /livez HTTP/1.1\r\n", b"GET /livez HTTP/2.0\r\n", b"GET livez HTTP/1.1\r\n",
        b"GET /livez HTTP/1.1\r\nA : b\r\n", b"GET /livez HTTP/1.1\r\nA: b\r\n c\r\n",
        b"GET /livez HTTP/1.1\r\nA: b\nC: d\r\n", b"GET /l\x00 HTTP/1.1\r\n", b"\r\n", b"G@T / HTTP/1.1\r\n",
        b"GET /livez HTTP/1.1\r\nnothing\r\n", "GET /\u00e9 HTTP/1.1\r\n".encode(),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(server: httpserver.Server, head: bytes) -> None:
    """A head that another server might read in another way gets 400, and ends the connection."""
    found = exchange(server, head + b"\r\nGET /livez HTTP/1.1\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 400 ")
    assert found.count(b"HTTP/1.1 ") == 1


def test_endless_heads_are_refused(server: httpserver.Server) -> None:
    """More than 32 kB before the blank line get 431, however they come."""
    found = exchange(server, b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 6000)
    assert found.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost:9100"}, 200),
        ({"Host": "127.0.0.1"}, 200),
        ({"Host": "attacker.example"}, 421),
        ({"Host": "10.0.0.5"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_pages_of_other_sites_read_nothing(
    small: httpserver.Server, headers: dict[str, str], status: int
) -> None:
    """On loopback a name that somebody points at it is not served, nor what another site asks for."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", small.port, timeout=10)) as connection:
        connection.request("GET", "/metrics", headers=headers)
        assert connection.getresponse().status == status


def test_a_client_that_does_not_read_costs_a_part_of_its_answer(
    fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 64 MB for a client that takes nothing, a few hundred kB are handed over, and then it is ended."""
    monkeypatch.setattr(bounds, "WRITE_SECONDS", 0.3)
    handed: list[int] = []
    write = requests.Connection._write

    async def watch(self: requests.Connection, answer: requests.Answer, **given: bool) -> None:
        handed.append(0)
        transport = self._transport
        real = transport.write

        def count(data: bytes) -> None:
            handed[0] += len(data)
            real(data)

        monkeypatch.setattr(transport, "write", count, raising=False)
        await write(self, answer, **given)

    monkeypatch.setattr(requests.Connection, "_write", watch)
    collectors: Any = {"prod": fake}
    exporter = exporters.Exporter(collectors, exposition.Options())
    monkeypatch.setattr(exporter, "answer", lambda **_: [bytes(1 << 20)] * 64)
    with (
        httpserver.Server(exporter, port=0) as server,
        socket.socket() as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        waiting.until(lambda: bool(handed) and not server._acceptor._open, seconds=10)
        assert handed[0] < 8 << 20  # the rest was in the buffers of the system
