"""Who may read the service: the cluster's decision, a token file's, and what is said to everybody else."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette import requests
from tests import accounts_simulated, connected, web_service

from kubevitals import cli, errors, rbac
from kubevitals.surfaces.web import (
    auth,
    problemdetails,
    reviewcache,
    reviewturns,
    settings,
    tokenfile,
    tokenreview,
)
from simcluster import simulation as simulated

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator

FIRST, SECOND = "first-token-0123456789", "second-token-0123456789"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def request(
    path: str = "/api/v1/pods",
    *,
    token: str | None = None,
    header: str | None = None,
    headers: list[str] | None = None,
    method: str = "GET",
) -> requests.Request:
    values = headers or [each for each in (header or (token and f"Bearer {token}"),) if each]
    raw = [(b"authorization", value.encode()) for value in values]
    return requests.Request({"type": "http", "method": method, "path": path, "headers": raw})


def check(authenticator: auth.Authenticator, asked: requests.Request) -> auth.Identity:
    return asyncio.run(authenticator.check(asked))


def refusal(authenticator: auth.Authenticator, asked: requests.Request) -> problemdetails.Refusal:
    with pytest.raises(problemdetails.Refusal) as caught:
        check(authenticator, asked)
    return caught.value


@pytest.fixture(scope="module")
def world() -> Iterator[simulated.SimulatedCluster]:
    with simulated.SimulatedCluster(nodes=1, pods=1) as made:
        yield made


@pytest.fixture
def account(world: simulated.SimulatedCluster) -> accounts_simulated.Account:
    """The service's own account, which may ask for reviews and nothing else."""
    return accounts_simulated.add(world, "service", rbac.FEATURES["auth"].rules)


@pytest.fixture
def authenticator(
    world: simulated.SimulatedCluster, account: accounts_simulated.Account
) -> Iterator[auth.Authenticator]:
    with connected.connect(world, user="service") as cluster:
        made = auth.Authenticator.kubernetes(cluster.client)
        yield made
        made.close()


@pytest.fixture
def tokens(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "tokens"
    path.write_text(f"# readers\n\ngrafana {FIRST}\n{SECOND}\n")
    return path


# --- nobody is asked


def test_none_lets_everybody_in() -> None:
    """Without authentication nobody has to bring anything."""
    authenticator = auth.Authenticator.none()
    assert check(authenticator, request()) == auth.ANYBODY
    assert authenticator.mode == "none"
    authenticator.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.8.9.10"])
def test_loopback_needs_no_choice(host: str) -> None:
    """On loopback the service starts without a word about who may ask."""
    assert auth.check_exposure(host, None, tls=False) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org", "", "localhost.example.org"])
def test_beyond_loopback_needs_a_choice(host: str) -> None:
    """Whoever lets others in has to say whom; what is open or readable on the way is warned of."""
    with pytest.raises(errors.UsageError, match="lets others in") as caught:
        auth.check_exposure(host, None, tls=True)
    assert "--auth none" in (caught.value.remedy or "")
    assert "everybody" in auth.check_exposure(host, "none", tls=True)[0]
    assert "plain HTTP" in auth.check_exposure(host, "token-file", tls=False)[0]
    assert auth.check_exposure(host, "kubernetes", tls=True) == []


@pytest.mark.parametrize("mode", [None, "none"])
def test_every_site_may_read_what_everybody_may(mode: str | None) -> None:
    """A star among the sites without authentication is warned of, as any page then reads the cluster."""
    (warning,) = auth.check_origins(["https://a.example", "*"], mode)
    assert "--cors-origin '*'" in warning
    assert auth.check_origins(["https://a.example"], mode) == []
    assert auth.check_origins(["*"], "token-file") == auth.check_origins(["*"], "kubernetes") == []


def test_an_unknown_mode_is_refused() -> None:
    """A mode that does not exist is no mode."""
    with pytest.raises(errors.UsageError, match="kubernetes"):
        auth.check_exposure("127.0.0.1", "basic", tls=True)


# --- reading the header


@pytest.mark.parametrize(
    ("values", "token"),
    [
        (["Bearer abc.def-_~+/="], "abc.def-_~+/="),
        (["bearer  abc "], "abc"),
        (["Basic " + base64.b64encode(b"anyone:abc").decode()], "abc"),
        (["Basic " + base64.b64encode(b"abc").decode()], None),
        (["Basic !"], None),
        (["Basic " + base64.b64encode(b"a:\xff").decode()], None),
        (["Bearer"], None),
        (["Bearer a b"], None),
        (["Bearer a\tb"], None),
        (["Bearer " + "a" * 20_000], None),
        (["Negotiate abc"], None),
        (["abc"], None),
        ([""], None),
        ([], None),
        (["Bearer abc", "Bearer abc"], None),
    ],
)
def test_reading_tokens(values: list[str], token: str | None) -> None:
    """A token is in exactly one header, as a bearer token or a password, of a token's characters alone."""
    assert auth.read_token(values) == token


@given(st.text(max_size=300))
def test_any_header_is_read(text: str) -> None:
    """No header breaks the reader, and what it returns never holds white space."""
    for value in (text, f"Bearer {text}", f"Basic {text}"):
        token = auth.read_token([value])
        assert token is None or not any(each.isspace() for each in token)


# --- the cluster decides


def test_the_cluster_lets_in(authenticator: auth.Authenticator, world: simulated.SimulatedCluster) -> None:
    """Whom the cluster knows and lets in is who they are there."""
    identity = check(authenticator, request(token=world.token_for("admin")))
    assert identity.name == "admin"
    assert "system:masters" in identity.groups


def test_nobody_unknown_comes_in(authenticator: auth.Authenticator) -> None:
    """Without a token, or with one that the cluster does not know, the answer is 401 and how to ask."""
    for asked in (request(), request(token="unknown"), request(header="Basic x")):
        said = refusal(authenticator, asked)
        assert said.status == 401
        assert said.headers["WWW-Authenticate"] == 'Bearer realm="kubevitals"'


def test_known_is_not_allowed(authenticator: auth.Authenticator, world: simulated.SimulatedCluster) -> None:
    """Who is known but has no right to the route gets 403 with the rule that would do, whatever the route:
    the role that lets every account read /api/* at the API server opens nothing here.
    """
    for path in ("/", "/api/v1/pods", "/metrics", "/openapi.json", "/api/v1/stream"):
        said = refusal(authenticator, request(path, token=world.token_for("reader")))
        assert said.status == 403
        assert tokenreview.reviewed_path(path) in (said.remedy or "")
        assert world.token_for("reader") not in str(said.document(path))


def test_paths_that_are_asked_about() -> None:
    """Routes stand below a prefix of their own; /metrics is what Prometheus' roles name already."""
    assert tokenreview.reviewed_path("/api/v1/pods") == "/kubevitals/api/v1/pods"
    assert tokenreview.reviewed_path("/") == "/kubevitals/"
    assert tokenreview.reviewed_path("/metrics") == "/metrics"
    assert tokenreview.reviewed_path("/metrics/") == "/kubevitals/metrics/"


def test_a_long_path_is_not_cut(authenticator: auth.Authenticator, world: simulated.SimulatedCluster) -> None:
    """A path too long to be asked about is refused as a whole, not judged by its beginning."""
    assert refusal(authenticator, request("/api/" + "a" * 5000, token=world.token_for("admin"))).status == 414


def test_answers_are_remembered(
    world: simulated.SimulatedCluster, account: accounts_simulated.Account
) -> None:
    """The same person on the same route costs two questions, and after the time two again."""
    clock = Clock()
    with connected.connect(world, user="service") as cluster:
        backend = tokenreview.ReviewBackend(cluster.client, clock=clock)

        async def ask(path: str, user: str = "admin") -> None:
            await backend.admit(world.token_for(user), verb="get", path=path)

        async def go() -> list[int]:
            counts = []
            for _ in range(3):
                await asyncio.gather(*(ask("/api/v1/pods") for _ in range(20)))
            counts.append(len(account.asked))
            await ask("/metrics")
            counts.append(len(account.asked))
            clock.now += 61
            await ask("/metrics")
            counts.append(len(account.asked))
            return counts

        assert asyncio.run(go()) == [2, 3, 5]
        assert set(account.asked) == accounts_simulated.wanted(rbac.FEATURES["auth"].rules)
        backend.close()


def test_a_no_is_remembered_shorter(
    world: simulated.SimulatedCluster, account: accounts_simulated.Account
) -> None:
    """A refusal costs no second question for ten seconds; then a new right is seen."""
    clock = Clock()
    with connected.connect(world, user="service") as cluster:
        backend = tokenreview.ReviewBackend(cluster.client, clock=clock)

        async def ask(token: str) -> int:
            try:
                await backend.admit(token, verb="get", path="/metrics")
            except problemdetails.Refusal as said:
                return said.status
            return 200

        async def go() -> None:
            assert [await ask("unknown") for _ in range(5)] == [401] * 5
            assert len(account.asked) == 1
            clock.now += 11
            assert await ask("unknown") == 401
            assert len(account.asked) == 2

        asyncio.run(go())
        backend.close()


def test_a_flood_of_tokens_is_bounded(
    world: simulated.SimulatedCluster, account: accounts_simulated.Account
) -> None:
    """Many unknown tokens at once wait up to a limit, the others are sent away, and nothing stays waiting."""
    with connected.connect(world, user="service") as cluster:
        backend = tokenreview.ReviewBackend(cluster.client)

        async def ask(number: int) -> int:
            with pytest.raises(problemdetails.Refusal) as caught:
                await backend.admit(
                    f"unknown-{number}", verb="get", path="/metrics", peer=f"10.0.0.{number // 10}"
                )
            return caught.value.status

        async def go() -> list[int]:
            return await asyncio.gather(*map(ask, range(500)))

        statuses = asyncio.run(go())
        assert statuses.count(401) >= 64
        assert set(statuses) == {401, 503}
        assert backend._identities.counts == (0, statuses.count(401))
        assert backend._identities._coming == {}
        backend.close()


async def knock(backend: tokenreview.ReviewBackend, token: str, peer: str, path: str = "/metrics") -> int:
    """The status that a request gets."""
    try:
        await backend.admit(token, verb="get", path=path, peer=peer)
    except problemdetails.Refusal as said:
        return said.status
    return 200


def test_strangers_take_no_place_of_those_who_are_known(
    world: simulated.SimulatedCluster, account: accounts_simulated.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many tokens and paths are made up, who was let in costs no further question."""
    monkeypatch.setattr(reviewcache, "MOST", 20)
    monkeypatch.setattr(reviewturns, "_REFUSALS", 1000)
    with connected.connect(world, user="service") as cluster:
        backend = tokenreview.ReviewBackend(cluster.client)

        async def go() -> None:
            assert await knock(backend, world.token_for("admin"), "10.0.0.1") == 200
            for number in range(60):
                assert await knock(backend, f"unknown-{number}", "10.0.0.2") == 401
                assert await knock(backend, world.token_for("reader"), "10.0.0.3", f"/{number}") == 403
            assert backend._identities.counts == (2, 20)
            assert backend._verdicts.counts == (1, 20)
            asked = len(account.asked)
            assert await knock(backend, world.token_for("admin"), "10.0.0.1") == 200
            assert len(account.asked) == asked

        asyncio.run(go())
        backend.close()


def test_known_ones_do_not_wait_behind_strangers(
    world: simulated.SimulatedCluster, account: accounts_simulated.Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While strangers' questions hang, and after a minute, who was good within the hour is asked about."""
    del account
    clock = Clock()
    go_on = threading.Event()
    real = tokenreview.ReviewBackend._review_token

    def review(self: tokenreview.ReviewBackend, token: str) -> auth.Identity | None:
        if token.startswith("unknown"):
            go_on.wait(20)
            return None
        return real(self, token)

    monkeypatch.setattr(tokenreview.ReviewBackend, "_review_token", review)
    with connected.connect(world, user="service") as cluster:
        backend = tokenreview.ReviewBackend(cluster.client, clock=clock)

        async def go() -> None:
            assert await knock(backend, world.token_for("admin"), "10.0.0.1") == 200
            flood = [
                asyncio.ensure_future(knock(backend, f"unknown-{n}", f"10.1.{n // 10}.1")) for n in range(100)
            ]
            await asyncio.sleep(0)
            clock.now += 300  # what was remembered of the known one is over
            try:
                assert await knock(backend, world.token_for("admin"), "10.1.0.1") == 200
                assert await knock(backend, world.token_for("reader"), "10.2.0.1") == 503
            finally:
                go_on.set()
            statuses = await asyncio.gather(*flood)
            assert (statuses.count(401), statuses.count(503)) == (64, 36)

        asyncio.run(go())
        backend.close()


def test_strangers_of_one_address_are_bounded(
    world: simulated.SimulatedCluster, account: accounts_simulated.Account
) -> None:
    """An address whose tokens are refused again and again has to wait; others of its kind do not."""
    clock = Clock()
    with connected.connect(world, user="service") as cluster:
        backend = tokenreview.ReviewBackend(cluster.client, clock=clock)

        async def go() -> None:
            peers = ("2001:db8::%x", "2001:db8::ffff:%x")  # one network
            statuses = [
                await knock(backend, f"unknown-{number}", peers[number % 2] % number) for number in range(150)
            ]
            assert statuses == [401] * 100 + [503] * 50
            assert len(account.asked) == 100
            assert await knock(backend, "unknown-x", "2001:db9::1") == 401
            assert await knock(backend, world.token_for("admin"), "10.0.0.9") == 200
            clock.now += 1
            assert await knock(backend, "unknown-y", "2001:db8::1") == 401
            clock.now += 61
            assert await knock(backend, world.token_for("admin"), "2001:db8::1") == 200

        asyncio.run(go())
        backend.close()


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("10.0.0.1", "10.0.0.1"), ("::ffff:10.0.0.1", "10.0.0.1"), ("fe80::1%eth0", "fe80::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("", ""), ("testclient", "testclient"),
    ],
)  # fmt: skip
def test_places_of_strangers(host: str, place: str) -> None:
    """An IPv4 address is a place, whichever way it is written, and so is a network of 64 bits."""
    assert reviewturns.place_of(host) == place


def test_several_clusters_have_no_one_judge(capsys: pytest.CaptureFixture[str]) -> None:
    """The start is refused where accounts of one cluster would be let in to read another."""
    words = ["serve", "--auth", "kubernetes", "--context", "a", "--context", "b"]
    assert cli.main(words) == 2
    assert "--auth kubernetes is for one cluster" in capsys.readouterr().err


class _Judge:
    """Notes which paths it was asked about."""

    mode = "kubernetes"
    schemes = ("Bearer",)

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def check(self, asked: requests.Request) -> auth.Identity:
        self.asked.append(str(asked.scope["path"]))
        return auth.ANYBODY

    def close(self) -> None:
        pass


def test_what_is_judged_is_what_is_served() -> None:
    """A path is served as it was judged, byte for byte: what differs by anything is another path."""
    judge: Any = _Judge()
    with web_service.serve(settings.Settings(authenticator=judge)) as service:
        service.tick()
        bad = ("%0a", "%0d", "%00", "%20", "%09", "/", "//", "%2f", "%e2%80%a8", "%c2%85", "%0b", ";x")
        for path in (*web_service.PATHS, "/api/v1/stream"):
            for tail in bad:
                answer = service.get(path + tail)
                assert (path + tail, answer.status_code) == (path + tail, 404) or path == "/"
        judge.asked.clear()
        assert service.get("/metrics").status_code == 200
        assert service.get("/%6detrics").status_code == 200
        assert judge.asked == ["/metrics", "/metrics"]


def test_no_answer_lets_nobody_in(caplog: pytest.LogCaptureFixture) -> None:
    """While the cluster cannot be asked, the answer is 503, and no token is in a log or an answer."""
    world = simulated.SimulatedCluster(nodes=1, pods=1)
    world.start()
    accounts_simulated.add(world, "service", rbac.FEATURES["auth"].rules)
    token = world.token_for("admin")
    with connected.connect(world, user="service") as cluster:
        authenticator = auth.Authenticator.kubernetes(cluster.client)
        world.stop()
        with caplog.at_level(logging.DEBUG):
            said = refusal(authenticator, request(token=token))
        authenticator.close()
    assert said.status == 503
    assert said.headers["Retry-After"] == "2"
    assert token not in caplog.text + str(said.document("/"))


def test_missing_rights_of_the_service(
    world: simulated.SimulatedCluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A service that may not ask for reviews says so in its log, and lets nobody in."""
    with connected.connect(world, user="nothing") as cluster:
        authenticator = auth.Authenticator.kubernetes(cluster.client)
        said = refusal(authenticator, request(token=world.token_for("admin")))
        authenticator.close()
    assert said.status == 503
    assert "tokenreviews" in caplog.text
    assert "tokenreviews" not in said.detail


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{}", b'{"status":[]}', b'{"status":{"authenticated":"true","user":{"username":"a"}}}',
     b'{"status":{"authenticated":true}}', b'{"status":{"authenticated":true,"user":{"username":""}}}'],
)  # fmt: skip
def test_odd_answers_let_nobody_in(
    authenticator: auth.Authenticator, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """Only a plain yes of the right shape is a yes."""
    monkeypatch.setattr(authenticator._backend._client, "post", lambda *_: answer)  # type: ignore[union-attr]
    assert refusal(authenticator, request(token="whoever")).status in (401, 503)


@pytest.mark.parametrize(
    ("held", "status"), [(["kubevitals"], 200), ([], 401), (["other"], 401), (None, 401)]
)
def test_audiences(
    world: simulated.SimulatedCluster, monkeypatch: pytest.MonkeyPatch, held: list[str] | None, status: int
) -> None:
    """With audiences, a token that the cluster does not say to be meant for one of them is none."""
    sent: list[Any] = []

    def post(_: str, body: bytes) -> bytes:
        sent.append(json.loads(body))
        if sent[-1]["kind"] == "TokenReview":
            user = {"username": "jane", "extra": {"key": ["a"]}, "uid": "1"}
            return json.dumps({"status": {"authenticated": True, "user": user, "audiences": held}}).encode()
        return b'{"status":{"allowed":true}}'

    with connected.connect(world) as cluster:
        authenticator = auth.Authenticator.kubernetes(cluster.client, audiences=["kubevitals"])
        monkeypatch.setattr(authenticator._backend._client, "post", post)  # type: ignore[union-attr]
        if status == 200:
            assert check(authenticator, request(token="abc", method="HEAD")).name == "jane"
            assert sent[1]["spec"] == {
                "user": "jane", "groups": [], "uid": "1", "extra": {"key": ["a"]},
                "nonResourceAttributes": {"path": "/kubevitals/api/v1/pods", "verb": "get"},
            }  # fmt: skip
        else:
            assert refusal(authenticator, request(token="abc")).status == status
        assert sent[0]["spec"] == {"token": "abc", "audiences": ["kubevitals"]}
        authenticator.close()


# --- a file of tokens


def test_tokens_of_a_file(tokens: pathlib.Path) -> None:
    """Each token of the file opens the service, as a bearer token or as a password; the name is known."""
    authenticator = auth.Authenticator.token_file(tokens)
    assert check(authenticator, request(token=FIRST)).name == "grafana"
    assert check(authenticator, request(token=SECOND)).name == "token of line 4"
    basic = base64.b64encode(f"me:{FIRST}".encode()).decode()
    assert check(authenticator, request(header=f"Basic {basic}")).name == "grafana"
    for asked in (request(), request(token="wrong-token-0123456789"), request(token=FIRST[:-1])):
        assert refusal(authenticator, asked).status == 401
    assert refusal(authenticator, request(token=FIRST, method="POST")).status == 403
    authenticator.close()
    assert refusal(authenticator, request(token=FIRST)).status == 401


def test_a_changed_file_is_read_again(tokens: pathlib.Path, caplog: pytest.LogCaptureFixture) -> None:
    """A new token counts and a removed one does not, within a second and without restart."""
    clock = Clock()
    backend = tokenfile.TokenFileBackend(tokens, clock=clock)
    authenticator = auth.Authenticator("token-file", backend)
    assert check(authenticator, request(token=FIRST)).name == "grafana"
    new = tokens.with_name("new")
    new.write_text("later third-token-0123456789\n")
    new.replace(tokens)
    assert check(authenticator, request(token=FIRST)).name == "grafana"  # not looked at yet
    clock.now += 1
    assert refusal(authenticator, request(token=FIRST)).status == 401
    assert check(authenticator, request(token="third-token-0123456789")).name == "later"
    assert FIRST not in caplog.text


@pytest.mark.parametrize("content", [None, "short\n", "\xff", "a b c d\n"])
def test_an_unreadable_file_lets_nobody_in(
    tokens: pathlib.Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    """While the file is gone or broken nobody comes in, and when it is good again they do."""
    clock = Clock()
    authenticator = auth.Authenticator("token-file", tokenfile.TokenFileBackend(tokens, clock=clock))
    old = tokens.read_text()
    if content is None:
        tokens.unlink()
    else:
        tokens.write_text(content, encoding="latin-1")
    clock.now += 1
    said = refusal(authenticator, request(token=FIRST))
    assert said.status == 503
    assert "nobody is let in" in caplog.text
    assert str(tokens) not in said.detail
    tokens.write_text(old)
    clock.now += 1
    assert check(authenticator, request(token=FIRST)).name == "grafana"


def test_an_emptied_file_takes_all_rights(tokens: pathlib.Path) -> None:
    """A file without a token is a file of which nobody has one."""
    clock = Clock()
    authenticator = auth.Authenticator("token-file", tokenfile.TokenFileBackend(tokens, clock=clock))
    tokens.write_text("# nobody\n")
    clock.now += 1
    assert refusal(authenticator, request(token=FIRST)).status == 401


@pytest.mark.parametrize("line", ["short", "name short", "one two three-0123456789", "with,comma-0123456789"])
def test_bad_lines_are_named_without_their_token(tmp_path: pathlib.Path, line: str) -> None:
    """What is no token stops the start, with the line's number and not its text."""
    path = tmp_path / "tokens"
    path.write_text(f"good {FIRST}\n{line}\n")
    with pytest.raises(errors.ConfigurationError, match="line 2") as caught:
        auth.Authenticator.token_file(path)
    assert line not in str(caught.value)


def test_a_missing_or_huge_file_stops_the_start(tmp_path: pathlib.Path) -> None:
    """No service begins with a token file that is not there, or is none."""
    with pytest.raises(errors.ConfigurationError, match="cannot be read") as caught:
        auth.Authenticator.token_file(tmp_path / "none")
    assert "openssl" in (caught.value.remedy or "")
    huge = tmp_path / "huge"
    huge.write_bytes(b"#" * (1 << 21))
    with pytest.raises(errors.ConfigurationError, match="larger"):
        auth.Authenticator.token_file(huge)


def test_no_token_is_kept(tokens: pathlib.Path) -> None:
    """What the backend remembers are digests."""
    backend = tokenfile.TokenFileBackend(tokens)
    assert FIRST not in repr(vars(backend))
    assert all(len(digest) == 32 for digest, _ in backend._tokens or ())
