"""The service on real sockets: streams, the drain, slow and greedy clients, logs, and the command itself."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING

import httpx
import pytest
from tests import waiting, web_service

from kubevitals import errors, sockets
from kubevitals.surfaces.http import bounds, capacity, logs
from kubevitals.surfaces.web import certs, settings
from simcluster.http import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def service() -> Iterator[web_service.Service]:
    with web_service.serve(simulation={"pods": 20}) as made:
        made.tick()
        yield made


def read_events(lines: Iterator[str], count: int) -> list[dict[str, object]]:
    events = []
    for line in lines:
        if line.startswith("data: "):
            events.append(json.loads(line.removeprefix("data: ")))
            if len(events) == count:
                break
    return events


def test_a_stream_has_an_event_a_snapshot(service: web_service.Service) -> None:
    """A stream begins with the snapshot there is, then tells each new one, with the tag to ask with."""
    with web_service.listening(service) as url, httpx.stream("GET", f"{url}/api/v1/stream") as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.iter_lines()
        first = read_events(lines, 1)[0]
        assert first["number"] == 1
        assert first["pods"] == len(service.get("/api/v1/pods").json()["items"])
        service.tick()
        second = read_events(lines, 1)[0]
        assert second["number"] == 2
        etag = httpx.get(f"{url}/api/v1/pods", headers={"accept-encoding": "identity"}).headers["etag"]
        assert second["etag"] == etag


def test_a_stream_beats_while_nothing_happens() -> None:
    """Between snapshots a comment shows that the connection lives."""
    chosen = settings.Settings(heartbeat_seconds=0.05)
    with (
        web_service.serve(chosen, simulation={"pods": 5}) as service,
        web_service.listening(service) as url,
        httpx.stream("GET", f"{url}/api/v1/stream") as answer,
    ):
        assert any(line.startswith(":") for line in answer.iter_lines())


def test_streams_are_bounded_and_forgotten() -> None:
    """Beyond the bound a stream is 503; one that its client has left is forgotten at once."""
    chosen = settings.Settings(streams=2)
    with web_service.serve(chosen, simulation={"pods": 5}) as service, web_service.listening(service) as url:
        hub = service.app.state.hub
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(httpx.stream("GET", f"{url}/api/v1/stream"))
            waiting.until(lambda: hub.count == 2)
            refused = httpx.get(f"{url}/api/v1/stream")
            assert refused.status_code == 503
            assert refused.json()["code"] == "too_many_streams"
        waiting.until(lambda: hub.count == 0)


def test_a_stream_of_an_unknown_cluster(service: web_service.Service) -> None:
    """A stream of a cluster that is not there is 422."""
    assert service.get("/api/v1/stream?cluster=x").status_code == 422


def test_the_drain_is_quick(service: web_service.Service) -> None:
    """Ending closes streams and idle connections at once."""
    with contextlib.ExitStack() as stack:
        with web_service.listening(service) as url:
            answer = stack.enter_context(httpx.stream("GET", f"{url}/api/v1/stream"))
            idle = stack.enter_context(httpx.Client())
            idle.get(f"{url}/livez")
            waiting.until(lambda: service.app.state.hub.count == 1)
            started = time.monotonic()
        assert time.monotonic() - started < 2.0
        assert list(answer.iter_lines()) != []


def _connect(url: str) -> socket.socket:
    parts = httpx.URL(url)
    return socket.create_connection((parts.host, parts.port or 0), timeout=5)


def test_huge_heads_are_refused(service: web_service.Service) -> None:
    """A request head beyond 32 kB ends the connection, whether it ends or not."""
    with web_service.listening(service) as url, _connect(url) as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * (bounds.HEAD_BYTES + 1000))
        assert client.recv(100).startswith(b"HTTP/1.1 431")


def test_large_tokens_fit(service: web_service.Service) -> None:
    """A head of the size that large tokens make is read, request after request on one connection."""
    with web_service.listening(service) as url, httpx.Client() as client:
        for _ in range(4):
            answer = client.get(f"{url}/", headers={"authorization": "Bearer " + "x" * 12_000})
            assert answer.status_code == 200


def test_slow_heads_are_ended(service: web_service.Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that never finishes its request is cut off; one that waits between requests is not."""
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.2)
    with web_service.listening(service) as url:
        with _connect(url) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\n")
            assert slow.recv(100) == b""
        with httpx.Client() as client:
            client.get(f"{url}/")
            time.sleep(0.4)
            assert client.get(f"{url}/").status_code == 200


def test_clients_that_do_not_read_are_ended(
    service: web_service.Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that asks and asks and never reads is cut off."""
    monkeypatch.setattr(bounds, "WRITE_SECONDS", 0.2)
    with web_service.listening(service, send_buffer=4096) as url, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        parts = httpx.URL(url)
        client.connect((parts.host, parts.port))
        client.sendall(b"GET /api/v1/pods HTTP/1.1\r\nhost: x\r\n\r\n" * 20)
        time.sleep(0.6)
        client.settimeout(5)
        size = 0
        with contextlib.suppress(ConnectionResetError):
            while part := client.recv(65_536):
                size += len(part)
    assert size < 20 * len(service.get("/api/v1/pods").content)


def test_connections_are_bounded(service: web_service.Service) -> None:
    """Beyond the bound the connection that has been idle for longest makes room for the new one."""
    with (
        web_service.listening(service, connections=3) as url,
        _connect(url) as first,
        _connect(url) as second,
        httpx.Client() as client,
        httpx.stream("GET", f"{url}/api/v1/stream") as busy,
    ):
        assert client.get(f"{url}/").status_code == 200
        assert first.recv(10) == b""
        assert _answers(url)
        assert second.recv(10) == b""
        assert busy.status_code == 200
        assert read_events(busy.iter_lines(), 1)  # who has a request is left alone


def test_busy_connections_are_not_ended(service: web_service.Service) -> None:
    """Where all have a request, a new connection is closed at once; when one goes there is room again."""
    with web_service.listening(service, connections=1) as url:
        with httpx.stream("GET", f"{url}/api/v1/stream") as busy:
            assert not _answers(url)
            assert read_events(busy.iter_lines(), 1)
        waiting.until(lambda: _answers(url))


def test_a_silent_crowd_locks_nobody_out(service: web_service.Service) -> None:
    """While hundreds of connections say nothing, others are answered at once."""
    with web_service.listening(service, connections=50) as url, contextlib.ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(_connect(url))
        begun = time.monotonic()
        assert all(_answers(url) for _ in range(5))
        assert time.monotonic() - begun < 5


def test_what_follows_a_request_is_bounded(service: web_service.Service) -> None:
    """Trailers, bodies and further requests behind an open stream fill no memory."""
    head = b"GET /api/v1/stream HTTP/1.1\r\nhost: x\r\n"
    trailers = head + b"transfer-encoding: chunked\r\n\r\n0\r\n"
    for begin, more in (
        (trailers, b"x-" + b"y" * 1000 + b": z\r\n"),
        (head + b"\r\n", head + b"\r\n"),
        (head + b"content-length: 99999999\r\n\r\n", b"z" * 1000),
    ):
        with web_service.listening(service) as url, _connect(url) as client:
            client.sendall(begin)
            sent = 0
            client.settimeout(1)
            with contextlib.suppress(OSError):
                while sent < 64 << 20:
                    client.sendall(more * 20)
                    sent += 20 * len(more)
            assert sent < 16 << 20  # what the kernel's buffers take


def test_silent_handshakes_end(
    service: web_service.Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that does not shake hands counts, makes room, and ends when its time is over."""
    monkeypatch.setattr(bounds, "HEAD_SECONDS", 0.5)
    pair = certificates.Authority("test", now=time.time()).issue_server(("localhost", "127.0.0.1"))
    (tmp_path / "tls.crt").write_bytes(pair.certificate)
    (tmp_path / "tls.key").write_bytes(pair.key)
    tls = certs.Certificate(tmp_path / "tls.crt", tmp_path / "tls.key").context
    with web_service.listening(service, tls=tls, connections=20) as url, contextlib.ExitStack() as stack:
        silent = [stack.enter_context(_connect(url)) for _ in range(60)]
        assert httpx.get(f"{url}/", verify=False).status_code == 200
        for one in silent:
            with contextlib.suppress(ConnectionError):
                assert one.recv(10) == b""


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_taken_port_is_told() -> None:
    """A port that is taken is an error with a way out, not a traceback."""
    with sockets.listen("127.0.0.1", 0, backlog=1) as first:
        port = first.getsockname()[1]
        with pytest.raises(errors.ConfigurationError, match=str(port)) as raised:
            sockets.listen("127.0.0.1", port, backlog=1)
        assert raised.value.remedy
    with pytest.raises(errors.ConfigurationError):
        sockets.listen("no such host", 0, backlog=1)


def test_many_clients_at_once(service: web_service.Service) -> None:
    """Many clients who ask for the same new answer all get it, whole."""
    seen: list[int] = []

    def ask(url: str) -> None:
        with httpx.Client() as client:
            seen.extend(len(client.get(f"{url}/api/v1/pods").json()["items"]) for _ in range(5))

    with web_service.listening(service) as url:
        threads = [threading.Thread(target=ask, args=(url,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for _ in range(5):
            service.tick()
        for thread in threads:
            thread.join()
    assert len(seen) == 50
    assert len(set(seen)) == 1


def test_expositions_are_made_ahead(service: web_service.Service) -> None:
    """Who has scraped lately finds the exposition of a new snapshot made; the same bytes until then."""
    with web_service.listening(service) as url, httpx.Client() as client:
        first = client.get(f"{url}/metrics").text
        assert client.get(f"{url}/metrics").text == first
        assert 'kubevitals_ticks_total{cluster="simulated"} 1' in first
        service.tick()
        second = client.get(f"{url}/metrics").text
        assert 'kubevitals_ticks_total{cluster="simulated"} 2' in second
        service.world.set_faults(["metrics-unavailable"])
        service.tick()
        assert (
            'kubevitals_source_up{cluster="simulated",source="metrics-server"} 0'
            in client.get(f"{url}/metrics").text
        )


# --- logs


def _log(form: str, *args: object, **extra: object) -> str:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JSONLines() if form == "json" else logs.TextLines())
    log = logging.getLogger("kubevitals.test")
    log.addHandler(handler)
    try:
        int("token=s3cr3t")
    except ValueError:
        log.exception(*args, extra=extra or None)
    finally:
        log.removeHandler(handler)
    return out.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_one_line_an_event(form: str) -> None:
    """Whatever an event holds, it is one line without control characters and without an error's text."""
    line = _log(form, "a\nb \x1b[31m %s", "c\rd", event="x", cluster="e\nf")
    assert line.count("\n") == 1
    assert "\x1b" not in line
    assert "\r" not in line
    assert "s3cr3t" not in line
    assert "ValueError" in line
    if form == "json":
        told = json.loads(line)
        assert (told["event"], told["level"]) == ("x", "error")


# --- the command


@contextlib.contextmanager
def _running(*words: str, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    log = tmp_path / "log"
    command = [sys.executable, "-m", "kubevitals", "serve", "--port", "0", "--log-format", "json", *words]
    with log.open("wb") as out, subprocess.Popen(command, stderr=out, env=dict(os.environ)) as process:
        try:
            yield process, log
        finally:
            if process.poll() is None:
                process.kill()


def _find_url(log: Path) -> str:
    for line in log.read_text().splitlines():
        told = json.loads(line)
        if told.get("event") == "serving":
            return str(told["url"])
    return ""


def test_the_command_serves_and_ends(tmp_path: Path) -> None:
    """It says where it serves, is ready within moments, and SIGTERM ends it with 0 while a stream is open."""
    with _running("--simulation", "nodes=5,pods=20", tmp_path=tmp_path) as (process, log):
        waiting.until(lambda: _find_url(log), seconds=20)
        url = _find_url(log)
        waiting.until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
        with httpx.stream("GET", f"{url}/api/v1/stream") as answer:
            assert read_events(answer.iter_lines(), 1)
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(6) == 0
            assert time.monotonic() - started < 5
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert events[0] == "serving"
    assert events[-1] == "ended"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--simulate", "--address", "0.0.0.0"), "--auth"),
        (("--simulate", "--tls-cert", "x"), "--tls-key"),
        (("--simulate", "--auth", "token-file"), "--auth-tokens"),
        (("--simulate", "-n", "a", "-A"), "exclude"),
        (("--simulate", "--port", "70000"), "port"),
    ],
)
def test_wrong_options(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Options that cannot be meant are wrong usage, said before anything is reached."""
    from kubevitals import cli

    try:
        code = cli.main(["serve", *words])
    except SystemExit as end:  # argparse
        code = int(end.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err


def test_published_type() -> None:
    """What listeners get is the collector's publication."""
    from kubevitals import collector as collectors

    assert collectors.Published._fields == ("snapshot", "number", "epoch")


def test_tokens_guard_all_but_health(tmp_path: Path) -> None:
    """With a file of tokens every path wants one, unknown ones too; health is open unless it is guarded."""
    from kubevitals.surfaces.web import auth

    path = tmp_path / "tokens"
    path.write_text("someone abcdefghijklmnopqrstuvwxyz\n")
    for open_health in (True, False):
        authenticator = auth.Authenticator.token_file(path)
        chosen = settings.Settings(authenticator=authenticator, open_health=open_health)
        with web_service.serve(chosen, simulation={"pods": 5}) as service:
            service.tick()
            for route in ("/", "/metrics", "/api/v1/pods", "/api/v1/status", "/openapi.json"):
                assert service.get(route).status_code == 401
                good = service.get(route, authorization="Bearer abcdefghijklmnopqrstuvwxyz")
                assert good.status_code == 200
            for unknown in ("/made/up", "/livez/", "/docs"):
                assert service.get(unknown).status_code == 401
                assert (
                    service.get(unknown, authorization="Bearer abcdefghijklmnopqrstuvwxyz").status_code == 404
                )
            assert service.ask("POST", "/api/v1/pods").status_code == 401
            assert (service.get("/livez").status_code == 401) is not open_health
            document = service.app.openapi()
            assert set(document["components"]["securitySchemes"]) == {"HTTPBearer", "HTTPBasic"}
            assert document["paths"]["/metrics"]["get"]["security"]
            assert ("security" not in document["paths"]["/livez"]["get"]) is open_health
        authenticator.close()


def test_repeated_lines_are_counted() -> None:
    """Of a warning that repeats some lines are written, then their number."""
    written = io.StringIO()
    now = [0.0]
    handler = logs.CountingHandler(written, most=3, seconds=10, clock=lambda: now[0])
    for number in range(1000):
        record = logging.LogRecord("x", logging.WARNING, "f.py", 1, "number %d failed", (number,), None)
        handler.handle(record)
    handler.handle(logging.LogRecord("x", logging.INFO, "f.py", 1, "another", (), None))
    assert len(written.getvalue().splitlines()) == 4
    now[0] = 11.0
    handler.setFormatter(logs.TextLines())
    handler.handle(logging.LogRecord("x", logging.WARNING, "f.py", 1, "number %d failed", (1,), None))
    last = written.getvalue().splitlines()[4:]
    assert len(last) == 2
    assert last[0].endswith("number 999 failed repeated=997")
    for _ in range(10):
        handler.handle(record)
    handler.close()
    assert written.getvalue().splitlines()[-1].endswith("repeated=8")


def test_connections_fit_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There are no more connections than descriptors and memory allow, and the reason is told."""
    monkeypatch.setattr(capacity, "read_memory_limit", lambda: None)
    monkeypatch.setattr(capacity, "_raise_descriptors", lambda _: 256)
    assert capacity.fit_connections(1000) == (128, "the limit of 256 file descriptors")
    assert capacity.fit_connections(100) == (100, "")
    monkeypatch.setattr(capacity, "_raise_descriptors", lambda _: None)
    monkeypatch.setattr(capacity, "read_memory_limit", lambda: 96 << 20)
    most, reason = capacity.fit_connections(10_000)
    assert most == 256
    assert "96 MiB" in reason
    monkeypatch.undo()
    assert capacity.read_memory_limit(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    assert capacity.read_memory_limit(tmp_path) is None
    (tmp_path / "memory.max").write_text("536870912\n")
    assert capacity.read_memory_limit(tmp_path) == 512 << 20


@pytest.mark.parametrize("path", ["/api/v1/stream", "/api/v1/pods", "/readyz", "/nothing"])
def test_clients_of_http_1_0_get_no_chunks(path: str) -> None:
    """What a client of HTTP/1.0 gets is framed by its length or the connection's end, also the stream."""
    with web_service.serve(settings.Settings(heartbeat_seconds=0.1)) as service:
        service.tick()
        with web_service.listening(service) as url:
            place = urllib.parse.urlsplit(url)
            with socket.create_connection((place.hostname, place.port), timeout=5) as client:
                client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                found = b""
                while b": still here" not in found and (piece := client.recv(65536)):
                    found += piece
                if path == "/api/v1/stream":
                    service.app.state.hub.close()
                    while piece := client.recv(65536):
                        found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert b"connection: close" in head.lower()
    if path == "/api/v1/stream":
        assert body.startswith(b"retry: 3000\n\nevent: snapshot\n")
        assert body.endswith(b"\n\n")
    else:
        assert f"content-length: {len(body)}".encode() in head.lower()
