"""What is taken from private modules of CPython, and the public twins that serve in their place."""

from __future__ import annotations

import json
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import servers

from kubevitals import cpython
from kubevitals.kube.http import client

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cpython_modules")

_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
_VALUES = st.recursive(_LEAVES, lambda each: st.lists(each) | st.dictionaries(st.text(), each), max_leaves=20)


@given(_VALUES, st.booleans())
def test_values_are_those_of_json(value: Any, ascii_only: bool) -> None:
    """Whatever json writes is read as json reads it."""
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        expected = json.loads(body)
        body.decode()
    except ValueError:  # a lone surrogate is no UTF-8
        with pytest.raises(ValueError, match=r"surrogate|utf-8"):
            cpython.parse_json(body)
        return
    assert cpython.parse_json(body) == expected


def test_space_and_byte_order_mark_around_the_value_are_nothing() -> None:
    """What editors and proxies put around a document does not matter."""
    assert cpython.parse_json(b'\xef\xbb\xbf \r\n\t{"a": [1]}\n') == {"a": [1]}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{",
        b'{"a":1}x',
        b"{'a':1}",
        b"[1,]",
        b"nul",
        b"{nope",
        b'{"a" 1}',
        b'"\\u12"',
        b"[1 2]",
        b"NaN",
        b"[Infinity]",
        b"\xff",
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:12]),
)
def test_what_is_not_json_is_a_value_error(body: bytes) -> None:
    """Everything else is refused by a ValueError, nesting without end included."""
    with pytest.raises(ValueError):
        cpython.parse_json(body)


@pytest.fixture
def restored() -> Iterator[None]:
    """Take the private modules again afterwards."""
    yield
    cpython.use(private=True)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("_socket", "getaddrinfo"),
        ("_ssl", "SSLEOFError"),
        ("_ssl", "_SSLContext"),
        ("_ssl", "HOSTFLAG_NEVER_CHECK_SUBJECT"),
        ("_ssl", "get_default_verify_paths"),
        ("_json", "make_scanner"),
    ],
)
@pytest.mark.usefixtures("restored")
def test_a_missing_part_gives_the_twin(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a private module lacks something, a request over TLS works by the public one."""
    with servers.Server(servers.answer(200, b'{"a": 1}'), tls=servers.server_context()) as server:
        with monkeypatch.context() as without:
            without.delattr(f"{module}.{name}")
            cpython.use(private=True)
            chosen = cpython.tls()
        with client.Client(server.url, ca=servers.authority().pem, environ={}) as opened:
            answer = opened.request("GET", "/")
    assert cpython.parse_json(answer.content) == {"a": 1}
    assert (chosen.errors is ssl) == (module == "_ssl")


@pytest.mark.usefixtures("restored")
def test_another_signature_gives_the_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A private function that takes other arguments is not called."""
    monkeypatch.setattr(cpython, "_WRAP_SIGNATURE", "($self, /, something_else")
    cpython.use(private=True)
    assert cpython.tls().errors is ssl


@pytest.mark.usefixtures("restored")
def test_a_scanner_that_reads_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner of JSON that does not do what it should gives way to the json package."""
    monkeypatch.setattr("_json.make_scanner", lambda _: lambda text, at: (text, at))
    cpython.use(private=True)
    assert cpython.parse_json(b'{"a": 1}') == {"a": 1}
