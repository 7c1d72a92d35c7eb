"""The filter of rows: its grammar, its errors, and what it means."""

from __future__ import annotations

import contextlib
import fnmatch
import pathlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubevitals import errors, kinds, model
from kubevitals.selection import fields, filters, predicates

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)
_EVERY = [*kinds.KINDS.values(), kinds.GROUPS]


def meets(text: str, row: Any, kind: kinds.Kind = kinds.PODS) -> bool:
    of_pods, of_rows = predicates.compile_filter(filters.parse(text, kind), kind, now=NOW)
    assert not of_pods
    return all(predicate(row) for predicate in of_rows)


def pod(**facts: Any) -> model.Pod:
    return model.Pod("shop", "web-1", **facts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("  ", True),
        ("web", True), ("EB-", True), ("shop", True), ("sho*", True), ("eb*", False), ("web-?", True),
        ("db,web", True), ("!web", False), ("!db", True), ("web !shop", False), ('"b-1"', True),
        ("ns:shop", True), ("ns:sho", False), ("NAMESPACE:SHOP", True), ("ns:pay,s*p", True),
        ("pod:web-1", True), ("name:*-1 ns:????", True),
        ("status:running", True), ("status:Run*,Crash*", True), ("!status:running", False),
        ("app:none", True), ("app:*", False), ("!app:*", True), ("app:none,x", True), ('app:"none"', False),
        ("node:none", False), ('node:"n 1"', True), ("node:n*1", True), ('node:"n*1"', False),
        ("ip:fd00::1", True),
        ("label.team:red", True), ("label.Team:red", False), ("label.team:none", False),
        ("label.app.kubernetes.io/name:we?", True), ("label.x:none", True), ('label.empty:""', True),
        ("ready:true", True), ("ready:false", False), ("stale:none", True),
        ("cpu>500m", True), ("cpu>=0.6", True), ("cpu>600m", False), ("cpu<1", True), ("cpu=600m", True),
        ("cpu!=600m", False), ("!cpu>600m", True), ("cpu:none", False),
        ("mem>=1Gi", True), ("memory>1Gi", False), ("mem<1.5Gi", True), ("mem=1073741824", True),
        ("cpu%limit>59", True), ("CPU%LIM>60%", False), ("cpu%limit>=60", True), ("memory%limit<51", True),
        ("mem%request>1", False), ("mem%request!=1", False), ("!mem%request>1", True),
        ("mem%request:none", True),
        ("cpu-limit=1", True), ("mem-req>0", False),
        ("restarts>2", True), ("restarts=3", True), ("restarts>3", False),
        ("age<2h", True), ("age>90m", False), ("age>=1h30m", True), ("age<0.1d", True), ("sample<1m", True),
        ("request:none", True), ("req:none", True), ("limit:none", False), ("usage:none", False),
        ("!usage:none", True),
        ("ns:shop cpu>500m age<2h !status:pending", True), ("ns:shop cpu>500m age>2h", False),
    ],
)  # fmt: skip
def test_meaning(text: str, expected: bool) -> None:
    """Each form of a term means what docs/filters.md says."""
    row = pod(
        node="n 1", status="Running", ip="fd00::1", ready=True, restarts=3, age_seconds=15.0,
        labels={"team": "red", "app.kubernetes.io/name": "web", "empty": ""},
        created_at=NOW - timedelta(minutes=90), cpu_usage_cores=0.6, cpu_limit_cores=1.0,
        memory_usage_bytes=1 << 30, memory_limit_bytes=2 << 30, cpu_request_cores=0.5,
    )  # fmt: skip
    assert meets(text, row) is expected


def test_nodes() -> None:
    """Of nodes, percentages are of allocatable, roles are several texts, and `node` is the name."""
    row = model.Node(
        "n1", roles=("control-plane", "etcd"), unschedulable=True, cpu_usage_cores=3.0,
        cpu_allocatable_cores=4.0, cpu_capacity_cores=6.0, cpu_request_cores=2.0, pods=5,
    )  # fmt: skip
    for text in (
        "role:etcd", "role:control*", "!role:worker", "node:n1", "unschedulable:true", "cpu%alloc>74",
        "cpu%>74", "cpu%capacity=50", "cpu%request=50", "pods<6", "cpu-alloc>=4", "cpu%limit:none",
    ):  # fmt: skip
        assert meets(text, row, kinds.NODES), text
    assert meets("role:none", row._replace(roles=()), kinds.NODES)


def test_the_pods_of_sums() -> None:
    """A field that sums do not have chooses the pods that are added up."""
    terms = filters.parse("node:n1 cpu>1 age<1h label.a:b", kinds.WORKLOADS)
    of_pods, of_rows = predicates.compile_filter(terms, kinds.WORKLOADS, now=NOW)
    assert (len(of_pods), len(of_rows)) == (3, 1)


@pytest.mark.parametrize(
    ("text", "kind", "message", "remedy"),
    [
        ("ns:shop statsu:x", "pods",
         "at character 9: pods have no 'statsu'; did you mean status", "one of name, ns"),
        ("restarts>1", "nodes", "nodes have no 'restarts'", "cpu%alloc"),
        ("unschedulable:true", "pods", "pods have no 'unschedulable'", "restarts"),
        ("label.:x", "pods", "pods have no 'label.'", "label.KEY"),
        ("label.KEY>1", "pods", "label.KEY is no number that >", "label.KEY:VALUE"),
        ("cpu > 1", "pods", "at character 5: there is no field before '>'", "cpu>500m"),
        ("cpu>", "pods", "a value is missing", "500m"),
        ("cpu>much", "pods", "'much' is not cores, as 500m or 2", "cpu>"),
        ("mem>1GB", "pods", "'1GB' is not bytes, as 512Mi or 1Gi", "mem>"),
        ("cpu%limit>x", "pods", "'x' is not a percentage", "80"),
        ("cpu%limit>-1", "pods", "'-1' is not a percentage", "80"),
        ("restarts>nan", "pods", "'nan' is not a whole number", "restarts>"),
        ("age<2", "pods", "'2' is not a length of time", "2h"),
        ("cpu:5", "pods", "cpu cannot be '5'", "cpu>VALUE with cores, as 500m or 2; cpu:none"),
        ("status>5", "pods", "status is no number that > could compare", "status:VALUE"),
        ("ready=true", "pods", "ready is no number", "ready:true"),
        ("ready:yes", "pods", "ready cannot be 'yes'", "ready:true or ready:false or ready:none"),
        ("limit:1", "pods", "limit cannot be '1'", "limit:none"),
        ("limit>1", "pods", "limit is no number", "limit:none"),
        ("ns:", "pods", "a value is missing", "the empty text"),
        ("ns:a,,b", "pods", "a value is missing", "single commas"),
        ("!", "pods", "nothing behind the !", "!ns:shop"),
        ("a!b", "pods", "'!' cannot stand there", "quotes"),
        ("!!a", "pods", "'!' cannot stand there", "quotes"),
        ('ns:"shop', "pods", "at character 4: the quote is not closed", "end it"),
        ('ns:a"b"', "pods", "a quote stands within a word", "quote all of a value"),
        ('ns:"a"b', "pods", "a quote stands within a word", "quote all of a value"),
        ("x" * 1001, "pods", "longer than 1000 characters", "less"),
        ("a," * 100 + "a", "pods", "more than 100 values", "less"),
    ],
)  # fmt: skip
def test_errors(text: str, kind: str, message: str, remedy: str) -> None:
    """An error says where which word is wrong and why, and what is allowed."""
    with pytest.raises(errors.UsageError) as caught:
        filters.parse(text, kinds.KINDS[kind])
    assert message in str(caught.value)
    assert remedy in str(caught.value.remedy)


# --- properties

_BARE = st.text(alphabet="abc-.*?_/", min_size=1, max_size=8)
_TEXTS = st.text(max_size=8) | st.text(alphabet='a" \\,*:', max_size=8)
_VALUES = st.builds(filters.Value, _BARE) | st.builds(filters.Value, _TEXTS, st.just(value=True))
_NUMBERS = {
    fields.CPU: ["500m", "2", "0.25"], fields.MEMORY: ["1Gi", "512Mi", "1000"], fields.NUMBER: ["0", "12"],
    fields.PERCENT: ["80", "7.5", "90%"], fields.LENGTH: ["2h", "90s", "1d2h", "1.5w"],
}  # fmt: skip


@st.composite
def terms(draw: st.DrawFn, kind: kinds.Kind) -> filters.Term:
    negated = draw(st.booleans())
    values = tuple(draw(st.lists(_VALUES, min_size=1, max_size=3)))
    field = draw(st.none() | st.sampled_from(fields.list_fields(kind.name)))
    if field is None:
        return filters.Term("", "", values, negated)
    key = draw(st.sampled_from(["team", "app.kubernetes.io/name", "A"])) if field.form == fields.LABEL else ""
    if field.form in fields.COMPARED and draw(st.booleans()):
        number = filters.Value(draw(st.sampled_from(_NUMBERS[field.form])))
        return filters.Term(field.name, draw(st.sampled_from(filters.COMPARISONS)), (number,), negated)
    if field.form == fields.TRUTH:
        values = (filters.Value(draw(st.sampled_from(["true", "false", "none", "TRUE"]))),)
    elif field.form not in (fields.TEXT, fields.LABEL):
        values = (filters.Value("none"),)
    return filters.Term(field.name, ":", values, negated, key)


@st.composite
def filters_of_a_kind(draw: st.DrawFn) -> tuple[kinds.Kind, filters.Filter]:
    kind = draw(st.sampled_from(_EVERY))
    return kind, tuple(draw(st.lists(terms(kind), max_size=6)))


@given(filters_of_a_kind())
def test_what_is_written_is_read_again(case: tuple[kinds.Kind, filters.Filter]) -> None:
    """Any filter, written as text, is read as the same filter."""
    kind, wanted = case
    assert filters.parse(filters.format_filter(wanted), kind) == wanted


@given(st.text(max_size=60) | st.text(alphabet='ab:"!<>=,*? \\', max_size=30), st.sampled_from(_EVERY))
@example("label.x:y", kinds.CONTAINERS)
def test_any_text_is_a_filter_or_an_error(text: str, kind: kinds.Kind) -> None:
    """No text breaks the parser; what it reads can be written, and tested on rows of unknown things."""
    try:
        found = filters.parse(text, kind)
    except errors.UsageError:
        return
    assert filters.parse(filters.format_filter(found), kind) == found
    of_pods, of_rows = predicates.compile_filter(found, kind, now=NOW)
    for predicate in of_rows:
        predicate(kind.blank)
    for predicate in of_pods:
        predicate(model.Pod("", ""))


_ROWS = st.builds(
    pod,
    status=st.none() | st.sampled_from(["Running", "Pending", "a", ""]),
    node=st.none() | st.text(alphabet="abc*", max_size=4),
    ready=st.none() | st.booleans(),
    labels=st.dictionaries(st.sampled_from(["team", "A"]), st.text(alphabet="abc", max_size=3)),
    restarts=st.none() | st.integers(0, 20),
    cpu_usage_cores=st.none() | st.floats(0, 4),
    cpu_limit_cores=st.none() | st.floats(0, 4),
    memory_usage_bytes=st.none() | st.integers(0, 1 << 32),
    created_at=st.none() | st.integers(0, 10**6).map(lambda seconds: NOW - timedelta(seconds=seconds)),
)


@given(terms(kinds.PODS), _ROWS)
def test_a_negated_term_is_met_by_all_other_rows(term: filters.Term, row: model.Pod) -> None:
    """Each row meets a term or its negation, and never both."""
    turned = term._replace(negated=not term.negated)
    results = [predicates.compile_filter((each,), kinds.PODS, now=NOW)[1][0](row) for each in (term, turned)]
    assert sorted(results) == [False, True]


@given(terms(kinds.PODS), terms(kinds.PODS), _ROWS)
def test_terms_are_all_met(one: filters.Term, other: filters.Term, row: model.Pod) -> None:
    """A filter of two terms is met by what meets both, in either order."""
    alone = [meets(filters.format_filter((each,)), row) for each in (one, other)]
    for both in ((one, other), (other, one)):
        assert meets(filters.format_filter(both), row) is all(alone)


@given(_ROWS)
def test_unknown_meets_no_comparison(row: model.Pod) -> None:
    """Of two comparisons that exclude each other one is met if the number is known, and none otherwise."""
    for field, value in (("cpu", "1"), ("cpu%limit", "50"), ("restarts", "3"), ("age", "2h")):
        met = [meets(f"{field}{mark}{value}", row) for mark in (">", "<=")]
        assert sum(met) == (0 if meets(f"{field}:none", row) else 1)
        assert meets(f"{field}={value}", row) <= met[1]


@given(st.text(alphabet="ab*?", max_size=8), st.text(alphabet="abc", max_size=10))
@example("*a*ab", "aab")
@example("?*?", "a")
def test_globs_are_the_shell_s(pattern: str, text: str) -> None:
    """A glob of stars and question marks matches what the shell's does."""
    assert predicates.compile_glob(pattern)(text) is fnmatch.fnmatchcase(text, pattern)


@pytest.mark.parametrize(
    "piece", ["a", "a ", '"', "\\", '"a', "a:", "!", "cpu>1 ", ">", "a,", "*", "*?", " ", "ns:a*,", "1h"]
)  # fmt: skip
@pytest.mark.parametrize("head", ["", "ns:", "cpu>", "age>", "label."])
def test_time_grows_with_the_length(piece: str, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No text keeps the parser busy, not even one of 100 kB; and one of more than 1,000 is refused."""
    text = (head + piece * 100_000)[:100_000]
    monkeypatch.setattr(filters, "LONGEST", 100_000)
    started = time.process_time()
    with contextlib.suppress(errors.UsageError):
        filters.parse(text, kinds.PODS)
    assert time.process_time() - started < 10.0  # a bad parser takes minutes


@pytest.mark.parametrize(
    "pattern", ["*a" * 200, "?*" * 200, "*" * 400, "*a?" * 130, "a" * 400, "*" + "?a" * 200]
)
def test_globs_take_little_time(pattern: str) -> None:
    """A glob of stars is no burden, whatever the text."""
    like = predicates.compile_glob(pattern)
    started = time.process_time()
    for text in ("a" * 1000, "ab" * 500, "b" * 1000):
        like(text)
    assert time.process_time() - started < 5.0


# --- documentation


def test_every_field_is_documented() -> None:
    """docs/filters.md has a line for each field, with its words, form and meaning, and where rows have it."""
    text = (pathlib.Path(__file__).parent.parent / "docs" / "filters.md").read_text()
    for field in fields.FIELDS.values():
        also = ", ".join(f"`{word}`" for word in field.words)
        assert f"| `{field.name}` | {also} | {field.form} | {field.about} |" in text, field.name


def test_documented_filters_are_filters() -> None:
    """Each filter of the examples is one, of rows of the kind that its command shows."""
    text = (pathlib.Path(__file__).parent.parent / "docs" / "filters.md").read_text()
    commands = [line for line in text.splitlines() if line.startswith("kubevitals top ")]
    assert len(commands) >= 6
    for line in commands:
        kind = kinds.find(line.split()[2])
        assert kind is not None
        assert filters.parse(line.split("'")[1], kind)
