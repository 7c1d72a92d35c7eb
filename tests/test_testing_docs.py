"""docs/testing.md names what there is to test with."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


def test_every_end_to_end_file_is_named() -> None:
    """Each Python file of tests/e2e is named, and no file that is not there."""
    part = PAGE.partition("## End-to-end tests")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+\.py)`", part))
    assert named == {path.name for path in (ROOT / "tests" / "e2e").glob("*.py")}


def test_every_target_is_named() -> None:
    """The targets of the Makefile that test, check or measure are named, and so are the tools for tests."""
    for target in ("check", "test", "test-all", "e2e-tools", "e2e", "record", "bench"):
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert re.search(rf"`make [a-z0-9 -]*\b{target}`", PAGE), target
    for tool in ("install-test-tools", "install-pythons", "test-python"):
        assert (ROOT / "tools" / tool).exists()
        assert f"`tools/{tool}" in PAGE, tool
