"""What the services take of memory while many clients ask for much, or hold connections, and read nothing."""

from __future__ import annotations

import contextlib
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

import pytest
from tests import servers, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1 << 20
SIMULATION = ("--simulation", "nodes=200,pods=10000")


@contextlib.contextmanager
def running(*words: str) -> Iterator[tuple[int, str]]:
    """The process of a service and its URL, once it is ready."""
    command = [sys.executable, "-m", "kubevitals", *words, "--port", "0", *SIMULATION]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        try:
            assert service.stderr is not None
            line = next(each for each in service.stderr if "serving http" in each)
            url = line.split("serving ")[1].split()[0].removesuffix("/metrics")
            threading.Thread(target=service.stderr.read, daemon=True).start()
            waiting.until(lambda: status_of(f"{url}/readyz") == 200, seconds=120, pause=0.2)
            yield service.pid, url
        finally:
            service.send_signal(signal.SIGTERM)
            service.communicate(timeout=20)


def status_of(url: str) -> int:
    try:
        trust = ssl.create_default_context(cadata=servers.authority().pem.decode())
        with urllib.request.urlopen(url, timeout=30, context=trust) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.parametrize("service", ["serve", "export"])
def test_readers_that_do_not_read(service: str) -> None:
    """With 120 clients that ask for all pods, each in another way, and read nothing, memory stays bounded."""
    with running(service, "--answer-memory", "128Mi") as (pid, url), contextlib.ExitStack() as stack:
        place = urllib.parse.urlsplit(url)
        before = resident(pid)
        highest = before
        for number in range(120):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((place.hostname, place.port))
            path = f"/api/v1/pods?limit={10_000 - number}" if service == "serve" else "/metrics"
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            highest = max(highest, resident(pid))
        for _ in range(20):
            time.sleep(0.5)
            highest = max(highest, resident(pid))
        assert status_of(f"{url}/livez") == 200
        assert highest - before < 300 * MIB, f"{(highest - before) / MIB:.0f} MiB"  # ticks take some, too


@pytest.mark.parametrize("service", ["serve", "export"])
def test_thousands_of_idle_connections(service: str) -> None:
    """Four thousand connections that say nothing cost little, and lock nobody out."""
    with running(service, "--connections", "1000") as (pid, url), contextlib.ExitStack() as stack:
        place = urllib.parse.urlsplit(url)
        before = resident(pid)
        for _ in range(4000):
            try:
                made = socket.create_connection((place.hostname, place.port), timeout=5)
            except OSError:  # out of descriptors here
                break
            stack.enter_context(made)
        assert status_of(f"{url}/livez") == 200
        assert resident(pid) - before < 100 * MIB


def test_thousands_of_silent_handshakes(tmp_path: pathlib.Path) -> None:
    """Four thousand clients that begin TLS and say nothing cost little, and lock nobody out."""
    certificate = servers.authority().issue("127.0.0.1", "localhost")
    (tmp_path / "cert.pem").write_bytes(certificate.certificate)
    (tmp_path / "key.pem").write_bytes(certificate.key)
    words = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with running("serve", "--connections", "1000", *words) as (pid, url), contextlib.ExitStack() as stack:
        place = urllib.parse.urlsplit(url)
        before = resident(pid)
        highest = before
        for number in range(4000):
            made = stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=5))
            made.sendall(b"\x16\x03\x01\x02\x00")  # the head of a ClientHello whose rest never comes
            if number % 100 == 0:
                highest = max(highest, resident(pid))
        assert status_of(f"{url}/livez") == 200
        assert highest - before < 200 * MIB, f"{(highest - before) / MIB:.0f} MiB"
