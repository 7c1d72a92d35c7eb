"""Watches that resume, relist and end; against servers that break off, forget and stay silent."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests import servers, waiting

from kubevitals import errors
from kubevitals.kube import client, clientconfig
from kubevitals.kube.http import retries, watch

if TYPE_CHECKING:
    from collections.abc import Iterator


def event(kind: str, version: int, name: str = "a") -> bytes:
    item = {"metadata": {"name": name, "resourceVersion": str(version)}}
    return json.dumps({"type": kind, "object": item}).encode() + b"\n"


def gone_event() -> bytes:
    status = servers.status_object(410, "Expired", "too old resource version: 1 (5)")
    return json.dumps({"type": "ERROR", "object": status}, separators=(",", ":")).encode() + b"\n"


def stream(*events: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return servers.chunked(*events, end=end)


def listed(version: int, *names: str) -> bytes:
    items = [{"metadata": {"name": name}} for name in names]
    return servers.answer(200, {"metadata": {"resourceVersion": str(version)}, "items": items})


class Listed:
    def __init__(self, content: bytes) -> None:
        value = json.loads(content)
        self.continue_ = ""
        self.resource_version: str = value["metadata"]["resourceVersion"]
        self.names = [item["metadata"]["name"] for item in value["items"]]


@contextlib.contextmanager
def cluster_of(*answers: Any) -> Iterator[tuple[client.Client, servers.Server]]:
    with (
        servers.Server(*answers) as server,
        client.Client(
            clientconfig.ClientConfig(server.url), environ={}, jitter=lambda: 0.0, request_timeout=1
        ) as cluster,
    ):
        yield cluster, server


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(retries, "_FIRST_DELAY", 0.02)


HOLD = [stream(end=b""), "wait"]


def take(events: Iterator[watch.WatchEvent], count: int) -> list[str]:
    return [f"{event.type} {event.resource_version}" for event in itertools.islice(events, count)]


def versions(server: servers.Server) -> list[str]:
    """The resourceVersion of each watch the server saw."""
    targets = [request.target for request in server.requests if "watch=1" in request.target]
    return [target.partition("resourceVersion=")[2].partition("&")[0] for target in targets]


def test_changes_arrive_in_order() -> None:
    """Events come with type, object and version, asked for with bookmarks and a time-out."""
    reply = [stream(event("ADDED", 11), event("MODIFIED", 12), event("DELETED", 13), end=b""), "wait"]
    with cluster_of(reply) as (cluster, server):
        with cluster.watch(
            "/api/v1/pods", resource_version="10", query={"labelSelector": "a"}, timeout=60
        ) as changes:
            first = next(changes)
            assert first.object["metadata"]["name"] == "a"
            assert take(changes, 2) == ["MODIFIED 12", "DELETED 13"]
        assert server.requests[0].target == (
            "/api/v1/pods?labelSelector=a&watch=1&allowWatchBookmarks=true&resourceVersion=10&timeoutSeconds=60"
        )
        assert server.requests[0].header("accept-encoding") is None


@pytest.mark.parametrize("end", [[b"0\r\n\r\n"], ["close"], ["reset"], [b"5\r\nab", "close"]])
def test_a_stream_that_ends_is_resumed(end: list[Any]) -> None:
    """After the server's end, a cut or a reset the watch goes on from the last version."""
    first: list[Any] = [stream(event("ADDED", 11), end=b""), *end]
    second: list[Any] = [stream(event("MODIFIED", 12), end=b""), "wait"]
    with cluster_of(first, second) as (cluster, server):
        with cluster.watch("/p", resource_version="10") as changes:
            assert take(changes, 2) == ["ADDED 11", "MODIFIED 12"]
        assert versions(server) == ["10", "11"]


def test_bookmarks_move_the_position() -> None:
    """A stream is resumed from its last bookmark."""
    with (
        cluster_of(stream(event("BOOKMARK", 50)), HOLD) as (cluster, server),
        cluster.watch("/p", resource_version="10") as changes,
    ):
        assert take(changes, 1) == ["BOOKMARK 50"]
        thread = threading.Thread(target=lambda: list(changes))
        thread.start()
        waiting.until(lambda: versions(server) == ["10", "50"])
        changes.close()
        thread.join(2)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "reply", [stream(gone_event()), servers.answer(410, servers.status_object(410, "Gone", "x"))]
)
def test_a_forgotten_position_is_raised(reply: bytes) -> None:
    """410 as a status or as an event ends the watch with GoneError."""
    with (
        cluster_of(reply) as (cluster, _),
        cluster.watch("/p", resource_version="1") as changes,
        pytest.raises(errors.GoneError) as caught,
    ):
        next(changes)
    assert caught.value.request == "GET /p"


@pytest.mark.parametrize("code", [400, 403, 404, 405])
def test_what_trying_again_does_not_mend_is_raised(code: int) -> None:
    """A refusal ends the watch."""
    reply = servers.answer(code, servers.status_object(code, "X", "no"))
    with cluster_of(reply) as (cluster, server), cluster.watch("/p", resource_version="1") as changes:
        with pytest.raises(errors.StatusError) as caught:
            next(changes)
        assert caught.value.status == code
        assert len(server.requests) == 1


def test_failures_are_waited_out() -> None:
    """503, broken and silent servers are tried again, and `problem` tells meanwhile."""
    failed = servers.answer(503, "service unavailable", kind="text/plain")
    good: list[Any] = [stream(event("ADDED", 2), end=b""), "wait"]
    with (
        cluster_of(failed, ["close"], good) as (cluster, server),
        cluster.watch("/p", resource_version="1") as changes,
    ):
        assert take(changes, 1) == ["ADDED 2"]
        assert changes.problem is None
        assert len(server.requests) == 3


def test_a_server_that_ends_each_stream_at_once_is_not_hammered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams without news are opened with growing pauses."""
    monkeypatch.setattr(watch, "_FIRST_DELAY", 0.1)
    with cluster_of(stream()) as (cluster, server):
        changes = cluster.watch("/p", resource_version="1")
        thread = threading.Thread(target=lambda: list(changes))
        thread.start()
        time.sleep(0.4)
        changes.close()
        thread.join(2)
        assert 2 <= len(server.requests) <= 5


def test_a_stream_that_has_served_in_silence_is_resumed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's end of a stream without any news is no failure: the next one begins without a pause."""
    monkeypatch.setattr(watch, "_FIRST_DELAY", 60.0)
    monkeypatch.setattr(watch, "_SOUND", 0.1)
    silent: list[Any] = [stream(end=b""), 0.15, b"0\r\n\r\n"]
    news: list[Any] = [stream(event("ADDED", 2), end=b""), "wait"]
    with (
        cluster_of(silent, silent, news) as (cluster, _),
        cluster.watch("/p", resource_version="1") as changes,
    ):
        assert take(changes, 1) == ["ADDED 2"]
        assert changes.streams == 3


def test_an_error_event_of_another_kind_is_waited_out() -> None:
    """An ERROR event other than 410 is a failure of the stream, not its end."""
    status = servers.status_object(500, "InternalError", "etcd")
    broken = stream(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
    good: list[Any] = [stream(event("ADDED", 2), end=b""), "wait"]
    with cluster_of(broken, good) as (cluster, _), cluster.watch("/p", resource_version="1") as changes:
        assert take(changes, 1) == ["ADDED 2"]


@pytest.mark.parametrize("tls", [False, True])
def test_close_ends_a_silent_watch_promptly(*, tls: bool) -> None:
    """A thread that waits for news returns when another one closes the watch, over TLS too."""
    context = servers.server_context() if tls else None
    with (
        servers.Server(HOLD, tls=context) as server,
        client.Client(
            clientconfig.ClientConfig(server.url, ca=servers.authority().pem), environ={}
        ) as cluster,
    ):
        changes = cluster.watch("/p", resource_version="1")
        thread = threading.Thread(target=lambda: list(changes))
        thread.start()
        waiting.until(lambda: server.requests)
        time.sleep(0.05)
        started = time.monotonic()
        changes.close()
        thread.join(3)
        assert not thread.is_alive()
        assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "line", [b"no json\n", b"[]\n", b'{"type":"ADDED"}\n', b'{"type":"ADDED","object":5}\n']
)
def test_lines_that_are_no_events(line: bytes) -> None:
    """What is no event is an error of its own."""
    with pytest.raises(errors.DecodingError):
        watch.decode_event(line)


def test_an_own_decoder() -> None:
    """The caller's decoder sees each line, but not the errors."""
    seen: list[bytes] = []

    def decode(line: bytes) -> watch.WatchEvent:
        seen.append(line)
        return watch.WatchEvent("ADDED", line, resource_version="7")

    with (
        cluster_of(stream(event("ADDED", 2), gone_event())) as (cluster, _),
        cluster.watch("/p", resource_version="1", decode=decode) as changes,
    ):
        assert take(changes, 1) == ["ADDED 7"]
        with pytest.raises(errors.GoneError):
            next(changes)
    assert seen == [event("ADDED", 2).strip()]


def test_a_list_and_its_changes() -> None:
    """First SYNC with the whole list, then what changed; bookmarks stay inside."""
    news: list[Any] = [stream(event("BOOKMARK", 11), event("ADDED", 12, "c"), end=b""), "wait"]
    with cluster_of(listed(10, "a", "b"), news) as (cluster, server):
        with watch.watch_list(cluster, "/p", Listed) as changes:
            first = next(changes)
            assert (first.type, first.resource_version) == ("SYNC", "10")
            assert [page.names for page in first.object] == [["a", "b"]]
            assert take(changes, 1) == ["ADDED 12"]
            assert changes.problem is None
        assert versions(server) == ["10"]


def test_a_forgotten_position_lists_again() -> None:
    """After 410 a new SYNC replaces everything."""
    news: list[Any] = [stream(event("ADDED", 21), end=b""), "wait"]
    replies = [listed(10, "a"), stream(gone_event()), listed(20, "a", "b"), news]
    with cluster_of(*replies) as (cluster, server):
        with watch.watch_list(cluster, "/p", Listed) as changes:
            assert take(changes, 3) == ["SYNC 10", "SYNC 20", "ADDED 21"]
        assert versions(server) == ["10", "20"]


def test_the_first_list_fails_aloud() -> None:
    """Who starts a watched list hears at once that it does not work."""
    reply = servers.answer(403, servers.status_object(403, "Forbidden", "no"))
    with cluster_of(reply) as (cluster, _), pytest.raises(errors.ForbiddenError):
        next(watch.watch_list(cluster, "/p", Listed))


def test_a_later_list_that_fails_is_waited_out() -> None:
    """After the first list, passing failures of a further one are tried again."""
    failed = ["close"]
    replies = [listed(10), stream(gone_event()), *[failed] * 3, listed(20)]
    with cluster_of(*replies) as (cluster, _):
        cluster.request_timeout = 0.05
        with watch.watch_list(cluster, "/p", Listed) as changes:
            assert take(changes, 2) == ["SYNC 10", "SYNC 20"]


def test_closing_a_watched_list_ends_it() -> None:
    """close() from another thread ends the iteration promptly."""
    with cluster_of(listed(10), HOLD) as (cluster, server):
        changes = watch.watch_list(cluster, "/p", Listed)
        thread = threading.Thread(target=lambda: list(changes))
        thread.start()
        waiting.until(lambda: len(server.requests) == 2)
        time.sleep(0.05)
        changes.close()
        thread.join(2)
        assert not thread.is_alive()
