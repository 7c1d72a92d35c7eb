"""Attacks that take longer than the fast tests may: run by `make soak`, and by nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pathlib

    import pytest


def pytest_ignore_collect(collection_path: pathlib.Path, config: pytest.Config) -> bool | None:
    """Leave the folder out unless it is named."""
    del collection_path
    return None if any("soak" in word for word in config.args) else True
