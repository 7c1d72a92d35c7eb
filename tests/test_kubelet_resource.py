"""The text of /metrics/resource: as kubelets write it, as others might, and as an attacker would."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import hypothesis
import prometheus_client.parser
import pytest
from hypothesis import strategies
from tests import kubelets

from kubevitals import errors
from kubevitals.sources.kubelet import resource

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 1_760_000_100.0
LABELS = 'container="app",namespace="shop",pod="web-0"'
KEY = ("shop", "web-0", "app")


def parse(text: str) -> resource.Reading:
    return resource.parse(text.encode(), received=NOW)


def oracle(text: str) -> dict[resource.Key, resource.Point]:
    """What prometheus_client's parser reads of it, in the same form."""
    found: dict[resource.Key, dict[str, tuple[float, float | None]]] = {}
    for family in prometheus_client.parser.text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in (resource.CPU, resource.MEMORY, resource.START):
                key = (sample.labels["namespace"], sample.labels["pod"], sample.labels["container"])
                at = None if sample.timestamp is None else float(sample.timestamp)
                value = float(sample.value)  # which it reads as an integer where it can
                told_before = found.setdefault(key, {}).setdefault(sample.name, (value, at))
                if usable(told_before[0]) != usable(value):  # a contradiction is no number
                    found[key][sample.name] = (math.nan, told_before[1])
    points: dict[resource.Key, resource.Point] = {}
    for key, values in found.items():
        told = values.get(resource.CPU) or values.get(resource.MEMORY)
        if told is None:
            continue
        memory = number(values, resource.MEMORY)
        points[key] = (
            number(values, resource.CPU),
            NOW if told[1] is None else told[1],
            None if memory is None or memory >= 2**63 else int(memory),
            number(values, resource.START),
        )
    return points


def number(values: dict[str, tuple[float, float | None]], name: str) -> float | None:
    return usable(values.get(name, (math.nan, None))[0])


def usable(value: float) -> float | None:
    return value if 0 <= value < math.inf else None


def test_what_a_kubelet_writes() -> None:
    """The counters, times and sizes of the node and of each container are read."""
    read = parse(kubelets.text(cpu=12.5, memory=1.5e9, at=1_760_000_000.123))
    assert read == resource.Reading(
        12.5,
        1_760_000_000.123,
        1_500_000_000,
        {KEY: (10.0, 1_760_000_000.123, 64_000_000, kubelets.START - 5000)},
    )


names = strategies.text(strategies.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=8)
values = strategies.one_of(
    strategies.floats(allow_nan=False).map(repr),
    strategies.integers(-(10**20), 10**20).map(str),
    strategies.sampled_from(["NaN", "+Inf", "-Inf", "6.9e+07", "1e400", "0", "-0", ".5", "5."]),
)
times = strategies.one_of(strategies.none(), strategies.integers(1, 4_000_000_000_000))


def escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@strategies.composite
def bodies(draw: strategies.DrawFn) -> str:
    """Texts of the format, written in its many ways."""
    lines = []
    for _ in range(draw(strategies.integers(1, 12))):
        name = draw(
            strategies.sampled_from([resource.CPU, resource.MEMORY, resource.START, "up", resource.CPU + "x"])
        )
        labels = {key: draw(names) for key in ("container", "namespace", "pod")}
        if draw(strategies.booleans()):
            labels["more"] = draw(names)
        pairs = [f'{key}="{escape(value)}"' for key, value in labels.items()]
        pairs = draw(strategies.permutations(pairs))
        at = draw(times)
        stamp = "" if at is None else f" {at}"
        lines.append(f"{name}{{{','.join(pairs)}}} {draw(values)}{stamp}")
        if draw(strategies.integers(0, 5)) == 0:
            lines.append(
                draw(strategies.sampled_from(["", "# a comment", "# HELP up words", "#", "# EOF no"]))
            )
    lines.append("node_memory_working_set_bytes 1")
    return "\n".join(lines) + "\n"


@hypothesis.given(bodies())
def test_agrees_with_prometheus(text: str) -> None:
    """Every text of the format gives what prometheus_client's parser reads of it."""
    assert parse(text).containers == oracle(text)


plain = strategies.text("abcdefghij-0123456789", min_size=1, max_size=12)


@hypothesis.given(
    strategies.lists(strategies.tuples(plain, plain, plain), min_size=1, max_size=8, unique=True),
    strategies.floats(0, 1e12),
    strategies.floats(0, 2e12),
    strategies.integers(1, 4_000_000_000_000),
)
def test_the_quick_way_agrees(
    pods: list[tuple[str, str, str]], counter: float, node_cpu: float, stamp: int
) -> None:
    """What a kubelet writes is read quickly, and as prometheus_client's parser reads it."""
    text = kubelets.text(pods=pods, container_cpu=counter, cpu=node_cpu, at=stamp / 1000)
    assert resource._find_quickly("\n" + text) is not None
    read = parse(text)
    assert read.containers == oracle(text)
    assert (read.node_cpu, read.node_at) == (node_cpu, stamp / 1000)


@hypothesis.given(strategies.binary(max_size=400))
def test_any_bytes(body: bytes) -> None:
    """Nothing but an error that says so comes of bytes that are no metrics."""
    try:
        resource.parse(body, received=NOW)
    except errors.DecodingError:
        return


@hypothesis.given(strategies.integers(0, 3), names.filter(lambda text: "\n" not in text))
def test_damage_costs_only_its_own_line(hit: int, damage: str) -> None:
    """A line that is overwritten leaves the other containers as they were."""
    pods = [("shop", f"web-{number}", "app") for number in range(4)]
    lines = kubelets.text(pods=pods).splitlines()
    lines[2 + hit] = damage
    read = parse("\n".join(lines) + "\n")
    assert [key for key in read.containers if read.containers[key][0] is None] == [pods[hit]]
    assert {point[2] for point in read.containers.values()} == {64_000_000}


@pytest.mark.parametrize(
    ("line", "point"),
    [
        (f"{resource.CPU}{{{LABELS}}} NaN 1000", (None, 1.0, None, None)),
        (f"{resource.CPU}{{{LABELS}}} +Inf 1000", (None, 1.0, None, None)),
        (f"{resource.CPU}{{{LABELS}}} -1 1000", (None, 1.0, None, None)),
        (f"{resource.CPU}{{{LABELS}}} 1_0 1000", (None, 1.0, None, None)),
        (f"{resource.CPU}{{{LABELS}}} 1e2", (100.0, NOW, None, None)),
        (f"{resource.CPU}{{{LABELS}}} 1.5e-1 2500", (0.15, 2.5, None, None)),
        (f"{resource.CPU}{{{LABELS},}} 1 1000", (1.0, 1.0, None, None)),
        (f"  {resource.CPU} {{ {LABELS} }}  1\t1000", (1.0, 1.0, None, None)),
        (f"{resource.CPU}{{{LABELS}}} 1 1000\r", (1.0, 1.0, None, None)),
        (f"{resource.CPU}{{{LABELS}}} 1 9999999999999999", (1.0, None, None, None)),
        (f"{resource.CPU}{{{LABELS}}} 1 -5", (1.0, None, None, None)),
        (f"{resource.MEMORY}{{{LABELS}}} 1e30 1000", (None, 1.0, None, None)),
        (f"{resource.MEMORY}{{{LABELS}}} 6.9e+07 1000", (None, 1.0, 69_000_000, None)),
    ],
)
def test_single_lines(line: str, point: resource.Point) -> None:
    """Numbers are read as the format has them; what is none is unknown."""
    assert parse(f"{line}\n").containers == {KEY: point}


@pytest.mark.parametrize(
    "line",
    [
        f"{resource.CPU} 1 1000",
        f'{resource.CPU}{{pod="web-0"}} 1 1000',
        f"{resource.CPU}{{{LABELS} 1 1000",
        f'{resource.CPU}{{container="app}} 1 1000',
        f"{resource.CPU}{{{LABELS}}} 1 soon",
        f"{resource.CPU}_x{{{LABELS}}} 1 1000",
        f"# {resource.CPU}{{{LABELS}}} 1 1000",
    ],
)
def test_lines_that_say_nothing(line: str) -> None:
    """A line without the labels of a container, or not of the format, is passed over."""
    assert parse(f"{line}\nnode_memory_working_set_bytes 1 1000\n").containers == {}


def test_escaped_labels() -> None:
    """Quotes, backslashes and line breaks in a label are themselves."""
    line = f'{resource.CPU}{{container="a\\"b",namespace="c\\\\d",pod="e\\nf"}} 1 1000\n'
    assert parse(line).containers == {("c\\d", "e\nf", 'a"b'): (1.0, 1.0, None, None)}


def test_last_line_without_its_end() -> None:
    """A last line that may be cut within its number is left out."""
    read = parse(kubelets.text() + f"{resource.CPU}{{{LABELS.replace('web-0', 'web-1')}}} 123")
    assert read.containers.keys() == {KEY}


def test_series_that_comes_twice() -> None:
    """A series with two values is unknown; with the same value twice it is that."""
    once = parse(kubelets.text()).containers[KEY]
    assert parse(kubelets.text() + f"{resource.CPU}{{{LABELS}}} 99 1000\n").containers[KEY] == (
        None,
        *once[1:],
    )
    assert parse(kubelets.text() + f"{resource.CPU}{{{LABELS}}} {once[0]} 1000\n").containers[KEY] == once


def test_openmetrics() -> None:
    """In OpenMetrics times are in seconds, and exemplars are passed over."""
    text = f'{resource.CPU}{{{LABELS}}} 5.0 1760000000.5 # {{a="b"}} 1 2\n# EOF\n'
    assert parse(text).containers == {KEY: (5.0, 1_760_000_000.5, None, None)}


@pytest.mark.parametrize("name", resource.SCRAPE_ERRORS)
def test_measuring_failed(name: str) -> None:
    """A kubelet that says that it could not measure is heard."""
    assert parse(f"{name} 1\n").failed
    assert not parse(f"{name} 0\n").failed


@pytest.mark.parametrize("body", ["", "\n", "<html>login</html>\n", "# EOF\n", '{"kind":"Status"}', "up 1\n"])
def test_no_metrics(body: str) -> None:
    """An answer without a family of kubelets is none."""
    with pytest.raises(errors.DecodingError, match="no metrics of a kubelet"):
        parse(body)


@pytest.mark.parametrize(
    "make",
    [
        lambda size: resource.CPU + "{" + 'a="' * size,
        lambda size: resource.CPU + '{a="' + "\\" * size,
        lambda size: (resource.CPU + "{\n") * size,
        lambda size: f"{resource.CPU}{{{LABELS}}} " + "1" * size + "\n",
        lambda size: resource.CPU * size,
    ],
)
def test_large_and_hostile(make: Callable[[int], str]) -> None:
    """Text that is meant to keep a parser busy costs no more time than its length."""
    parse(make(200_000) + "\nnode_memory_working_set_bytes 1 1000\n")
