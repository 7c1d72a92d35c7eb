"""Who may read the service: the cluster's decision, a token file's, and what is said to everybody else."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette import requests
from tests import accounts_simulated, connected

from kubevitals import errors, rbac
from kubevitals.surfaces.web import auth, problemdetails, tokenfile, tokenreview
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
    """Many unknown tokens at once wait up to a limit, the others are sent away, and memory is bounded."""
    with connected.connect(world, user="service") as cluster:
        backend = tokenreview.ReviewBackend(cluster.client)

        async def ask(number: int) -> int:
            with pytest.raises(problemdetails.Refusal) as caught:
                await backend.admit(f"unknown-{number}", verb="get", path="/metrics")
            return caught.value.status

        async def go() -> list[int]:
            return await asyncio.gather(*map(ask, range(500)))

        statuses = asyncio.run(go())
        assert statuses.count(401) >= 64
        assert set(statuses) == {401, 503}
        assert len(backend._identities._held) <= 4096
        assert backend._identities._coming == {}
        backend.close()


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
