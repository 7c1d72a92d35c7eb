"""The one rule for a program that is missing: a skip with its reason for a user, a failure in CI."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.e2e import toolchain

if TYPE_CHECKING:
    from pathlib import Path


def provide(*names: str) -> dict[str, Path]:
    """The paths of these tools. A missing one skips the test; in CI it fails, unless listed there."""
    try:
        return toolchain.require(*names)
    except toolchain.MissingToolError as missing:
        listed = toolchain.UNAVAILABLE.get(missing.name)
        if os.environ.get("CI") == "true" and listed is None:
            pytest.fail(f"{missing}; CI must have it", pytrace=False)
        pytest.skip(f"{missing}" if listed is None else f"{missing.name} cannot be had: {listed}")
