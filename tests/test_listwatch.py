"""Lists and watches that resume, list anew and end, against servers that break off, forget or stay silent."""

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
from kubevitals.kube import client, clientconfig, codec, listwatch, resources
from kubevitals.kube.http import retries

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubevitals.kube import records

    Jobs = listwatch.ListWatch[records.Metadata]


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
    metadata = {"resourceVersion": str(version)}
    return servers.answer(200, {"kind": "PartialObjectMetadataList", "metadata": metadata, "items": items})


def open_jobs(cluster: client.Client, **options: Any) -> Jobs:
    return listwatch.ListWatch(cluster, resources.JOBS, codec.METADATA, **options)


@contextlib.contextmanager
def jobs_of(*answers: Any, **options: Any) -> Iterator[tuple[Jobs, Iterator[codec.Event], servers.Server]]:
    """Jobs as a server answers about them, the iteration over them, and the server."""
    with (
        servers.Server(*answers) as server,
        client.Client(
            clientconfig.ClientConfig(server.url), environ={}, jitter=lambda: 0.0, request_timeout=1
        ) as cluster,
    ):
        jobs = open_jobs(cluster, **options)
        with contextlib.closing(iter(jobs)) as events:
            yield jobs, events, server


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 0.02)
    monkeypatch.setattr(retries, "_FIRST_DELAY", 0.02)


HOLD = [stream(end=b""), "wait"]
FIRST = listed(10, "a", "b")


def take(events: Iterator[codec.Event], count: int) -> list[str]:
    """Type and position of the next events; of an error its code."""
    return [
        f"{each.type} {each.object.code if each.type == 'ERROR' else each.resource_version}"
        for each in itertools.islice(events, count)
    ]


def versions(server: servers.Server) -> list[str]:
    """The resourceVersion of each watch the server saw."""
    targets = [request.target for request in server.requests if "watch=1" in request.target]
    return [target.partition("resourceVersion=")[2].partition("&")[0] for target in targets]


@contextlib.contextmanager
def iterated(jobs: Jobs) -> Iterator[list[codec.Event]]:
    """The events that another thread gets, which has ended afterwards."""
    seen: list[codec.Event] = []
    thread = threading.Thread(target=lambda: seen.extend(jobs))
    thread.start()
    try:
        yield seen
    finally:
        jobs.stop()
        thread.join(3)
        assert not thread.is_alive()


def test_a_list_and_its_changes() -> None:
    """First SYNC with the whole list, then each change in its order, and bookmarks."""
    news: list[Any] = [
        stream(event("ADDED", 11, "c"), event("MODIFIED", 12), event("BOOKMARK", 13), end=b""), "wait"
    ]  # fmt: skip
    with jobs_of(FIRST, news, label_selector="a", namespace="shop", stream_seconds=60) as made:
        _, events, server = made
        first = next(events)
        assert (first.type, first.resource_version) == ("SYNC", "10")
        assert [meta.name for meta in first.object.items] == ["a", "b"]
        added = next(events)
        assert (added.object[0].name, added.object[1]) == ("c", ())
        assert take(events, 2) == ["MODIFIED 12", "BOOKMARK 13"]
        assert [request.target for request in server.requests] == [
            "/apis/batch/v1/namespaces/shop/jobs?labelSelector=a&limit=1000",
            (
                "/apis/batch/v1/namespaces/shop/jobs?labelSelector=a&watch=1&allowWatchBookmarks=true"
                "&resourceVersion=10&timeoutSeconds=60"
            ),
        ]
        assert server.requests[1].header("accept-encoding") is None


@pytest.mark.parametrize("end", [[b"0\r\n\r\n"], ["close"], ["reset"], [b"5\r\nab", "close"]])
def test_a_stream_that_ends_is_resumed(end: list[Any]) -> None:
    """After the server's end, a cut or a reset the watch goes on from the last version, without a list."""
    first: list[Any] = [stream(event("ADDED", 11), end=b""), *end]
    second: list[Any] = [stream(event("MODIFIED", 12), end=b""), "wait"]
    with jobs_of(FIRST, first, second) as (jobs, events, server):
        assert take(events, 2) == ["SYNC 10", "ADDED 11"]
        rest = take(events, 1)
        if rest != ["MODIFIED 12"]:  # a failure is told, and its end
            assert rest[0].startswith("ERROR ")
            assert take(events, 2) == ["BOOKMARK 11", "MODIFIED 12"]
        assert versions(server) == ["10", "11"]
        assert (jobs.lists, jobs.streams) == (1, 2)


def test_bookmarks_move_the_position() -> None:
    """A stream is resumed from its last bookmark."""
    with jobs_of(FIRST, stream(event("BOOKMARK", 50)), HOLD) as (jobs, _, server), iterated(jobs):
        waiting.until(lambda: versions(server) == ["10", "50"])


@pytest.mark.parametrize(
    "reply", [stream(gone_event()), servers.answer(410, servers.status_object(410, "Gone", "x"))]
)
def test_a_forgotten_position_lists_again(reply: bytes) -> None:
    """After 410, as a status or as an event, a new SYNC replaces everything, and nothing is an error."""
    news: list[Any] = [stream(event("ADDED", 21), end=b""), "wait"]
    with jobs_of(FIRST, reply, listed(20, "a", "b"), news) as (jobs, events, server):
        assert take(events, 3) == ["SYNC 10", "SYNC 20", "ADDED 21"]
        assert versions(server) == ["10", "20"]
        assert jobs.lists == 2


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405, 406])
def test_what_resuming_does_not_mend_lists_again(code: int) -> None:
    """A watch that is refused is told as an error, and the list is read anew after a pause."""
    reply = servers.answer(code, servers.status_object(code, "X", "no"))
    with jobs_of(FIRST, reply, listed(20)) as (jobs, events, _):
        assert next(events).type == "SYNC"
        failed = next(events)
        assert (failed.type, failed.object.status) == ("ERROR", code)
        assert take(events, 1) == ["SYNC 20"]
        assert jobs.streams == 0


def test_a_list_that_fails_is_tried_again() -> None:
    """A list that may not be read or does not come is told as an error each time, and tried again."""
    refused = servers.answer(403, servers.status_object(403, "Forbidden", "no"))
    with jobs_of(refused, ["close"] * 1, listed(20)) as (jobs, events, _):
        assert take(events, 1) == ["ERROR forbidden"]
        following = take(events, 1)
        while following[0].startswith("ERROR unreachable"):
            following = take(events, 1)
        assert following == ["SYNC 20"]
        assert jobs.lists == 1


def test_a_later_list_that_fails_is_waited_out() -> None:
    """Where the position is forgotten and the next list does not come, that is told until it does."""
    unreadable = [[b"nonsense", "close"]] * 2  # which no request is made again for
    with jobs_of(FIRST, stream(gone_event()), *unreadable, listed(20)) as (_, events, _):
        assert take(events, 2) == ["SYNC 10", "ERROR bad_answer"]
        said = next(each for each in events if each.type != "ERROR")
        assert (said.type, said.resource_version) == ("SYNC", "20")


def test_failures_are_waited_out() -> None:
    """503 and broken connections are told and tried again; a bookmark says that the stream stands again."""
    failed = servers.answer(503, "service unavailable", kind="text/plain")
    good: list[Any] = [stream(event("ADDED", 12), end=b""), "wait"]
    with jobs_of(FIRST, failed, ["close"], good) as (jobs, events, server):
        assert take(events, 4) == ["SYNC 10", "ERROR unavailable", "BOOKMARK 10", "ADDED 12"]
        assert (len(server.requests), jobs.lists) == (4, 1)


def test_a_server_that_ends_each_stream_at_once_is_not_hammered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams without news are opened with growing pauses."""
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 0.1)
    with jobs_of(FIRST, stream()) as (jobs, _, server), iterated(jobs):
        time.sleep(0.4)
        assert 2 <= len(versions(server)) <= 5


def test_pauses_begin_short_after_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures long ago do not slow down: each event ends the count of failures in a row."""
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 0.001)
    pauses: list[int] = []
    good = listwatch.ListWatch.back_off

    def back_off(self: Jobs) -> None:
        good(self)
        pauses.append(self._failures)

    monkeypatch.setattr(listwatch.ListWatch, "back_off", back_off)
    news = [stream(event("ADDED", 11), end=b""), "close"]
    with jobs_of(FIRST, *[["close"]] * 3, news, ["close"], HOLD) as (_, events, _server):
        assert take(events, 8)[-1] == "BOOKMARK 11"
    assert pauses == [1, 2, 1, 2]


def test_a_stream_that_has_served_in_silence_is_resumed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's end of a stream without any news is no failure: the next one begins without a pause."""
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 60.0)
    monkeypatch.setattr(listwatch, "_SOUND", 0.1)
    silent: list[Any] = [stream(end=b""), 0.15, b"0\r\n\r\n"]
    news: list[Any] = [stream(event("ADDED", 12), end=b""), "wait"]
    with jobs_of(FIRST, silent, silent, news) as (jobs, events, _):
        assert take(events, 2) == ["SYNC 10", "ADDED 12"]
        assert jobs.streams == 3


def test_silence_after_a_bookmark_resumes_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that gave bookmarks and then nothing is resumed at once; that is no failure."""
    monkeypatch.setattr(listwatch, "_BOOKMARK_SILENCE", 0.1)
    monkeypatch.setattr(listwatch, "_FIRST_DELAY", 60.0)
    dead: list[Any] = [stream(event("BOOKMARK", 15), end=b""), "wait"]
    news: list[Any] = [stream(event("ADDED", 16), end=b""), "wait"]
    with jobs_of(FIRST, dead, news) as (_, events, server):
        assert take(events, 3) == ["SYNC 10", "BOOKMARK 15", "ADDED 16"]
        assert versions(server) == ["10", "15"]


def test_silence_is_told_where_the_server_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody answers the resumed stream, the list is told not to be current."""
    monkeypatch.setattr(listwatch, "_BOOKMARK_SILENCE", 0.1)
    dead: list[Any] = [stream(event("BOOKMARK", 15), end=b""), "wait"]
    with jobs_of(FIRST, dead, ["wait"]) as (_, events, _server):
        assert take(events, 3) == ["SYNC 10", "BOOKMARK 15", "ERROR timeout"]


def test_silence_without_bookmarks_is_no_death(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that sends no bookmarks may be silent until the stream ends."""
    monkeypatch.setattr(listwatch, "_BOOKMARK_SILENCE", 0.05)
    quiet: list[Any] = [
        stream(event("ADDED", 11), end=b""),
        0.2,
        stream(event("ADDED", 12)).split(b"\r\n\r\n", 1)[1],
    ]
    with jobs_of(FIRST, quiet) as (_, events, server):
        assert take(events, 3) == ["SYNC 10", "ADDED 11", "ADDED 12"]
        assert len(versions(server)) == 1


@pytest.mark.parametrize("space", ["", " "])
def test_an_error_event_of_another_kind_is_waited_out(space: str) -> None:
    """An ERROR event other than 410 is a failure of the stream, however it is written."""
    status = servers.status_object(500, "InternalError", "etcd")
    line = json.dumps({"type": "ERROR", "object": status}).encode()
    broken = stream(line.replace(b"{", b"{" + space.encode(), 1) + b"\n")
    good: list[Any] = [stream(event("ADDED", 12), end=b""), "wait"]
    with jobs_of(FIRST, broken, good) as (_, events, _server):
        assert next(events).type == "SYNC"
        failed = next(events)
        assert (failed.type, failed.object.status) == ("ERROR", 500)
        assert "etcd" in failed.object.message
        assert take(events, 2) == ["BOOKMARK 10", "ADDED 12"]


@pytest.mark.parametrize("line", [b'{"type":"ERROR"', b'{"type":"ERROR"}', b'{"type":"ERROR","object":7}'])
def test_an_error_event_that_says_nothing(line: bytes) -> None:
    """An ERROR event that cannot be read is a failure all the same."""
    with jobs_of(FIRST, stream(line + b"\n"), HOLD) as (_, events, _server):
        assert next(events).type == "SYNC"
        failed = next(events)
        assert isinstance(failed.object, errors.ClusterError)
        assert take(events, 1) == ["BOOKMARK 10"]


@pytest.mark.parametrize("tls", [False, True])
def test_stop_ends_a_silent_watch_promptly(*, tls: bool) -> None:
    """A thread that waits for news returns when another one stops it, over TLS too."""
    context = servers.server_context() if tls else None
    with (
        servers.Server(FIRST, HOLD, tls=context) as server,
        client.Client(
            clientconfig.ClientConfig(server.url, ca=servers.authority().pem), environ={}
        ) as cluster,
    ):
        jobs = open_jobs(cluster)
        with iterated(jobs):
            waiting.until(lambda: len(server.requests) == 2)
            time.sleep(0.05)
            started = time.monotonic()
        assert time.monotonic() - started < 1
        assert jobs.stopped


def test_the_decoder_does_not_see_errors() -> None:
    """The lines of errors are read without the decoder of objects."""
    seen: list[bytes] = []

    class Recorder(codec.EventDecoder[Any]):
        def __call__(self, line: bytes) -> codec.Event:
            seen.append(line)
            return super().__call__(line)

    with jobs_of(FIRST, stream(event("ADDED", 12), gone_event()), listed(20)) as (jobs, events, _):
        plain = jobs.codec.open_decoder()
        jobs.codec.open_decoder = lambda: Recorder(plain._decoder, plain._read)  # type: ignore[method-assign]  # looks on
        try:
            assert take(events, 3) == ["SYNC 10", "ADDED 12", "SYNC 20"]
        finally:
            del jobs.codec.open_decoder
    assert seen == [event("ADDED", 12).strip()]
