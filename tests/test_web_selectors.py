"""Selectors of query parameters, against the parser of the simulated API server as the oracle."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubevitals.surfaces.web import selectors
from simcluster.apiserver import selectors as oracle

_KEYS = st.sampled_from(["app", "tier", "app.kubernetes.io/name", "x_1.y-z"])
_VALUES = st.sampled_from(["", "web", "db", "a.b-c_d", "1"])
_LABELS = st.dictionaries(_KEYS, _VALUES)


@st.composite
def requirements(draw: st.DrawFn) -> str:
    key, value, other = draw(_KEYS), draw(_VALUES), draw(_VALUES)
    space = draw(st.sampled_from(["", " "]))
    return draw(
        st.sampled_from(
            [
                key,
                f"!{key}",
                f"{key}{space}={space}{value}",
                f"{key}=={value}",
                f"{key}!={space}{value}",
                f"{key} in ({value or 'x'},{space}{other or 'y'})",
                f"{key} notin{space} ({value or 'x'})",
            ]
        )
    )


@given(st.lists(requirements(), max_size=4), _LABELS)
def test_label_selectors_mean_what_they_mean_to_the_server(parts: list[str], labels: dict[str, str]) -> None:
    """What matches a selector here is what matches it there."""
    text = ",".join(parts)
    expected = oracle.parse_labels(text).matches(labels)
    assert selectors.matches(labels, selectors.parse_labels(text) if text else ()) is expected


@given(st.text(alphabet="ab1=!,() .-_/in", max_size=20))
def test_what_is_taken_here_is_taken_there(text: str) -> None:
    """Nothing is taken for a selector that the server would refuse."""
    try:
        mine = selectors.parse_labels(text)
    except ValueError:
        return
    theirs = oracle.parse_labels(text)
    for labels in ({}, {"a": "b"}, {"a": ""}, {"b": "1", "in": "a"}):
        assert selectors.matches(labels, mine) is theirs.matches(labels)


@given(st.text(max_size=40))
def test_no_text_breaks_the_parsers(text: str) -> None:
    """Any text is a selector or a ValueError or KeyError."""
    for parse in (
        lambda: selectors.parse_labels(text),
        lambda: selectors.parse_fields(text, {"name": "name"}),
    ):
        with contextlib.suppress(ValueError, KeyError):
            parse()


def test_long_texts_are_quick() -> None:
    """A selector as long as may be takes no time, good or not."""
    for text in ("a" * 1000, "a=" + "b" * 998, ",".join(["a"] * 500), "a in (" + "b," * 490, " " * 1000):
        try:
            selectors.parse_labels(text)
        except ValueError:
            continue


def test_fields() -> None:
    """Field selectors compare texts: unknown is empty, truth is true or false."""

    class Record:
        name = "a"
        ready = False
        node = None

    keys = {"metadata.name": "name", "ready": "ready", "node": "node"}
    for text, expected in (
        ("metadata.name=a", True),
        ("metadata.name==a,ready=false", True),
        ("metadata.name!=a", False),
        ("node=", True),
        ("node!=x", True),
        ("ready=true", False),
    ):
        assert selectors.field_matcher(selectors.parse_fields(text, keys))(Record()) is expected
    with pytest.raises(KeyError):
        selectors.parse_fields("uid=1", keys)
    with pytest.raises(ValueError, match="field selector"):
        selectors.parse_fields("a=b=c", keys)
