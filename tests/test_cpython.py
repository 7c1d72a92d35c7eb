"""Small JSON without the json package: the same values, and the same refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubevitals import cpython

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
