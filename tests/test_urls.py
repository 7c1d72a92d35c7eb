"""Addresses taken apart, and request paths put together."""

from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubevitals import errors
from kubevitals.kube.http import urls


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://h:6443", ("https", "h", 6443, "", "")),
        ("https://h", ("https", "h", 443, "", "")),
        ("HTTP://h/", ("http", "h", 80, "", "")),
        ("https://h/k8s/clusters/c-1/", ("https", "h", 443, "/k8s/clusters/c-1", "")),
        ("https://[::1]:6443", ("https", "::1", 6443, "", "")),
        ("https://[fe80::1%25eth0]", ("https", "fe80::1%eth0", 443, "", "")),
        ("http://u:p%40@h:3128", ("http", "h", 3128, "", "u:p%40")),
        ("socks5://h", ("socks5", "h", 1080, "", "")),
    ],
)
def test_split_url(url: str, parts: tuple[str, str, int, str, str]) -> None:
    """Scheme, host, port, path and user part, the port being the scheme's own if none is given."""
    address = urls.split_url(url)
    assert (address.scheme, address.host, address.port, address.path, address.userinfo) == parts


@pytest.mark.parametrize(
    "url",
    [
        "h:6443",
        "",
        "https://",
        "https://:6443",
        "https://h:0",
        "https://h:65536",
        "https://h:x",
        "https://h:٣",
        "https://a:b:c",
        "https://[::1",
        "https://[::1]x",
        "https://h h",
        "https://h/a?b",
        "https://h\r\nX:1",
        "h t://x",
    ],
)
def test_what_is_no_address(url: str) -> None:
    """Missing scheme or host, broken ports and characters that cannot stand there are refused."""
    with pytest.raises(errors.ConfigurationError, match=r"proxy address|port of the proxy"):
        urls.split_url(url, "proxy")


def test_no_message_shows_a_password() -> None:
    """The user part of an address is shown nowhere."""
    with pytest.raises(errors.ConfigurationError) as caught:
        urls.split_url("http://user:hunter2@h:port")
    address = urls.split_url("http://user:hunter2@h")
    assert "hunter2" not in str(caught.value) + str(address) + repr(address)


@pytest.mark.parametrize(
    ("url", "authority", "header"),
    [
        ("https://h", "h:443", "h"),
        ("https://h:80", "h:80", "h:80"),
        ("http://h", "h:80", "h"),
        ("https://[::1]", "[::1]:443", "[::1]"),
        ("https://[::1]:1", "[::1]:1", "[::1]:1"),
    ],
)
def test_authority_and_host_header(url: str, authority: str, header: str) -> None:
    """The authority always names the port, the Host header only a special one."""
    address = urls.split_url(url)
    assert (address.authority, address.host_header) == (authority, header)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("127.example.com", False),
        ("127.0.0.1.nip.io", False),
    ],
)
def test_loopback(host: str, *, loopback: bool) -> None:
    """Only what is written as this machine is on this machine."""
    assert urls.split_url(f"https://{host}").is_loopback == loopback


@given(st.text())
def test_a_quoted_segment_stays_one_segment(text: str) -> None:
    """Any text becomes one segment that the standard library reads back."""
    quoted = urls.quote(text)
    assert "/" not in quoted
    assert "?" not in quoted
    assert urllib.parse.unquote(quoted) == text
    assert urls.unquote(quoted) == text


@given(st.lists(st.tuples(st.text(min_size=1), st.text())))
def test_a_query_is_read_back(pairs: list[tuple[str, str]]) -> None:
    """Any pairs survive the query string."""
    text = urls.format_query(pairs).removeprefix("?")
    assert urllib.parse.parse_qsl(text, keep_blank_values=True, max_num_fields=None) == pairs


@given(st.text(alphabet="%0aF2xG é", max_size=12))
def test_unquote_is_that_of_the_standard_library(text: str) -> None:
    """Broken escapes stay as they are."""
    assert urls.unquote(text) == urllib.parse.unquote(text)


def test_path_join() -> None:
    """Segments are encoded and joined; those that would lead elsewhere are refused."""
    assert urls.path_join("api", "v1", "nodes", "a/b c") == "/api/v1/nodes/a%2Fb%20c"
    assert urls.path_join("apis", "rbac", "system:node") == "/apis/rbac/system:node"
    for segment in ("", ".", ".."):
        with pytest.raises(errors.UsageError):
            urls.path_join("api", segment)


@pytest.mark.parametrize("host", ["\xfc..b", "\xfc" * 70 + ".de", ".\xfc", "\udcff"])
def test_a_host_that_has_no_ascii_form(host: str) -> None:
    """An international name that cannot be looked up is refused in words."""
    with pytest.raises(errors.ConfigurationError, match="no name that can be looked up"):
        urls.split_url(f"https://{host}:1")
