"""Tables: aligned for people, as narrow as the terminal, coloured by pressure, harmless."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from kubevitals import model, totals
from kubevitals.surfaces.terminal import console, table
from kubevitals.surfaces.view import columns

NOW = datetime(2026, 7, 30, 10, 0, 0, tzinfo=UTC)
GLYPHS = {"info": "○", "warning": "◐", "critical": "●"}


def pod(name: str = "web-0", **facts: Any) -> model.Pod:
    return model.Pod("shop", name, **{"status": "Running", "restarts": 0, **facts})


PODS = [
    pod("calm", cpu_usage_cores=0.1, cpu_limit_cores=1.0, memory_usage_bytes=2**20, memory_limit_bytes=2**30),
    pod("busy", cpu_usage_cores=0.9, cpu_limit_cores=1.0, memory_usage_bytes=2**30, memory_limit_bytes=2**30),
    pod("unknown"),
]
NARROW = [column for column in columns.PODS if not column.wide]


def render(rows: list[Any], chosen: list[columns.Column] = NARROW, **options: Any) -> list[str]:
    return table.render_table(rows, chosen, now=NOW, **options).splitlines()


def test_aligned() -> None:
    """Text stands left, numbers right, under their headings, and no line ends in blanks."""
    lines = render(PODS)
    assert lines[0].startswith("NAMESPACE   NAME      STATUS")
    assert lines[1] == (
        "shop        calm      Running         100m         -       10%             1Mi         -        0%"
        "          0"
    )
    for heading in ("CPU(cores)", "MEMORY(bytes)", "RESTARTS"):
        end = lines[0].index(heading) + len(heading)
        assert all(line[end - 1] != " " and line[end : end + 1] in ("", " ") for line in lines[1:])
    assert not any(line.endswith(" ") for line in lines)


def test_no_rows_and_no_headers() -> None:
    """Without rows the headings stand alone; without headings, nothing but rows."""
    assert len(render([])) == 1
    assert len(render(PODS, headers=False)) == 3
    assert table.render_table([], NARROW, now=NOW, headers=False) == ""


def test_total() -> None:
    """A total is a last row under a rule; where a sum has no meaning it is empty."""
    lines = render(PODS, total=totals.total_rows(PODS))
    assert len(lines) == 6
    assert set(lines[-2]) == {"-", " "}
    assert lines[-1].split()[:2] == ["TOTAL", "1000m"]
    assert "Running" not in lines[-1]
    alone = render([], total=totals.total_rows([]))
    assert alone[-1].startswith("TOTAL")


def test_plain_and_painted_say_the_same() -> None:
    """Without colours and glyphs a terminal of any width gets the very text that a pipe gets."""
    assert render(PODS, style=console.Style(width=500)) == render(PODS)


def test_what_is_normal_has_no_colour() -> None:
    """Usage above a request is normal; a bad status and a stale sample are coloured."""
    above = pod(
        "above", cpu_usage_cores=3.0, cpu_request_cores=1.0, memory_usage_bytes=9, memory_request_bytes=1
    )
    stale = pod("old", age_seconds=900.0, stale=True)
    rows = [above, pod("bad", status="CrashLoopBackOff"), stale]
    lines = render(rows, list(columns.PODS), style=console.Style(color=True, glyphs=GLYPHS))
    assert "\x1b" not in lines[1]
    assert re.search(r"\x1b\[31mCrashLoopBackOff\s*\x1b\[0m", lines[2])
    assert re.search(r"\x1b\[33m\s*15m\x1b\[0m", lines[3])


def test_glyphs_and_colours() -> None:
    """Each ratio has the colour and the glyph of its pressure; the unknown has neither."""
    lines = render(PODS, style=console.Style(color=True, glyphs=GLYPHS))
    assert "10% ○" in lines[1]
    assert "\x1b" not in lines[1], "what is not bad has no colour"
    assert re.search(r"\x1b\[33m\s+90% ◐\x1b\[0m", lines[2])
    assert re.search(r"\x1b\[31m\s+100% ●\x1b\[0m", lines[2])
    assert "\x1b" not in lines[3]
    plain = [re.sub(r"\x1b\[\d*m", "", line) for line in lines]
    bare = [re.sub(r"[○◐●]", " ", line).rstrip() for line in plain]
    assert [line.split() for line in bare] == [line.split() for line in render(PODS)]


@pytest.mark.parametrize("width", range(40, 130, 5))
@pytest.mark.parametrize("glyphs", [None, GLYPHS])
def test_narrow_terminals(width: int, glyphs: dict[str, str] | None) -> None:
    """From 60 columns on no line is longer than the terminal is wide; the most important columns stay."""
    rows = [each._replace(namespace="ns") for each in PODS]
    lines = render(rows, style=console.Style(width=width, glyphs=glyphs))
    assert all(len(line) <= max(width, 60) for line in lines)
    assert {"NAMESPACE", "NAME", "CPU(cores)", "MEMORY(bytes)"} <= set(lines[0].split())
    assert [each.heading for each in NARROW if each.heading in lines[0].split()] == lines[0].split()


def test_forty_columns() -> None:
    """At 40 columns there are names, status and usage, and nothing else."""
    chosen = [column for column in NARROW if column.heading != "NAMESPACE"]
    lines = render(PODS, chosen, style=console.Style(width=40, glyphs=GLYPHS))
    assert lines[0].split() == ["NAME", "STATUS", "CPU(cores)", "MEMORY(bytes)"]
    assert max(map(len, lines)) <= 40


def test_names_are_cut_in_the_middle() -> None:
    """A name that does not fit is cut in its middle on a terminal, and is whole everywhere else."""
    long = "frontend-" + "x" * 200 + "-cd4qm"
    (_, line, *_) = render([pod(long)], style=console.Style(width=60))
    assert len(line) <= 60
    name = line.split()[1]
    assert name.startswith("fron")
    assert name.endswith("cd4qm")
    assert ".." in name
    assert long in render([pod(long)])[1]


def test_no_row_wraps() -> None:
    """Whatever the names and the width, no row is longer than the terminal is wide, and STATUS stays."""
    rows = [pod("n" * 253, status="CrashLoopBackOff")._replace(namespace="s" * 63)]
    for width in (60, 70, 80, 100, 120):
        lines = render(rows, style=console.Style(width=width, glyphs=GLYPHS))
        assert all(len(line) <= width for line in lines), width
        assert "STATUS" in lines[0]
        assert "CrashLoopBackOff" in lines[1]


def test_what_is_kept_and_what_is_hidden() -> None:
    """The column sorted by never goes, and a line says how many are hidden and how to see them."""
    style = console.Style(width=80)
    plain = render(PODS, style=style, hint="-o wide shows all")
    assert "RESTARTS" not in plain[0]
    assert re.fullmatch(r"\d columns? hidden: -o wide shows all", plain[-1])
    assert "RESTARTS" in render(PODS, style=style, keep={"restarts"})[0]
    assert "hidden" not in render(PODS, hint="-o wide shows all")[-1]


def test_less_important_columns_go_first() -> None:
    """The wider the terminal, the more columns: none comes back that a wider one leaves out."""
    kept: set[str] = set()
    for width in range(40, 400, 7):
        now_kept = set(render(PODS, columns.PODS, style=console.Style(width=width))[0].split())
        assert kept <= now_kept
        kept = now_kept
    assert kept == {column.heading for column in columns.PODS}


@hypothesis.given(strategies.text(min_size=1, max_size=30), strategies.sampled_from([None, 40, 80]))
def test_hostile_names(name: str, width: int | None) -> None:
    """A hostile name stays in its line: no row is more than one line, and nothing steers the terminal."""
    text = table.render_table([pod(name), pod("b")], NARROW, now=NOW, style=console.Style(width=width))
    assert len(text.split("\n")) == 4
    assert text.replace("\n", "").replace("\ufffd", "").isprintable()


def test_percent_signs_in_names() -> None:
    """A name with a percent sign is no format."""
    assert "100%s%d" in render([pod("100%s%d")])[1]
