"""What README.md shows is what the commands and the service print; numbers and times may be others."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import pathlib
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from tests import likeness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = pathlib.Path(__file__).parent.parent


def load() -> ModuleType:
    """tools/readme-output as a module."""
    loader = importlib.machinery.SourceFileLoader("readme_output", str(ROOT / "tools" / "readme-output"))
    spec = importlib.util.spec_from_loader("readme_output", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


TOOL = load()
BLOCKS = {
    match[2]: (match[3], match[4]) for match in TOOL.BLOCK.finditer((ROOT / "README.md").read_text("utf-8"))
}


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    with TOOL.serving() as where:
        yield where


def test_blocks_are_found() -> None:
    """Every block with a marker has a command below it, of the tool or of curl."""
    assert len(BLOCKS) == (ROOT / "README.md").read_text("utf-8").count("<!-- output: ")
    assert any(command.startswith("curl ") for command in BLOCKS)


def shape(text: str) -> tuple[object, ...]:
    """What stays from run to run: the keys of JSON; else headings, and the first words of tables and CSV."""
    if text.startswith("{"):
        return (likeness.key_paths(json.loads(text)),)
    if text.startswith("["):
        return (json.loads(text),)
    lines = text.splitlines()
    headings = [line.split() for line in lines if re.fullmatch(r"[A-Z(][A-Za-z()% ]+", line)]
    csv = [line.split(",")[0] for line in lines if re.fullmatch(r"[^ ]+,[^ ]*", line)]
    metrics = [line.split()[0] for line in lines if "{" in line]
    return headings, csv, metrics


@pytest.mark.parametrize("command", list(BLOCKS))
def test_readme_shows_what_is_printed(command: str, place: str) -> None:
    """The command prints what stands in README.md; else run tools/readme-output."""
    line, text = BLOCKS[command]
    if command.startswith("curl "):
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        assert line == command
    else:
        assert line == f"kubevitals {command}"
    printed = TOOL.run(command, place)
    assert shape(printed) == shape(text)
    assert "Traceback" not in printed
