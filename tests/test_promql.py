"""Speaking with a Prometheus-compatible server: what is sent, what is read, and each failure in words."""

from __future__ import annotations

import json
import math
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import databases, scraped, servers

from kubevitals import errors
from kubevitals.promql import config, expressions, results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from kubevitals.promql import client as promql_client

SECRET = "s3cret-t0ken-value"


def reply(body: Any = b"", *, status: int = 200, **more: Any) -> bytes:
    """A whole answer."""
    return servers.answer(status, body, **more)


def vector(*values: tuple[float, str], **more: Any) -> dict[str, Any]:
    result = [{"metric": {"n": str(index)}, "value": value} for index, value in enumerate(values)]
    return {"status": "success", "data": {"resultType": "vector", "result": result}, **more}


def matrix(*values: tuple[float, str]) -> dict[str, Any]:
    result = [{"metric": {}, "values": values}]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def failure(kind: str, words: str) -> dict[str, Any]:
    return {"status": "error", "errorType": kind, "error": words}


def asked(request: servers.Request) -> dict[str, str]:
    """What a request asks for, whichever method it has."""
    text = request.body.decode() if request.method == "POST" else request.target.partition("?")[2]
    return dict(urllib.parse.parse_qsl(text))


def ask(answer: Any, **options: Any) -> errors.PrometheusError:
    """The error with which a query on a server that answers so ends."""
    with (
        servers.Server(answer) as server,
        config.open_prometheus(config.ServerOptions(server.url, **options)) as opened,
    ):
        with pytest.raises(errors.PrometheusError) as found:
            opened.query("up")
        return found.value


# --- expressions


@given(st.text())
def test_a_quoted_string_is_one_string(text: str) -> None:
    """Whatever the text, it stays within its quotes, and no control character is left."""
    quoted = expressions.quote(text)
    assert quoted[0] == quoted[-1] == '"'
    inside = quoted[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inside
    assert inside.isprintable()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90, "90s"), (0.5, "500ms"), (59.999, "59999ms"), (67.5, "67500ms"), (3600, "3600s")],
)
def test_durations(seconds: float, text: str) -> None:
    """A duration is exact to the millisecond."""
    assert expressions.duration(seconds) == text


def test_a_label_must_be_one() -> None:
    """What is no name of a label never gets into a query."""
    assert expressions.match("cluster", 'a"b') == 'cluster="a\\"b"'
    for wrong in ("", "a-b", 'a"', "1a", "ä", "a b", "a" * 300):
        with pytest.raises(errors.UsageError):
            expressions.match(wrong, "x")


# --- what is sent and read


def test_values_and_times_are_exact() -> None:
    """NaN and the infinities come as they are, times to the millisecond, floats to the last digit."""
    body = vector(
        (1.5, "NaN"), (1435781451.781, "+Inf"), (2, "-Inf"), (3, "0.1000000000000000055"), (4, "1e-300")
    )
    found = results.decode(json.dumps(body).encode(), results.Labels)
    (first,), *others = [each.points for each in found.series]
    assert math.isnan(first[1])
    assert [point for (point,) in others] == [
        (1435781451.781, math.inf),
        (2.0, -math.inf),
        (3.0, 0.1),
        (4.0, 1e-300),
    ]


def test_a_query_goes_by_post_with_everything_in_its_body() -> None:
    """Long queries have room; the server is told the time-out; nothing of it stands in the address."""
    with (
        servers.Server(reply(matrix((1, "2"), (2, "3")))) as server,
        config.open_prometheus(
            config.ServerOptions(
                server.url + "/select/0/prometheus/", header=["X-Scope-OrgID=team a"], timeout=7
            )
        ) as opened,
    ):
        found = opened.query_range("up{a='ä&b'}", start=1.0005, end=20, step=0.25)
    assert found.form == "matrix"
    assert found.series[0].points == [(1.0, 2.0), (2.0, 3.0)]
    (request,) = server.requests
    assert (request.method, request.target) == ("POST", "/select/0/prometheus/api/v1/query_range")
    assert request.header("x-scope-orgid") == "team a"
    assert request.header("content-type") == "application/x-www-form-urlencoded"
    sent = asked(request)
    assert sent["query"] == "up{a='ä&b'}"
    assert (sent["start"], sent["end"], sent["step"], sent["timeout"]) == ("1.000", "20.000", "0.250", "7s")


@pytest.mark.parametrize("status", [403, 405, 501])
def test_where_post_is_refused_get_is_used_from_then_on(status: int) -> None:
    """A gate that lets only GET through costs one refused request."""
    refused = reply("no", status=status)
    with (
        servers.Server(refused, reply(vector((1, "1")))) as server,
        config.open_prometheus(config.ServerOptions(server.url)) as opened,
    ):
        opened.query("up", at=1)
        opened.query("up", at=2)
    assert [request.method for request in server.requests] == ["POST", "GET", "GET"]
    assert [asked(request)["time"] for request in server.requests] == ["1.000", "1.000", "2.000"]


def test_warnings_and_partial_answers_become_problems() -> None:
    """What the server warns of is told, shortened and cleaned; half an answer is not taken for a whole."""
    body = vector((1, "1"), warnings=["a\x1b[31m" + "x" * 999, *[f"w{n}" for n in range(9)]], isPartial=True)
    with (
        servers.Server(reply(body)) as server,
        config.open_prometheus(config.ServerOptions(server.url)) as opened,
    ):
        problems = opened.query("up").problems
    assert [each.code for each in problems] == ["prometheus_partial", *["prometheus_warning"] * 6]
    assert all(each.message.isprintable() and len(each.message) < 300 for each in problems)
    assert problems[-1].message == "Prometheus warns of 5 things more"


# --- what goes wrong


@pytest.mark.parametrize(
    ("answer", "words", "remedy"),
    [
        (reply(failure("bad_data", "sum("), status=400), r"cannot read the query: sum\(", "queries"),
        (reply(failure("execution", "too many samples"), status=422), "too many samples", "limit"),
        (reply(failure("timeout", "query timed out"), status=503), "gave the query up", "timeout"),
        (reply(failure("internal", "boom"), status=500), r"failed \(500 internal\): boom", "log"),
        (reply("", status=401), r"does not accept the credentials \(anonymous\)", "token-file"),
        (reply("nothing here", status=404), "has no Prometheus API there", "/api/v1 belongs"),
        (reply("slow down", status=429), "limits how often", "less often"),
        (reply("bad gateway", status=502), "failed: 502", "ready"),
        (reply("<html>login</html>", kind="text/html"), "web page", "/api/v1"),
        (reply("{"), "not JSON", "--prometheus-url"),
        (reply({"status": "success"}), "gives no series", "range"),
        (reply({"kind": "Status"}), "does not answer as Prometheus", "--prometheus-url"),
        (
            reply({"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}),
            "gives no series",
            "vector",
        ),
        (reply(vector((1, "one"))), "no number", "--prometheus-url"),
        (
            reply("", status=302, headers=("Location: https://sso.test/login?token=abc",)),
            r"redirects \(302\) to https://sso.test/login, and",
            "/api/v1",
        ),
        (["close"], "cannot be reached", "does the server run"),
    ],
)  # fmt: skip
def test_each_failure_has_its_words(answer: Any, words: str, remedy: str) -> None:
    """The error says what happened and what to do next."""
    error = ask(answer)
    with pytest.raises(errors.PrometheusError, match=words):
        raise error
    assert remedy in str(error.remedy)
    assert "abc" not in str(error)


def test_refused_by_post_and_by_get() -> None:
    """403 is told with the server's words, without anything that looks like a credential."""
    error = ask(reply(f"tenant unknown, Bearer {SECRET}", status=403))
    assert "refuses the account (anonymous): tenant unknown, Bearer [hidden]" in str(error)
    assert "X-Scope-OrgID" in str(error.remedy)


def test_words_of_the_server_are_shortened_and_cleaned() -> None:
    """A hostile server writes no control characters and no novels."""
    error = ask(reply(failure("bad\ndata", "\x1b]0;x\x07" + "y" * 9999), status=400))
    assert str(error).isprintable()
    assert len(str(error)) < 400


def test_nobody_listens_and_no_tls() -> None:
    """A server that is not there, or not trusted, is told with what to check."""
    with servers.Server(["close"]) as server:
        url = server.url
    with (
        config.open_prometheus(config.ServerOptions(url)) as opened,
        pytest.raises(errors.PrometheusError, match="refused"),
    ):
        opened.query("up")
    secure = servers.server_context()
    with (
        servers.Server(reply(vector()), tls=secure) as server,
        config.open_prometheus(config.ServerOptions(server.url)) as opened,
        pytest.raises(errors.PrometheusError, match="unknown authority") as found,
    ):
        opened.query("up")
    assert "--prometheus-ca" in str(found.value.remedy)


def test_a_slow_server() -> None:
    """No answer within the time-out is an error that names the option."""
    error = ask([5.0], timeout=0.2)
    assert "--prometheus-timeout" in str(error.remedy)


# --- credentials


@pytest.fixture
def secure() -> Iterator[servers.Server]:
    with servers.Server(reply(vector((1, "1"))), tls=servers.server_context()) as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, bytes | str], str]:
    """Writes a file and returns its path."""

    def write(name: str, content: bytes | str) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def test_token_user_and_ca_from_files(
    secure: servers.Server, file: Callable[[str, bytes | str], str]
) -> None:
    """Files give the token, or user and password; no repr and no message shows them."""
    ca = file("ca.pem", servers.authority().pem)
    with config.open_prometheus(
        config.ServerOptions(secure.url, ca=ca, token_file=file("token", SECRET + "\n"))
    ) as opened:
        opened.query("up")
        assert SECRET not in repr(opened) + repr(opened._client.credentials) + opened.server
    with config.open_prometheus(
        config.ServerOptions(secure.url, ca=ca, user_file=file("user", f"me:{SECRET}\n"))
    ) as opened:
        opened.query("up")
    with config.open_prometheus(config.ServerOptions(secure.url, insecure=True)) as opened:
        opened.query("up")
    sent = [request.header("authorization") for request in secure.requests]
    assert sent == [f"Bearer {SECRET}", "Basic bWU6czNjcmV0LXQwa2VuLXZhbHVl", None]


def test_a_changed_password_is_taken_up(file: Callable[[str, bytes | str], str]) -> None:
    """After a 401 the file is read anew, and tried once more if it says something else."""
    path = file("user", "me:old")

    def change(_: object) -> None:
        file("user", "me:new-one")

    answer = reply("", status=401)
    with (
        servers.Server([change, answer], reply(vector((1, "1")))) as server,
        config.open_prometheus(config.ServerOptions(server.url, user_file=path)) as opened,
    ):
        opened.query("up")
    assert [request.header("authorization") for request in server.requests] == [
        "Basic bWU6b2xk",
        "Basic bWU6bmV3LW9uZQ==",
    ]
    error = ask(reply("", status=401), user_file=path)
    assert "(user file)" in str(error)
    assert "check the user" in str(error.remedy)


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("prometheus:9090", {}, "has no scheme"),
        ("ftp://x", {}, "begins with ftp"),
        (f"https://me:{SECRET}@x", {}, "holds a user or password"),
        ("https://x", {"token_file": "T", "user_file": "T"}, "exclude each other"),
        ("https://x", {"client_key": "T"}, "need each other"),
        ("http://prometheus.monitoring:9090", {"token_file": "T"}, "unencrypted"),
        ("https://x", {"token_file": "/no/such/file"}, "cannot be used"),
        ("https://x", {"user_file": "T"}, "USER:PASSWORD"),
        ("https://x", {"ca": "T"}, "no certificate"),
        ("https://x", {"header": ["nothing"]}, "not NAME=VALUE"),
        ("https://x", {"header": [f"Authorization=Bearer {SECRET}"]}, "list of processes"),
        ("https://x", {"header": [f"cookie={SECRET}"]}, "list of processes"),
        ("https://x", {"header": ["Host=a"]}, "not for --prometheus-header"),
        ("https://x", {"header": [f"X-A=b\r\nX-B: {SECRET}"]}, "cannot be sent"),
    ],
)
def test_options_that_cannot_be_used(
    url: str, options: dict[str, Any], words: str, file: Callable[[str, bytes | str], str]
) -> None:
    """Each is refused at once, with words that hold no secret."""
    token = file("T", SECRET)
    given: dict[str, Any] = {key: token if value == "T" else value for key, value in options.items()}
    with pytest.raises(errors.ConfigurationError, match=words) as found:
        config.open_prometheus(config.ServerOptions(url, **given))
    assert SECRET not in str(found.value) + str(found.value.remedy)


# --- real servers


@pytest.fixture(scope="module", params=databases.NAMES)
def real(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[promql_client.Prometheus]:
    """A real server with one counter."""
    held = scraped.container(
        "shop", "web", "web", cores=0.25, size=64, moments=scraped.times(), labels={"odd": "ä&=+"}
    )
    directory = tmp_path_factory.mktemp("held")
    with (
        databases.holding(request.param, scraped.openmetrics(held), scraped.text(held), directory) as url,
        config.open_prometheus(config.ServerOptions(url)) as opened,
    ):
        yield opened


def test_a_real_server(real: promql_client.Prometheus) -> None:
    """Vectors, matrices, ranges of steps, label values: the same from each of them."""
    name = "container_cpu_usage_seconds_total"
    now = scraped.NOW
    odd = expressions.match("odd", "ä&=+")
    (one,) = real.query(f"{name}{{{odd}}}", at=now).series
    assert one.labels["namespace"] == "shop"
    assert one.points == [(now, 250.0)]
    (many,) = real.query(f"{name}{{{odd}}}[50s]", at=now).series
    assert many.points == [(now - 45, 238.75), (now - 30, 242.5), (now - 15, 246.25), (now, 250.0)]
    (steps,) = real.query_range(f"max_over_time({name}[59s])", start=now - 120, end=now, step=60).series
    assert steps.points == [(now - 120, 220.0), (now - 60, 235.0), (now, 250.0)]
    assert real.query("nothing_of_that_name", at=now).series == []
    with pytest.raises(errors.PrometheusError, match=r"cannot (read|answer) the query"):
        real.query("sum(")


def test_which_end_of_a_window_is_open(real: promql_client.Prometheus) -> None:
    """Whether a window holds a sample at its very beginning is found out, whatever the version says."""
    samples = real.query("count_over_time(container_cpu_usage_seconds_total[60s])", at=scraped.NOW).series
    assert samples[0].points[0][1] == (4 if real.is_left_open() else 5)


def test_what_a_server_says_of_itself(real: promql_client.Prometheus) -> None:
    """The version is there where the server tells it."""
    assert isinstance(real.build_info().version, str)
