"""Selectors, against the parser of the simulated API server as the oracle."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubevitals import errors
from kubevitals.selection import selectors
from simcluster.apiserver import selectors as oracle

_KEYS = st.sampled_from(["app", "tier", "app.kubernetes.io/name", "x_1.y-z", "in", "notin"])
_VALUES = st.sampled_from(["", "web", "db", "a.b-c_d", "1", "in"])
_LABELS = st.dictionaries(_KEYS, _VALUES)


@st.composite
def requirements(draw: st.DrawFn) -> str:
    key, value, other = draw(_KEYS), draw(_VALUES), draw(_VALUES)
    space = draw(st.sampled_from(["", " ", "\t ", "\n"]))
    return draw(
        st.sampled_from(
            [
                key,
                f"!{space}{key}",
                f"{key}{space}={space}{value}",
                f"{key}=={value}",
                f"{key}!={space}{value}{space}",
                f"{space}{key} in ({value},{space}{other})",
                f"{key} notin{space}({space}{value}{space})",
            ]
        )
    )


@given(st.lists(requirements(), max_size=4), _LABELS)
def test_label_selectors_mean_what_they_mean_to_the_server(parts: list[str], labels: dict[str, str]) -> None:
    """What matches a selector here is what matches it there."""
    text = ",".join(parts)
    expected = oracle.parse_labels(text).matches(labels)
    assert selectors.match_labels(labels, selectors.parse_labels(text)) is expected


@given(
    st.text(alphabet="abA1=!,() .-_/in\t", max_size=24) | st.lists(requirements(), max_size=3).map(" ".join)
)
@example("a in(b)")
@example("a,")
@example(",a")
@example("a in ()")
@example("a..b/c")
@example("a" * 64)
@example("a=" + "b" * 64)
@example("A/b")
@example("a." * 126 + "a/b")
@example("a." * 126 + "ab/b")
def test_what_is_a_selector_here_is_one_there(text: str) -> None:
    """The same texts are refused as by the server; what is none of them means the same."""
    try:
        theirs = oracle.parse_labels(text)
    except oracle.SelectorError:
        with pytest.raises(errors.UsageError, match=r"is not a label selector: expected .* at character"):
            selectors.parse_labels(text)
        return
    mine = selectors.parse_labels(text)
    for labels in ({}, {"a": "b"}, {"a": ""}, {"b": "1", "in": "a"}):
        assert selectors.match_labels(labels, mine) is theirs.matches(labels)


@given(st.text(max_size=60))
def test_no_text_breaks_the_parsers(text: str) -> None:
    """Any text is a selector or an error."""
    for parse in (
        lambda: selectors.parse_labels(text),
        lambda: selectors.parse_fields(text, {"name": "name"}),
    ):
        with contextlib.suppress(errors.UsageError):
            parse()


@pytest.mark.parametrize(
    "piece", ["a", "a,", " ", "(", "a in (  ,  ,", "a in (b,", "!", "a=b,", "=", "\t,", "a!="]
)
def test_time_grows_with_the_length(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No text keeps the parsers busy, not even one of 100 kB; and one of more than 1,000 is refused."""
    text = (piece * 100_000)[:100_000]
    for limit in (100_000, 1_000):
        monkeypatch.setattr(selectors, "LONGEST", limit)
        started = time.process_time()
        with contextlib.suppress(errors.UsageError):
            selectors.parse_labels(text)
        with contextlib.suppress(errors.UsageError):
            selectors.parse_fields(text, {"a": "a"})
        assert time.process_time() - started < 10.0
    with pytest.raises(errors.UsageError, match="longer than 1000 characters"):
        selectors.parse_labels(text)


class Record:
    """A record to select."""

    name = "a"
    ready = False
    node = None


_FIELDS = {"metadata.name": "name", "ready": "ready", "node": "node"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("metadata.name=a", True),
        ("metadata.name==a,ready=false", True),
        ("metadata.name!=a", False),
        ("node=", True),
        ("node!=x,", True),
        ("ready=true", False),
    ],
)
def test_fields(text: str, expected: bool) -> None:
    """Field selectors compare texts: unknown is empty, truth is true or false."""
    requirements = selectors.parse_fields(text, _FIELDS)
    assert selectors.field_matcher(requirements)(Record()) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uid=1", "no field 'uid'"),
        ("ready=a=b", "is not a field selector"),
        ("ready=!b", "is not a field selector"),
        ("ready", "is not a field selector"),
    ],
)
def test_bad_fields(text: str, message: str) -> None:
    """What is no field selector is refused, with the fields that there are."""
    with pytest.raises(errors.UsageError, match=message) as caught:
        selectors.parse_fields(text, _FIELDS)
    assert "metadata.name, ready, node" in str(caught.value.remedy)
