"""docs/prometheus.md says what the code asks."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from kubevitals.cli import sourceoptions
from kubevitals.history import remote_queries
from kubevitals.promql import discovery
from kubevitals.sources.prometheus import queries

DOCUMENT = (Path(__file__).parent.parent / "docs" / "prometheus.md").read_text(encoding="utf-8")
ASKED = [
    *[query.text for choices in queries.TABLE.values() for query in choices],
    *queries.SAMPLES,
    queries.NODE_ADDRESSES,
]


def test_every_query_is_documented() -> None:
    """The table has all that is asked, in order, and nothing else."""
    table = DOCUMENT.partition("## What is asked")[2].partition("\n- ")[0]
    documented = [
        each.replace("\\|", "|") for each in re.findall(r"^\| [^|]+ \| `(.+)` \|$", table, re.MULTILINE)
    ]
    assert sorted(documented) == sorted(ASKED)


@pytest.mark.parametrize("name", queries.PLACEHOLDERS)
def test_every_placeholder_is_documented(name: str) -> None:
    """With the words of the code."""
    assert f"- `${name}`: {queries.PLACEHOLDERS[name]}." in DOCUMENT


def test_every_option_is_documented() -> None:
    """The table of options has those of the command line, and no other."""
    parser = argparse.ArgumentParser()
    sourceoptions.add_arguments(parser)
    known = {flag for action in parser._actions for flag in action.option_strings if "prometheus" in flag}
    assert set(re.findall(r"--prometheus-[a-z-]+", DOCUMENT)) == known


def test_the_example_can_be_used(tmp_path: Path) -> None:
    """The file in the document is one."""
    (example,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    path = tmp_path / "queries.toml"
    path.write_text(example)
    table = queries.load(str(path))
    assert table["container_cpu"][0].window == 300
    assert table["container_memory"] != queries.TABLE["container_memory"]


def test_the_conventions_are_documented() -> None:
    """The labels by which Prometheus is found stand there."""
    for convention in discovery.CONVENTIONS:
        assert convention.label in DOCUMENT
        assert any(value in DOCUMENT for value in convention.values)


def test_the_functions_of_history_are_documented() -> None:
    """What is asked of each step stands there."""
    for function in remote_queries.OF_STEPS.values():
        assert f"`{function.format('F[step]')}`" in DOCUMENT
