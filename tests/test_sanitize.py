from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import strategies as st

from kubevitals import errors, sanitize
from kubevitals.kube import statuserrors
from kubevitals.kube.auth import execplugin, kubeconfig_file
from kubevitals.kube.http import client as http_client
from kubevitals.promql import failures as promql_failures
from kubevitals.promql import results
from kubevitals.sources.kubelet import failures as kubelet_failures
from kubevitals.surfaces.remotewrite import sender

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "hunter2-s3cr3t"
# How credentials stand in the words of servers and programs.
CREDENTIALS = (
    "Authorization: Bearer {}",
    "authorization: basic {}",
    "https://bob:{}@idp.example/token",
    "https://bob:a/b{}@idp.example/token",
    "https://bob:a@{}@idp.example/token",
    "password={}",
    "token: {}",
    "client_secret={}&grant_type=x",
    '{{"password": "a long {}"}}',
    '{{\\"access_token\\": \\"a {}\\"}}',
    "api-key='{}'",
    "eyJhbGciOiJIUzI1NiJ9.{}.c2ln",
    "k8s-aws-v1.{}",
    "sha256~{}",
    "-----BEGIN EC PRIVATE KEY-----\nMHcC{}\n-----END EC PRIVATE KEY-----",
    "pass\u200bword={}",
    "token: \x1b[31m{}\x1b[0m",
)


def _status_error(text: str) -> str:
    body = json.dumps({"kind": "Status", "message": text}, ensure_ascii=False).encode("utf-8", "replace")
    error = statuserrors.from_status(500, text, {}, body, request="GET /x", who="token")
    return f"{error} {error.body} {error.reason}"


def _plain_error(text: str) -> str:
    error = statuserrors.from_status(403, "Forbidden", {}, text.encode("utf-8", "replace"), request="GET /x")
    return f"{error} {error.body} {error.remedy}"


def _complaint(text: str) -> str:
    return execplugin.clean_complaint(text, execplugin.Plugin("p", "user"))


def _prometheus(text: str) -> str:
    body = json.dumps({"status": "error", "errorType": text, "error": text}).encode()
    answer = http_client.Answer(503, text, {}, body)
    return str(promql_failures.from_answer(answer, server="https://p.test", who="anonymous"))


def _redirect(text: str) -> str:
    answer = http_client.Answer(302, "Found", {"location": text}, b"")
    return str(promql_failures.from_answer(answer, server="https://p.test", who="anonymous"))


def _raised(status: int, reason: str, body: str) -> errors.StatusError:
    return statuserrors.from_status(
        status, reason, {"location": body}, body.encode("utf-8", "replace"), request="GET /x"
    )


USERS: dict[str, Callable[[str], str]] = {
    "excerpt": sanitize.excerpt,
    "bytes": lambda text: sanitize.excerpt(text.encode("utf-8", "surrogatepass")),
    "Status": _status_error,
    "plain text": _plain_error,
    "not JSON": lambda text: str(statuserrors.not_json(text.encode("utf-8", "replace"))),
    "warning": lambda text: " ".join(statuserrors.parse_warnings(f'299 - "{text}"')),
    "exec plugin": _complaint,
    "kubeconfig": lambda text: kubeconfig_file.Entry("user", text, body={}, path=text).where,
    "Prometheus": _prometheus,
    "Prometheus warning": lambda text: str(
        results.decode(
            json.dumps({"status": "success", "data": {"resultType": "vector"}, "warnings": [text]}).encode(),
            dict[str, str],
        ).problems
    ),
    "redirect": _redirect,
    "kubelet": lambda text: (
        kubelet_failures.describe({"n": kubelet_failures.classify(_raised(500, text, text))})[0].message
    ),
    "remote-write": lambda text: sender.describe(500, text.encode("utf-8", "replace")),
}


@pytest.mark.parametrize("user", USERS)
@hypothesis.given(
    before=st.text(alphabet="ab :\n\x1b\u202e", max_size=12),
    credential=st.sampled_from(CREDENTIALS),
    after=st.sampled_from(["", " ", " is wrong", "\n", "\x1b[0m", "\u2066 x"]),
)
def test_no_credential_and_no_control_survives(user: str, before: str, credential: str, after: str) -> None:
    """Whoever shows text from outside hides its credentials, and what steers a terminal or its direction."""
    shown = USERS[user](f"{before} {credential.format(SECRET)}{after}")
    assert SECRET not in shown
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert "\u202e" not in shown


@hypothesis.given(st.text() | st.binary())
def test_an_excerpt_is_one_short_printable_line(text: str | bytes) -> None:
    """Whatever a server sends, what is shown is printable, of one line and short."""
    shown = sanitize.excerpt(text)
    assert len(shown) <= sanitize.LIMIT
    assert shown.isprintable()


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_what_is_hidden_is_marked(credential: str) -> None:
    """A credential leaves a mark, so that a reader knows that something stood there."""
    assert sanitize.HIDDEN in sanitize.excerpt(credential.format(SECRET))


@pytest.mark.parametrize(
    "text",
    [
        'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope',
        "dial tcp 10.0.0.1:10250: connect: connection refused",
        "token has expired, log in",
        "see https://example.test/path?q=1 for more",
        'secrets "db" not found',
    ],
)
def test_usual_words_stay(text: str) -> None:
    """What servers usually say is shown as it is."""
    assert sanitize.excerpt(text) == text


def test_known_secrets_are_hidden() -> None:
    """Values that the caller knows to be secret, and long runs of letters where asked, are hidden."""
    assert sanitize.excerpt("it was abcd", secrets=["abcd"]) == "it was [hidden]"
    assert sanitize.excerpt("x" * 40) == "x" * 40
    assert sanitize.excerpt("x" * 40, opaque=True) == "[hidden]"


def test_an_excerpt_is_quick() -> None:
    """Megabytes of hostile text are cut before they are searched."""
    started = time.process_time()
    for text in (
        "a:" * 5_000_000,
        "ey" * 5_000_000,
        "token=" * 1_000_000,
        "token" * 1_000_000,
        "://" * 3_000_000,
        "-----BEGIN " * 900_000,
    ):
        sanitize.excerpt(text)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-0", "web-0"),
        ("grün", "grün"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("a\nb\tc\r", "a\ufffdb\ufffdc\ufffd"),
        ("\u202eevil", "\ufffdevil"),
        ("\x9b31m", "\ufffd31m"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("\ud800", "\ufffd"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """What could steer a terminal, turn the text around or hide in it is replaced."""
    assert sanitize.printable(text) == shown


@hypothesis.given(st.text())
def test_printable_keeps_the_length(text: str) -> None:
    """Whatever the text, what is left is printable and as long."""
    cleaned = sanitize.printable(text)
    assert cleaned.isprintable()
    assert len(cleaned) == len(text)
    assert sanitize.printable(cleaned) == cleaned


@hypothesis.given(st.text(), st.integers(1, 50))
def test_shorten(text: str, limit: int) -> None:
    """Shortened text is printable, fits, and is the text itself where that fits."""
    shown = sanitize.shorten(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert len(text) > limit or shown == sanitize.printable(text)
    assert len(text) <= limit or shown.endswith("…")


def test_plain_text_loads_no_patterns() -> None:
    """Names of contexts and files, which every start makes messages of, need no regular expressions."""
    program = (
        "import sys\nfrom kubevitals import sanitize\n"
        "sanitize.excerpt('gke_project_europe-west1_prod in /home/jane/.kube/config')\n"
        "assert 're' not in sys.modules"
    )
    subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{program}"], check=True
    )


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("web-0", "web-0"), ("", ""), ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@a", "'@a"),
        ("a=b", "a=b"), ("\t=1", "\ufffd=1"), ("a\r\nb\x1b[31m", "a\ufffd\ufffdb\ufffd[31m"),
    ],
)  # fmt: skip
def test_spreadsheet_cells(text: str, cell: str) -> None:
    """A cell of CSV holds no formula and no control character."""
    assert sanitize.spreadsheet_cell(text) == cell
