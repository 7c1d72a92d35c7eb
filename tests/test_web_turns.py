"""Many questions about the past at once: each has its turn or a refusal, and nobody's are left out."""

from __future__ import annotations

import contextlib
import socket
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests import waiting, web_service

from kubevitals.history import ring
from kubevitals.surfaces.web import answercache, settings, turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals import history, model


class Held:
    """A history that answers when it is let go, and knows what was asked."""

    name = "held"

    def __init__(self) -> None:
        self.memory = ring.Ring()
        self.go = threading.Event()
        self.asked: list[str | None] = []

    def append(self, snapshot: model.Snapshot) -> None:
        self.memory.append(snapshot)

    def read(self, query: history.Query) -> history.Answer:
        self.asked.append(query.name)
        assert self.go.wait(30)
        return self.memory.read(query)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.memory, name)


@pytest.fixture
def held() -> Held:
    return Held()


@pytest.fixture
def url(held: Held) -> Iterator[str]:
    with web_service.serve(settings.Settings(history=held), simulation={"nodes": 3, "pods": 9}) as service:
        service.tick()
        with web_service.listening(service) as made:
            yield made
        held.go.set()


def send(stack: contextlib.ExitStack, url: str, name: str) -> socket.socket:
    """A question about the past of a node whose answer nobody reads yet."""
    return send_path(stack, url, f"/api/v1/history/nodes?name={name}")


def send_path(stack: contextlib.ExitStack, url: str, path: str) -> socket.socket:
    """A request whose answer nobody reads yet."""
    place = urllib.parse.urlsplit(url)
    client = stack.enter_context(socket.create_connection((place.hostname, place.port)))
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
    return client


def test_who_waits_too_long_is_refused(url: str, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """While others' questions take long there is 503 with when to try again, and all else is answered."""
    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    with contextlib.ExitStack() as stack:
        for name in ("one", "two"):
            send(stack, url, name)
        waiting.until(lambda: len(held.asked) == 2)
        answer = httpx.get(f"{url}/api/v1/history/nodes?name=three", timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert answer.headers["retry-after"] == "5"
        assert httpx.get(f"{url}/api/v1/pods").status_code == 200
        held.go.set()
        waiting.until(lambda: httpx.get(f"{url}/api/v1/history/nodes?name=four").status_code in (200, 404))
    assert "three" not in held.asked


def test_what_nobody_waits_for_is_not_read(url: str, held: Held) -> None:
    """A client that leaves before its turn costs nothing, however many of them there were."""
    with contextlib.ExitStack() as stack:
        for name in ("one", "two"):
            send(stack, url, name)
        waiting.until(lambda: len(held.asked) == 2)
        with contextlib.ExitStack() as leaving:
            for number in range(40):
                send(leaving, url, f"gone-{number}")
            # An answer to another route of the same loop: all of the questions have arrived by then.
            assert httpx.get(f"{url}/api/v1/pods").status_code == 200
        assert httpx.get(f"{url}/api/v1/pods").status_code == 200
        held.go.set()
        answer = httpx.get(f"{url}/api/v1/history/nodes?name=last", timeout=10)
        assert answer.status_code in (200, 404)
    assert [name for name in held.asked if name and name.startswith("gone")] == []


def test_snapshots_have_turns_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """So it is with the newest snapshot: whose turn does not come is refused, ready answers are given."""
    monkeypatch.setattr(turns, "PATIENCE", 0.2)
    go, begun = threading.Event(), []
    build = answercache.SnapshotCache.build

    def hold(self: Any, query: Any, *, zipped: bool) -> Any:
        if "slow" in str(query):
            begun.append(query)
            assert go.wait(30)
        return build(self, query, zipped=zipped)

    monkeypatch.setattr(answercache.SnapshotCache, "build", hold)
    with web_service.serve(simulation={"nodes": 3, "pods": 9}) as service:
        service.tick()
        with web_service.listening(service) as url, contextlib.ExitStack() as stack:
            assert httpx.get(f"{url}/api/v1/pods").status_code == 200
            for number in range(8):
                send_path(stack, url, f"/api/v1/pods?name=slow-{number}")
            waiting.until(lambda: len(begun) >= 2)
            refused = httpx.get(f"{url}/api/v1/pods?name=slow-too", timeout=10)
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            assert httpx.get(f"{url}/api/v1/pods").status_code == 200
            go.set()
            waiting.until(lambda: httpx.get(f"{url}/api/v1/pods?name=after").status_code == 200)
    assert len(begun) < 9
