"""Label and field selectors of the simulated API server."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simcluster.apiserver import selectors

NAMES = st.sampled_from(["app", "tier", "example.com/zone"])
VALUES = st.sampled_from(["", "a", "b", "c-1"])
LABELS = st.dictionaries(NAMES, VALUES)


@st.composite
def requirements(draw: st.DrawFn) -> tuple[str, str, list[str]]:
    """A requirement as text, with what it means: (text, kind, values)."""
    key = draw(NAMES)
    kind = draw(st.sampled_from(["=", "==", "!=", "in", "notin", "exists", "absent"]))
    space = draw(st.sampled_from(["", " "]))
    if kind == "exists":
        return key, f"{key} exists", []
    if kind == "absent":
        return f"!{key}", f"{key} absent", []
    if kind in {"in", "notin"}:
        values = draw(st.lists(VALUES.filter(bool), min_size=1, max_size=3))
        return f"{key} {kind} ({f',{space}'.join(values)})", f"{key} {kind}", values
    value = draw(VALUES)
    return f"{key}{space}{kind}{space}{value}", f"{key} {'notin' if kind == '!=' else 'in'}", [value]


def meets(labels: dict[str, str], meaning: str, values: list[str]) -> bool:
    """The model: what a requirement means, said as simply as can be."""
    key, kind = meaning.split(" ")
    if kind == "exists":
        return key in labels
    if kind == "absent":
        return key not in labels
    inside = key in labels and labels[key] in values
    return inside if kind == "in" else not inside


@given(st.lists(requirements(), max_size=4), LABELS)
def test_label_selectors_follow_the_model(
    wanted: list[tuple[str, str, list[str]]], labels: dict[str, str]
) -> None:
    """A label selector matches exactly when each of its requirements is met."""
    text = ",".join(each[0] for each in wanted)
    expected = all(meets(labels, meaning, values) for _, meaning, values in wanted)
    assert selectors.parse_labels(text).matches(labels) is expected


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["spec.nodeName", "status.phase", "metadata.name"]),
            st.sampled_from(["=", "==", "!="]),
            VALUES,
        ),
        max_size=4,
    ),
    st.dictionaries(st.sampled_from(["spec.nodeName", "status.phase", "metadata.name"]), VALUES),
)
def test_field_selectors_follow_the_model(terms: list[tuple[str, str, str]], fields: dict[str, str]) -> None:
    """A field selector matches when each term does; an absent field is the empty string."""
    text = ",".join(f"{key}{operator}{value}" for key, operator, value in terms)
    expected = all((fields.get(key, "") == value) is (operator != "!=") for key, operator, value in terms)
    assert selectors.parse_fields(text, "pods").matches(fields) is expected


@given(st.text(max_size=40))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Whatever the text, parsing ends with a selector or with SelectorError."""
    for parse in (selectors.parse_labels, lambda given: selectors.parse_fields(given, "pods")):
        with contextlib.suppress(selectors.SelectorError):
            assert parse(text).matches({}) in {True, False}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,", "expected: identifier after ','"),
        ("a in b", "expected: '('"),
        ("a in (b", "found '', expected: ',' or ')'"),
        ("=a", "found '=', expected: !, identifier"),
        ("a b", "found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("-a", "name part must consist of alphanumeric characters"),
        ("a=-b", "a valid label must be an empty string"),
        ("/a", "name part"),
        ("a>x", "the value must be an integer"),
    ],
)
def test_wrong_label_selectors(text: str, message: str) -> None:
    """A label selector that is none is refused in the API server's words."""
    with pytest.raises(selectors.SelectorError) as caught:
        selectors.parse_labels(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [("n>3", "4", True), ("n>3", "3", False), ("n<3", "x", False), ("n<3", "-1", True)],
)
def test_comparisons(text: str, labels: str, expected: bool) -> None:
    """Greater and less compare whole numbers and match nothing else."""
    assert selectors.parse_labels(text).matches({"n": labels}) is expected


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("foo=bar", "pods", "field label not supported: foo"),
        (
            "status.phase=x",
            "deployments.apps",
            '"status.phase" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        ("foo=1", "jobs.batch", 'field label "foo" not supported for Job'),
        ("metadata.name", "pods", "invalid selector: 'metadata.name'; can't understand 'metadata.name'"),
    ],
)
def test_wrong_field_selectors(text: str, kind: str, message: str) -> None:
    """A field that the kind does not support is refused in the API server's words."""
    with pytest.raises(selectors.SelectorError) as caught:
        selectors.parse_fields(text, kind)
    assert str(caught.value) == message


def test_escaped_field_values() -> None:
    """A backslash takes comma and equals sign into the value."""
    selector = selectors.parse_fields(r"metadata.name=a\,b\=c,metadata.namespace!=x", "pods")
    assert selector.exact("metadata.name") == "a,b=c"
    assert selector.matches({"metadata.name": "a,b=c"})
