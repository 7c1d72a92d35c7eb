"""Series to samples: rates, the one series that counts, names of nodes; and files of queries."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubevitals import errors, nodenames
from kubevitals.promql import results
from kubevitals.sources.prometheus import conversion, queries

if TYPE_CHECKING:
    from pathlib import Path

values = st.one_of(st.floats(0, 1e9), st.just(math.nan), st.just(math.inf))
points = st.lists(st.tuples(st.integers(0, 10_000).map(float), values), max_size=12).map(sorted)


def labelled(**labels: str) -> conversion.Labels:
    return conversion.Labels(**labels)


# --- rates


@given(points)
def test_a_rate_is_never_negative_and_never_made_up(found: list[tuple[float, float]]) -> None:
    """Whatever a counter does, a rate is unknown or at least 0, over a time that its samples cover."""
    measured = conversion.rate(found)
    known = [(moment, value) for moment, value in found if math.isfinite(value)]
    assert (measured is None) == (not known)
    if measured is not None:
        assert measured.timestamp == known[-1][0]
        assert 0 <= measured.window <= known[-1][0] - known[0][0]
        assert (measured.value is None) == (measured.window == 0)
        assert measured.value is None or measured.value >= 0


@given(st.floats(0, 100), st.lists(st.integers(1, 100), min_size=1, max_size=9), st.integers(0, 1000))
def test_a_steady_counter(cores: float, steps: list[int], start: int) -> None:
    """However far apart its samples are, a counter that grows steadily has that rate, over all of them."""
    moments = [0.0]
    for step in steps:
        moments.append(moments[-1] + step)
    measured = conversion.rate([(moment, start + cores * moment) for moment in moments])
    assert measured is not None
    assert measured.window == moments[-1]
    assert measured.value == pytest.approx(cores, abs=1e-6)


def test_a_counter_that_begins_anew() -> None:
    """Only what was counted since then is a rate; right after it, none is known."""
    assert conversion.rate([(0, 50.0), (15, 90.0), (30, 3.0), (45, 6.0), (60, 9.0)]) == (60, 30, 0.2)
    assert conversion.rate([(0, 50.0), (15, 90.0), (30, 3.0)]) == (30, 0, None)
    assert conversion.rate([(0, 1.0), (0, 1.0), (0, 1.0)]) == (0, 0, None)
    assert conversion.rate([]) is None


def test_the_newest_value_that_is_one() -> None:
    """NaN is no value of a gauge: the one before it counts, with its own time."""
    assert conversion.latest([(0, 7.0), (15, 8.0), (30, math.nan)]) == (15, 0, 8.0)
    assert conversion.latest([(0, math.nan)]) is None


# --- one series of several


def test_the_series_that_counts() -> None:
    """After a restart the newer one; of replicas the better informed, though another is a moment newer."""
    old, new = [(0.0, 1.0), (15.0, 2.0), (30.0, 3.0)], [(45.0, 0.1)]
    assert conversion.choose([old, new]) is new
    replica = [(7.0, 1.5), (22.0, 2.5), (37.0, 3.5)]
    assert conversion.choose([old, replica]) is replica
    young = [(37.0, 3.5)]
    assert conversion.choose([old, young]) is old
    assert conversion.choose([[], old]) is old
    assert conversion.choose([]) == ()
    assert conversion.choose([[]]) == ()


@given(st.lists(points.filter(lambda found: not any(math.isnan(value) for _, value in found)), max_size=5))
def test_exactly_one_series_counts(found: list[list[tuple[float, float]]]) -> None:
    """The answer is one of the series as it was: nothing is added or mixed, and the order does not matter."""
    chosen = conversion.choose(found)
    if any(found):
        assert chosen in found
    else:
        assert chosen == ()
    again = conversion.choose(found[::-1])
    assert (len(again), again[-1:]) == (len(chosen), chosen[-1:])


def test_what_has_ended_leaves() -> None:
    """A container whose samples stop while its node goes on has ended; of a silent node all stay."""
    keys = [("a", name, "c") for name in ("runs", "ended", "silent")]
    measured = {
        key: conversion.Measured(at, 60.0, 1.0) for key, at in zip(keys, (1000.0, 900.0, 800.0), strict=True)
    }
    conversion.drop_ended(measured, dict(zip(keys, ("n1", "n1", "n2"), strict=True)), interval=15)
    assert set(measured) == {keys[0], keys[2]}


@pytest.mark.parametrize(
    ("interval", "behind", "stays"),
    [
        (1, 60.0, True),
        (1, 60.5, False),
        (15, 60.0, True),
        (15, 61.0, False),
        (60, 150.0, True),
        (60, 151.0, False),
    ],
)
def test_the_patience_with_idle_containers(interval: float, behind: float, stays: bool) -> None:
    """A container may be a minute behind its node, or two and a half intervals where those are longer."""
    key, other = ("a", "idle", "c"), ("a", "busy", "c")
    measured = {
        key: conversion.Measured(1000.0 - behind, 60.0, 1.0),
        other: conversion.Measured(1000.0, 60.0, 1.0),
    }
    conversion.drop_ended(measured, {key: "n1", other: "n1"}, interval=interval)
    assert (key in measured) == stays
    assert other in measured


@pytest.mark.parametrize("names", [("x", "y"), ("y", "x")])
def test_first_sample_comes_before_a_series_that_is_missing(names: tuple[str, str]) -> None:
    """A pod that was seen once says so, whichever of its containers lacks a series."""
    first, second = [("a", "p", name) for name in names]
    cpu = {key: conversion.Measured(100, 60, None if key[2] == "x" else 0.5) for key in (first, second)}
    memory = {("a", "p", "x"): conversion.Measured(100, 0, 7.0)}
    _, pod_reasons = conversion.join_pods(cpu, memory)
    assert pod_reasons == {("a", "p"): "first_sample"}


# --- names


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        ({"node": "a", "instance": "b:10250"}, "a"),
        ({"kubernetes_io_hostname": "a", "instance": "10.0.0.1:10250"}, "a"),
        ({"kubernetes_node": "a"}, "a"),
        ({"nodename": "a", "instance": "b"}, "a"),
        ({"instance": "worker-1:10250"}, "worker-1"),
        ({"instance": "10.0.0.1:9100"}, "10.0.0.1"),
        ({"instance": "[fd00::1]:9100"}, "fd00::1"),
        ({"instance": "fd00::1"}, "fd00::1"),
        ({"instance": "worker-1"}, "worker-1"),
        ({}, ""),
    ],
)
def test_names_of_nodes(labels: dict[str, str], name: str) -> None:
    """A node is named by the label that the configuration writes, else by the target's host."""
    assert labelled(**labels).node_name == name


def test_addresses_become_names() -> None:
    """Where a series has only an address, the name behind it is taken; a name is no address."""
    series = [results.Series(labelled(instance="10.0.0.1:9100"), [(0.0, 1.0)])]
    assert set(conversion.by_node(series, {"10.0.0.1": "worker-1"})) == {"worker-1"}
    assert set(conversion.by_node(series, {})) == {"10.0.0.1"}
    assert [
        nodenames.is_address(each) for each in ("10.0.0.1", "fd00::1", "ip-10-0-0-1", "1.2.3", "a.b.c.d")
    ] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_pod_is_as_old_as_its_oldest_container() -> None:
    """Time and window of a pod are those of the container that was measured first."""
    cpu = {
        ("a", "p", "x"): conversion.Measured(100, 60, 0.5),
        ("a", "p", "y"): conversion.Measured(90, 45, 0.25),
    }
    memory = {key: conversion.Measured(100, 0, 7.0) for key in cpu}
    pods, pod_reasons = conversion.join_pods(cpu, memory)
    assert pods == {("a", "p"): (90, 45, [("x", 0.5, 7), ("y", 0.25, 7)])}
    assert pod_reasons == {}


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_no_value_is_out_of_bounds(cores: float, size: float) -> None:
    """A value that no machine has is unknown, and nothing fails for it."""
    key = ("a", "p", "c")
    pods, _ = conversion.join_pods(
        {key: conversion.Measured(1, 1, cores)}, {key: conversion.Measured(1, 0, size)}
    )
    ((_, found_cores, found_size),) = pods["a", "p"][2]
    assert found_cores is None or found_cores >= 0
    assert found_size is None or 0 <= found_size < 2**63


# --- files of queries


def test_every_query_can_be_rendered() -> None:
    """No placeholder of the table is left over, with matchers and without."""
    for scope in ("", 'cluster="a"'):
        for choices in queries.TABLE.values():
            for query in choices:
                text = query.render(scope=scope, window=67.5, recent=60)
                assert "$" not in text
                assert query.family in text
    assert "[67500ms]" in queries.TABLE["container_cpu"][0].render(scope="", window=67.5, recent=60)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.toml", "[node_cpu]\nquery = 'x{$scope}'\nwindow_seconds = 60\n"),
        ("q.yaml", "node_cpu:\n  query: x{$scope}\n  window_seconds: 60\n"),
        ("q.json", '{"node_cpu": {"query": "x{$scope}", "window_seconds": 60}}'),
    ],
)
def test_a_file_takes_the_place_of_one_query(tmp_path: Path, name: str, text: str) -> None:
    """TOML, YAML and JSON say the same; the other queries stay."""
    path = tmp_path / name
    path.write_text(text)
    table = queries.load(str(path))
    assert [each[:3] for each in table["node_cpu"]] == [("x{$scope}", "", 60.0)]
    assert table["node_cpu"][0].origin == f"the query node_cpu of {path}"
    assert table["container_cpu"] == queries.TABLE["container_cpu"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "cannot be read"),
        ("just text", "no table"),
        ("node_disk: {query: x}", "none of container_cpu"),
        ("node_cpu: x", "no `query`"),
        ("node_cpu: {query: '  '}", "no `query`"),
        ("node_cpu: {query: x, windows: 1}", "'windows'"),
        ("node_cpu: {query: 'x[$window]'}", r"\$window"),
        ("node_cpu: {query: x, window_seconds: long}", "no number"),
        ("node_cpu: {query: x, window_seconds: true}", "no number"),
        ("node_cpu: {query: x, window_seconds: -1}", "no number"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"),
        ("\x00", "cannot be read"),
        ("x" * (2 << 20), "larger"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, text: str, words: str) -> None:
    """A file that is something else is an error that says what."""
    path = tmp_path / "q.yaml"
    path.write_text(text)
    with pytest.raises(errors.ConfigurationError, match=words):
        queries.load(str(path))


def test_no_file_and_bad_toml(tmp_path: Path) -> None:
    """So is one that is not there, and TOML that is none."""
    with pytest.raises(errors.ConfigurationError, match="cannot be read"):
        queries.load(str(tmp_path / "none.toml"))
    path = tmp_path / "q.toml"
    path.write_text("= 1")
    with pytest.raises(errors.ConfigurationError, match="neither TOML"):
        queries.load(str(path))
