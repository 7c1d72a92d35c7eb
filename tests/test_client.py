"""The client of one cluster: requests, reuse, retries, credentials, lists, and its manners under failure."""

from __future__ import annotations

import contextlib
import datetime
import email.utils
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests import servers

from kubevitals import errors
from kubevitals.kube import client, clientconfig
from kubevitals.kube.http import authentication

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cpython_modules")


class Renewable(authentication.Credentials):
    """Tokens one after the other: each renewal brings the next."""

    kind = "token"

    def __init__(self, *tokens: str) -> None:
        self._tokens = list(tokens)
        self.renewals = 0

    def fetch(self) -> authentication.Credential:
        return authentication.Credential(f"Bearer {self._tokens[0]}")

    def renew(self) -> bool:
        self.renewals += 1
        if len(self._tokens) == 1:
            return False
        self._tokens.pop(0)
        return True


class Time:
    """A clock that only sleeping moves; `sleeps` holds how long."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@contextlib.contextmanager
def cluster_of(
    *answers: servers.Answer,
    credentials: authentication.Credentials | None = None,
    time_: Time | None = None,
    path: str = "",
    request_timeout: float = 5.0,
    **more: Any,
) -> Iterator[tuple[client.Client, servers.Server]]:
    time_ = time_ or Time()
    with (
        servers.Server(*answers) as server,
        client.Client(
            clientconfig.ClientConfig(
                server.url + path, credentials or authentication.Credentials(), context="test", **more
            ),
            environ={},
            clock=time_,
            sleep=time_.sleep,
            jitter=lambda: 1.0,
            request_timeout=request_timeout,
        ) as cluster,
    ):
        yield cluster, server


OK = servers.answer(200, b'{"ok": true}')


def failing(status: int, *headers: str) -> bytes:
    return servers.answer(status, servers.status_object(status, "X", "no"), headers=headers)


def test_a_request_says_who_what_and_how() -> None:
    """Prefix, path and query are joined; user agent, Accept, gzip, token and impersonation are sent."""
    with cluster_of(
        OK,
        credentials=Renewable("t1"),
        path="/k8s/c1/",
        impersonation=(("Impersonate-User", "jane"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b")),
    ) as (cluster, server):
        assert cluster.fetch("/api/v1/pods", {"labelSelector": "a in (b,c)"}) == b'{"ok": true}'
    (request,) = server.requests
    assert request.target == "/k8s/c1/api/v1/pods?labelSelector=a%20in%20%28b%2Cc%29"
    assert request.header("user-agent") == "kubevitals/0.1.0"
    assert request.header("accept") == "application/json"
    assert request.header("accept-encoding") == "gzip"
    assert request.header("authorization") == "Bearer t1"
    assert [value for name, value in request.headers if name.startswith("Impersonate")] == ["jane", "a", "b"]


def test_compression_is_a_choice() -> None:
    """disable-compression, or the attribute, ask for a plain body."""
    with cluster_of(OK, compression=False) as (cluster, server):
        cluster.fetch("/a")
        cluster.http.compression = True
        cluster.fetch("/a")
    assert [request.header("accept-encoding") for request in server.requests] == [None, "gzip"]


@pytest.mark.parametrize("path", ["api", "/a b", "/a\r\nX: y", "/a?b", "/ä", ""])
def test_a_path_must_be_one(path: str) -> None:
    """Paths that are not encoded are refused before anything is sent."""
    with cluster_of(OK) as (cluster, server), pytest.raises(errors.UsageError):
        cluster.fetch(path)
    assert not server.requests


def test_connections_are_used_again() -> None:
    """One connection serves requests one after the other."""
    with cluster_of(OK) as (cluster, server):
        for _ in range(5):
            cluster.fetch("/a")
        assert server.connections == 1


def test_an_idle_connection_that_was_closed_is_replaced_silently() -> None:
    """A server that closes after each answer, noticed or not, costs no retry and no error."""
    late: list[Any] = [OK, 0.05, "close"]
    time_ = Time()
    with cluster_of(late, time_=time_) as (cluster, server):
        for pause in (0.0, 0.15, 0.0):
            assert cluster.fetch("/a")
            time.sleep(pause)
        assert cluster.post("/b", b"{}")
        assert time_.sleeps == []
        assert len(server.requests) == 4


def test_a_connection_idle_for_long_is_not_trusted() -> None:
    """After a minute a new connection is opened."""
    time_ = Time()
    with cluster_of(OK, time_=time_) as (cluster, server):
        cluster.fetch("/a")
        time_.now += 61
        cluster.fetch("/a")
        assert server.connections == 2


def test_threads_share_a_client() -> None:
    """Requests of several threads run at the same time, each on its own connection."""
    with cluster_of([0.1, OK], time_=None) as (cluster, server):
        results: list[bytes] = []
        threads = [threading.Thread(target=lambda: results.append(cluster.fetch("/a"))) for _ in range(6)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 0.5
        assert len(results) == 6
        assert server.connections == 6


def test_a_closed_client_keeps_no_connection() -> None:
    """After close() a connection that comes back is closed."""
    with cluster_of(OK) as (cluster, server):
        cluster.close()
        assert cluster.fetch("/a")
        assert cluster.fetch("/a")
        assert server.connections == 2


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(status: int) -> None:
    """These statuses are tried again with growing pauses, until it works."""
    time_ = Time()
    with cluster_of(failing(status), failing(status), failing(status), OK, time_=time_) as (cluster, _):
        assert cluster.fetch("/a") == b'{"ok": true}'
    assert time_.sleeps == [0.2, 0.4, 0.8]


@pytest.mark.parametrize(
    "steps", [["close"], ["reset"], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "close"]]
)
def test_broken_connections_are_tried_again(steps: list[Any]) -> None:
    """A connection that breaks before, or within, the answer is tried again."""
    time_ = Time()
    with cluster_of(steps, steps, OK, time_=time_) as (cluster, _):
        assert cluster.fetch("/a") == b'{"ok": true}'
    assert time_.sleeps == [0.2, 0.4]


def test_retries_end_with_the_request_timeout() -> None:
    """The last failure is raised when the next try would come too late, and says how long it was tried."""
    time_ = Time()
    with (
        cluster_of(failing(503), time_=time_, request_timeout=2.0) as (cluster, server),
        pytest.raises(errors.UnavailableError, match=r"tried 4 times in 1\.4 s") as caught,
    ):
        cluster.fetch("/a")
    assert len(server.requests) == 4
    assert str(caught.value) == caught.value.message


def test_jitter_shortens_the_pauses() -> None:
    """Pauses vary between half and the whole, so that many clients do not come at the same time."""
    time_ = Time()
    with cluster_of(failing(503), failing(503), OK, time_=time_) as (cluster, _):
        cluster.http.jitter = lambda: 0.0
        cluster.fetch("/a")
    assert time_.sleeps == [0.1, 0.2]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 418, 501, 307])
def test_lasting_failures_are_said_at_once(status: int) -> None:
    """No other status is tried again."""
    time_ = Time()
    with (
        cluster_of(failing(status), time_=time_) as (cluster, server),
        pytest.raises(errors.StatusError) as caught,
    ):
        cluster.fetch("/a")
    assert caught.value.status == status
    assert len(server.requests) == 1
    assert time_.sleeps == []


def test_retry_can_be_refused() -> None:
    """retry=False says a failure at once, and a POST is not sent again either."""
    time_ = Time()
    with cluster_of(failing(503), time_=time_) as (cluster, server):
        with pytest.raises(errors.UnavailableError) as caught:
            cluster.fetch("/a", retry=False)
        assert "tried" not in str(caught.value)
        with pytest.raises(errors.UnavailableError):
            cluster.post("/a", b"{}")
    assert len(server.requests) == 2
    assert time_.sleeps == []


def test_a_post_that_breaks_is_not_sent_again() -> None:
    """A new connection that breaks after the body was sent may have done its work."""
    with cluster_of(["close"]) as (cluster, server), pytest.raises(errors.UnreachableError):
        cluster.post("/a", b"{}")
    assert len(server.requests) == 1


def test_retry_after_is_obeyed() -> None:
    """Seconds and dates of Retry-After are waited for; what comes too late is not."""
    time_ = Time()
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3)
    with cluster_of(
        failing(429, "Retry-After: 1"),
        failing(429, f"Retry-After: {email.utils.format_datetime(soon, usegmt=True)}"),
        failing(429, "Retry-After: soon"),
        OK,
        time_=time_,
        request_timeout=15,
    ) as (cluster, _):
        cluster.fetch("/a")
    first, second, third = time_.sleeps
    assert first == 1.0
    assert 1.0 < second <= 3.0
    assert third == 0.8
    time_ = Time()
    with (
        cluster_of(failing(429, "Retry-After: 3600"), time_=time_) as (cluster, _),
        pytest.raises(errors.RateLimitedError),
    ):
        cluster.fetch("/a")
    assert time_.sleeps == []


@pytest.mark.parametrize(
    "headers",
    [
        ["Retry-After: 0"],
        ["Retry-After: 000"],
        ["Retry-After: -5"],
        ["Retry-After: 0.0001"],
        ["Retry-After: Thu, 01 Jan 1970 00:00:00 GMT"],
        ["Retry-After: Fri, 99 Xxx 99999 99:99:99 GMT"],
        ["Retry-After: Fri, 31 Dec 9999 23:59:59 -9999"],
        ["Retry-After: Mon, 01 Jan 2040 00:00:00 GMT", "Date: Mon, 01 Jan 2040 00:00:00 GMT"],
        ["Retry-After: ,"],
        ["Retry-After: \xb2"],
    ],
)
def test_retry_after_never_shortens_our_own_pause(headers: list[str]) -> None:
    """What is zero, past or senseless leaves the growing pauses as they are."""
    time_ = Time()
    busy = failing(429, *headers)
    with (
        cluster_of(busy, time_=time_, request_timeout=8.5) as (cluster, server),
        pytest.raises(errors.RateLimitedError),
    ):
        cluster.fetch("/a")
    assert time_.sleeps == [0.2, 0.4, 0.8, 1.6, 3.2]
    assert len(server.requests) == 6


def test_retry_after_by_the_servers_own_clock() -> None:
    """A date is meant by the clock of the server, which its Date tells."""
    time_ = Time()
    headers = ["Retry-After: Mon, 01 Jan 2001 00:00:03 GMT", "Date: Mon, 01 Jan 2001 00:00:00 GMT"]
    with cluster_of(failing(429, *headers), OK, time_=time_) as (cluster, _):
        cluster.fetch("/a")
    assert time_.sleeps == [3.0]


class Login(authentication.Credentials):
    """A credential that a person takes `seconds` to get, each time it is asked for."""

    kind = "exec"

    def __init__(self, time_: Time, seconds: float) -> None:
        self._time = time_
        self._seconds = seconds

    def fetch(self) -> authentication.Credential:
        self._time.now += self._seconds
        return authentication.Credential("Bearer late")

    def renew(self) -> bool:
        return True


@pytest.mark.parametrize(
    "answers", [[OK], [failing(503), OK], [failing(401), OK], [failing(503), failing(401), OK]]
)
def test_a_login_takes_as_long_as_it_takes(answers: list[bytes]) -> None:
    """The time-out of a request is of the network: it begins after the credential, also after a 401."""
    time_ = Time()
    login = Login(time_, 600.0)
    with cluster_of(*answers, credentials=login, time_=time_, request_timeout=1) as (cluster, _):
        assert cluster.fetch("/a") == b'{"ok": true}'
    lines = servers.answer(200, b"{}\n")
    with cluster_of(failing(401), lines, credentials=login, time_=time_, request_timeout=1) as (cluster, _):
        assert list(cluster.open_stream("/a", read_timeout=1)) == [b"{}"]


def test_the_time_of_a_login_is_not_told_as_effort() -> None:
    """How long a request was tried does not count the person who logged in."""
    time_ = Time()
    with (
        cluster_of(failing(503), credentials=Login(time_, 99.0), time_=time_, request_timeout=0.5) as (
            cluster,
            _,
        ),
        pytest.raises(errors.UnavailableError, match=r"tried 2 times in 0\.2 s"),
    ):
        cluster.fetch("/a")


def test_a_refused_connection_is_said_at_once() -> None:
    """Nobody waits fifteen seconds to hear that nothing listens."""
    time_ = Time()
    cluster = client.Client(
        clientconfig.ClientConfig("http://127.0.0.1:1", origin="a.yaml"),
        environ={},
        clock=time_,
        sleep=time_.sleep,
    )
    with pytest.raises(errors.UnreachableError, match=r"127\.0\.0\.1:1: connection refused") as caught:
        cluster.fetch("/a")
    assert "a.yaml" in str(caught.value.remedy)
    assert time_.sleeps == []


def test_silence_ends_with_the_request_timeout() -> None:
    """Before the answer and in the middle of its body, silence ends in a time-out with its own words."""
    with (
        servers.Server([2.0], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", 2.0]) as server,
        client.Client(clientconfig.ClientConfig(server.url), environ={}, request_timeout=0.2) as cluster,
    ):
        for words in (r"did not answer within 0\.2 s", r"stalled: nothing new for 0\.2 s after \d+ bytes"):
            started = time.monotonic()
            with pytest.raises(errors.RequestTimeoutError, match=words):
                cluster.fetch("/a")
            assert time.monotonic() - started < 1


def test_a_long_healthy_download_is_not_ended() -> None:
    """The request time-out bounds silence within a body, not its length."""
    steps = [step for _ in range(10) for step in (b"x" * 1000, 0.05)]
    with (
        servers.Server([b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", *steps]) as server,
        client.Client(clientconfig.ClientConfig(server.url), environ={}, request_timeout=0.3) as cluster,
    ):
        assert cluster.fetch("/a") == b"x" * 10000


def test_a_401_renews_the_credential_once() -> None:
    """After a 401 the credential is renewed and tried once more, and the second 401 is final."""
    credentials = Renewable("old", "new")
    with cluster_of(failing(401), OK, credentials=credentials) as (cluster, server):
        assert cluster.fetch("/a") == b'{"ok": true}'
    assert [request.header("authorization") for request in server.requests] == ["Bearer old", "Bearer new"]
    credentials = Renewable("a", "b", "c")
    with cluster_of(failing(401), credentials=credentials) as (cluster, server):
        with pytest.raises(errors.UnauthorizedError, match=r"credentials \(token\)") as caught:
            cluster.fetch("/a")
        assert len(server.requests) == 2
    assert caught.value.remedy


def test_no_secret_is_in_any_error() -> None:
    """Neither message, remedy, body nor repr of an error shows the token that was sent."""
    token = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0.c2lnbmF0dXJl"
    echo = servers.answer(500, f"you sent Authorization: Bearer {token}", kind="text/plain")
    with (
        cluster_of(echo, credentials=Renewable(token)) as (cluster, _),
        pytest.raises(errors.StatusError) as caught,
    ):
        cluster.fetch("/a", retry=False)
    shown = f"{caught.value} {caught.value.remedy} {caught.value.body} {caught.value!r} {cluster!r}"
    assert "c2VjcmV0" not in shown


def test_credentials_stay_here_on_a_plain_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over http:// to another machine nothing secret is sent, as kubectl does it."""
    with cluster_of(OK, credentials=Renewable("t")) as (cluster, server):
        monkeypatch.setattr(cluster.http, "_shows_credentials", False)
        cluster.fetch("/a")
    assert server.requests[0].header("authorization") is None
    remote = client.Client(clientconfig.ClientConfig("http://10.0.0.1"), environ={})
    assert not remote.http._shows_credentials


def test_warnings_are_collected_once() -> None:
    """Texts of Warning headers are kept, each once, others than 299 not at all."""
    reply = servers.answer(
        200,
        b"{}",
        headers=['Warning: 299 - "a \\"b\\" is deprecated"', 'Warning: 299 - "c, d"', 'Warning: 199 - "e"'],
    )
    with cluster_of(reply) as (cluster, _):
        cluster.fetch("/a")
        cluster.fetch("/a")
        assert cluster.warnings == ['a "b" is deprecated', "c, d"]


def test_a_login_page_is_no_answer() -> None:
    """HTML with status 200 is said to be a page before anyone decodes it."""
    page = servers.answer(200, "<html>log in</html>", kind="text/html; charset=utf-8")
    with cluster_of(page) as (cluster, _), pytest.raises(errors.NotJSONError, match="HTML page") as caught:
        cluster.fetch("/api")
    assert caught.value.request == "GET /api"


def test_a_redirect_is_not_followed() -> None:
    """A redirect is an error, and its target is not asked."""
    with servers.Server(OK) as other:
        reply = servers.answer(302, b"", headers=[f"Location: {other.url}/login"])
        with cluster_of(reply) as (cluster, _), pytest.raises(errors.StatusError, match="redirects"):
            cluster.fetch("/api")
        assert not other.requests


def test_the_server_address_must_be_http() -> None:
    """Another scheme is refused when the client is made."""
    with pytest.raises(errors.ConfigurationError, match="ftp://"):
        client.Client(clientconfig.ClientConfig("ftp://x"), environ={})


def test_a_post_sends_its_body() -> None:
    """Body, length and type of a POST arrive."""
    with cluster_of(servers.answer(201, b"{}")) as (cluster, server):
        assert cluster.post("/apis/x", b'{"kind":"K"}') == b"{}"
    (request,) = server.requests
    assert (request.method, request.body) == ("POST", b'{"kind":"K"}')
    assert request.header("content-type") == "application/json"


def test_a_request_returns_whatever_status_there_is() -> None:
    """A plain request sends its own headers once; a refusal is an answer with status, headers and body."""
    with cluster_of(servers.answer(429, b"later", headers=["Retry-After: 7"])) as (cluster, server):
        answer = cluster.http.request("POST", "/write", body=b"x", headers=[("X-Version", "1")])
    assert (answer.status, answer.headers["retry-after"], answer.content) == (429, "7", b"later")
    (request,) = server.requests
    assert (request.header("x-version"), request.body) == ("1", b"x")


class Page:
    def __init__(self, content: bytes) -> None:
        value = json.loads(content)
        self.continue_: str = value["metadata"].get("continue", "")
        self.items: list[int] = value["items"]


def page(items: list[int], token: str = "") -> bytes:
    return servers.answer(200, {"metadata": {"continue": token}, "items": items})


def items_of(pages: list[Page]) -> list[int]:
    return [item for page_ in pages for item in page_.items]


GONE = failing(410)


def test_a_list_in_pages() -> None:
    """Pages follow each other by their tokens, with the caller's query on each."""
    with cluster_of(page([1, 2], "t/1"), page([3], "t2"), page([4])) as (cluster, server):
        pages = cluster.fetch_list("/api/v1/pods", Page, query={"labelSelector": "a=b"}, limit=2)
    assert items_of(pages) == [1, 2, 3, 4]
    assert [request.target.partition("?")[2] for request in server.requests] == [
        "labelSelector=a%3Db&limit=2",
        "labelSelector=a%3Db&limit=2&continue=t%2F1",
        "labelSelector=a%3Db&limit=2&continue=t2",
    ]


def test_an_expired_page_starts_the_list_again() -> None:
    """After 410 on a token nothing of the old pages stays."""
    with cluster_of(page([1, 2], "t1"), GONE, page([2, 3], "t2"), page([4])) as (cluster, _):
        assert items_of(cluster.fetch_list("/api/v1/pods", Page)) == [2, 3, 4]


def test_a_list_that_expires_again_and_again_is_fetched_whole() -> None:
    """After three restarts the list is asked for without a limit."""
    replies = [page([1], "t"), GONE] * 3
    with cluster_of(*replies, page([1, 2, 3])) as (cluster, server):
        assert items_of(cluster.fetch_list("/api/v1/pods", Page)) == [1, 2, 3]
    assert server.requests[-1].target == "/api/v1/pods"


def test_410_without_a_token_is_an_error() -> None:
    """A list that is gone from its first page on is not asked for again."""
    with cluster_of(GONE) as (cluster, server), pytest.raises(errors.GoneError):
        cluster.fetch_list("/api/v1/pods", Page)
    assert len(server.requests) == 1


def test_a_list_without_end_is_ended() -> None:
    """A server that repeats its token is caught."""
    with (
        cluster_of(page([1], "same")) as (cluster, _),
        pytest.raises(errors.DecodingError, match="do not end"),
    ):
        cluster.fetch_list("/api/v1/pods", Page)


def test_a_decoders_error_names_the_request() -> None:
    """What a decoder cannot read is raised with the request it came from."""

    def refuse(_: bytes) -> Page:
        raise errors.NotJSONError("no")

    with cluster_of(OK) as (cluster, _), pytest.raises(errors.NotJSONError) as caught:
        cluster.fetch_list("/api/v1/pods", refuse)
    assert caught.value.request == "GET /api/v1/pods"


def test_a_renewed_certificate_makes_a_new_connection() -> None:
    """With another client certificate the old connections are not used any more."""

    class Changing(authentication.Credentials):
        kind = "exec"

        def __init__(self) -> None:
            self.user = "a"
            self._made = {name: servers.authority().issue(user=name) for name in "ab"}

        def fetch(self) -> authentication.Credential:
            made = self._made[self.user]
            return authentication.Credential(certificate=made.certificate, key=made.key)

    credentials = Changing()
    context = servers.server_context(clients=servers.authority().pem)
    with (
        servers.Server(OK, tls=context) as server,
        client.Client(
            clientconfig.ClientConfig(server.url, credentials, ca=servers.authority().pem), environ={}
        ) as cluster,
    ):
        cluster.fetch("/a")
        cluster.fetch("/a")
        assert server.connections == 1
        credentials.user = "b"
        cluster.fetch("/a")
        assert server.connections == 2


def test_importing_the_client_is_cheap() -> None:
    """The client brings none of the standard library's heavy modules with it."""
    code = "import sys, kubevitals.kube.client; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {
        "ssl",
        "socket",
        "http",
        "email",
        "urllib.parse",
        "json",
        "re",
        "typing",
        "dataclasses",
        "logging",
        "zlib",
    }
    bare = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert not (heavy & set(run.stdout.split())) - set(bare.stdout.split())
