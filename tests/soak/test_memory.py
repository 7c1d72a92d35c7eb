"""What the services take of memory while many clients ask for much, or hold connections, and read nothing."""

from __future__ import annotations

import contextlib
import socket
import time
import urllib.parse
from typing import TYPE_CHECKING

import pytest
from tests import servers, serviceprocess

if TYPE_CHECKING:
    import pathlib

MIB = 1 << 20
SIMULATION = ("--simulation", "nodes=200,pods=10000")


@pytest.mark.parametrize("service", ["serve", "export"])
def test_readers_that_do_not_read(service: str) -> None:
    """With 120 clients that ask for all pods, each in another way, and read nothing, memory stays bounded."""
    with (
        serviceprocess.running(service, *SIMULATION, "--answer-memory", "128Mi") as running,
        contextlib.ExitStack() as stack,
    ):
        place = urllib.parse.urlsplit(running.url)
        before = running.resident()
        highest = before
        for number in range(120):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((place.hostname, place.port))
            path = f"/api/v1/pods?limit={10_000 - number}" if service == "serve" else "/metrics"
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            highest = max(highest, running.resident())
        for _ in range(20):
            time.sleep(0.5)
            highest = max(highest, running.resident())
        assert running.status_of("/livez") == 200
        assert highest - before < 300 * MIB, f"{(highest - before) / MIB:.0f} MiB"  # ticks take some, too


@pytest.mark.parametrize("service", ["serve", "export"])
def test_thousands_of_idle_connections(service: str) -> None:
    """Four thousand connections that say nothing cost little, and lock nobody out."""
    with (
        serviceprocess.running(service, *SIMULATION, "--connections", "1000") as running,
        contextlib.ExitStack() as stack,
    ):
        place = urllib.parse.urlsplit(running.url)
        before = running.resident()
        for _ in range(4000):
            try:
                made = socket.create_connection((place.hostname, place.port), timeout=5)
            except OSError:  # out of descriptors here
                break
            stack.enter_context(made)
        assert running.status_of("/livez") == 200
        assert running.resident() - before < 100 * MIB


def test_thousands_of_silent_handshakes(tmp_path: pathlib.Path) -> None:
    """Four thousand clients that begin TLS and say nothing cost little, and lock nobody out."""
    certificate = servers.authority().issue("127.0.0.1", "localhost")
    (tmp_path / "cert.pem").write_bytes(certificate.certificate)
    (tmp_path / "key.pem").write_bytes(certificate.key)
    words = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with (
        serviceprocess.running("serve", *SIMULATION, "--connections", "1000", *words) as running,
        contextlib.ExitStack() as stack,
    ):
        place = urllib.parse.urlsplit(running.url)
        before = running.resident()
        highest = before
        for number in range(4000):
            made = stack.enter_context(socket.create_connection((place.hostname, place.port), timeout=5))
            made.sendall(b"\x16\x03\x01\x02\x00")  # the head of a ClientHello whose rest never comes
            if number % 100 == 0:
                highest = max(highest, running.resident())
        assert running.status_of("/livez") == 200
        assert highest - before < 200 * MIB, f"{(highest - before) / MIB:.0f} MiB"
